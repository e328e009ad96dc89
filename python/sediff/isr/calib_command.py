"""`python -m sediff calib build-bias|build-dflat|build-bpm`: calibration images of a night's raw exposures."""
from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff.camera.amplifiers import Amplifier, read_amplifiers
from sediff.camera.ccds import dead_amplifiers, detpos, parse_ccd_list
from sediff.camera.headers import BANDS, band_of
from sediff.errors import BadInput, BadUsage
from sediff.io.fits import read_header, read_image, write_images
from sediff.io.raw import read_raw_ccd
from sediff.isr.calibrate import bad_pixels, combine_bias, combine_flat
from sediff.isr.overscan import subtract_overscan
from sediff.names import calib_path
from sediff.pool import Outcome, run_pool

#: action -> what it writes
ACTIONS = {
    'build-bias': 'calib/biascor: clipped mean of the zero exposures',
    'build-dflat': 'calib/norm_dflatcor: normalised dome flat of a band; needs the bias',
    'build-bpm': 'calib/bpm: bad pixels of the zeros and a dome flat; needs the dome flat',
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest='action', required=True, metavar='ACTION')
    for name, meaning in ACTIONS.items():
        action = actions.add_parser(name, help=meaning, description=meaning)
        action.add_argument('--root', type=Path, required=True, help='top of the work tree')
        action.add_argument('--nite', required=True, help='night of the exposures, YYYYMMDD')
        action.add_argument('--ccds', default='all', help='33 | 1,3,5-12 | all')
        action.add_argument('--exclude', default='', help='exposure numbers to leave out, comma-separated')
        action.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='processes (default: one a core)')
        if name != 'build-bias':
            action.add_argument('--band', choices=BANDS, help='band of the dome flats (default: the only one there is)')


def run(args: argparse.Namespace) -> int:
    """Build the calibration image of every CCD of the list; the exit code is that of the first CCD that failed."""
    ccds = parse_ccd_list(args.ccds, args.nite)
    if args.workers < 1:
        raise BadUsage(f'--workers {args.workers}: at least 1 is needed')
    plan = make_plan(args)
    outcomes = run_pool(_build_task, [(plan, ccdnum) for ccdnum in ccds], args.workers)
    for outcome in outcomes:
        _report(outcome)
    return next((outcome.code for outcome in outcomes if outcome.code), 0)


def make_plan(args: argparse.Namespace) -> Plan:
    """Find the night's zeros and dome flats.

    Raises
    ------
    BadInput
        No such folder, or no exposure of the kind that is needed.
    BadUsage
        A bad exposure number in --exclude, or flats of several bands and no --band.
    """
    zeros, flats = find_exposures(args.root / 'dts' / args.nite, _numbers(args.exclude))
    band = None if args.action == 'build-bias' else _choose_band(flats, args.band)
    if args.action != 'build-dflat' and not zeros:
        raise BadInput(f'no exposure with OBSTYPE zero in {args.root / "dts" / args.nite}')
    return Plan(args.action, args.root, args.nite, band, tuple(zeros), tuple(flats.get(band, ())))


def find_exposures(folder: Path, exclude: frozenset[int] = frozenset()) -> tuple[list[Path], dict[str, list[Path]]]:
    """Raw zero exposures, and dome flats by band, of a folder; by the OBSTYPE and FILTER cards of their headers."""
    if not folder.is_dir():
        raise BadInput(f'no folder of raw exposures {folder}; check --root and --nite')
    zeros: list[Path] = []
    flats: dict[str, list[Path]] = {}
    for path in sorted(folder.glob('DECam_*.fits*')):
        header = read_header(path, 0)
        if header.get('EXPNUM') in exclude:
            continue
        kind = str(header.get('OBSTYPE', '')).strip().lower()
        if kind in ('zero', 'bias'):
            zeros.append(path)
        elif kind in ('dome flat', 'dflat'):
            flats.setdefault(band_of(header), []).append(path)
    return zeros, flats


def build(plan: Plan, ccdnum: int) -> Path:
    """Build and write one CCD's image; returns its path."""
    kind = {'build-bias': 'biascor', 'build-dflat': 'norm-dflatcor', 'build-bpm': 'bpm'}[plan.action]
    band = plan.band if kind == 'norm-dflatcor' else None
    path = calib_path(plan.root, kind, plan.nite, ccdnum, band)
    inputs = plan.flats if kind == 'norm-dflatcor' else plan.zeros
    maker = {'biascor': _build_bias, 'norm-dflatcor': _build_flat, 'bpm': _build_bpm}[kind]
    write_images(path, [('SCI', maker(plan, ccdnum), _header(plan, kind, ccdnum, inputs))])
    return path


def _build_bias(plan: Plan, ccdnum: int) -> np.ndarray:
    return combine_bias(_frames(plan.zeros, ccdnum, plan.nite))[0]


def _build_flat(plan: Plan, ccdnum: int) -> np.ndarray:
    bias = _read_needed(calib_path(plan.root, 'biascor', plan.nite, ccdnum), 'build-bias')
    _, header = read_raw_ccd(plan.flats[0], ccdnum)
    amplifiers = read_amplifiers(header)
    return combine_flat(_frames(plan.flats, ccdnum, plan.nite), bias, _by_amplifier(amplifiers, 'gain', bias.shape),
                        _by_amplifier(amplifiers, 'saturate', bias.shape))[0]


def _build_bpm(plan: Plan, ccdnum: int) -> np.ndarray:
    flat = _read_needed(calib_path(plan.root, 'norm-dflatcor', plan.nite, ccdnum, plan.band), 'build-dflat')
    return bad_pixels(flat, *combine_bias(_frames(plan.zeros, ccdnum, plan.nite)), len(plan.zeros))


def _frames(paths: tuple[Path, ...], ccdnum: int, nite: str) -> Iterator[np.ndarray]:
    """Overscan-subtracted images; an amplifier known to be dead is searched for life all the same unless both are."""
    dead = dead_amplifiers(ccdnum, nite)
    for path in paths:
        raw, header = read_raw_ccd(path, ccdnum)
        yield subtract_overscan(raw, read_amplifiers(header), dead=dead if len(dead) > 1 else ())


def _by_amplifier(amplifiers: tuple[Amplifier, ...], name: str, shape: tuple[int, int]) -> np.ndarray:
    values = np.zeros(shape, np.float32)
    for amplifier in amplifiers:
        values[amplifier.ccd] = getattr(amplifier, name)
    return values


def _read_needed(path: Path, action: str) -> np.ndarray:
    if not path.is_file():
        raise BadInput(f'no {path}; run `python -m sediff calib {action}` first')
    return read_image(path)[0].astype(np.float32)


def _header(plan: Plan, kind: str, ccdnum: int, inputs: tuple[Path, ...]) -> Header:
    header = Header()
    header['OBSTYPE'] = (kind, 'Kind of calibration')
    header['CCDNUM'] = (ccdnum, 'CCD number')
    header['DETPOS'] = (detpos(ccdnum), 'Detector position')
    header['NITE'] = (plan.nite, 'Night of the inputs')
    if plan.band:
        header['BAND'] = (plan.band, 'Band of the dome flats')
    header['NINPUTS'] = (len(inputs), 'Number of raw exposures')
    for number, path in enumerate(inputs, 1):
        header[f'INPUT{number:03d}'] = path.name
    return header


def _choose_band(flats: dict[str, list[Path]], band: str | None) -> str:
    there = ', '.join(f'{name} ({len(paths)})' for name, paths in sorted(flats.items())) or 'none'
    if band is None and len(flats) > 1:
        raise BadUsage(f'dome flats of several bands: {there}; choose one with --band')
    band = band or next(iter(flats), None)
    if band not in flats:
        raise BadInput(f'no dome flats{f" in {band}" if band else ""}; flats there are: {there}')
    return band


def _numbers(text: str) -> frozenset[int]:
    tokens = [token.strip() for token in text.split(',') if token.strip()]
    for token in tokens:
        if not token.isdigit():
            raise BadUsage(f'--exclude: {token!r} is no exposure number')
    return frozenset(int(token) for token in tokens)


def _build_task(task: tuple[Plan, int], send) -> Path:
    return build(*task)


def _report(outcome: Outcome) -> None:
    if outcome.code:
        print(f'CCD {outcome.task[1]}: {outcome.message}', file=sys.stderr)
    else:
        print(outcome.value)
