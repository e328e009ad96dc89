"""The stage behind BLISS-expCalib_Y3apass.py."""
from __future__ import annotations

import argparse
from pathlib import Path

from sediff.cli.arguments import Parser, integer, parameter_arguments, read_parameters, rerun_argument, root_of
from sediff.errors import BadInput, BadUsage
from sediff.flow.exposure.run import Options, exit_code, run_single_epoch
from sediff.instruments.base import Instrument
from sediff.instruments.settings import instrument_of
from sediff.report.quality_picture import draw_quality
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.repository.reruns import open_rerun
from sediff.values import finite_number


def main(stage: str, argv: list[str]) -> int:
    """Calibrate one CCD, or all, of an exposure whose images and catalogues are there."""
    args = _parser(stage).parse_args(argv)
    if args.sex_mag_zeropoint != 25.0:
        raise BadUsage('fullcat has its magnitudes at --sex_mag_zeropoint 25.0; others are not made')
    parameters = read_parameters(args)
    if args.magType:
        parameters.set('ZP_MAG_TYPE', args.magType, '--magType')
    exposure = find_exposure(root_of(parameters), args.expnum, args.reqnum, args.attnum, args.rerun,
                             instrument_of(parameters))
    ccds = [args.ccd] if args.ccd else [one.ccd for one in Repository.of(exposure).where('fullcat', exposure)]
    options = Options(ccds, 1, calibrate_only=True, overwrite=True)
    outcomes = run_single_epoch(exposure, parameters, options)
    draw_quality(exposure)
    return exit_code(outcomes)


def _parser(stage: str) -> argparse.ArgumentParser:
    parser = Parser(prog='BLISS-expCalib_Y3apass.py', description=main.__doc__)
    parser.add_argument('--expnum', required=True, type=integer('--expnum'), help='exposure number')
    parser.add_argument('--reqnum', default='4', help='RNUM')
    parser.add_argument('--attnum', default='7', help='PNUM')
    parser.add_argument('--ccd', type=integer('--ccd'), default=0, help='CCD; default all that have a catalogue')
    parser.add_argument('--magType', help='mag_psf or mag_auto; default ZP_MAG_TYPE')
    parser.add_argument('--sex_mag_zeropoint', type=finite_number('--sex_mag_zeropoint'), default=25.0,
                        help='zero point of the catalogue')
    parser.add_argument('--verbose', type=int, default=0, help='accepted for compatibility')
    parser.add_argument('--debug', action='store_true', help='accepted for compatibility')
    rerun_argument(parser)
    parameter_arguments(parser)
    return parser


def find_exposure(root: Path, expnum: int, rnum: str, pnum: str, rerun: str | None, instrument: Instrument) -> Exposure:
    """The exposure below ROOT, or in a rerun and what it reads through, that has images of this version.

    Parameters
    ----------
    rerun : str or None
        [IN:]OUT, see `sediff.repository.reruns.open_rerun`.

    Raises
    ------
    BadInput
        None, or several (in more than one cache or schema).
    """
    images = Repository(root, open_rerun(root, rerun), instrument).where('immask', expnum=expnum, rnum=rnum, pnum=pnum)
    found = {one.with_ccd(0) for one in images}
    if len(found) != 1:
        raise BadInput(f'{len(found)} places with images of exposure {expnum} r{rnum}p{pnum} below {root} '
                       f'({", ".join(sorted(str(one.folder) for one in found)) or "*/*/exp"}); one is needed')
    return found.pop()
