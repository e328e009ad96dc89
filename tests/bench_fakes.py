#!/usr/bin/env python3
"""CPU seconds and peak memory of fakes on a finished CCD of a work tree, one thread.

    python tests/bench_fakes.py ROOT --expnum 12345678 --nite 20231115 --band r --season dp33 --ccd 33

Without ROOT: the night of `make bench`. Reading the CCD's products, and 100 fakes drawn, painted and found again; once
to load the kernels, then the fastest of five.
Exit code 1 where the fakes take more than the bar of 1.5 s.
"""
from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path

from benchtable import NIGHT
from sediff.engine.pool import one_thread
from sediff.fakes.draw import Recipe
from sediff.flow.diffimg.fakes import fakes_of, load_ccd
from sediff.flow.exposure.run import with_field
from sediff.flow.exposure.starcat import written_lists
from sediff.instruments.settings import load_parameters
from sediff.repository.names import Exposure

#: CPU seconds of the fakes of a CCD.
BAR = 1.5


def timed(work) -> tuple[float, object]:
    """CPU seconds of a function without arguments, and what it returns."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', type=Path, nargs='?', default=os.environ.get(NIGHT))
    for flag, value in (('--expnum', 1250100), ('--nite', '20231115'), ('--band', 'r'), ('--season', 'dp33'), ('--ccd', 33)):
        parser.add_argument(flag, default=value, type=type(value))
    args = parser.parse_args()
    if args.root is None:
        print(f'{NIGHT} names no night: make bench runs this')
        return 0
    one_thread()
    parameters = load_parameters(None, [f'ROOT={args.root.absolute()}'])
    exposure = with_field(Exposure(args.root.absolute(), args.expnum, args.nite, args.band, season=args.season), parameters)
    one, snveto = exposure.with_ccd(args.ccd), written_lists(exposure).get('snveto')
    fakes_of(load_ccd(one, parameters, snveto), Recipe(), 1)
    reading, ccd = timed(lambda: load_ccd(one, parameters, snveto))
    rounds = [timed(lambda part=part: fakes_of(ccd, Recipe(), 1, part)) for part in range(5)]
    seconds = min(each for each, _ in rounds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    print(f'read {reading:.2f} s; {len(rounds[0][1])} fakes {seconds:.2f} s (bar {BAR:g} s); peak {peak:.0f} MB')
    return int(seconds > BAR)


if __name__ == '__main__':
    raise SystemExit(main())
