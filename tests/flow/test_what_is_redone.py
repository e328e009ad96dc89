"""One thing is changed at a time, and exactly the steps that depend on it are to run again."""
from __future__ import annotations

import os
import re
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from sediff import steps
from sediff.candidates.scoremodel import read_score_model, write_score_model
from sediff.catalogs import catalogs_folder
from sediff.engine import code
from sediff.engine.planning import plan
from sediff.flow.exposure.database import SeasonLedger
from sediff.flow.exposure.job import prepare
from sediff.flow.exposure.shards import shards_of
from sediff.instruments.load import default_instrument
from sediff.repository.names import calib_path, product_path

from .conftest import BAND, NITE, Night
from .season import Season, linked, plan_job, replace_bytes

ALL_SE = [f'SE{number:02d}' for number in range(1, 12)]
#: What makes the images that are not kept: the search image, the template, the difference.
SEARCH, TEMPLATE, DIFFERENCE = ({'RUN01', 'RUN05', 'RUN11', 'RUN12'}, {'RUN16'}, {'RUN16', 'RUN18'})


@pytest.fixture(scope='module')
def season(night: Night, tmp_path_factory) -> Season:
    """A linked copy in which nothing is left to do; its hashes are on the shelf."""
    return Season(linked(night.root, tmp_path_factory.mktemp('season') / 'tree'))


@pytest.fixture
def tree(season: Season, tmp_path) -> Season:
    return Season(linked(season.root, tmp_path / 'tree'))


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """`edit(module, old, new)` changes a copy of the package, whose code then counts."""
    folder = tmp_path / 'package' / 'sediff'
    shutil.copytree(code.FOLDER, folder, ignore=shutil.ignore_patterns('__pycache__'))
    monkeypatch.setattr(code, 'FOLDER', folder)

    def edit(module: str, old: str, new: str) -> None:
        path = folder / module
        text = path.read_text()
        assert text.count(old) == 1, (module, old)
        path.write_text(text.replace(old, new))
        for known in (code.signature, code.package, code._shelved):
            known.cache_clear()
    yield edit
    for known in (code.signature, code.package, code._shelved):
        known.cache_clear()


def below(*first: str) -> set[str]:
    """Steps of the difference imaging and those that depend on them."""
    found = set(first)
    for step in steps.DIFFIMG:
        makers = {maker.id for maker in steps.ALL if set(step.needs) & set(maker.makes)}
        found |= {step.id} if makers & found else set()
    return found


def test_nothing_changed(tree):
    assert tree.todo() == []


def test_j_after_a_full_run_and_a_full_run_after_j(tree):
    assert plan_job(tree.job('se', only=True)) == []
    assert tree.run('se', only=True, ZP_MAG_MAX=20.0) == ['SE12']
    assert plan_job(tree.job('se', ZP_MAG_MAX=20.0)) == []
    assert plan_job(tree.job('se')) == ['SE12']


def test_a_row_of_a_catalog(tree, tmp_path, monkeypatch):
    for folder in (default_instrument().folder, catalogs_folder()):
        shutil.copytree(folder, tmp_path / 'catalogs', dirs_exist_ok=True)
    monkeypatch.setenv('SEDIFF_CATALOGS', str(tmp_path / 'catalogs'))
    assert tree.todo() == []
    weights = tmp_path / 'catalogs' / 'autoscan.npz'
    before = weights.read_bytes()
    write_score_model(weights, replace(read_score_model(weights), version='another'))
    assert weights.read_bytes() != before
    assert set(tree.todo()) == {'RUN24', 'RUN25', 'RUN26', 'RUN27'} | SEARCH | TEMPLATE | DIFFERENCE
    weights.write_bytes(before)
    assert tree.todo() == []
    conditions = tmp_path / 'catalogs' / 'teff.csv'
    conditions.write_text(conditions.read_text().replace('\nr,', '\nr,1'))
    assert set(tree.todo()) == {'SE12', 'SE13', 'RUN15', 'RUN25', 'RUN26', 'RUN27'} | SEARCH | DIFFERENCE


def test_a_helper_of_one_step(tree, sources):
    sources('candidates/fakematch.py', 'def match_fakes(', 'NOTHING = 0\n\n\ndef match_fakes(')
    assert tree.todo() == []                                   # what no step reaches is no code of a step
    text = (code.FOLDER / 'candidates' / 'fakematch.py').read_text()
    first = re.search(r'def match_fakes\(.*?"""(.*?)"""\n', text, re.S)
    sources('candidates/fakematch.py', first[0], first[0].replace(first[1], 'Other words.') + '    # and a comment\n')
    assert tree.todo() == []
    text = (code.FOLDER / 'candidates' / 'fakematch.py').read_text()
    sources('candidates/fakematch.py', '    # and a comment\n', '    found = None\n')
    assert set(tree.todo()) == {'RUN27'} | SEARCH | TEMPLATE | DIFFERENCE
    assert tree.todo(CODE_CHANGES='keep') == []
    _, context = prepare(tree.job('diffimg', CODE_CHANGES='keep'))
    assert plan(steps.DIFFIMG, context)[0] == [] and context.pinned == {'RUN27_combined_fakeMatch'}
    changed = tree.todo(CODE_CHANGES='keep', FAKE_RADIUS=2.0)                 # parameters always count
    assert set(changed) == {'RUN27'} | SEARCH | TEMPLATE | DIFFERENCE


def test_another_step_s_function_in_the_same_module(tree, sources):
    sources('flow/diffimg/subtract.py', "    context.save('diff_mh', context.load('diff'))\n",
            "    context.save('diff_mh', context.load('diff'))\n    context.log('')\n")
    assert set(tree.todo()) == {'RUN21', 'RUN28'} | SEARCH | TEMPLATE | DIFFERENCE


def test_the_middle_of_the_flat(tree):
    flat = calib_path(tree.root, 'norm-dflatcor', NITE, 33, BAND)
    replace_bytes(flat, flat.stat().st_size // 2, b'\x01\x02\x03\x04')
    assert tree.todo() == ALL_SE
    os.utime(flat)
    assert tree.todo() == ALL_SE


def test_a_touched_flat_and_a_copied_tree_are_the_same(tree, tmp_path):
    shutil.copytree(tree.root, tmp_path / 'other', copy_function=shutil.copyfile)
    assert Season(tmp_path / 'other').todo() == []


def test_shards_of_this_field_and_of_another(tree):
    _, context = prepare(tree.job('se'))
    mine = shards_of(context, next(step for step in steps.SE if step.id == 'SE07'))
    folder = tree.root / 'refcat'
    assert any(path.is_file() for path in mine) and len(mine) <= 4
    shutil.copyfile(next(path for path in mine if path.is_file()), folder / 'GAIA_00001.fits')
    assert tree.todo() == []
    (folder / 'GAIA_00001.fits').write_bytes(b'other')
    assert tree.todo() == []
    shard = next(path for path in mine if path.is_file())
    replace_bytes(shard, shard.stat().st_size - 1, b'\x07')
    assert set(tree.todo()) == {*ALL_SE, 'SE12'} - {'SE06'} | below('RUN18') | SEARCH | TEMPLATE


def test_a_product_rewritten_with_the_same_size(tree):
    path = product_path(tree.exposure, 'fullcat')
    before = path.read_bytes()
    replace_bytes(path, len(before) // 2, b'\x55\xaa')
    assert tree.run('se') == ['SE10'] and path.read_bytes() == before
    assert tree.todo() == []


def test_a_deleted_database_is_filled_again_from_the_products(tree):
    path = product_path(tree.exposure, 'database')
    before = rows_of(path)
    forced = product_path(tree.exposure, 'forced').read_bytes()
    for each in path.parent.glob(f'{path.name}*'):
        each.unlink()
    assert tree.todo() == ['RUN15', 'RUN25', 'RUN26', 'RUN27'] and not path.exists()
    assert tree.run('diffimg') == ['RUN15', 'RUN25', 'RUN26', 'RUN27']
    assert tree.todo() == []
    assert rows_of(path) == before and len(before['detections']) > 10
    assert product_path(tree.exposure, 'forced').read_bytes() == forced


def test_an_older_database_is_filled_again(tree):
    path = product_path(tree.exposure, 'database')
    older = path.read_bytes()
    assert 'RUN25' in tree.run('diffimg', MIN_MLSCORE=0.5)
    for each in path.parent.glob(f'{path.name}-*'):
        each.unlink()
    path.write_bytes(older)                                    # the copy of yesterday
    assert tree.todo(MIN_MLSCORE=0.5) == ['RUN25', 'RUN26', 'RUN27']
    tree.run('diffimg', MIN_MLSCORE=0.5)
    assert tree.todo(MIN_MLSCORE=0.5) == []


def test_forced_photometry_is_made_again_where_a_candidate_has_moved(tree):
    path = product_path(tree.exposure, 'forced')
    text = path.read_text()
    row = next(line for line in text.splitlines() if line.startswith('OBJ: candidate'))
    path.unlink()
    path.write_text(text.replace(row, row.replace(row.split()[3], f'{float(row.split()[3]) + 0.001:.7f}')))
    ledger = SeasonLedger(tree.exposure, tree.parameters())
    with ledger.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM entries WHERE step = 'RUN26'")
    ran = tree.run('diffimg')
    assert ran[-1] == 'RUN26' and 'RUN18' in ran
    assert path.read_text() == text


def rows_of(path: Path) -> dict[str, list]:
    """Rows of a season's tables."""
    with sqlite3.connect(f'file:{path}?mode=ro', uri=True) as connection:
        return {table: sorted(connection.execute(f'SELECT * FROM {table}').fetchall(), key=str)
                for table in ('images', 'detections', 'candidates', 'forced')}
