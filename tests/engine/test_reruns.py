"""A step done above is done for the rerun; one that is not, and what depends on it, goes into the rerun's own tree."""
import json
from dataclasses import replace
from pathlib import Path

import pytest

from sediff.engine.context import Context
from sediff.engine.runner import run_steps
from sediff.errors import BadData
from sediff.parameters.model import Parameters
from sediff.parameters.table import TABLE
from sediff.repository.names import Exposure, product_path
from sediff.repository.reruns import open_rerun

from .test_runner import chain, labels


@pytest.fixture
def world(tmp_path):
    """Contexts of the tree (''), of `one`, which reads it, and of `two`, which reads `one`."""
    raw = tmp_path / 'raw.txt'
    raw.write_text('one')
    for text in ('one', 'one:two'):
        open_rerun(tmp_path, text)

    def context(rerun='', **values):
        parameters = Parameters(TABLE)
        for name, value in values.items():
            parameters.set(name, str(value), 'test')
        return Context(Exposure(tmp_path, 1234567, '20260101', 'r', ccd=33, rerun=rerun), parameters, {'raw': [raw]})
    return context, tmp_path


def files(tree: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (tree / 'persistent').rglob('*') if path.is_file()}


def test_what_is_done_above_is_done_and_what_is_changed_goes_into_the_rerun(world):
    context, root = world
    assert run_steps(chain(), context()) == 3
    above = files(root)
    assert labels(chain(), context('one')) == labels(chain(), context('two')) == []
    assert run_steps(chain(), context('one', DETECT_THRESH=2)) == 2
    assert files(root) == above
    assert set(files(root / 'rerun' / 'one')) == {
        'SE02_second.DONE', 'SE02_second.LOG', 'SE03_third.DONE', 'SE03_third.LOG',
        *(product_path(context('one').exposure, name).name for name in ('quality', 'wcscheck'))}
    assert labels(chain(), context('one', DETECT_THRESH=2)) == labels(chain(), context('two', DETECT_THRESH=2)) == []
    assert labels(chain(), context('one')) == labels(chain(), context('two')) == ['SE02', 'SE03']
    assert labels(chain(), context()) == []
    assert context('two').load('wcscheck')['DETECT_THRESH'] == 2.0
    assert not (root / 'rerun' / 'two' / 'persistent').exists()


def test_a_change_above_is_seen_below(world):
    context, root = world
    run_steps(chain(), context())
    run_steps(chain(), context('one', DETECT_THRESH=2))
    (root / 'raw.txt').write_text('two')
    assert run_steps(chain(), context()) == 3
    assert labels(chain(), context('one', DETECT_THRESH=2)) == ['SE02', 'SE03']
    run_steps(chain(), context('one', DETECT_THRESH=2))
    assert context('one').load('wcscheck') == {'raw': 'two', 'DETECT_THRESH': 2.0}


def test_a_failure_in_a_rerun_is_its_own(world):
    context, _ = world
    run_steps(chain(), context())

    def broken(context):
        raise BadData('too few stars: 2')
    bad = tuple(replace(step, call=broken) if step.id == 'SE02' else step for step in chain())
    with pytest.raises(BadData):
        run_steps(bad, context('one', DETECT_THRESH=2))
    assert labels(chain(), context('one')) == labels(chain(), context('two')) == ['SE02']      # it failed last
    assert labels(chain(), context()) == []


def test_a_rerun_that_was_killed_between_product_and_stamp_is_not_taken_for_done(world):
    context, _ = world
    run_steps(chain(), context())
    quality = product_path(context('one').exposure, 'quality')
    quality.parent.mkdir(parents=True)
    quality.write_text(json.dumps({'raw': 'one', 'DETECT_THRESH': 9.9}))
    assert 'SE02' in labels(chain(), context('one'))
    run_steps(chain(), context('one'))
    assert context('one').load('quality')['DETECT_THRESH'] == 1.5


def test_an_image_that_is_not_kept_is_never_taken_from_above(world):
    context, _ = world
    exposure = context('one').exposure
    for name in ('crmasked', 'quality'):
        path = product_path(replace(exposure, rerun=''), name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{}')
    assert context('one').has('quality') and not context('one').has('crmasked')
