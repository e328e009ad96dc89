"""Worker processes that share the CCDs of a raw exposure: each CCD is read once, whoever needs it first."""
from __future__ import annotations

from collections import Counter
from functools import partial

import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.camera.catalogs import catalog_path
from sediff.camera.ccds import detpos
from sediff.errors import BadInput
from sediff.io.crosstalk import read_crosstalk
from sediff.io.raw import write_raw
from sediff.io.raw_scratch import RawScratch, raw_scratch
from sediff.isr.crosstalk import needed_sources
from sediff.pool import run_pool

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
    for number in sorted({ccd} | needed_sources(ccd, read_crosstalk(catalog_path('crosstalk.csv')))):
        if number in CCDS:
            pixels, header = read(path, number)
            assert (pixels == number).all() and header['CCDNUM'] == number and header['FILTER'] == 'r DECam SDSS'
    return ccd


def test_two_workers_read_no_ccd_twice(raw, tmp_path):
    lines = Counter()
    with raw_scratch(tmp_path / 'locks') as scratch:
        outcomes = run_pool(partial(victim, scratch=scratch, path=raw), CCDS, 2,
                            lambda task, event: lines.update([event[1]]))
        assert [outcome.value for outcome in outcomes] == list(CCDS), [outcome.message for outcome in outcomes]
    assert lines == {f'read CCD {ccd} of {raw.name}': 1 for ccd in CCDS}
    assert list((tmp_path / 'locks').iterdir()) == []


def test_what_a_killed_run_left_goes(raw, tmp_path):
    left = tmp_path / 'locks' / 'raw_node_12345'
    left.mkdir(parents=True)
    (left / '33.npy').write_bytes(b'half')
    left.with_name('raw_node_12345.lock').write_text('process 12345')
    with raw_scratch(tmp_path / 'locks') as scratch:
        assert not left.exists()
        with raw_scratch(tmp_path / 'locks'):
            assert scratch.is_dir()


def test_bad_input(raw, tmp_path):
    with raw_scratch(tmp_path / 'locks') as scratch:
        with pytest.raises(BadInput, match='has no CCD 5'):
            RawScratch(scratch)(raw, 5)
        with pytest.raises(BadInput, match='no such file'):
            RawScratch(scratch)(tmp_path / 'none.fits', 33)
        pixels, _ = RawScratch(scratch)(raw, 33)
        with pytest.raises(ValueError, match='read-only'):
            pixels[0, 0] = 1
