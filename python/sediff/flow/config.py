"""`python -m sediff config` and `python -m sediff steps`."""
from __future__ import annotations

from sediff import steps
from sediff.flow.arguments import Parser, parameter_arguments, read_parameters
from sediff.parameters import describe


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
        return data_flow_markdown(steps.ALL, steps.EXTERNAL)
    return '\n'.join(f'{step.label:<36} {", ".join(step.needs)} -> {", ".join(step.makes)}: {step.doc}'
                     for step in steps.ALL)
