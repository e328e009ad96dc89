"""`sediff calib build-skypca`: sky components of a band, templates and fringe patterns of its CCDs."""
from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sediff.engine.pool import Outcome, run_pool
from sediff.errors import BadData, BadInput
from sediff.flow import PRELOAD
from sediff.flow.calibrations.frames import Frames, choose_band, classify, raw_files
from sediff.flow.exposure.inputs import calibration_inputs
from sediff.flow.single_epoch.sky import bin_exposure, ccds_of, sky_corrections
from sediff.formats.badpixels import read_bad_pixels
from sediff.formats.fits import read_image
from sediff.formats.raw import read_raw_head
from sediff.formats.sky import write_components, write_templates
from sediff.instruments.base import Instrument
from sediff.instruments.headers import band_of
from sediff.instruments.settings import instrument_of
from sediff.isr.flat import has_response
from sediff.isr.focal_plane import BinnedSky, without_sky_crosstalk
from sediff.isr.linearity import linearize
from sediff.isr.sky_bins import bin_pixels
from sediff.isr.sky_fit import fit_exposure, smooth_components
from sediff.isr.sky_pca import FEWEST_EXPOSURES, SkyComponents, build_components
from sediff.isr.sky_templates import SkyTemplates, build_sky_templates
from sediff.parameters.model import Parameters
from sediff.repository.exposures import exposure_numbers
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository


def build_sky_components(args: argparse.Namespace, ccds: Sequence[int], parameters: Parameters) -> list[Outcome]:
    """Write the components of the band and the templates of every CCD of the list that they cover; an outcome a file.

    Raises
    ------
    BadInput
        No sky exposures of the band.
    BadData
        Too few exposures, or of several bands.
    """
    instrument, root = instrument_of(parameters), args.root.absolute()
    paths = _exposures(args, instrument)
    exposures = [_exposure(root, path, instrument) for path in paths]
    binned = [bin_exposure(exposure, parameters)[0] for exposure in exposures]
    components = build_components(binned, args.components)
    path = Repository(root).target('sky_components', replace(exposures[0], nite=args.nite))
    write_components(path, components)
    tasks = [(_Task(args.nite, tuple(paths), tuple(exposures), tuple(binned), components, parameters), ccd)
             for ccd in components.ccds if ccd in ccds]
    return [Outcome(None, 0, '', path), *run_pool(_write_templates, tasks, args.workers, preload=PRELOAD)]


@dataclass(frozen=True)
class _Task:
    """What the templates of every CCD are made from."""

    nite: str
    paths: tuple[Path, ...]
    exposures: tuple[Exposure, ...]
    binned: tuple[BinnedSky, ...]
    components: SkyComponents
    parameters: Parameters


def _write_templates(task: tuple[_Task, int], send: Callable[[tuple], None]) -> Path:
    common, ccd = task
    band = common.exposures[0].band
    exposure = replace(common.exposures[0], nite=common.nite, ccd=ccd)
    path = Repository.of(exposure).target('sky_template', exposure)
    write_templates(path, _templates(common, ccd), ccd, band)
    return path


def _exposures(args: argparse.Namespace, instrument: Instrument) -> list[Path]:
    nights = [args.nite, *(night.strip() for night in args.nights.split(',') if night.strip())]
    repository = Repository(args.root)
    files = [path for night in dict.fromkeys(nights) for path in raw_files(repository.night(night), instrument)]
    only = exposure_numbers(args.exposures, '--exposures') if args.exposures else None
    _, _, skies = classify(files, exposure_numbers(args.exclude, '--exclude'), only, None, instrument)
    if not skies:
        raise BadInput(f'no sky exposures in {repository.night(nights[0]).parent} in the nights {", ".join(nights)}; name '
                       'more with --nights')
    return skies[choose_band(skies, args.band, bool(args.exposures), 'sky exposures')]


def _exposure(root: Path, path: Path, instrument: Instrument) -> Exposure:
    header = read_raw_head(path, instrument)
    return Exposure(root, int(header['EXPNUM']), path.parent.name, band_of(header, instrument), instrument=instrument)


def _templates(task: _Task, ccd: int) -> SkyTemplates:
    """Templates of a CCD, and its fringe pattern in bands that fringe; exposures are read one by one and kept as bins."""
    exposures, binned, components, parameters = task.exposures, task.binned, task.components, task.parameters
    chosen = [k for k, each in enumerate(binned) if ccd in each.ccds]
    if len(chosen) < FEWEST_EXPOSURES:
        raise BadData(f'CCD {ccd} can be used in {len(chosen)} exposures; take at least {FEWEST_EXPOSURES}')
    coefficients = np.stack([fit_exposure(binned[k], components).coefficients for k in chosen])
    frames = Frames(tuple(task.paths[k] for k in chosen), ccd, exposures[0].nite, parameters['OVERSCAN'],
                    instrument=exposures[0].instrument)
    smooth = smooth_components(components, ccd, frames.shape)
    read_noise = float(np.median([each.read_noise for each in frames.amplifiers()]))
    bins, weights = [], []
    for number, k in enumerate(chosen):
        image, good = _electrons(frames, number, exposures[k].with_ccd(ccd), parameters)
        variance = max(coefficients[number, 0], 1.0) + read_noise ** 2
        means, counts = bin_pixels(image, good, 5.0 * np.sqrt(variance))
        bins.append(np.where(counts > 0, means - np.tensordot(coefficients[number].astype(np.float32), smooth, 1), 0))
        weights.append((counts / variance).astype(np.float32))
    fringing = exposures[0].band in exposures[0].instrument.fringing
    return build_sky_templates(bins, weights, coefficients[:, 0], smooth, fringing,
                               [exposures[k].expnum for k in chosen])


def _electrons(frames: Frames, number: int, exposure: Exposure, parameters: Parameters) -> tuple[np.ndarray, np.ndarray]:
    """Flat-fielded electrons of a CCD as SE01 and SE02 make them of the sky, and where they can be used."""
    inputs, _ = calibration_inputs(exposure, parameters)
    bias, flat = (read_image(inputs[name][0])[0] for name in ('bias', 'flat'))
    bad = read_bad_pixels(inputs['bpm'], exposure.ccd, bias.shape)
    curves, crosstalk = sky_corrections(exposure.ccd, inputs, ccds_of(exposure), parameters, exposure.instrument)
    amplifiers, dead = frames.amplifiers(), exposure.detector.dead_amplifiers(exposure.nite)
    image = without_sky_crosstalk(frames.frame(number), amplifiers, crosstalk) - bias
    good = has_response(flat) & (bad == 0)
    for each in amplifiers:
        good[each.ccd] &= (image[each.ccd] < 0.9 * each.saturate) & (each.name not in dead)
    image = linearize(image, amplifiers, curves) if curves else image
    for each in amplifiers:
        image[each.ccd] *= np.float32(each.gain)
    return np.divide(image, flat, out=np.zeros_like(image), where=good).astype(np.float32), good
