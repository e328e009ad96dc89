"""Which steps of which CCDs are done or failed, from their stamps; the stage behind RUNMON.sh."""
from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from sediff import steps
from sediff.cli import arguments
from sediff.cli.selected import run_selected, selection_arguments
from sediff.engine.provenance import read_stamp
from sediff.errors import BadInput, BadUsage
from sediff.flow.exposure.withdrawn import withdrawn
from sediff.parameters.model import Parameters
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository


def status_lines(exposure: Exposure) -> list[str]:
    """One line a CCD: steps done of each phase, seconds, and the first failure with its reason; a line for the steps of the
    whole exposure, and one where products were made with several versions of a package, or the exposure was withdrawn.

    Raises
    ------
    BadInput
        Nothing of the exposure was ever run.
    """
    repository, lines = Repository.of(exposure), []
    each = [exposure.with_ccd(ccd) for ccd in repository.ccds_run(exposure)]
    for one in (one for one in each if one.ccd):
        se, diffimg = _phase(one, steps.SE + steps.CALIBRATION), _phase(one, steps.DIFFIMG)
        failure = se[2] or diffimg[2]
        lines.append(f'{one.ccd:3d}  {se[0]:2d}/{se[3]} {se[1]:7.1f} s  {diffimg[0]:2d}/{diffimg[3]} {diffimg[1]:7.1f} s  '
                     f'{failure or "-"}')
    lines += [_exposure_line(one) for one in each if not one.ccd]
    if not lines:
        raise BadInput(f'{exposure.expnum}: nothing was run in {repository.folder(exposure)}; check -E, -n, -d and -m')
    reason = withdrawn(exposure)
    return ['ccd     SE               diffimg            first failure', *lines, *mixed_versions(each),
            *([reason] if reason else [])]


def _exposure_line(exposure: Exposure) -> str:
    """Which steps of the whole exposure are done, their seconds, and the first failure."""
    table = steps.SKY + steps.EXPOSURE + steps.COMMON
    done = [step.id for step in table if Repository.of(exposure).has_stamp(exposure, step.label, 'DONE')]
    _, seconds, failure, _ = _phase(exposure, table)
    return f'all  {" ".join(done) or "-":<14} {seconds:7.1f} s{"":20}{failure or "-"}'


def mixed_versions(exposures: Iterable[Exposure]) -> list[str]:
    """A line for each package, and sediff, that the stamps of some CCDs have in several versions: steps of each."""
    found: dict[str, dict[str, list[str]]] = {}
    for one in exposures:
        for stamp in _stamps(one, steps.ALL + steps.COMMUNITY, 'DONE'):
            versions = {'sediff': stamp.get('version', '?'), **stamp.get('packages', {})}
            for name, version in versions.items():
                found.setdefault(name, {}).setdefault(version, []).append(str(stamp.get('step')).split('_')[0])
    return [f'mixed versions of {name}: ' + ', '.join(f'{version} ({len(made)} steps: {_some(made)})'
                                                      for version, made in sorted(each.items()))
            for name, each in sorted(found.items()) if len(each) > 1]


def _some(ids: list[str]) -> str:
    """The first few different ids of steps."""
    different = sorted(set(ids))
    return ' '.join(different[:6]) + (' ...' if len(different) > 6 else '')


def _stamps(exposure: Exposure, table: tuple, suffix: str) -> list[dict]:
    """What the steps of a table left when they ran last."""
    repository = Repository.of(exposure)
    return [stamp for step in table if (stamp := read_stamp(repository.last_stamp(exposure, step.label, suffix)))]


def _phase(exposure: Exposure, table: tuple) -> tuple[int, float, str, int]:
    """Steps done, their seconds, the first failure, steps in all."""
    done, failed = (_stamps(exposure, table, suffix) for suffix in ('DONE', 'FAIL'))
    failure = f'{failed[0]["step"]}: {failed[0]["reason"]}' if failed else ''
    return len(done), sum(stamp.get('seconds', 0.0) for stamp in done), failure, len(table)


def _band(args: Namespace, root: Path) -> str:
    """The band of an exposure, from the names of its folders and images."""
    folder = root / args.cache / args.schema / 'exp' / args.nite / str(args.expnum)
    found = {path.name.split('_')[0] for path in folder.glob(f'{args.season}/*_[0-9][0-9]*')}
    found |= {path.name.split('_')[1] for path in folder.glob('D*_immask.fits.fz')}
    return found.pop() if len(found) == 1 else 'r'


def main(stage: str, argv: list[str]) -> int:
    """Print the state of an exposure's CCDs; 1 when a step failed."""
    parser = arguments.Parser(prog=f'sediff {stage}', description=main.__doc__)
    arguments.exposure_arguments(parser, 'wsdiff', chosen=True)
    selection_arguments(parser)
    parser.set_defaults(ccds='all')
    parser.add_argument('--rpnum', default='r4p7', help='processing version, r4p7')
    args = parser.parse_args(argv)
    version = re.fullmatch(r'r([0-9]+)p([0-9]+)', args.rpnum)
    if not version:
        raise BadUsage(f'--rpnum (-r) must look like r4p7, not {args.rpnum!r}')
    parameters = arguments.read_parameters(args)
    return run_selected(args, parameters, lambda one: _print_status(one, parameters, *version.groups()), needed=('nite',))


def _print_status(args: Namespace, parameters: Parameters, rnum: str, pnum: str) -> int:
    args.band = args.band or _band(args, arguments.root_of(parameters))
    lines = status_lines(arguments.exposure_of(args, parameters, rnum, pnum, make=False))
    print('\n'.join(lines))
    states = [line for line in lines[1:] if not line.startswith('mixed versions')]
    return int(any(not line.endswith('-') for line in states))
