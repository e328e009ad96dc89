"""Compiles the numerical kernels once, so that no worker pays for it (numba keeps them in __pycache__)."""
from __future__ import annotations

import time
from importlib import import_module

#: Modules whose warm() compiles a package's kernels.
PACKAGES = ('isr', 'refcat.planes', 'psf', 'catalog', 'formats.image_source', 'warp.resample', 'template.warming',
            'subtract.subtract', 'detect', 'candidates.warming', 'sim')


def main(stage: str, argv: list[str]) -> int:
    """Call every package's warm() and print the seconds each took."""
    from sediff.cli.arguments import Parser
    Parser(prog=f'sediff {stage}', description=__doc__).parse_args(argv)
    for package in PACKAGES:
        started = time.time()
        import_module(f'sediff.{package}').warm()
        print(f'{package:<18} {time.time() - started:6.1f} s')
    return 0
