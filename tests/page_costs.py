"""CPU seconds of an exposure's pages: what a worker draws for a CCD, what each CCD adds in the parent, what comes once.

`python tests/page_costs.py FLAGS` in the folder of a night writes the pages three times in one process, so that at the last
all is loaded, and prints the three numbers as JSON. What reads the CCDs or writes rows of theirs is counted as what
each CCD adds, with whatever it costs once: for many CCDs that is more than they take.
"""
from __future__ import annotations

import json
import sys
import time
from collections import Counter

from sediff.cli import arguments
from sediff.engine.pool import one_thread
from sediff.flow.exposure.run import with_field
from sediff.report import exposure_page, injected

#: What grows with the CCDs, by module, beside what they draw.
GROWS = ((exposure_page, ('gather', 'season_images', 'histories', 'write_candidate_page', 'write_candidate_tables')),
         (injected, ('_read', 'efficiency_of_ccds')))


def main(argv: list[str]) -> int:
    """Print `draw`, `page_ccd` and `page`."""
    one_thread()
    parser = arguments.Parser(prog='page_costs', description=__doc__)
    arguments.exposure_arguments(parser)
    arguments.version_arguments(parser)
    args = parser.parse_args(argv)
    parameters = arguments.read_parameters(args)
    exposure = with_field(arguments.exposure_of(args, parameters, args.rnum, args.pnum), parameters)
    spent: Counter[str] = Counter()
    for module, names in (*GROWS, (exposure_page, ('draw_ccd',))):
        for name in names:
            setattr(module, name, timed(getattr(module, name), spent, 'draw' if name == 'draw_ccd' else 'page_ccd'))
    for _ in range(3):
        spent.clear()
        started = time.process_time()
        exposure_page.write_page(exposure, parameters, redraw=True)
        whole = time.process_time() - started
    print(json.dumps({**spent, 'page': whole - spent.total()}))
    return 0


def timed(function, spent: Counter, name: str):
    """The function, its CPU seconds added to those of a name."""
    def wrapped(*values, **options):
        """Call it."""
        started = time.process_time()
        try:
            return function(*values, **options)
        finally:
            spent[name] += time.process_time() - started
    return wrapped


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
