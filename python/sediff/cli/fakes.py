"""Efficiency of an exposure from fakes; the stage `fakes`."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from sediff import steps
from sediff.catalogs import catalog_path
from sediff.cli import arguments
from sediff.errors import BadInput, BadUsage, SediffError
from sediff.fakes.draw import Recipe
from sediff.fakes.efficiency import STAGES, curves, distance_table, efficiency_of_ccds, half_distance, summary
from sediff.fakes.truth import outcome_frame
from sediff.flow.diffimg.fakes import days_after, fakes_of, load_ccd, missing, read_light_curve, tells_of
from sediff.flow.exposure.run import with_field
from sediff.flow.exposure.starcat import written_lists
from sediff.flow.exposure.usable import failure
from sediff.formats.atomic import atomic_path
from sediff.formats.tables import read_csv
from sediff.parameters.model import Parameters
from sediff.report.fakes_picture import efficiency_png, efficiency_title
from sediff.repository.completeness import format_ccds
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.values import finite, finite_number, shown

#: Light curves of the catalogs folder, the default first, and what they are called.
KNOWN = {'at2017gfo': 'AT2017gfo', 'kasen_blue': 'the blue kilonova', 'kasen_red': 'the red kilonova'}
DEFAULT_CURVE = next(iter(KNOWN))


def main(stage: str, argv: list[str]) -> int:
    """Put fakes into a copy of the differences of an exposure, and tell how many are found and kept.

    Nothing of the exposure's products, candidates or database is changed. It writes, beside the exposure's tables,
    fakes_EXPNUM_dpNN_CC.csv of each CCD (what was put in, and what became of it) and fakes_EXPNUM_dpNN_efficiency.csv, .json
    and .png of all CCDs of this call.
    """
    args = _parser(stage).parse_args(argv)
    parameters = arguments.read_parameters(args)
    exposure = arguments.exposure_of(args, parameters, args.rnum, args.pnum, make=False)
    exposure = with_field(exposure, parameters)
    asked = arguments.ccds_of(args, exposure.instrument)
    chosen = _places(args.at) if args.at else None
    found, left_out = _finished(exposure, asked, args.ccds == 'all')
    recipe, curve = _recipe(args, found[0]) if found else (Recipe(), None)
    outcomes: dict[int, np.ndarray] = {}
    told: dict[int, dict] = {}
    for one in found:
        try:
            outcomes[one.ccd] = _outcomes(one, parameters, args, recipe, chosen, curve)
        except (SediffError, KeyError, IndexError, ValueError) as error:
            left_out[one.ccd] = str(error) if isinstance(error, SediffError) else (
                f'its products cannot be used ({type(error).__name__}: {error}); run its difference imaging again')
            print(f'{one.label()} left out: {left_out[one.ccd]}', file=sys.stderr)
            continue
        told[one.ccd] = summary(outcomes[one.ccd], curves(outcomes[one.ccd]))
        Repository.of(one).put('fakes', one, outcome_frame(outcomes[one.ccd]))
        print(f'{one.label()}: {_line(told[one.ccd])}')
    if not outcomes:
        raise BadInput(f'{exposure.expnum}: no CCD of {args.ccds} has all that fakes need in '
                       f'{Repository.of(exposure).folder(exposure)}, season {exposure.season}; run its difference imaging, '
                       'RUN28 included')
    _write(exposure, outcomes, told, left_out, recipe, args, curve)
    return 0


def _outcomes(exposure: Exposure, parameters: Parameters, args: argparse.Namespace, recipe: Recipe,
              chosen: np.ndarray | None, curve: tuple[np.ndarray, str] | None) -> np.ndarray:
    """The fakes of all parts of a CCD; its planes are let go of before the next one's are read."""
    ccd = load_ccd(exposure, parameters, args.snveto or written_lists(exposure).get('snveto'))
    return np.concatenate([fakes_of(ccd, recipe, args.seed, part, chosen, curve) for part in range(args.parts)])


def _parser(stage: str) -> arguments.Parser:
    parser = arguments.Parser(prog=f'sediff {stage}', description=main.__doc__)
    arguments.exposure_arguments(parser)
    arguments.version_arguments(parser)
    parser.add_argument('--ccds', default='all', help='33 | 1,3,5-12 | all that are finished (-c)')
    parser.add_argument('--number', type=arguments.integer('--number'), default=100, help='fakes on a CCD (default 100)')
    parser.add_argument('--parts', type=_parts, default=1,
                        help='so many sets of them, each in a copy of its own (default 1; 100 at most)')
    parser.add_argument('--magnitudes', default='17,25',
                        help='BRIGHT,FAINT: uniform between; one number: that (default 17,25)')
    parser.add_argument('--hosts', type=finite_number('--hosts'), default=0.3, help='share on galaxies (default 0.3)')
    parser.add_argument('--negative', type=finite_number('--negative'), default=0.1,
                        help='share of sources that have faded since the template (default 0.1)')
    parser.add_argument('--at', type=Path, metavar='FILE', help='csv of ra, dec (deg): fakes at these places, no others')
    parser.add_argument('--distances', default='', help='Mpc, such as 40,100,200: efficiency for the light curve there')
    parser.add_argument('--light-curve', action='store_true',
                        help='give the fakes the brightness of the light curve at --distances instead of --magnitudes')
    parser.add_argument('--days', type=finite_number('--days'), default=1.0, help='days after the trigger (default 1)')
    parser.add_argument('--trigger', type=finite_number('--trigger'), help='MJD (UTC) of the trigger, instead of --days')
    parser.add_argument('--curve', default=DEFAULT_CURVE, metavar='NAME|FILE',
                        help=f'light curve: {", ".join(KNOWN)}, or a csv of band, days, abs_mag (default {DEFAULT_CURVE})')
    parser.add_argument('--seed', type=arguments.integer('--seed'), default=1, help='of the random numbers (default 1)')
    parser.add_argument('--snveto', help='name of the SNVETO list (default: the usual one, where there is one)')
    return parser


def _parts(text: str) -> int:
    number = arguments.integer('--parts')(text)
    if not 1 <= number <= 100:
        raise BadUsage(f'--parts must be 1 to 100, not {number}')
    return number


def _numbers(flag: str, text: str) -> list[float]:
    try:
        return [finite(each) for each in text.split(',') if each.strip()]
    except ValueError as error:
        raise BadUsage(f'{flag}: {error}') from None


def _recipe(args: argparse.Namespace, exposure: Exposure) -> tuple[Recipe, tuple[np.ndarray, str] | None]:
    """What is put in, and the light curve in the exposure's band (None without --distances)."""
    magnitudes, distances = _numbers('--magnitudes', args.magnitudes), _numbers('--distances', args.distances)
    if len(magnitudes) not in (1, 2):
        raise BadUsage(f'--magnitudes must be BRIGHT,FAINT or one number, not {shown(args.magnitudes)}')
    if args.light_curve and not distances:
        raise BadUsage('--light-curve needs --distances')
    days = args.days if args.trigger is None else days_after(exposure, args.trigger)
    recipe = Recipe(args.number, magnitudes[0], magnitudes[-1], args.hosts, args.negative,
                    tuple(distances) if args.light_curve else (), days)
    curve = read_light_curve(catalog_path(f'{args.curve}.csv') if args.curve in KNOWN else Path(args.curve))
    bands = sorted({str(each) for each in curve['band']})
    if not tells_of(curve, exposure.band):
        if distances:
            raise BadUsage(f'--distances: the light curve has no three points in {exposure.band}; its bands are '
                           f'{" ".join(bands)}')
        return recipe, None
    if distances and days < 0:
        raise BadUsage(f'--distances: the exposure is {-days:.2f} days before the trigger')
    Recipe(distances=tuple(distances))
    return recipe, (curve, exposure.band) if days >= 0 else None


def _places(path: Path) -> np.ndarray:
    """RA, Dec (n, 2; deg) of a csv."""
    table = read_csv(path)
    table.columns = table.columns.str.lower()
    if not {'ra', 'dec'} <= set(table.columns):
        raise BadInput(f'{path} lacks a column ra or dec; it has {", ".join(map(str, table.columns))}')
    places = table[['ra', 'dec']].apply(pd.to_numeric, errors='coerce').to_numpy(float)
    if not np.isfinite(places).all() or (np.abs(places[:, 1]) > 90).any():
        raise BadInput(f'{path}: ra and dec must be numbers in degrees')
    return places


def _finished(exposure: Exposure, asked: list[int], everything: bool) -> tuple[list[Exposure], dict[int, str]]:
    """CCDs that have all that is needed, and why others have not; of `everything` those that never ran are not told of."""
    found, left_out = [], {}
    ran = {one.ccd for one in Repository.of(exposure).where('diff_cat', exposure)}
    for one in (exposure.with_ccd(ccd) for ccd in asked if ccd in ran or not everything):
        lacking, failed = missing(one), failure(one, steps.DIFFIMG)
        if failed or lacking:
            left_out[one.ccd] = failed or f'no such file: {lacking[0]}; run its difference imaging, RUN28 included'
            print(f'{one.label()} left out: {left_out[one.ccd]}', file=sys.stderr)
        else:
            found.append(one)
    return found, left_out


def _line(told: dict) -> str:
    """One line of a summary."""
    halves = []
    for stage in STAGES:
        for name, unit in (('magnitude', 'mag'), ('snr', 'S/N')):
            curve = told[stage][name]
            if curve is not None and np.isfinite(curve['half']):
                halves.append(f'half {stage} at {unit} {curve["half"]:.2f} +- {curve["half_error"]:.2f}')
    bright = told['bright']['all']['kept']
    counted = f'of those above S/N {told["bright"]["snr_above"]:g} {bright["count"]} of {bright["injected"]} kept'
    return f'{told["injected"]} fakes, {told["judged"]} judged; {", ".join(halves) or "too few for a curve"}; {counted}'


def _write(exposure: Exposure, outcomes: dict[int, np.ndarray], of_ccds: dict[int, dict], left_out: dict[int, str],
           recipe: Recipe, args: argparse.Namespace, curve: tuple[np.ndarray, str] | None) -> None:
    """The exposure's tables and picture, and the last lines."""
    repository, whole = Repository.of(exposure), np.concatenate(list(outcomes.values()))
    fitted = curves(whole)
    told = summary(whole, fitted)
    table, ccds = efficiency_of_ccds(outcomes), format_ccds(list(outcomes))
    report = {'expnum': exposure.expnum, 'band': exposure.band, 'season': exposure.season, 'seed': args.seed,
              'parts': args.parts, 'recipe': vars(recipe), 'exposure': told,
              'ccds': of_ccds, 'left_out': left_out,
              'light_curve': None if curve is None else args.curve}
    lines = [f'{exposure.expnum}, CCD {ccds}: {_line(told)}']
    if curve is not None:
        distances = tuple(_numbers('--distances', args.distances))
        report['half_distance'] = {stage: half_distance(fitted[stage, 'MAG'], *curve, recipe.days) for stage in STAGES}
        report['distances'] = distance_table(whole, fitted, distances, *curve, recipe.days) if distances else []
        lines += _distance_lines(report, recipe.days)
    repository.put('fakes_efficiency', exposure, table)
    repository.put('fakes_summary', exposure, report)
    with atomic_path(repository.target('fakes_png', exposure)) as temporary:
        temporary.write_bytes(efficiency_png(table[table['ccd'] == 'all'], fitted,
                                             efficiency_title(exposure, ccds, len(whole))))
    print('\n'.join([*lines, str(repository.target('fakes_summary', exposure))]))


def _distance_lines(report: dict, days: float) -> Iterator[str]:
    name = KNOWN.get(report['light_curve'], 'the light curve')
    half = report['half_distance']['kept']
    if half is not None:
        yield f'50 % complete for {name}, {days:.2f} days after the trigger, at {half:.0f} Mpc in {report["band"]}'
    for row in report['distances']:
        kept = row['kept']
        counted = f', {kept["count"]} of {kept["injected"]} put in there kept' if kept['injected'] else ''
        share = 'unknown' if kept['curve'] is None else f'{kept["curve"]:.3f}'
        yield f'{row["distance"]:g} Mpc: {row["magnitude"]:.2f} mag, efficiency {share}{counted}'
