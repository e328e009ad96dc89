"""Arguments that the drivers share, and what they mean."""
from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from pathlib import Path

from sediff.engine.pool import cores
from sediff.errors import BadInput, BadUsage
from sediff.instruments.base import Instrument
from sediff.instruments.ccds import parse_ccd_list
from sediff.instruments.settings import instrument_of, load_parameters
from sediff.parameters.model import Parameters
from sediff.repository.names import Exposure
from sediff.repository.reruns import open_rerun
from sediff.values import checked_expnum, checked_night, checked_season, checked_version, checked_word, shown


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line and exit 2."""

    def error(self, message: str):
        raise BadUsage(f'{message[:500]}; see -h')


def parameter_arguments(parser: argparse.ArgumentParser, *short: str) -> None:
    """--rc (and a short name for it) and -P."""
    parser.add_argument(*short, '--rc', type=Path, metavar='DIR',
                        help='folder of rc files (default: rc/ of this installation)')
    parser.add_argument('-P', dest='overrides', action='append', default=[], metavar='NAME=VALUE',
                        help='set one parameter; `sediff config` lists them')


def exposure_arguments(parser: argparse.ArgumentParser, schema: str = 'gw', chosen: bool = False) -> None:
    """What names an exposure and its processing version; `chosen` True: --id, --where and the registry may name it, too."""
    parser.add_argument('--expnum', required=not chosen, type=integer('--expnum'), help='exposure number (-E)')
    parser.add_argument('--nite', required=not chosen, help='night, YYYYMMDD (-n)')
    parser.add_argument('--band', required=not chosen, help='a band of INSTRUMENT, such as r (-b)')
    parser.add_argument('--season', required=True, help='dpNN (-S)')
    parser.add_argument('--cache', default='persistent', help='folder below ROOT for products (-d)')
    parser.add_argument('--schema', default=schema, help='folder below the cache (-m)')
    rerun_argument(parser)
    parameter_arguments(parser)


def version_arguments(parser: argparse.ArgumentParser) -> None:
    """--rnum and --pnum of commands that look at what is there."""
    parser.add_argument('--rnum', default='4', help='processing version, first part')
    parser.add_argument('--pnum', default='7', help='processing version, second part')


def with_coordinates(argv: list[str]) -> list[str]:
    """The words with a blank before each negative number, which argparse takes for a flag where it is -23:22:53."""
    return [f' {word}' if re.match(r'-[0-9.]', word) else word for word in argv]


def rerun_argument(parser: argparse.ArgumentParser) -> None:
    """--rerun."""
    parser.add_argument('--rerun', metavar='[IN:]OUT', help='write products to ROOT/rerun/OUT, and read what it lacks '
                        'through the rerun IN (default: the one it was made from, or ROOT itself)')


def run_arguments(parser: argparse.ArgumentParser) -> None:
    """CCD list, workers, overwrite, star lists."""
    parser.add_argument('--ccds', default='all', help='33 | 1,3,5-12 | all (-c)')
    parser.add_argument('--serial', action='store_true', help='one CCD after the other in this process (-s)')
    workers_argument(parser)
    parser.add_argument('--overwrite', action='store_true', help='redo all steps (-O)')
    parser.add_argument('--verbose', action='store_true', help='a line for each step, not only for each CCD')
    parser.add_argument('--snstar', help='name of the SNSTAR list (-T)')
    parser.add_argument('--snveto', help='name of the SNVETO list (-V)')


def workers_argument(parser: argparse.ArgumentParser) -> None:
    """--workers, for `workers_of`."""
    parser.add_argument('--workers', type=integer('--workers'), default=None, help='worker processes (-w), default: cores')


def integer(flag: str):
    """A parser of non-negative integers that names its flag."""
    def parse(text: str) -> int:
        """The integer, or BadUsage."""
        if not re.fullmatch(r'[0-9]{1,20}', text):
            raise BadUsage(f'{flag} must be an integer, not {shown(text)}')
        return int(text)
    return parse


#: Control characters, ends of lines, and what stands for bytes that are no UTF-8.
_UNWRITABLE = re.compile('[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')


def read_parameters(args: argparse.Namespace) -> Parameters:
    """Parameters from rc files, environment and -P of the command line."""
    return load_parameters(args.rc, args.overrides)


def exposure_of(args: argparse.Namespace, parameters: Parameters, rnum: str, pnum: str, make: bool = True) -> Exposure:
    """The exposure the arguments name.

    Parameters
    ----------
    make : bool
        Make the rerun where it does not exist; False for commands that only look.

    Raises
    ------
    BadUsage
        A bad night, band, version, season or rerun.
    BadInput
        ROOT does not exist; or the rerun, for commands that only look.
    """
    checked_expnum(args.expnum, '--expnum (-E)')
    checked_night(args.nite, '--nite (-n)')
    instrument = instrument_of(parameters)
    if args.band not in instrument.bands:
        raise BadUsage(f'--band (-b) must be one of {" ".join(instrument.bands)}, not {shown(args.band)}')
    checked_season(args.season, '--season (-S)')
    for flag, value in (('--rnum (-r)', rnum), ('--pnum (-p)', pnum)):
        checked_version(value, flag)
    for flag, value in (('--cache (-d)', args.cache), ('--schema (-m)', args.schema)):
        checked_word(value, flag)
    root = root_of(parameters)
    return Exposure(root, args.expnum, args.nite, args.band, rnum, pnum, args.season, args.cache, args.schema,
                    rerun=open_rerun(root, args.rerun, make), instrument=instrument)


def root_of(parameters: Mapping) -> Path:
    """ROOT as an absolute path.

    Raises
    ------
    BadUsage
        It has characters that cannot stand in a line of a script or a list; those of a folder that it is relative to.
    BadInput
        There is no such folder.
    """
    root = Path(parameters['ROOT']).expanduser().absolute()
    if _UNWRITABLE.search(str(root)):
        raise BadUsage(f'ROOT={shown(str(root))} has control characters or bytes that are no UTF-8; rename the folder or '
                       'set another')
    if not root.is_dir():
        raise BadInput(f'ROOT={root} is not a folder; set it in rc/site/local.rc or the environment')
    return root


def ccds_of(args: argparse.Namespace, instrument: Instrument) -> list[int]:
    """The CCD list of --ccds on that night."""
    return ccds_of_night(args.ccds, args.nite, instrument)


def ccds_of_night(text: str, nite: str, instrument: Instrument) -> list[int]:
    """The CCDs of a list on a night; 0 is element $PROCESS + 1 of all, for HTCondor."""
    if text != '0':
        return listed_ccds(text, nite, instrument)
    everything = parse_ccd_list('all', nite, instrument)
    process = integer('-c 0: $PROCESS')(os.environ.get('PROCESS', ''))
    if process >= len(everything):
        raise BadUsage(f'-c 0: $PROCESS is {process}, there are {len(everything)} CCDs')
    return [everything[process]]


def listed_ccds(text: str, nite: str, instrument: Instrument) -> list[int]:
    """The CCDs of a list; what is wrong with it is BadUsage that names the flag."""
    try:
        return parse_ccd_list(text, nite, instrument)
    except BadUsage as error:
        raise BadUsage(f'--ccds (-c): {error}') from None


def workers_of(args: argparse.Namespace, parameters: Parameters) -> int:
    """How many processes to use."""
    if args.serial:
        return 1
    return args.workers or parameters['WORKERS'] or cores()


def beside(root: Path, name: str) -> Path:
    """A file relative to ROOT; where ROOT has none, one of the current folder, as DES-GW kept it."""
    path = root / Path(name).expanduser()
    return path if path.exists() or not Path(name).exists() else Path(name)
