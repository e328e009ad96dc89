"""Which steps of which CCDs are done or failed, from their stamps; the stage behind RUNMON.sh."""
from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path

from sediff import steps
from sediff.errors import BadInput, BadUsage
from sediff.flow import arguments
from sediff.io.provenance import read_stamp
from sediff.names import Exposure


def status_lines(exposure: Exposure) -> list[str]:
    """One line a CCD: steps done of each phase, seconds, and the first failure with its reason.

    Raises
    ------
    BadInput
        Nothing of the exposure was ever run.
    """
    folders = [(exposure.with_ccd(ccd).se_folder, exposure.with_ccd(ccd).diffimg_folder) for ccd in range(1, 63)]
    lines = []
    for ccd, (se_folder, diffimg_folder) in enumerate(folders, 1):
        if se_folder.is_dir() or diffimg_folder.is_dir():
            se, diffimg = _phase(se_folder, steps.SE + steps.CALIBRATION), _phase(diffimg_folder, steps.DIFFIMG)
            failure = se[2] or diffimg[2]
            lines.append(f'{ccd:3d}  {se[0]:2d}/{se[3]} {se[1]:7.1f} s  {diffimg[0]:2d}/{diffimg[3]} {diffimg[1]:7.1f} s  '
                         f'{failure or "-"}')
    if not lines:
        raise BadInput(f'{exposure.expnum}: nothing was run in {exposure.folder}; check -E, -n, -d and -m')
    return ['ccd     SE               diffimg            first failure', *lines]


def _phase(folder: Path, table: tuple) -> tuple[int, float, str, int]:
    """Steps done, their seconds, the first failure, steps in all."""
    done = [stamp for step in table if (stamp := read_stamp(folder / f'{step.label}.DONE'))]
    failed = [stamp for step in table if (stamp := read_stamp(folder / f'{step.label}.FAIL'))]
    failure = f'{failed[0]["step"]}: {failed[0]["reason"]}' if failed else ''
    return len(done), sum(stamp.get('seconds', 0.0) for stamp in done), failure, len(table)


def _band(args: Namespace, root: Path) -> str:
    """The band of an exposure, from the names of its folders and images."""
    folder = root / args.cache / args.schema / 'exp' / args.nite / str(args.expnum)
    found = {path.name.split('_')[0] for path in folder.glob(f'{args.season}/*_[0-9][0-9]')}
    found |= {path.name.split('_')[1] for path in folder.glob('D*_immask.fits.fz')}
    return found.pop() if len(found) == 1 else 'r'


def main(stage: str, argv: list[str]) -> int:
    """Print the state of an exposure's CCDs; 1 when a step failed."""
    parser = arguments.Parser(prog=f'python -m sediff {stage}', description=main.__doc__)
    arguments.exposure_arguments(parser, 'wsdiff', band=False)
    parser.add_argument('--rpnum', default='r4p7', help='processing version, r4p7')
    args = parser.parse_args(argv)
    version = re.fullmatch(r'r([0-9]+)p([0-9]+)', args.rpnum)
    if not version:
        raise BadUsage(f'--rpnum (-r) must look like r4p7, not {args.rpnum!r}')
    parameters = arguments.read_parameters(args)
    args.band = args.band or _band(args, arguments.root_of(parameters))
    lines = status_lines(arguments.exposure_of(args, parameters, *version.groups()))
    print('\n'.join(lines))
    return int(any(not line.endswith('-') for line in lines[1:]))
