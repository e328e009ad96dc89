"""Compiles the numerical kernels once, so that no worker pays for it."""
from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from sediff import steps
from sediff.compiled import mark_complete
from sediff.engine.code import step_code
from sediff.engine.pool import cores, run_pool
from sediff.errors import StepFailed

#: Modules whose warm() compiles a package's kernels or pages, the longest first.
PACKAGES = ('isr', 'template.warming', 'subtract.subtract', 'catalog', 'psf', 'formats.image_source', 'warp.resample',
            'candidates.warming', 'detect', 'sim', 'refcat.planes', 'report.page')


def main(stage: str, argv: list[str]) -> int:
    """Call every package's warm() and print the seconds each took.

    Several processes compile at a time; what two of them compiled at the same moment numba may have kept once only, so this
    process goes through all packages afterwards: it loads what is there and compiles what is not.
    """
    from sediff.cli.arguments import Parser, integer
    parser = Parser(prog=f'sediff {stage}', description=__doc__)
    parser.add_argument('--workers', '-w', type=integer('--workers'), default=cores(), metavar='N',
                        help='processes that compile at a time; default: one a core')
    args = parser.parse_args(argv)
    if args.workers > 1:
        failed = [one for one in run_pool(warm_package, PACKAGES, args.workers, listen=said) if one.code]
        if failed:
            raise StepFailed('; '.join(f'{one.task}: {one.message}' for one in failed))
    for package in PACKAGES:
        warm_package(package, (lambda event: None) if args.workers > 1 else partial(said, package))
    for step in steps.HASHED:
        step_code(step)
    mark_complete(Path(os.environ['NUMBA_CACHE_DIR']))
    return 0


def warm_package(package: str, send: Callable[[tuple], None]) -> None:
    """Compile the kernels of a package, and send the seconds it took."""
    started = time.time()
    import_module(f'sediff.{package}').warm()
    send((time.time() - started,))


def said(package: str, event: tuple) -> None:
    """A line for a package that is done."""
    print(f'{package:<22} {event[0]:6.1f} s', flush=True)
