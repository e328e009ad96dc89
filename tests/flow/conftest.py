"""Fixtures of the flow tests: the shared night, copies of it, and commands in this process."""
import os
import subprocess
from pathlib import Path

import pytest

from .shared_night import (
    BAND,
    EXPNUM,
    HOSTILE,
    NITE,
    READ_ONLY,
    REPOSITORY,
    SCRIPTS,
    Night,
    copy_of,
    done,
    made_once,
    process,
    raw,
    rewrite_raw,
    simulate,
    unchanged,
)

__all__ = ['BAND', 'EXPNUM', 'HOSTILE', 'NITE', 'REPOSITORY', 'SCRIPTS', 'Night', 'copy_of', 'done', 'raw', 'rewrite_raw']


@pytest.fixture(scope='session')
def shared_folder(tmp_path_factory) -> Path:
    """Folder that all workers of this run see."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if 'PYTEST_XDIST_WORKER' in os.environ else base


@pytest.fixture(scope='session')
def raw_night(shared_folder):
    """Raw exposures, calibration images and a plan of the night that all share, never to be changed: see `copy`."""
    night = Night(shared_folder / 'night')
    night.root.mkdir(exist_ok=True)
    before = made_once(shared_folder, 'raw night', lambda: simulate(night), night.root, READ_ONLY)
    yield night
    unchanged(night.root, READ_ONLY, before)


@pytest.fixture(scope='session')
def night(raw_night, shared_folder):
    """The same, processed to candidates by the plan's own script."""
    everything = (*READ_ONLY, 'persistent')
    before = made_once(shared_folder, 'processed night', lambda: process(raw_night), raw_night.root, everything)
    yield raw_night
    unchanged(raw_night.root, everything, before)


@pytest.fixture(scope='module')
def no_picture():
    """The quality picture takes more time than the tables that it shows; for tests that do not look at it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('sediff.report.quality_picture.picture', lambda report, instrument: b'')
        yield


@pytest.fixture
def copy(night, tmp_path) -> Night:
    """A copy of the processed night that a test may spoil."""
    return copy_of(night, tmp_path / 'night')


@pytest.fixture
def tree(raw_night, tmp_path) -> Night:
    """The unprocessed night, linked into a folder that a test may change."""
    root = tmp_path / 'night'
    for path in raw_night.root.rglob('*'):
        if path.is_file() and path.relative_to(raw_night.root).parts[0] in (*READ_ONLY, 'exposures.list'):
            target = root / path.relative_to(raw_night.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path)
    return Night(root)


@pytest.fixture
def in_process(monkeypatch, capfd, tmp_path):
    """`in_process(night, stage, *words, **environment)`: what a driver runs, `sediff STAGE`, in this process."""
    from sediff import __main__ as command
    monkeypatch.setattr('signal.signal', lambda number, handler: None)
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    for name in [name for name in os.environ if name.startswith('SEDIFF_')]:
        monkeypatch.delenv(name)

    def run(night: Night, stage: str, *words, **environment) -> subprocess.CompletedProcess:
        monkeypatch.chdir(night.root)
        for name, value in {'SEDIFF_ROOT': night.root, **environment}.items():
            monkeypatch.setenv(name, str(value))
        rc = [] if '--rc' in words else ['--rc', REPOSITORY / 'rc']
        code = command.main([stage, *map(str, words), *map(str, rc)])
        said = capfd.readouterr()
        return subprocess.CompletedProcess([stage, *words], code, said.out, said.err)
    return run
