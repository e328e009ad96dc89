"""`python -m sediff calib build-skypca`: sky components of a band, templates and fringe patterns of its CCDs."""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sediff.camera.amplifiers import Amplifier
from sediff.errors import BadData, BadInput
from sediff.flow.inputs import single_epoch_inputs
from sediff.flow.sky import bin_exposure
from sediff.io.fits import read_header, read_image
from sediff.io.sky import write_components, write_templates
from sediff.isr.calib_frames import Frames, choose_band, classify, exposure_numbers, raw_files
from sediff.isr.flat import has_response
from sediff.isr.focal_plane import BinnedSky
from sediff.isr.sky_fit import fit_exposure, sky_from_templates
from sediff.isr.sky_fringe import BANDS as FRINGING
from sediff.isr.sky_fringe import build_fringe
from sediff.isr.sky_pca import SkyComponents, build_components, build_templates
from sediff.names import Exposure, sky_components_path, sky_template_path
from sediff.parameters import Parameters, load

#: Bytes that the strips of all exposures may take, and exposures that a fringe pattern is made of.
MEMORY, FRINGE_EXPOSURES = 300e6, 16


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
    inputs = single_epoch_inputs(exposures[chosen[0]].with_ccd(ccd), parameters)
    bias, flat, bad = (read_image(inputs[name][0])[0] for name in ('bias', 'flat', 'bpm'))
    good, amplifiers = has_response(flat) & (bad == 0), frames.amplifiers()
    coefficients = np.stack([fit.coefficients for fit in fits])
    shape = frames.shape
    height = int(np.clip(MEMORY / (4 * len(chosen) * shape[1]), 16, shape[0]))
    templates = np.zeros((coefficients.shape[1], *shape), np.float32)
    for first in range(0, shape[0], height):
        rows = slice(first, min(first + height, shape[0]))
        images = np.stack([_electrons(image, bias[rows], flat[rows], good[rows], amplifiers)
                           for image in frames.rows(rows.start, rows.stop)])
        templates[:, rows] = build_templates(images, np.broadcast_to(good[rows], images.shape), coefficients)
    if exposures[0].band not in FRINGING:
        return templates, None
    few = range(min(len(chosen), FRINGE_EXPOSURES))
    residuals = np.stack([_electrons(frames.frame(k), bias, flat, good, amplifiers) - sky_from_templates(templates, fits[k])
                          for k in few])
    levels = np.array([float(np.nanmedian(binned[chosen[k]].values)) for k in few])
    return templates, build_fringe(residuals, np.broadcast_to(good, residuals.shape), levels)


def _electrons(rows: np.ndarray, bias: np.ndarray, flat: np.ndarray, good: np.ndarray,
               amplifiers: Sequence[Amplifier]) -> np.ndarray:
    """Flat-fielded electrons of a strip; 0 where nothing responds."""
    if rows.shape != bias.shape:
        raise BadData(f'rows of shape {rows.shape} and bias of {bias.shape}')
    image = rows - bias
    for each in amplifiers:
        image[:, each.ccd[1]] *= np.float32(each.gain)
    return np.divide(image, flat, out=np.zeros_like(image), where=good).astype(np.float32)
