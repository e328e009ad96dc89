"""`python -m sediff config` and `python -m sediff steps`."""
from __future__ import annotations

from sediff import steps
from sediff.flow.arguments import Parser, parameter_arguments, read_parameters
from sediff.parameters import describe

HEAD = '''# The drivers and their steps

Each script here reads its flags and calls Python once (`python -m sediff STAGE`); its flags are in its head (`-h`) and in
the README at the top. This page is made from the table of steps (`make docs`).

| script | does | stage |
|---|---|---|
| DAGMaker.sh | chooses templates, writes the plan in mytemp_EXPNUM/ | plan |
| SEdiff.sh | single epoch, verification, star lists, difference imaging | sediff |
| SE_job_mod.sh | single epoch, then verification | se |
| verifySE.sh | checks the templates of a plan, writes the star lists | verify |
| RUN_DIFFIMG_PIPELINE.sh | difference imaging of an exposure whose single epoch is done | diffimg |
| RUNMON.sh | which steps of which CCDs are done or failed | status |
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
    """Print the parameters, or the table of steps."""
    parser = Parser(prog=f'python -m sediff {stage}', description=__doc__)
    if stage == 'steps':
        parser.add_argument('--drawing', action='store_true', help='the Markdown data flow of scripts/README.md')
        print(_steps(parser.parse_args(argv).drawing))
        return 0
    parameter_arguments(parser)
    print(describe(read_parameters(parser.parse_args(argv))), end='')
    return 0


def _steps(drawing: bool) -> str:
    if drawing:
        from sediff.report.steps_drawing import data_flow_markdown
        return HEAD + data_flow_markdown(steps.ALL) + _external()
    return '\n'.join(f'{step.label:<36} {", ".join(step.needs)} -> {", ".join(step.makes)}: {step.doc}'
                     for step in steps.ALL)
