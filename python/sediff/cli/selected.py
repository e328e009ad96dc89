"""What a driver is to work on: its letters, --id, --where, and what the registry knows; and --show."""
from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from sediff.cli.arguments import beside, ccds_of_night, root_of
from sediff.errors import BadUsage, SediffError
from sediff.instruments.base import Instrument
from sediff.instruments.ccds import parse_ccd_list
from sediff.instruments.settings import instrument_of
from sediff.parameters.model import Parameters, describe
from sediff.repository.dataid import DataId, parse_id
from sediff.repository.exposures import read_exposures
from sediff.repository.registry import ExposureRow, read_exposure_rows, read_file_rows, registry_path
from sediff.repository.selection import Registered, Selected, item_of, select
from sediff.repository.where import parse_where
from sediff.values import checked_night, format_ccds, shown

#: Letters that --id, --where and the registry can stand in for: attribute, flag, key of data IDs.
LETTERS = (('expnum', '--expnum (-E)', 'visit'), ('nite', '--nite (-n)', 'nite'), ('band', '--band (-b)', 'filter'))
#: So many exposures are looked up in the registry one by one; more, by reading all of it.
FEW = 1000


def selection_arguments(parser: argparse.ArgumentParser) -> None:
    """--id, --where and --show."""
    parser.add_argument('--id', dest='ids', action='append', nargs='+', default=[], metavar='KEY=VALUES',
                        help='data IDs, such as visit=668443^668444 ccdnum=3^6..12:2 filter=i; keys multiply, several --id '
                             'add up (docs/ingest.md)')
    parser.add_argument('--where', metavar='CONDITION', help="such as \"nite=20170817 AND filter IN ('i', 'z')\"")
    parser.add_argument('--show', nargs='+', default=[], metavar='WHAT',
                        help='data, config or config=GLOB: print it and end, unless run is among the words')


def run_selected(args: argparse.Namespace, parameters: Parameters, run: Callable[[argparse.Namespace], int],
                 needed: Sequence[str] = ('nite', 'band')) -> int:
    """Show what is asked for, then run a driver for one selected exposure after the other.

    Parameters
    ----------
    run : callable
        Gets the arguments with expnum, nite, band and ccds of one exposure.
    needed : sequence of str
        What must be known of it.

    Returns
    -------
    int
        0 when all went well, or nothing was selected; the code that all failures share; else 1.

    Raises
    ------
    BadUsage
        As `targets_of`.
    SediffError
        Of `run`, where there is one exposure; of several, failures are named and the others run.
    """
    targets = targets_of(args, parameters, needed)
    return 0 if targets is None else _run_each(targets, run)


def targets_of(args: argparse.Namespace, parameters: Parameters,
               needed: Sequence[str] = ('nite', 'band')) -> list[argparse.Namespace] | None:
    """Print what --show asks for; the arguments for each selected exposure, or None where nothing is to be run.

    Raises
    ------
    BadUsage
        As `selected`; a word of --show.
    """
    words = _show_words(args.show)
    for word in (each for each in words if each.startswith('config')):
        print(describe(parameters, _glob(word)), end='')
    if words and not {'data', 'run'} & set(words):
        return None
    targets = selected(args, parameters, needed)
    if 'data' in words:
        for one in targets:
            for ccd in one.ccds or _ccds_of_letters(args, one.exposure, parameters):
                print(f'id dataRef.dataId = {item_of(one.exposure, ccd)}')
    return None if words and 'run' not in words else [_with(args, one) for one in targets]


def selected(args: argparse.Namespace, parameters: Parameters, needed: Sequence[str] = ('nite', 'band')) -> list[Selected]:
    """The exposures and CCDs that the arguments name.

    Returns
    -------
    list of Selected
        Without CCDs where the letters alone name the exposure: then --ccds stands. Empty where nothing that is registered
        agrees; warnings on stderr say what.

    Raises
    ------
    BadUsage
        A bad --id or --where; letters, --id and the registry contradict each other; a letter is missing that the registry
        cannot stand in for.
    BadInput
        The registry cannot be read.
    """
    ids, where = [parse_id(words) for words in args.ids], parse_where(args.where) if args.where is not None else None
    root = root_of(parameters)
    if not ids and where is None:
        return [_by_letters(args, root, parameters, needed)]
    _check_letters(args, ids)
    instrument = instrument_of(parameters)
    chosen, missing = select(_registered(root, parameters, ids), ids, where, _usual(args, instrument), instrument.ccds)
    for line in missing:
        print(f'WARNING {line}', file=sys.stderr)
    chosen = _agreeing(args, _of_the_sky(chosen, ids))
    kept = [one for one in (_with_ccds(args, each, instrument) for each in chosen) if one.ccds]
    if chosen and not kept and args.ccds not in ('all', '0'):
        raise BadUsage(f'--ccds (-c) {args.ccds}: the CCDs that --id, --where and the registry give are '
                       f'{format_ccds(ccd for each in chosen for ccd in each.ccds)}')
    if not kept:
        print('WARNING nothing is selected: nothing to do', file=sys.stderr)
    return kept


def _by_letters(args: argparse.Namespace, root: Path, parameters: Parameters, needed: Sequence[str]) -> Selected:
    """The exposure of -E; night and band, where they are not given, from the registry or the list of exposures."""
    if args.expnum is None:
        raise BadUsage('--expnum (-E) is required, or --id or --where')
    rows = read_exposure_rows(registry_path(root), [args.expnum])
    if not rows and None in (args.nite, args.band):
        rows = [one.exposure for one in _from_list(root, parameters) if one.exposure.expnum == args.expnum]
    if not rows:
        missing = [flag for name, flag, _ in LETTERS if name in needed and getattr(args, name) is None]
        if missing:
            list_path = beside(root, parameters['EXPOSURES_LIST'])
            raise BadUsage(f'{" and ".join(missing)} {"is" if len(missing) == 1 else "are"} required: neither '
                           f'{registry_path(root)} nor {list_path} knows exposure {args.expnum}; take its file in with '
                           '`sediff ingest`')
        rows = [ExposureRow(args.expnum, '', args.nite, args.band, math.nan, math.nan, None, None, 'object', '', '')]
    row = rows[0]
    for name, flag, _ in LETTERS:
        if getattr(args, name) not in (None, getattr(row, name)):
            raise BadUsage(f'{flag} {shown(getattr(args, name))}: exposure {row.expnum} has '
                           f'{getattr(row, name) or "none"} by {registry_path(root)}')
    if not row.on_sky:
        raise BadUsage(f'--expnum (-E) {row.expnum}: a calibration frame ({row.obstype}) by {registry_path(root)}')
    return Selected(row, ())


def _ccds_of_letters(args: argparse.Namespace, row: ExposureRow, parameters: Parameters) -> list[int]:
    """The CCDs of --ccds that the exposure's registered files have; all of --ccds where none is registered."""
    there = _ccds_of_files(root_of(parameters), parameters, [row.expnum]).get(row.expnum)
    ccds = ccds_of_night(args.ccds, row.nite, instrument_of(parameters))
    return [ccd for ccd in ccds if there is None or ccd in there]


def _check_letters(args: argparse.Namespace, ids: Sequence[DataId]) -> None:
    """A letter that no --id allows contradicts them, whatever is registered."""
    if args.nite is not None:
        checked_night(args.nite, '--nite (-n)')
    for name, flag, key in LETTERS:
        value = getattr(args, name)
        allowed = [one for one in ids if key not in one.values or value in one.values[key]]
        if value is not None and ids and not allowed:
            raise BadUsage(f'{flag} {shown(value)} contradicts --id: no {key}={value} there')


def _agreeing(args: argparse.Namespace, chosen: list[Selected]) -> list[Selected]:
    """Those that have what the letters say; BadUsage where there are some and none has."""
    for name, flag, _ in LETTERS:
        value = getattr(args, name)
        if value is None or not chosen:
            continue
        agree = [one for one in chosen if getattr(one.exposure, name) == value]
        if not agree:
            have = ', '.join(dict.fromkeys(str(getattr(one.exposure, name)) for one in chosen[:5]))
            raise BadUsage(f'{flag} {shown(value)}: none of the {len(chosen)} exposures that --id and --where select has '
                           f'it; they have {have}')
        chosen = agree
    return chosen


def _of_the_sky(chosen: list[Selected], ids: Sequence[DataId]) -> list[Selected]:
    """Those of the sky; calibration frames that were asked for are named."""
    asked = any({'visit', 'obstype'} & set(one.values) for one in ids)
    others = [one.exposure for one in chosen if asked and not one.exposure.on_sky]
    for row in others[:5]:
        print(f'WARNING exposure {row.expnum} is left out: a calibration frame ({row.obstype})', file=sys.stderr)
    if len(others) > 5:
        print(f'WARNING {len(others) - 5} more calibration frames are left out', file=sys.stderr)
    return [one for one in chosen if one.exposure.on_sky]


def _with_ccds(args: argparse.Namespace, one: Selected, instrument: Instrument) -> Selected:
    """The selected CCDs that are in --ccds, too."""
    if args.ccds == 'all':
        return one
    wanted = set(ccds_of_night(args.ccds, one.exposure.nite, instrument))
    return Selected(one.exposure, tuple(ccd for ccd in one.ccds if ccd in wanted))


def _usual(args: argparse.Namespace, instrument: Instrument) -> Callable[[ExposureRow], Sequence[int]]:
    """CCDs that are taken where no --id names any: all that worked that night, and those that --ccds names."""
    known: dict[str, list[int]] = {}
    text = 'all' if args.ccds == '0' else f'all,{args.ccds}'

    def usual(row: ExposureRow) -> Sequence[int]:
        """CCDs of an exposure's night."""
        if row.nite not in known:
            known[row.nite] = parse_ccd_list(text, row.nite, instrument)
        return known[row.nite]
    return usual


def _registered(root: Path, parameters: Parameters, ids: Sequence[DataId]) -> Iterable[Registered]:
    """The exposures of the registry, all or those that --id may name; without a registry, those of the list of exposures."""
    path = registry_path(root)
    if not path.exists():
        return _from_list(root, parameters)
    numbers = None
    if ids and all('visit' in one.values for one in ids) and sum(len(one.values['visit']) for one in ids) <= FEW:
        numbers = [number for one in ids for number in one.values['visit']]
    ccds = _ccds_of_files(root, parameters, numbers)
    return [Registered(row, tuple(sorted(ccds[row.expnum]))) for row in read_exposure_rows(path, numbers)
            if row.expnum in ccds]


def _ccds_of_files(root: Path, parameters: Parameters, numbers: Sequence[int] | None) -> dict[int, frozenset[int]]:
    """Exposure number -> CCDs that its registered files of the kind that INPUT asks for have."""
    ccds: dict[int, frozenset[int]] = {}
    for row in read_file_rows(registry_path(root), numbers):
        if row.kind == ('raw' if parameters['INPUT'] == 'raw' else 'ooi'):
            ccds[row.expnum] = ccds[row.expnum] | {*row.numbers} if row.expnum in ccds else frozenset(row.numbers)
    return ccds


def _from_list(root: Path, parameters: Parameters) -> list[Registered]:
    path = beside(root, parameters['EXPOSURES_LIST'])
    if not path.is_file():
        return []
    rows = read_exposures(path).to_dict('records')
    return [Registered(ExposureRow(row['expnum'], '', row['nite'], row['band'], row['mjd_obs'], row['exptime'], row['radeg'],
                                   row['decdeg'], row['obstype'].replace('_', ' ').lower(), row['propid'], row['object']))
            for row in rows]


def _with(args: argparse.Namespace, one: Selected) -> argparse.Namespace:
    """The arguments for one exposure; its CCDs as --ccds says, where no --id and --where choose them."""
    ccds = {'ccds': format_ccds(one.ccds)} if args.ids or args.where is not None else {}
    row = one.exposure
    return argparse.Namespace(**{**vars(args), 'expnum': row.expnum, 'nite': row.nite, 'band': row.band, **ccds})


def _run_each(targets: list[argparse.Namespace], run: Callable[[argparse.Namespace], int]) -> int:
    if len(targets) == 1:
        return run(targets[0])
    codes = set()
    for number, one in enumerate(targets, 1):
        print(f'{one.expnum} ({number} of {len(targets)})', file=sys.stderr)
        try:
            codes.add(run(one))
        except SediffError as error:
            print(f'{one.expnum}: {error}', file=sys.stderr)
            codes.add(error.exit_code)
    codes -= {0}
    return 0 if not codes else codes.pop() if len(codes) == 1 else 1


def _show_words(words: Sequence[str]) -> list[str]:
    for word in words:
        if not re.fullmatch(r'data|run|config(=.+)?', word):
            raise BadUsage(f'--show {shown(word)}: must be data, run, config or config=GLOB')
    return list(words)


def _glob(word: str) -> Callable[[str], bool]:
    """What config=GLOB keeps: without regard to case, unless GLOB has capitals or ends with :NOIGNORECASE."""
    glob = word.partition('=')[2] or '*'
    exact = glob.removesuffix(':NOIGNORECASE')
    if exact != glob or exact != exact.lower():
        return lambda name: fnmatchcase(name, exact)
    return lambda name: fnmatchcase(name.lower(), exact)
