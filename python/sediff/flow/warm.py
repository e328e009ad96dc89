"""Compiles the numerical kernels once, so that no worker pays for it (numba keeps them in __pycache__)."""
from __future__ import annotations

import time
from importlib import import_module

#: Modules whose warm() compiles a room's kernels.
ROOMS = ('isr', 'refcat.planes', 'psf', 'catalog', 'warp.resample', 'template.coadd', 'subtract.subtract', 'detect', 'sim')


def main(stage: str, argv: list[str]) -> int:
    """Call every room's warm() and print the seconds each took."""
    from sediff.flow.arguments import Parser
    Parser(prog=f'python -m sediff {stage}', description=__doc__).parse_args(argv)
    for room in ROOMS:
        started = time.time()
        import_module(f'sediff.{room}').warm()
        print(f'{room:<18} {time.time() - started:6.1f} s')
    return 0
