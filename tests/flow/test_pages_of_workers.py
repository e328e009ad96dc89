"""Pages that several workers draw: the same files as one process writes, and no index where a worker was killed."""
import os
import re
import shutil
import signal
import sqlite3
from contextlib import closing

import pytest

from sediff.report import exposure_page
from sediff.report.ccd_pages import draw_ccd

from .conftest import BAND, EXPNUM, NITE, Night, done

MADE = re.compile(r'\d{4}-\d\d-\d\d \d\d:\d\d UTC')


@pytest.fixture
def two_ccds(copy) -> Night:
    """CCD 34 with the files of CCD 33, its first candidate, and others of its own."""
    for path in sorted(copy.folder.rglob('*_33*')):
        other = copy.folder / re.sub(r'_33(?![0-9])', '_34', str(path.relative_to(copy.folder)))
        if path.is_file() and 'candidates_' not in str(path) and 'locks' not in path.parts:
            other.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, other)
    for path in sorted((copy.folder / 'dp33' / 'r_33').iterdir()):
        if path.is_file():
            shutil.copy2(path, copy.folder / 'dp33' / 'r_34' / path.name.replace('_33', '_34'))
    made, = (copy.folder / 'dp33' / 'r_34').glob('*_makeCand.out')
    numbers = iter(range(99))
    made.write_text(re.sub(r'\b\d{15,}\b', lambda found: str(int(found[0]) + (1 << 40) * (next(numbers) > 1)),
                           made.read_text()))
    with closing(sqlite3.connect(copy.root / 'persistent' / 'gw' / 'db' / 'dp33.sqlite', isolation_level=None)) as base:
        base.execute('CREATE TEMP TABLE t AS SELECT * FROM images')
        base.execute('UPDATE t SET detector = 34')
        base.execute('INSERT INTO images SELECT * FROM t')
    return copy


def page(in_process, night: Night, workers: int):
    return in_process(night, 'page', '--expnum', EXPNUM, '--nite', NITE, '--band', BAND, '--season', 'dp33',
                      '--workers', workers)


def written(night: Night) -> dict[str, bytes]:
    """Name -> bytes of what is written, but for the time."""
    paths = [*night.folder.glob('candidates_*/*'), *night.folder.glob('candidates_*.*')]
    return {path.name: MADE.sub('', path.read_text('latin-1')).encode('latin-1') for path in paths}


def test_workers_write_the_same_bytes_as_one_process(two_ccds, in_process):
    done(page(in_process, two_ccds, 1))
    alone = written(two_ccds)
    assert sum(name.endswith('_34.png') for name in alone) > 3 and sum(name.endswith('_33.png') for name in alone) > 3
    shutil.rmtree(two_ccds.folder / f'candidates_{EXPNUM}_dp33')
    done(page(in_process, two_ccds, 2))
    assert written(two_ccds) == alone


def killed(task, send):
    if task.exposure.ccd == 34:
        os.kill(os.getpid(), signal.SIGKILL)
    return draw_ccd(task, send)


def test_a_killed_worker_is_a_message_and_the_index_stays(two_ccds, in_process, monkeypatch):
    done(page(in_process, two_ccds, 1))
    index = two_ccds.folder / f'candidates_{EXPNUM}_dp33.html'
    before = index.stat().st_mtime_ns
    monkeypatch.setattr(exposure_page, 'draw_ccd', killed)
    result = page(in_process, two_ccds, 2)
    assert result.returncode == 1 and f'{EXPNUM} c34 pages: the worker died' in result.stderr
    assert index.stat().st_mtime_ns == before
