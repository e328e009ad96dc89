"""Compiles the numerical kernels once, so that no worker pays for it (numba keeps them in __pycache__)."""
from __future__ import annotations

import time
from importlib import import_module

ROOMS = ('isr', 'astrometry', 'psf', 'catalog', 'warp', 'template', 'subtract', 'detect', 'candidates', 'sim')


def main(stage: str, argv: list[str]) -> int:
    """Call every room's warm() and print the seconds each took."""
    from sediff.flow.arguments import Parser
    Parser(prog=f'python -m sediff {stage}', description=__doc__).parse_args(argv)
    for room in ROOMS:
        started = time.time()
        warm = getattr(import_module(f'sediff.{room}'), 'warm', None)
        if warm:
            warm()
            print(f'{room:<12} {time.time() - started:6.1f} s')
    return 0
