"""`python -m sediff calib build-...`: calibration images and tables of a night's raw exposures."""
from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff.camera.amplifiers import Amplifier
from sediff.camera.catalogs import user_table
from sediff.camera.ccds import detpos, parse_ccd_list
from sediff.camera.headers import BANDS
from sediff.errors import BadInput, BadUsage
from sediff.io.crosstalk import read_crosstalk
from sediff.io.fits import read_image, write_images
from sediff.io.linearity import read_linearity, write_linearity
from sediff.isr.calib_frames import (
    Frames,
    choose_band,
    classify,
    exposure_numbers,
    exposure_times,
    find_exposures,
    raw_files,
)
from sediff.isr.calib_starflat import build_star_flats
from sediff.isr.calibrate import bad_pixels, combine_flat_rows, combine_rows, flat_level
from sediff.isr.linearity import LinearityTable, fit_linearity, linearize
from sediff.names import calib_path
from sediff.parameters import load
from sediff.pool import Outcome, run_pool

__all__ = ['ACTIONS', 'Plan', 'add_arguments', 'build', 'find_exposures', 'make_plan', 'run']

#: action -> what it writes
ACTIONS = {
    'build-bias': 'calib/biascor: clipped mean of the zero exposures',
    'build-dflat': 'calib/norm_dflatcor: normalised dome flat of a band; needs the bias',
    'build-bpm': 'calib/bpm: bad pixels of the zeros and a dome flat; needs the dome flat',
    'build-linearity': 'calib/linearity: linearity table from dome flats of several exposure times; needs the bias',
    'build-starflat': 'calib/starflat: star flat of a band from catalogues of dithered exposures',
    'build-skypca': 'calib/skypca: components of the sky over the focal plane, from sky exposures of a band',
}


@dataclass(frozen=True)
class Plan:
    """What to build, the same for every CCD."""

    action: str
    root: Path
    nite: str
    band: str | None
    zeros: tuple[Path, ...]
    flats: tuple[Path, ...]
    linearity: Path | None = None
    crosstalk: Path | None = None
    overscan: str = 'mean'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest='action', required=True, metavar='ACTION')
    for name, meaning in ACTIONS.items():
        action = actions.add_parser(name, help=meaning, description=meaning)
        action.add_argument('--root', type=Path, required=True, help='top of the work tree')
        action.add_argument('--nite', required=True, help='night that the result is named after, YYYYMMDD')
        action.add_argument('--ccds', default='all', help='33 | 1,3,5-12 | all')
        action.add_argument('-R', '--rc', type=Path, metavar='DIR',
                            help='folder of rc files (default: rc/ of this installation)')
        action.add_argument('-P', dest='overrides', action='append', default=[], metavar='NAME=VALUE',
                            help='set one parameter; `python -m sediff config` lists them')
        action.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='processes (default: one a core)')
        if name != 'build-bias':
            action.add_argument('--band', choices=BANDS, help='band of the flats (default: the only one there is)')
        if name == 'build-starflat':
            action.add_argument('--catalogs', nargs='+', type=Path, required=True, help='fullcat files of dithered skies')
            action.add_argument('--degree', type=int, default=3, help='degree of the polynomial (default 3)')
            action.add_argument('--zero-points', type=Path, help='csv of expnum, zero_point of photometric exposures; '
                                'without it a gradient common to all CCDs is not found')
            continue
        action.add_argument('--nights', default='', help='more nights with exposures, comma-separated (default: none)')
        action.add_argument('--exposures', default='', help='only these exposure numbers, comma-separated or in a file')
        action.add_argument('--exclude', default='', help='exposure numbers to leave out, likewise')
        if name == 'build-dflat':
            action.add_argument('--linearity', default='', help='linearity table that the flats are corrected with first '
                                '(default: LINEARITY_FILE, else that of the night in calib/linearity; none: no)')
        if name == 'build-skypca':
            action.add_argument('--components', type=int, default=4,
                                help='components at most (default 4), and one for two exposures after the first')


def run(args: argparse.Namespace) -> int:
    """Build for every CCD of the list; the exit code is that of the first CCD that failed."""
    ccds = parse_ccd_list(args.ccds, args.nite)
    if args.workers < 1:
        raise BadUsage(f'--workers {args.workers}: at least 1 is needed')
    if args.action == 'build-starflat':
        for path in build_star_flats(args.root, args.nite, args.band, args.catalogs, ccds, args.degree, args.zero_points):
            print(path)
        return 0
    if args.action == 'build-skypca':
        from sediff.flow.skypca import build_sky_components
        outcomes = build_sky_components(args, ccds)
    else:
        plan = make_plan(args)
        outcomes = run_pool(_build_task, [(plan, ccdnum) for ccdnum in ccds], args.workers)
    for outcome in outcomes:
        _report(outcome)
    return next((outcome.code for outcome in outcomes if outcome.code), 0)


def make_plan(args: argparse.Namespace) -> Plan:
    """Find the zeros and dome flats.

    Raises
    ------
    BadInput
        No such folder, or no exposure of the kind that is needed.
    BadUsage
        A bad exposure number, or flats of several bands and no --band.
    """
    nights = [args.nite, *(night.strip() for night in getattr(args, 'nights', '').split(',') if night.strip())]
    paths = [path for night in dict.fromkeys(nights) for path in raw_files(args.root / 'dts' / night)]
    listed = getattr(args, 'exposures', '')
    only = exposure_numbers(listed, '--exposures') if listed else None
    zeros, flats, _ = classify(paths, exposure_numbers(args.exclude, '--exclude'), only,
                                None if listed else args.action == 'build-linearity')
    band = None if args.action == 'build-bias' else choose_band(flats, args.band, bool(listed))
    if args.action in ('build-bias', 'build-bpm') and not zeros:
        raise BadInput(f'no exposure with OBSTYPE zero in {args.root / "dts" / args.nite}')
    parameters = load(getattr(args, 'rc', None), [*getattr(args, 'overrides', ()), f'ROOT={args.root}'])
    given, named = getattr(args, 'linearity', ''), parameters['LINEARITY_FILE']
    linearity = Path(given) if given else user_table(args.root, named) if named not in ('', 'none') else named
    return Plan(args.action, args.root, args.nite, band, tuple(zeros), tuple(flats.get(band, ())),
                Path(linearity) if linearity else None,
                user_table(args.root, parameters['CROSSTALK_FILE']) if parameters['CROSSTALK'] else None,
                parameters['OVERSCAN'])


def build(plan: Plan, ccdnum: int) -> Path:
    """Build and write one CCD's calibration; returns its path."""
    if plan.action == 'build-linearity':
        return _build_linearity(plan, ccdnum)
    kind = {'build-bias': 'biascor', 'build-dflat': 'norm-dflatcor', 'build-bpm': 'bpm'}[plan.action]
    path = calib_path(plan.root, kind, plan.nite, ccdnum, plan.band if kind == 'norm-dflatcor' else None)
    inputs = plan.flats if kind == 'norm-dflatcor' else plan.zeros
    header = _header(plan, kind, ccdnum, inputs)
    maker = {'biascor': _build_bias, 'norm-dflatcor': _build_flat, 'bpm': _build_bpm}[kind]
    image = maker(plan, ccdnum, header)
    write_images(path, [('SCI', image, header)])
    return path


def _build_bias(plan: Plan, ccdnum: int, header: Header) -> np.ndarray:
    frames = Frames(plan.zeros, ccdnum, plan.nite, plan.overscan)
    mean, rms = combine_rows(frames.rows, len(frames.paths), frames.shape, kind='bias')
    _record_noise(header, rms, len(frames.paths), 'adu')
    return mean


def _build_flat(plan: Plan, ccdnum: int, header: Header) -> np.ndarray:
    bias = _read_needed(calib_path(plan.root, 'biascor', plan.nite, ccdnum), 'build-bias')
    frames = _flats(plan, ccdnum)
    header['XTALKFIL'] = (plan.crosstalk.name if plan.crosstalk else 'none', 'Crosstalk subtracted')
    amplifiers = frames.amplifiers()
    gain, full = (_by_amplifier(amplifiers, name, bias.shape) for name in ('gain', 'saturate'))
    table = _linearity_of(plan, ccdnum, header)
    levels = [flat_level(frames.frame(k), bias, gain, full, path.name) for k, path in enumerate(frames.paths)]

    def electrons(first: int, last: int) -> list[np.ndarray]:
        band = slice(first, last)
        return [linearize(rows - bias[band], _of_rows(amplifiers, last - first), table) * gain[band]
                for rows in frames.rows(first, last)]
    flat, rms = combine_flat_rows(electrons, levels, bias.shape)
    _record_noise(header, rms, len(levels), '')
    return flat


def _build_bpm(plan: Plan, ccdnum: int, header: Header) -> np.ndarray:
    flat = _read_needed(calib_path(plan.root, 'norm-dflatcor', plan.nite, ccdnum, plan.band), 'build-dflat')
    frames = Frames(plan.zeros, ccdnum, plan.nite, plan.overscan)
    mean, rms = combine_rows(frames.rows, len(frames.paths), frames.shape, kind='bias')
    defects = bad_pixels(flat, mean, rms, len(frames.paths))
    header['NBAD'] = (int(np.count_nonzero(defects)), 'Bad pixels')
    return defects


def _build_linearity(plan: Plan, ccdnum: int) -> Path:
    bias = _read_needed(calib_path(plan.root, 'biascor', plan.nite, ccdnum), 'build-bias')
    frames, times = _flats(plan, ccdnum), exposure_times(plan.flats)
    amplifiers = frames.amplifiers()
    levels: dict[str, list[tuple[float, float]]] = {each.name: [] for each in amplifiers if each.name not in frames.dead}
    for number, time in enumerate(times):
        frame = frames.frame(number) - bias
        for each in amplifiers:
            if each.name in levels:
                level = _clipped_mean(frame[each.ccd])
                if level < 0.95 * each.saturate:
                    levels[each.name].append((level, float(time)))
    table = {name: fit_linearity(*np.array(values).reshape(-1, 2).T) for name, values in levels.items()}
    path = plan.root / 'calib' / 'linearity' / f'D_n{plan.nite}_c{ccdnum:02d}_linearity.csv'
    names = ', '.join(each.name for each in plan.flats)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_linearity(path, {ccdnum: table}, f'Linearity of CCD {ccdnum}, night {plan.nite}, from {len(times)} dome flats in '
                    f'{plan.band} of {times.min():g} to {times.max():g} s:\n{names}')
    return path


def _flats(plan: Plan, ccdnum: int) -> Frames:
    """The dome flats of a CCD without the crosstalk of their light, as the science images are."""
    return Frames(plan.flats, ccdnum, plan.nite, plan.overscan, read_crosstalk(plan.crosstalk) if plan.crosstalk else {})


def _linearity_of(plan: Plan, ccdnum: int, header: Header) -> LinearityTable:
    own = plan.root / 'calib' / 'linearity' / f'D_n{plan.nite}_c{ccdnum:02d}_linearity.csv'
    path = plan.linearity or own
    if path == Path('none') or (not plan.linearity and not own.is_file()):
        header['LINFIL'] = ('none', 'Linearity table')
        return {}
    header['LINFIL'] = (path.name, 'Linearity table')
    return read_linearity(path, ccdnum)


def _clipped_mean(pixels: np.ndarray) -> float:
    """Mean without what is 5 robust standard deviations away: bad columns, cosmic rays."""
    sample = pixels[::8, ::8]
    middle = float(np.median(sample))
    spread = max(1.4826 * float(np.median(np.abs(sample - middle))), 1.0)
    return float(pixels[np.abs(pixels - middle) <= 5.0 * spread].mean(dtype=np.float64))


def _of_rows(amplifiers: tuple[Amplifier, ...], rows: int) -> list[Amplifier]:
    return [replace(each, ccd=(slice(0, rows), each.ccd[1])) for each in amplifiers]


def _by_amplifier(amplifiers: tuple[Amplifier, ...], name: str, shape: tuple[int, int]) -> np.ndarray:
    values = np.zeros(shape, np.float32)
    for amplifier in amplifiers:
        values[amplifier.ccd] = getattr(amplifier, name)
    return values


def _read_needed(path: Path, action: str) -> np.ndarray:
    if not path.is_file():
        raise BadInput(f'no {path}; run `python -m sediff calib {action}` first')
    return read_image(path)[0].astype(np.float32)


def _record_noise(header: Header, rms: np.ndarray, count: int, unit: str) -> None:
    noise = float(np.median(rms[::4, ::4]))
    prefix = f'[{unit}] ' if unit else ''
    header['NOISE'] = (noise, f'{prefix}Median scatter between the inputs')
    header['NOISEAVG'] = (noise / np.sqrt(count), f'{prefix}Noise of this image, NOISE / sqrt(NINPUTS)')


def _header(plan: Plan, kind: str, ccdnum: int, inputs: tuple[Path, ...]) -> Header:
    header = Header()
    header['OBSTYPE'] = (kind, 'Kind of calibration')
    header['CCDNUM'] = (ccdnum, 'CCD number')
    header['DETPOS'] = (detpos(ccdnum), 'Detector position')
    header['NITE'] = (plan.nite, 'Night of the inputs')
    if plan.band and kind != 'biascor':
        header['BAND'] = (plan.band, 'Band of the dome flats')
    header['NINPUTS'] = (len(inputs), 'Number of raw exposures')
    for number, path in enumerate(inputs, 1):
        header[f'INPUT{number:03d}'] = path.name
    return header


def _build_task(task: tuple[Plan, int], send) -> Path:
    return build(*task)


def _report(outcome: Outcome) -> None:
    if outcome.code:
        print(f'CCD {outcome.task[1]}: {outcome.message}', file=sys.stderr)
    else:
        print(outcome.value)
