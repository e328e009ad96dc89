"""`sediff config` and `sediff steps`."""
from __future__ import annotations

from pathlib import Path

from sediff import steps
from sediff.cli.arguments import Parser, parameter_arguments, read_parameters
from sediff.errors import BadUsage
from sediff.formats.atomic import write_text
from sediff.instruments.settings import bands_of, instrument_of
from sediff.parameters.model import Bands, describe, rc_name
from sediff.parameters.rcfiles import FILES, own_values, rc_text

HEAD = '''# The drivers and their steps

Each script here reads its flags and calls Python once (`sediff STAGE`); its flags are in its head (`-h`) and in
the README at the top. This page is made from the table of steps (`make docs`).

| script | does | stage |
|---|---|---|
| DAGMaker.sh | chooses templates, writes the plan in mytemp_EXPNUM/ | plan |
| SEdiff.sh | single epoch, verification, star lists, difference imaging | sediff |
| SE_job_mod.sh | single epoch, then verification | se |
| verifySE.sh | checks the templates of a plan, writes the star lists | verify |
| RUN_DIFFIMG_PIPELINE.sh | difference imaging of an exposure whose single epoch is done | diffimg |
| RUNMON.sh | which steps of which CCDs are done or failed | status |
| RUN_POSTPROC.sh | light curves of all candidates of a season ([docs/forced.md](../docs/forced.md)) | postproc |
| getcorners.sh | corner files of images | corners |
| makestarcat.py | SNSTAR and SNVETO lists | starcat |
| BLISS-expCalib_Y3apass.py | zero points | calibrate |
| demo.sh | simulates a night and runs all of the above (make demo) | sim, calib, check |

## Data flow of one CCD

'''


def _external() -> str:
    rows = [f'| *{name}* | {what} |' for name, what in steps.EXTERNAL.items()]
    return '\n'.join(['', '| from outside | what it is |', '|---|---|', *rows, ''])


def main(stage: str, argv: list[str]) -> int:
    """Print the parameters or write them as rc files; or print the table of steps."""
    parser = Parser(prog=f'sediff {stage}', description=__doc__)
    if stage == 'steps':
        parser.add_argument('--drawing', action='store_true', help='the Markdown data flow of scripts/README.md')
        print(_steps(parser.parse_args(argv).drawing))
        return 0
    parameter_arguments(parser)
    parser.add_argument('--write-rc', type=Path, metavar='FOLDER', help='write the rc files with the defaults there, for '
                        'the bands of INSTRUMENT; a file that sets other values stays as it is')
    parser.add_argument('--overwrite', action='store_true', help='with --write-rc: replace such files, too')
    args = parser.parse_args(argv)
    if args.overwrite and args.write_rc is None:
        raise BadUsage('--overwrite goes with --write-rc FOLDER')
    parameters = read_parameters(args)
    if args.write_rc is not None:
        print('\n'.join(write_rc(args.write_rc, bands_of(instrument_of(parameters)), args.overwrite)))
    else:
        print(describe(parameters), end='')
    return 0


def write_rc(folder: Path, bands: Bands, overwrite: bool = False) -> list[str]:
    """Write all rc files into a folder; one that sets other values than the defaults stays as it is.

    Parameters
    ----------
    overwrite : bool
        Replace those, too.

    Returns
    -------
    list of str
        A line for each file: written, or kept and why.
    """
    told = []
    for file in FILES:
        path, text = folder / rc_name(file).removeprefix('rc/'), rc_text(file, bands)
        why = '' if overwrite else own_values(path, file, bands)
        if why:
            told.append(f'{path} kept: {why}; --overwrite replaces it')
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding='utf-8') != text:
            write_text(path, text)
        told.append(f'{path} written')
    return told


def _steps(drawing: bool) -> str:
    if drawing:
        from sediff.report.steps_drawing import data_flow_markdown
        return HEAD + data_flow_markdown(steps.ALL) + _external()
    return '\n'.join(f'{step.label:<36} {", ".join(step.needs)} -> {", ".join(step.makes)}: {step.doc}'
                     for step in steps.ALL)
