"""Reruns of a night: what is done again, what is read from above, and that nothing above is written."""
import hashlib
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from .shared_night import BAND, EXPNUM, NITE, Night, done
from .test_resume import steps_run

pytestmark = pytest.mark.slow


def contents(root: Path) -> dict[str, str]:
    """Every file of the tree but those of reruns, and its hash."""
    return {path.relative_to(root).as_posix(): hashlib.sha1(path.read_bytes()).hexdigest() for path in root.rglob('*')
            if path.is_file() and path.relative_to(root).parts[0] != 'rerun'}


def changed(root: Path, before: dict[str, str]) -> list[str]:
    """Files that came, went or are others."""
    now = contents(root)
    return sorted(name for name in {*now, *before} if now.get(name) != before.get(name))


def difference(night: Night, *words):
    return night.run('RUN_DIFFIMG_PIPELINE.sh', '-E', EXPNUM, '-n', NITE, '-b', BAND, '-r', 'r4p7', '-p', 'dp33', '-m', 'gw',
                     '-c', 33, '-s', '--verbose', *words)


def of(night: Night, rerun: str) -> Path:
    return night.root / 'rerun' / rerun / 'persistent' / 'gw'


def table(folder: Path, name: str) -> str:
    (path,) = folder.glob(f'exp/{NITE}/{EXPNUM}/dp33/r_33/*{name}')
    return path.read_text()


def rows(folder: Path, name: str) -> int:
    with closing(sqlite3.connect(folder / 'db' / 'dp33.sqlite')) as connection:
        return connection.execute(f'SELECT count(*) FROM {name}').fetchone()[0]


def test_a_chain_of_reruns_of_the_difference_imaging(copy):
    before = contents(copy.root)
    one = steps_run(done(difference(copy, '--rerun', 'test1', '-P', 'MAXA=1.4')))
    assert {'RUN22', 'RUN23', 'RUN24', 'RUN25', 'RUN26', 'RUN27'} <= set(one)
    assert not {'RUN02', 'RUN03', 'RUN20', 'RUN21', 'RUN28'} & set(one)
    assert not [step for step in one if step.startswith('SE')]
    assert not changed(copy.root, before)
    base, first, second = copy.root / 'persistent' / 'gw', of(copy, 'test1'), of(copy, 'test2')
    assert table(first, '_filterObj.out') and table(base, '_filterObj.out')
    assert not list(first.rglob('*immask*')) and not list(first.rglob('*diff.cat'))
    assert rows(first, 'images') == rows(base, 'images') == 1
    assert len(list(first.rglob('candidates_*.html'))) == 1
    assert not steps_run(done(difference(copy, '--rerun', 'test1', '-P', 'MAXA=1.4')))

    before_first = contents(first)
    two = steps_run(done(difference(copy, '--rerun', 'test1:test2', '-P', 'MAXA=1.4', '-P', 'PAGE_MLSCORE=0.2',
                                    '-P', 'MIN_MLSCORE=0.9')))
    assert {'RUN25', 'RUN26', 'RUN27'} <= set(two) and not {'RUN22', 'RUN23', 'RUN24'} & set(two)
    assert not changed(copy.root, before) and not changed(first, before_first)
    assert rows(second, 'images') == 1
    assert not list(second.rglob('*_filterObj.out'))            # read through test1, which has its own
    assert not steps_run(done(difference(copy, '--rerun', 'test2', '-P', 'MAXA=1.4', '-P', 'MIN_MLSCORE=0.9')))

    state = done(copy.run('RUNMON.sh', '-E', EXPNUM, '-n', NITE, '-r', 'r4p7', '-p', 'dp33', '-m', 'gw', '--rerun', 'test2'))
    assert re.search(r'^ *33 +12/12 .* 28/28 ', state.stdout, re.MULTILINE)
    wrong = difference(copy, '--rerun', 'test3:test2')
    assert wrong.returncode == 3 and 'no rerun test3' in wrong.stderr
    done(copy.run('RUNMON.sh', '-E', EXPNUM, '-n', NITE, '-r', 'r4p7', '-p', 'dp33', '-m', 'gw', '--rerun', 'test1'))
    wrong = difference(copy, '--rerun', 'test2:test1')
    assert wrong.returncode == 2 and 'test2 reads through test1 itself' in wrong.stderr


def test_single_epoch_in_a_rerun_goes_into_its_tree_and_its_templates_come_from_above(copy):
    before = contents(copy.root)
    ran = steps_run(done(copy.sediff('--rerun', 'deep', '-P', 'DETECT_THRESH=1.2')))
    assert ran[0] == 'SE06' or 'SE10' in ran
    assert {'SE10', 'SE12', 'RUN02', 'RUN28'} <= set(ran)
    assert not changed(copy.root, before)
    assert len(list(of(copy, 'deep').rglob('*_fullcat.fits'))) == 1                   # of the search exposure alone
    assert len(list(of(copy, 'deep').rglob(f'qc_D{EXPNUM:08d}_r4p7.json'))) == 1


def test_a_plan_for_a_rerun(copy):
    before = contents(copy.root)
    done(copy.run('DAGMaker.sh', '-c', 33, '--rerun', 'plan', EXPNUM))
    assert {name.split('/')[0] for name in changed(copy.root, before)} <= {f'mytemp_{EXPNUM}'}
    script = (copy.root / f'mytemp_{EXPNUM}' / f'desgw_pipeline_{EXPNUM}.sh').read_text()
    assert '--rerun plan' in script
    assert (of(copy, 'plan') / 'exp' / NITE / str(EXPNUM) / 'WS_diff.list').is_file()
