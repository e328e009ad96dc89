"""Arguments that the drivers share, and what they mean."""
from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from sediff.camera.ccds import parse_ccd_list
from sediff.camera.headers import BANDS
from sediff.errors import BadInput, BadUsage
from sediff.names import Exposure
from sediff.parameters import Parameters, load
from sediff.values import checked_expnum, checked_night, checked_season, checked_version, checked_word, shown


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line and exit 2."""

    def error(self, message: str):
        raise BadUsage(f'{message[:500]}; see -h')


def parameter_arguments(parser: argparse.ArgumentParser) -> None:
    """--rc and -P."""
    parser.add_argument('--rc', type=Path, metavar='DIR', help='folder of rc files (default: rc/ of this installation)')
    parser.add_argument('-P', dest='overrides', action='append', default=[], metavar='NAME=VALUE',
                        help='set one parameter; `python -m sediff config` lists them')


def exposure_arguments(parser: argparse.ArgumentParser, schema: str = 'gw', band: bool = True) -> None:
    """What names an exposure and its processing version; `band` False: it need not be given."""
    parser.add_argument('--expnum', required=True, type=integer('--expnum'), help='exposure number (-E)')
    parser.add_argument('--nite', required=True, help='night, YYYYMMDD (-n)')
    parser.add_argument('--band', required=band, help='one of u g r i z Y VR (-b)')
    parser.add_argument('--season', required=True, help='dpNN (-S)')
    parser.add_argument('--cache', default='persistent', help='folder below ROOT for products (-d)')
    parser.add_argument('--schema', default=schema, help='folder below the cache (-m)')
    parameter_arguments(parser)


def run_arguments(parser: argparse.ArgumentParser) -> None:
    """CCD list, workers, overwrite, star lists."""
    parser.add_argument('--ccds', default='all', help='33 | 1,3,5-12 | all (-c)')
    parser.add_argument('--serial', action='store_true', help='one CCD after the other in this process (-s)')
    parser.add_argument('--workers', type=integer('--workers'), default=None, help='worker processes (-w), default: cores')
    parser.add_argument('--overwrite', action='store_true', help='redo all steps (-O)')
    parser.add_argument('--snstar', help='name of the SNSTAR list (-T)')
    parser.add_argument('--snveto', help='name of the SNVETO list (-V)')


def integer(flag: str):
    """A parser of non-negative integers that names its flag."""
    def parse(text: str) -> int:
        if not re.fullmatch(r'[0-9]{1,20}', text):
            raise BadUsage(f'{flag} must be an integer, not {shown(text)}')
        return int(text)
    return parse


def read_parameters(args: argparse.Namespace) -> Parameters:
    """Parameters from rc files, environment and -P of the command line."""
    return load(args.rc, args.overrides)


def exposure_of(args: argparse.Namespace, parameters: Parameters, rnum: str, pnum: str) -> Exposure:
    """The exposure the arguments name.

    Raises
    ------
    BadUsage
        A bad night, band, version or season.
    BadInput
        ROOT does not exist.
    """
    checked_expnum(args.expnum, '--expnum (-E)')
    checked_night(args.nite, '--nite (-n)')
    if args.band not in BANDS:
        raise BadUsage(f'--band (-b) must be one of {", ".join(BANDS)}, not {shown(args.band)}')
    checked_season(args.season, '--season (-S)')
    for flag, value in (('--rnum (-r)', rnum), ('--pnum (-p)', pnum)):
        checked_version(value, flag)
    for flag, value in (('--cache (-d)', args.cache), ('--schema (-m)', args.schema)):
        checked_word(value, flag)
    return Exposure(root_of(parameters), args.expnum, args.nite, args.band, rnum, pnum, args.season, args.cache, args.schema)


def root_of(parameters: Parameters) -> Path:
    """ROOT as an absolute path; BadInput when there is no such folder."""
    root = Path(parameters['ROOT']).expanduser().absolute()
    if not root.is_dir():
        raise BadInput(f'ROOT={root} is no folder; set it in rc/site/local.rc or the environment')
    return root


def ccds_of(args: argparse.Namespace) -> list[int]:
    """The CCD list of --ccds on that night; 0 is element $PROCESS + 1 of all, for HTCondor."""
    if args.ccds != '0':
        return parse_ccd_list(args.ccds, args.nite)
    everything = parse_ccd_list('all', args.nite)
    process = integer('-c 0: $PROCESS')(os.environ.get('PROCESS', ''))
    if process >= len(everything):
        raise BadUsage(f'-c 0: $PROCESS is {process}, there are {len(everything)} CCDs')
    return [everything[process]]


def workers_of(args: argparse.Namespace, parameters: Parameters) -> int:
    """How many processes to use."""
    if args.serial:
        return 1
    return args.workers or parameters['WORKERS'] or len(os.sched_getaffinity(0))
