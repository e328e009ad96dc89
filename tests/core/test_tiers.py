"""The habits of the tests themselves: limits on CPU time, marks, one shared night, oldest versions."""
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests import tiers
from tests.flow.shared_night import contents, made_once, unchanged
from tests.lowest import SETUP, lowest

pytestmark = pytest.mark.busy

TESTS = '''
import time
import pytest
from numba.core import event

def burn():
    end = time.process_time() + 0.6
    while time.process_time() < end:
        pass

@pytest.fixture
def raw_night():
    burn()

def test_busy():
    burn()

def test_waiting():
    time.sleep(0.6)

@pytest.mark.slow
def test_long():
    burn()

def test_of_the_night(raw_night):
    pass

def test_compiling():
    with event.trigger_event('numba:compile'):
        burn()

def test_wrong():
    burn()
    assert False
'''


def test_a_busy_test_without_its_mark_fails_and_a_waiting_one_does_not(pytester, monkeypatch):
    pytester.makeconftest("pytest_plugins = ['tests.tiers']")
    pytester.makepyfile(test_it=TESTS)

    def outcomes(*words):
        with monkeypatch.context() as patch:
            patch.setitem(tiers.LIMITS, 'unit', 0.3)
            run = pytester.runpytest_inprocess('-rA', '-p', 'no:cacheprovider', *words)
        found = re.findall(r'^(PASSED|FAILED) test_it\.py::test_(\w+)', run.stdout.str(), re.MULTILINE)
        return {name: outcome for outcome, name in found}, run.stdout.str()
    found, text = outcomes()
    assert found == {'busy': 'FAILED', 'waiting': 'PASSED', 'long': 'PASSED', 'of_the_night': 'PASSED',
                     'compiling': 'PASSED', 'wrong': 'FAILED'}
    assert 'test_it.py::test_busy took 0.' in text and 'a unit test may take' in text and 'mark it slow' in text
    assert set(outcomes('-m', '(unit or night) and not slow')[0]) == set(found) - {'long'}
    assert set(outcomes('-m', '(slow or not unit and not night) and not long')[0]) == {'long'}


def test_whoever_comes_first_makes_the_night_and_the_others_wait(tmp_path):
    root, made = tmp_path / 'night', []

    def make():
        made.append(1)
        (root / 'dts').mkdir(parents=True)
        (root / 'dts' / 'raw').write_text('raw')
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: made_once(tmp_path, 'raw night', make, root, ('dts',)), range(4)))
    assert made == [1] and found == [contents(root, ('dts',))] * 4 and list(found[0]) == ['dts/raw']
    unchanged(root, ('dts',), found[0])
    (root / 'dts' / 'raw').write_text('other')
    with pytest.raises(AssertionError, match='dts/raw'):
        unchanged(root, ('dts',), found[0])


def test_a_night_that_could_not_be_made_is_not_tried_again(tmp_path):
    def fails():
        raise AssertionError('no space')
    with pytest.raises(AssertionError, match='no space'):
        made_once(tmp_path, 'raw night', fails, tmp_path, ())
    with pytest.raises(pytest.fail.Exception, match='raw night could not be made'):
        made_once(tmp_path, 'raw night', fails, tmp_path, ())


def test_every_dependency_has_a_lower_bound():
    pins = lowest(SETUP.read_text())
    assert 'numpy==2.0' in pins and not [line for line in pins if line.startswith('ruff')] and len(pins) > 12
    with pytest.raises(ValueError, match='numpy: no lower bound'):
        lowest('[options]\ninstall_requires =\n    numpy\n[options.extras_require]\ndev =\n    ruff >=1\n')


def test_cases_of_a_test_are_the_first_the_last_and_some_between(pytester):
    pytester.makeconftest("from tests.tiers import pytest_addoption, pytest_collection_modifyitems")
    pytester.makepyfile("""
        import pytest
        @pytest.mark.parametrize('n', range(9))
        def test_many(n): pass
        def test_one(): pass
    """)
    for cases, wanted in ((2, {0, 8}), (3, {0, 4, 8}), (20, set(range(9)))):
        said = pytester.runpytest('--cases', str(cases), '--collect-only', '-q').stdout.str()
        assert {int(n) for n in re.findall(r'test_many\[(\d)\]', said)} == wanted and 'test_one' in said
