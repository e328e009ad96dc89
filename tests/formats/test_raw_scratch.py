"""Worker processes that share the CCDs of a raw exposure: each CCD is read once, whoever needs it first."""
from __future__ import annotations

import resource
import tempfile
from collections import Counter
from functools import partial

import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.engine.pool import run_pool
from sediff.errors import BadInput
from sediff.formats.crosstalk import read_crosstalk
from sediff.formats.raw import write_raw
from sediff.formats.raw_scratch import RawScratch, raw_scratch
from sediff.instruments.base import table_path
from sediff.instruments.ccds import detpos
from sediff.instruments.load import default_instrument
from sediff.isr.crosstalk import needed_sources

pytestmark = pytest.mark.busy

CCDS = tuple(range(30, 42))


@pytest.fixture
def raw(tmp_path):
    """A raw file of small CCDs whose pixels are their numbers."""
    path = tmp_path / 'DECam_00000007.fits.fz'
    write_raw(path, Header({'EXPNUM': 7, 'FILTER': 'r DECam SDSS'}),
              [(detpos(ccd), np.full((32, 16), ccd, np.uint16), Header({'CCDNUM': ccd})) for ccd in CCDS])
    return path


def victim(ccd, send, scratch, path):
    """What SE01 of a CCD reads."""
    read = RawScratch(scratch, lambda line: send(('read', line)))
    for number in sorted({ccd} | needed_sources(ccd, read_crosstalk(table_path(default_instrument(), 'crosstalk.csv')))):
        if number in CCDS:
            pixels, header = read(path, number)
            assert (pixels == number).all() and header['CCDNUM'] == number and header['FILTER'] == 'r DECam SDSS'
    return ccd


def test_two_workers_read_no_ccd_twice(raw, tmp_path):
    lines = Counter()
    (tmp_path / 'locks').mkdir()
    with raw_scratch(tmp_path / 'locks') as scratch:
        outcomes = run_pool(partial(victim, scratch=scratch, path=raw), CCDS, 2,
                            lambda task, event: lines.update([event[1]]))
        assert [outcome.value for outcome in outcomes] == list(CCDS), [outcome.message for outcome in outcomes]
    assert lines == {f'read CCD {ccd} of {raw.name}': 1 for ccd in CCDS}
    assert list((tmp_path / 'locks').iterdir()) == []


def test_what_a_killed_run_left_goes(raw, tmp_path):
    left = tmp_path / 'locks' / 'sediff_raw_node_12345'
    left.mkdir(parents=True)
    (left / '33.npy').write_bytes(b'half')
    left.with_name('sediff_raw_node_12345.lock').write_text('process 12345')
    with raw_scratch(tmp_path / 'locks') as scratch:
        assert not left.exists()
        with raw_scratch(tmp_path / 'locks'):
            assert scratch.is_dir()


def test_a_full_scratch_disk_costs_time_only(raw, tmp_path):
    """A limit of the size of files stands for the full disk."""
    lines, before = [], resource.getrlimit(resource.RLIMIT_FSIZE)
    with raw_scratch(tmp_path) as scratch:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, before[1]))
        try:
            first, again = (RawScratch(scratch, lines.append)(raw, 33)[0] for _ in range(2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert (first == 33).all() and (again == 33).all()
    assert any('not kept for the other workers' in line for line in lines)


def test_the_scratch_folder_is_by_default_that_of_the_system(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    with raw_scratch() as scratch:
        assert scratch.parent == tmp_path and scratch.stat().st_mode & 0o777 == 0o700
    with pytest.raises(BadInput, match='SCRATCH'), raw_scratch(tmp_path / 'none'):
        pass


def test_bad_input(raw, tmp_path):
    with raw_scratch(tmp_path) as scratch:
        with pytest.raises(BadInput, match='has no CCD 5'):
            RawScratch(scratch)(raw, 5)
        with pytest.raises(BadInput, match='no such file'):
            RawScratch(scratch)(tmp_path / 'none.fits', 33)
        pixels, _ = RawScratch(scratch)(raw, 33)
        with pytest.raises(ValueError, match='read-only'):
            pixels[0, 0] = 1
