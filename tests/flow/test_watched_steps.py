"""What the steps of a night really run and open, against what is found in the sources: nothing may be outside of it."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sediff import steps
from sediff.engine.code import FOLDER, OUTSIDE, entries, package, tables_of
from sediff.formats.fits import read_ccd
from sediff.instruments.load import default_instrument
from sediff.repository.names import product_path

from .conftest import BAND, EXPNUM, NITE, Night
from .season import Season, linked
from .test_community import write_triple

pytestmark = pytest.mark.slow
#: Tables that are inputs of the steps, by parameters.
INPUTS = {'crosstalk.csv', 'linearity.csv', 'calib_epochs.csv'}


def watch(root: Path, phase: str, *settings: str) -> dict[str, tuple[set[str], set[str]]]:
    """Step -> functions that it ran and tables that it opened."""
    output = root / f'{phase}.json'
    environment = Night(root).environment(PYTHONPATH=str(FOLDER.parent))
    result = subprocess.run([sys.executable, str(Path(__file__).with_name('run_watched.py')), str(output), str(root),
                             str(EXPNUM), NITE, BAND, '33', phase, *settings], env=environment, text=True,
                            capture_output=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    return {label: (set(functions), set(tables)) for label, (functions, tables) in json.loads(output.read_text()).items()}


def outside(step, functions: set[str], tables: set[str], root: Path) -> list[str]:
    """What ran or was opened and is not found in the sources."""
    closure = package(FOLDER).closure(entries(step))
    found = {f'{module}:{name.split("[")[0]}' for module, name in closure.pieces}
    modules = set(closure.modules)
    missing = [name for name in functions - found if not _decides_nothing(name)
               and not (name.endswith(('<lambda>', 'comp>', 'genexpr>')) and name.split(':')[0] in modules)]
    return missing + sorted(tables - set(tables_of(step, [root, default_instrument().folder])) - INPUTS)


def _decides_nothing(name: str) -> bool:
    return any(name == each or name.startswith((f'{each}.', f'{each}:')) for each in OUTSIDE)


@pytest.fixture
def tree(night: Night, tmp_path) -> Path:
    """The processed night, linked; its products are made anew under other names before they take the old ones' place."""
    return linked(night.root, tmp_path / 'tree')


def test_every_step_runs_and_opens_only_what_its_key_knows(tree):
    one = Season(tree).exposure
    write_triple(tree / 'cp', read_ccd(product_path(one, 'immask')), 'V4.8.2a')
    seen = watch(tree, 'exposure') | watch(tree, 'se') | watch(tree, 'diffimg')
    seen |= {label: each for label, each in watch(tree, 'se', 'INPUT=community').items() if label == 'SE05_community'}
    every = steps.ALL + steps.COMMUNITY
    assert set(seen) == {step.label for step in every}
    assert {step.label: bad for step in every if (bad := outside(step, *seen[step.label], tree))} == {}
    ran = set.union(*(functions for functions, _ in seen.values()))
    assert len(ran) > 700 and any('kernels:' in name for name in ran)
