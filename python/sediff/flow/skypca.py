"""`python -m sediff calib build-skypca`: sky components of a band, templates and fringe patterns of its CCDs."""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sediff.camera.amplifiers import Amplifier
from sediff.camera.maskbits import Bit
from sediff.errors import BadData, BadInput
from sediff.flow.inputs import calibration_inputs
from sediff.flow.sky import bin_exposure, ccds_of, sky_corrections
from sediff.io.badpixels import read_bad_pixels
from sediff.io.fits import read_header, read_image
from sediff.io.sky import write_components, write_templates
from sediff.isr.calib_frames import Frames, choose_band, classify, exposure_numbers, raw_files
from sediff.isr.flat import has_response
from sediff.isr.focal_plane import BinnedSky, without_sky_crosstalk
from sediff.isr.linearity import LinearityTable, linearize
from sediff.isr.sky_fit import SkyFit, fit_exposure, sky_from_components
from sediff.isr.sky_fringe import BANDS as FRINGING
from sediff.isr.sky_fringe import build_fringe, fit_fringe
from sediff.isr.sky_pca import SkyComponents, build_components, build_templates
from sediff.names import Exposure, sky_components_path, sky_template_path
from sediff.parameters import Parameters, load

#: Bytes that the strips of all exposures may take (the fit takes 14 times as many), and exposures that a fringe pattern is
#: made of.
MEMORY, FRINGE_EXPOSURES = 40e6, 16


def build_sky_components(args: argparse.Namespace, ccds: Sequence[int]) -> list[Path]:
    """Write the components of the band and the templates of every CCD of the list that they cover.

    Raises
    ------
    BadInput
        No sky exposures of the band.
    BadData
        Too few exposures, or of several bands.
    """
    paths = _exposures(args)
    root = args.root.absolute()
    parameters = load(None, [f'ROOT={root}'])
    exposures = [_exposure(root, path) for path in paths]
    binned = [bin_exposure(exposure, parameters)[0] for exposure in exposures]
    components = build_components(binned, args.components)
    band = exposures[0].band
    written = [sky_components_path(root, args.nite, band)]
    write_components(written[0], components)
    for ccd in (number for number in components.ccds if number in ccds):
        path = sky_template_path(root, args.nite, band, ccd)
        templates, fringe = _templates(paths, exposures, binned, components, ccd, parameters)
        write_templates(path, templates, ccd, band, fringe)
        written.append(path)
    return written


def _exposures(args: argparse.Namespace) -> list[Path]:
    nights = [args.nite, *(night.strip() for night in args.nights.split(',') if night.strip())]
    files = [path for night in dict.fromkeys(nights) for path in raw_files(args.root / 'dts' / night)]
    only = exposure_numbers(args.exposures, '--exposures') if args.exposures else None
    _, _, skies = classify(files, exposure_numbers(args.exclude, '--exclude'), only)
    if not skies:
        raise BadInput(f'no sky exposures in {args.root / "dts"} in the nights {", ".join(nights)}; name more with --nights')
    return skies[choose_band(skies, args.band, bool(args.exposures), 'sky exposures')]


def _exposure(root: Path, path: Path) -> Exposure:
    header = read_header(path, 0)
    return Exposure(root, int(header['EXPNUM']), path.parent.name, str(header['FILTER']).split()[0])


def _templates(paths: Sequence[Path], exposures: Sequence[Exposure], binned: Sequence[BinnedSky], components: SkyComponents,
               ccd: int, parameters: Parameters) -> tuple[np.ndarray, np.ndarray | None]:
    """Full-resolution templates of a CCD, a strip of rows after the other, and its fringe pattern in bands that fringe."""
    chosen = [k for k, each in enumerate(binned) if ccd in each.ccds]
    fits = [fit_exposure(binned[k], components) for k in chosen]
    frames = Frames(tuple(paths[k] for k in chosen), ccd, exposures[0].nite)
    inputs, _ = calibration_inputs(exposures[chosen[0]].with_ccd(ccd), parameters)
    bias, flat = (read_image(inputs[name][0])[0] for name in ('bias', 'flat'))
    bad = read_bad_pixels(inputs['bpm'], ccd, bias.shape)
    good, amplifiers = has_response(flat) & (bad == 0), frames.amplifiers()
    small = sky_corrections(ccd, inputs, ccds_of(exposures[chosen[0]]), parameters)
    coefficients = np.stack([fit.coefficients for fit in fits])
    shape = frames.shape
    height = int(np.clip(MEMORY / (4 * len(chosen) * shape[1]), 16, shape[0]))
    corrections = bias, flat, good, amplifiers, *small
    fringe, strengths = _fringes(frames, corrections, components, fits, ccd, exposures[0].band)
    templates = np.zeros((coefficients.shape[1], *shape), np.float32)
    for first in range(0, shape[0], height):
        rows = slice(first, min(first + height, shape[0]))
        images = np.stack([_electrons(image, bias[rows], flat[rows], good[rows], amplifiers, *small)
                           for image in frames.rows(rows.start, rows.stop)])
        if fringe is not None:
            images -= strengths[:, None, None] * fringe[rows]
        templates[:, rows] = build_templates(images, np.broadcast_to(good[rows], images.shape), coefficients)
    return templates, fringe


def _fringes(frames: Frames, corrections: tuple, components: SkyComponents, fits: Sequence[SkyFit], ccd: int,
             band: str) -> tuple[np.ndarray | None, np.ndarray]:
    """Fringe pattern of a CCD, and its strength in every exposure (e-), above the smooth sky of the binned components.

    They are taken out of the images before the templates are made, or the mean fringes would hide in those.
    """
    if band not in FRINGING:
        return None, np.zeros(len(fits), np.float32)

    def residual(k: int) -> np.ndarray:
        return _electrons(frames.frame(k), *corrections) - sky_from_components(components, fits[k], ccd, frames.shape)
    good = corrections[2]
    few = range(min(len(fits), FRINGE_EXPOSURES))
    pattern = build_fringe([residual(k) for k in few], good, np.array([fits[k].coefficients[0] for k in few]))
    mask = np.where(good, 0, int(Bit.BPM)).astype(np.uint16)
    return pattern, np.array([fit_fringe(residual(k), mask, pattern)[0] for k in range(len(fits))], np.float32)


def _electrons(rows: np.ndarray, bias: np.ndarray, flat: np.ndarray, good: np.ndarray,
               amplifiers: Sequence[Amplifier], curves: LinearityTable, crosstalk: dict[str, float]) -> np.ndarray:
    """Flat-fielded electrons of a strip, as SE01 and SE02 make them of the sky; 0 where nothing responds."""
    if rows.shape != bias.shape:
        raise BadData(f'rows of shape {rows.shape} and bias of {bias.shape}')
    strip = [replace(each, ccd=(slice(0, len(rows)), each.ccd[1])) for each in amplifiers]
    image = without_sky_crosstalk(rows, strip, crosstalk) - bias
    image = linearize(image, strip, curves) if curves else image
    for each in strip:
        image[each.ccd] *= np.float32(each.gain)
    return np.divide(image, flat, out=np.zeros_like(image), where=good).astype(np.float32)
