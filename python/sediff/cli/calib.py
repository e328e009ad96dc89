"""`sediff calib build-...`: calibration images and tables of a night's raw exposures."""
from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff.cli.arguments import parameter_arguments
from sediff.engine.pool import Outcome, cores, run_pool
from sediff.errors import BadInput, BadUsage
from sediff.flow import PRELOAD
from sediff.flow.calibrations.frames import (
    Frames,
    ccds_of_files,
    choose_band,
    classify,
    exposure_times,
    raw_files,
)
from sediff.flow.calibrations.hotpixels import (
    combine_darks,
    dark_exposures,
    hot_of_dark_file,
    hot_of_flats,
    hot_of_science,
    nearest_dark,
)
from sediff.flow.calibrations.starflat import build_star_flats
from sediff.flow.exposure.inputs import crosstalk_table
from sediff.formats.crosstalk import read_crosstalk
from sediff.formats.fits import read_image, write_images
from sediff.formats.linearity import read_linearity, write_linearity
from sediff.instruments.amplifiers import Amplifier, sampled
from sediff.instruments.base import Instrument, user_table
from sediff.instruments.ccds import parse_ccd_list
from sediff.instruments.load import default_instrument
from sediff.instruments.settings import instrument_of, load_parameters
from sediff.isr.badpixels import Defect
from sediff.isr.calibrate import bad_pixels, combine_flat_rows, combine_rows, flat_level
from sediff.isr.hotpixels import HOT_RATE
from sediff.isr.linearity import LinearityTable, fit_linearity, linearize
from sediff.parameters.model import Parameters
from sediff.repository.completeness import format_ccds
from sediff.repository.exposures import exposure_numbers
from sediff.repository.names import calib_path
from sediff.stats import sigma_about
from sediff.values import checked_night, finite_number

__all__ = ['ACTIONS', 'Plan', 'add_arguments', 'build', 'make_plan', 'run']

#: action -> what it writes
ACTIONS = {
    'build-bias': 'calib/biascor: clipped mean of the zero exposures',
    'build-dflat': 'calib/norm_dflatcor: normalised dome flat of a band; needs the bias',
    'build-dark': 'calib/darkcor: dark charge a second, clipped mean of the dark exposures; needs the bias',
    'build-bpm': 'calib/bpm: bad pixels of the zeros and a dome flat, hot pixels of the dark image, long flats and dithered '
    'science exposures; needs the dome flat',
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
    darks: tuple[Path, ...] = ()
    skies: tuple[Path, ...] = ()
    hot_rate: float = HOT_RATE
    crosstalk: Path | None = None
    overscan: str = 'mean'
    instrument: Instrument = field(default_factory=default_instrument)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest='action', required=True, metavar='ACTION')
    for name, meaning in ACTIONS.items():
        action = actions.add_parser(name, help=meaning, description=meaning)
        action.add_argument('--root', type=Path, required=True, help='top of the work tree')
        action.add_argument('--nite', required=True, help='night that the result is named after, YYYYMMDD')
        action.add_argument('--ccds', default='all', help='33 | 1,3,5-12 | all')
        parameter_arguments(action, '-R')
        action.add_argument('--workers', type=int, default=cores(), help='processes (default: one a core)')
        if name not in ('build-bias', 'build-dark'):
            action.add_argument('--band', help='band of the flats (default: the only one there is)')
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
        if name == 'build-bpm':
            action.add_argument('--science', choices=('auto', 'none'), default='auto',
                                help='whether dithered science exposures of the band tell hot pixels (default auto)')
            action.add_argument('--hot-rate', type=finite_number('--hot-rate'), default=HOT_RATE,
                                help='dark charge, e-/s, from which a pixel is '
                                f'hot in darks and flats (default {HOT_RATE})')
        if name == 'build-skypca':
            action.add_argument('--components', type=int, default=4,
                                help='components at most (default 4), and one for two exposures after the first')


def run(args: argparse.Namespace) -> int:
    """Build for every CCD of the list; the exit code is that of the first CCD that failed.

    With `all` the list is of the CCDs that the exposures have; what the files of a CCD of the camera lack is said.
    """
    checked_night(args.nite, '--nite')
    parameters = parameters_of(args)
    instrument = instrument_of(parameters)
    ccds = parse_ccd_list(args.ccds, args.nite, instrument)
    if getattr(args, 'band', None) not in (None, *instrument.bands):
        raise BadUsage(f'--band: {args.band!r} is none of {", ".join(instrument.bands)}')
    if args.workers < 1:
        raise BadUsage(f'--workers {args.workers}: at least 1 is needed')
    if args.action == 'build-starflat':
        for path in build_star_flats(args.root, args.nite, args.band, args.catalogs, ccds, args.degree, args.zero_points,
                                     instrument):
            print(path)
        return 0
    if args.action == 'build-skypca':
        from sediff.flow.calibrations.skypca import build_sky_components
        outcomes = build_sky_components(args, ccds, parameters)
    else:
        plan = make_plan(args, parameters)
        ccds = _of_the_files(args.ccds, ccds, exposures_of(plan), instrument)
        outcomes = run_pool(_build_task, [(plan, ccdnum) for ccdnum in ccds], args.workers, preload=PRELOAD)
    for outcome in outcomes:
        _report(outcome)
    return next((outcome.code for outcome in outcomes if outcome.code), 0)


def parameters_of(args: argparse.Namespace) -> Parameters:
    """Parameters of the rc files and the command line, with its ROOT."""
    given = getattr(args, 'overrides', None) or ()
    return load_parameters(getattr(args, 'rc', None), [*given, f'ROOT={args.root.absolute()}'])


def make_plan(args: argparse.Namespace, parameters: Parameters | None = None) -> Plan:
    """Find the zeros and dome flats.

    Raises
    ------
    BadInput
        No such folder, or no exposure of the kind that is needed.
    BadUsage
        A bad exposure number, or flats of several bands and no --band.
    """
    parameters = parameters or parameters_of(args)
    instrument = instrument_of(parameters)
    nights = [args.nite, *(night.strip() for night in getattr(args, 'nights', '').split(',') if night.strip())]
    paths = [path for night in dict.fromkeys(nights) for path in raw_files(args.root / 'dts' / night, instrument)]
    listed = getattr(args, 'exposures', '')
    only = exposure_numbers(listed, '--exposures') if listed else None
    exclude = exposure_numbers(args.exclude, '--exclude')
    zeros, flats, skies = classify(paths, exclude, only, None if listed else args.action == 'build-linearity',
                                  instrument)
    darks = dark_exposures(paths, exclude, only, instrument) if args.action == 'build-dark' else []
    band = None if args.action in ('build-bias', 'build-dark') else choose_band(flats, args.band, bool(listed))
    if args.action in ('build-bias', 'build-bpm') and not zeros:
        raise BadInput(f'no exposure with OBSTYPE zero in {args.root / "dts" / args.nite}')
    if args.action == 'build-dark' and not darks:
        raise BadInput(f'no exposure with OBSTYPE dark in {args.root / "dts" / args.nite}')
    of_band = [] if band is None else flats.get(band, [])
    dithered = [] if band is None or getattr(args, 'science', 'none') == 'none' else skies.get(band, [])
    given, named = getattr(args, 'linearity', ''), parameters['LINEARITY_FILE']
    linearity = Path(given) if given else user_table(args.root, named, instrument) if named not in ('', 'none') else named
    return Plan(args.action, args.root, args.nite, band, tuple(zeros), tuple(of_band),
                Path(linearity) if linearity else None, tuple(darks), tuple(dithered), getattr(args, 'hot_rate', HOT_RATE),
                next(iter(crosstalk_table(args.root, parameters, instrument)), None) if parameters['CROSSTALK'] else None,
                parameters['OVERSCAN'], instrument)


def exposures_of(plan: Plan) -> tuple[Path, ...]:
    """The raw exposures that a plan reads."""
    raw = {'build-bias': plan.zeros, 'build-dark': plan.darks, 'build-bpm': plan.zeros + plan.flats}
    return raw.get(plan.action, plan.flats)


def _of_the_files(text: str, ccds: list[int], paths: tuple[Path, ...], instrument: Instrument) -> list[int]:
    """The CCDs to build: with `all` those that every exposure has, the others are named; a list stays as it is."""
    if 'all' not in text.lower().split(','):
        return ccds
    there = ccds_of_files(paths, instrument)
    absent = [ccd for ccd in ccds if ccd not in there]
    if absent:
        print(f'not in the exposures, left out: CCD {format_ccds(absent)}', file=sys.stderr)
    if len(absent) == len(ccds):
        raise BadInput(f'no CCD is in all of the {len(paths)} exposures {paths[0].name} to {paths[-1].name}')
    return [ccd for ccd in ccds if ccd in there]


def build(plan: Plan, ccdnum: int) -> Path:
    """Build and write one CCD's calibration; returns its path."""
    if plan.action == 'build-linearity':
        return _build_linearity(plan, ccdnum)
    kinds = {'build-bias': 'biascor', 'build-dark': 'darkcor', 'build-dflat': 'norm-dflatcor', 'build-bpm': 'bpm'}
    kind = kinds[plan.action]
    path = calib_path(plan.root, kind, plan.nite, ccdnum, plan.band if kind == 'norm-dflatcor' else None)
    inputs = {'norm-dflatcor': plan.flats, 'darkcor': plan.darks}.get(kind, plan.zeros)
    header = _header(plan, kind, ccdnum, inputs)
    maker = {'biascor': _build_bias, 'darkcor': _build_dark, 'norm-dflatcor': _build_flat, 'bpm': _build_bpm}[kind]
    image = maker(plan, ccdnum, header)
    write_images(path, [('SCI', image, header)])
    return path


def _build_bias(plan: Plan, ccdnum: int, header: Header) -> np.ndarray:
    frames = Frames(plan.zeros, ccdnum, plan.nite, plan.overscan, instrument=plan.instrument)
    mean, rms = combine_rows(frames.rows, len(frames.paths), frames.shape, kind='bias')
    _record_noise(header, rms, len(frames.paths), 'adu')
    return mean


def _build_dark(plan: Plan, ccdnum: int, header: Header) -> np.ndarray:
    bias = _read_needed(calib_path(plan.root, 'biascor', plan.nite, ccdnum), 'build-bias')
    dark, noise = combine_darks(Frames(plan.darks, ccdnum, plan.nite, plan.overscan, instrument=plan.instrument), bias)
    header['BUNIT'] = 'electron/s'
    header['NOISEAVG'] = (noise, '[electron/s] Noise of this image')
    return dark


def _build_flat(plan: Plan, ccdnum: int, header: Header) -> np.ndarray:
    bias = _read_needed(calib_path(plan.root, 'biascor', plan.nite, ccdnum), 'build-bias')
    frames = _flats(plan, ccdnum)
    header['XTALKFIL'] = (plan.crosstalk.name if plan.crosstalk else 'none', 'Crosstalk subtracted')
    amplifiers = frames.amplifiers()
    gain, full = (_by_amplifier(amplifiers, name, bias.shape) for name in ('gain', 'saturate'))
    table = _linearity_of(plan, ccdnum, header)
    levels = [flat_level(frames.frame(k), bias, gain, full, path.name) for k, path in enumerate(frames.paths)]

    def electrons(first: int, last: int) -> list[np.ndarray]:
        """Rows of all frames without bias, linear, in electrons."""
        band = slice(first, last)
        return [linearize(rows - bias[band], sampled(amplifiers, first, last)[1], table) * gain[band]
                for rows in frames.rows(first, last)]
    flat, rms = combine_flat_rows(electrons, levels, bias.shape)
    _record_noise(header, rms, len(levels), '')
    return flat


def _build_bpm(plan: Plan, ccdnum: int, header: Header) -> np.ndarray:
    flat = _read_needed(calib_path(plan.root, 'norm-dflatcor', plan.nite, ccdnum, plan.band), 'build-dflat')
    frames = Frames(plan.zeros, ccdnum, plan.nite, plan.overscan, instrument=plan.instrument)
    mean, rms = combine_rows(frames.rows, len(frames.paths), frames.shape, kind='bias')
    defects = bad_pixels(flat, mean, rms, len(frames.paths))
    for hot in _hot_pixels(plan, ccdnum, header, flat, mean):
        defects[hot] |= np.uint16(Defect.BIAS_HOT)
    header['NBAD'] = (int(np.count_nonzero(defects)), 'Bad pixels')
    return defects


def _hot_pixels(plan: Plan, ccdnum: int, header: Header, flat: np.ndarray, bias: np.ndarray) -> list[np.ndarray]:
    """Hot pixels of each source of information there is; the header says what the others could not tell."""
    frames = _flats(plan, ccdnum)
    gain, full = (_by_amplifier(frames.amplifiers(), name, bias.shape) for name in ('gain', 'saturate'))
    from_dark = hot_of_dark_file(nearest_dark(plan.root, plan.nite, ccdnum), header, plan.hot_rate)
    from_flats, told = hot_of_flats(
        plan.flats, lambda k: flat_level(frames.frame(k), bias, gain, full, plan.flats[k].name),
        lambda paths: _build_flat(replace(plan, flats=paths), ccdnum, Header()), plan.hot_rate, plan.instrument)
    from_science, said = hot_of_science(Frames(plan.skies, ccdnum, plan.nite, plan.overscan, instrument=plan.instrument),
                                        bias, flat)
    for line in (told, said):
        header.add_history(line)
        print(f'CCD {ccdnum}: {line}', file=sys.stderr)
    return [hot for hot in (from_dark, from_flats, from_science) if hot is not None]


def _build_linearity(plan: Plan, ccdnum: int) -> Path:
    bias = _read_needed(calib_path(plan.root, 'biascor', plan.nite, ccdnum), 'build-bias')
    frames, times = _flats(plan, ccdnum), exposure_times(plan.flats, plan.instrument)
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
    path = calib_path(plan.root, 'linearity', plan.nite, ccdnum)
    names = ', '.join(each.name for each in plan.flats)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_linearity(path, {ccdnum: table}, f'Linearity of CCD {ccdnum}, night {plan.nite}, from {len(times)} dome flats in '
                    f'{plan.band} of {times.min():g} to {times.max():g} s:\n{names}')
    return path


def _flats(plan: Plan, ccdnum: int) -> Frames:
    """The dome flats of a CCD without the crosstalk of their light, as the science images are."""
    terms = read_crosstalk(plan.crosstalk, plan.instrument.ccds) if plan.crosstalk else {}
    return Frames(plan.flats, ccdnum, plan.nite, plan.overscan, terms, plan.instrument)


def _linearity_of(plan: Plan, ccdnum: int, header: Header) -> LinearityTable:
    own = calib_path(plan.root, 'linearity', plan.nite, ccdnum)
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
    spread = max(sigma_about(sample, middle), 1.0)
    return float(pixels[np.abs(pixels - middle) <= 5.0 * spread].mean(dtype=np.float64))


def _by_amplifier(amplifiers: tuple[Amplifier, ...], name: str, shape: tuple[int, int]) -> np.ndarray:
    values = np.zeros(shape, np.float32)
    for amplifier in amplifiers:
        values[amplifier.ccd] = getattr(amplifier, name)
    return values


def _read_needed(path: Path, action: str) -> np.ndarray:
    if not path.is_file():
        raise BadInput(f'no {path}; run `sediff calib {action}` first')
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
    header['DETPOS'] = (plan.instrument.detector(ccdnum).name, 'Detector position')
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
