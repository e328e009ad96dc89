"""Tiers of tests: marks that follow from what a test uses, and the limit on the CPU time of tests that have none.

`make check` runs the tests marked `unit`, `make test` those and `night`, `make test-all` all. A test without a mark is
`unit`; it is `night` or `realdata` as soon as it uses a fixture that gives these.
"""
from __future__ import annotations

import resource
import time

import pytest
from numba.core import event

#: Fixtures that make a test one of a tier.
FIXTURES = {'night': {'raw_night'}, 'realdata': {'realdata'}}
#: CPU seconds of a test, its fixtures and compilation left out, of each tier; `slow` tests may take as long as they need.
LIMITS = {'unit': 10.0, 'realdata': 10.0, 'night': 60.0}
#: Where tests that share the night stand: the file that looks at it first, unit tests meanwhile, the others after.
FIRST, LAST = 'test_night', ('night', 'slow')


class Compilation(event.Listener):
    """CPU seconds of numba's compilations in this process: a cold cache must not make a test slow."""

    def __init__(self) -> None:
        self.seconds, self._depth, self._start = 0.0, 0, 0.0

    def on_start(self, event: event.Event) -> None:
        """The outermost compilation starts the clock."""
        if not self._depth:
            self._start = time.process_time()
        self._depth += 1

    def on_end(self, event: event.Event) -> None:
        """The outermost compilation stops it."""
        self._depth -= 1
        if not self._depth:
            self.seconds += time.process_time() - self._start


COMPILATION = Compilation()
event.register('numba:compile', COMPILATION)
SPENT = pytest.StashKey[float]()


def tier_of(item: pytest.Item) -> str:
    """The mark that decides: slow before night before realdata; unit where there is none."""
    return next((name for name in ('slow', 'night', 'realdata') if item.get_closest_marker(name)), 'unit')


def cpu_seconds() -> float:
    """CPU time of this process and of those it has waited for, less what numba compiled (s)."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used) - COMPILATION.seconds


def place_of(item: pytest.Item) -> int:
    """The shared night is begun first, and is there when the rest that needs it has its turn."""
    if item.path.stem == FIRST and 'raw_night' in item.fixturenames:
        return 0
    return 2 if tier_of(item) in LAST else 1


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--cases N`: what CI runs with other Pythons and dependencies."""
    parser.addoption('--cases', type=int, default=0, metavar='N', help='of each test that has parameters, N cases at most')


def spread(items: list[pytest.Item], cases: int) -> list[pytest.Item]:
    """At most so many cases of each test, the first, the last and those evenly between."""
    groups: dict = {}
    for item in items:
        groups.setdefault(item.nodeid.split('[')[0], []).append(item)
    return [group[k * (len(group) - 1) // max(count - 1, 1)] for group in groups.values()
            for count in (min(cases, len(group)),) for k in range(count)]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every test the marks of its tier, and files that share the night a place after it is made."""
    if config.getoption('--cases'):
        wanted = set(spread(items, config.getoption('--cases')))
        config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
        items[:] = [item for item in items if item in wanted]
    for item in items:
        for name, fixtures in FIXTURES.items():
            if fixtures & set(getattr(item, 'fixturenames', ())) and not item.get_closest_marker('slow'):
                item.add_marker(name)
        if tier_of(item) == 'unit':
            item.add_marker('unit')
    places: dict = {}
    for item in items:
        places[item.path] = max(place_of(item), places.get(item.path, 0))
    items.sort(key=lambda item: places[item.path])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):
    """Keep the CPU time of the test itself."""
    started = cpu_seconds()
    try:
        return (yield)
    finally:
        item.stash[SPENT] = cpu_seconds() - started


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """A test that passed and took more than its tier allows has failed."""
    report = yield
    tier, spent = tier_of(item), item.stash.get(SPENT, 0.0)
    if call.when == 'call' and report.passed and spent > LIMITS.get(tier, float('inf')):
        report.outcome = 'failed'
        report.longrepr = (f'{item.nodeid} took {spent:.1f} s of CPU time, a {tier} test may take {LIMITS[tier]:.0f}: '
                           'make it smaller, or mark it slow')
    return report
