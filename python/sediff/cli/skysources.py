"""The stage `skysources`: the true noise, depth and false peaks of finished differences."""
from __future__ import annotations

import sys

from sediff.cli import arguments
from sediff.errors import BadInput, BadUsage, SediffError
from sediff.flow.diffimg.skysources import measure_sky, sky_path
from sediff.flow.exposure.run import with_field
from sediff.repository.repository import Repository


def main(stage: str, argv: list[str]) -> int:
    """Measure empty places of each CCD's difference like detections: noise, 5-sigma depth, peaks of noise by threshold."""
    parser = arguments.Parser(prog=f'sediff {stage}', description=main.__doc__)
    arguments.exposure_arguments(parser)
    arguments.version_arguments(parser)
    parser.add_argument('--ccds', default='all', help='33 | 1,3,5-12 | all')
    parser.add_argument('--places', type=arguments.integer('--places'), default=500, help='empty places of each CCD')
    parser.add_argument('--seed', type=arguments.integer('--seed'), default=0, help='of the places')
    args = parser.parse_args(argv)
    if not 20 <= args.places <= 100_000:
        raise BadUsage(f'--places {args.places}: 20 to 100000')
    parameters = arguments.read_parameters(args)
    exposure = with_field(arguments.exposure_of(args, parameters, args.rnum, args.pnum, make=False), parameters)
    wanted = arguments.ccds_of(args, exposure.instrument)
    each = [one for one in Repository.of(exposure).where('diff_mh', exposure) if one.ccd in wanted]
    if not each:
        raise BadInput(f'{exposure.expnum}: no difference of CCD {args.ccds} in {Repository.of(exposure).folder(exposure)}, '
                       f'season {exposure.season}')
    print('ccd  places  noise/errors     noise/weights  median           depth  negative peaks > 5 sigma, kept, expected')
    codes = set()
    for one in each:
        try:
            found = measure_sky(one, parameters, args.places, args.seed)
        except SediffError as error:
            print(error, file=sys.stderr)
            codes.add(error.exit_code)
            continue
        five = next(row for row in found['peaks'] if row['threshold'] == 5.0)
        print(f'{one.ccd:3d}  {found["places"]:6d}  {found["noise_over_errors"]:.3f} +- '
              f'{found["noise_over_errors_error"]:.3f}  {found["noise_over_weights"]:13.3f}  '
              f'{found["median"]:+.3f} +- {found["median_error"]:.3f}  {found["depth_5sigma"]:6.3f}  '
              f'{five["negative"]}, {five["flipped_kept"]}, {five["expected"]:.1f}   {sky_path(one).name}')
    return 0 if not codes else codes.pop() if len(codes) == 1 else 1
