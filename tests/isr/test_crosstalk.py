"""Crosstalk put in and taken out again, in readout order of both halves."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import raw_header

from sediff.errors import BadInput
from sediff.formats.crosstalk import read_crosstalk
from sediff.formats.raw import SharedReader
from sediff.instruments.amplifiers import read_amplifiers
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.isr.crosstalk import (
    CrosstalkTerm,
    correct_crosstalk,
    crosstalk_signal,
    needed_later,
    needed_sources,
    readout_arrays,
)

LINEAR = CrosstalkTerm('ccd25A', 1e-3, 1e10, (0.0, 0.0, 0.0))
BENT = CrosstalkTerm('ccd25A', 1e-3, 40000.0, (2e-3, -1e-7, 1e-12))


@pytest.fixture(scope='module')
def table():
    return read_crosstalk(table_path(default_instrument(), 'crosstalk.csv'))


def test_published_table(table):
    assert len(table) == 124 and sum(len(terms) for terms in table.values()) == 249
    first = table['ccd25B'][0]
    assert (first.source, first.linear, first.onset) == ('ccd25A', 1.34e-4, 4.078154e4)
    assert first.polynomial == (1.537540e-04, -6.980507e-08, 5.963848e-12)


def test_needed_sources(table):
    assert needed_sources(26, table) == {25, 26, 27} and needed_sources(33, {}) == set()


def test_signal_is_linear_then_bent_and_continuous():
    source = np.array([[-5.0, 0.0, 1000.0, 40000.0, 40000.01, 50000.0]], np.float32)
    signal = crosstalk_signal(source, BENT)[0]
    np.testing.assert_allclose(signal[:4], [-0.005, 0.0, 1.0, 40.0], rtol=1e-6)
    assert signal[4] == pytest.approx(signal[3], abs=1e-3)
    assert signal[5] == pytest.approx(40.0 + 20.0 - 10.0 + 1.0, rel=1e-5)


def test_real_terms_stay_small_up_to_saturation(table):
    """A polynomial in the level itself, rather than in its excess over the onset, would give hundreds of ADU."""
    onset = [crosstalk_signal(np.array([[term.onset + 1]], np.float32), term)[0, 0]
             for terms in table.values() for term in terms if term.onset < 1e9]
    assert len(onset) == 123 and np.abs(onset).max() < 50


@pytest.mark.parametrize('half, victim_half', [('N', 'N'), ('S', 'N'), ('N', 'S')])
def test_a_star_is_taken_out_where_it_was_read(half, victim_half):
    """A source pixel appears at the same place in readout order."""
    rng = np.random.default_rng(2)
    source_amplifiers = read_amplifiers(raw_header(half, 25))
    victim_amplifiers = read_amplifiers(raw_header(victim_half, 26))
    source = rng.uniform(0, 60000, (4096, 2048)).astype(np.float32)
    truth = rng.normal(100, 5, (4096, 2048)).astype(np.float32)
    sources = readout_arrays(source, 25, source_amplifiers)
    image = truth.copy()
    a = victim_amplifiers[0]
    image[a.ccd][a.readout] += crosstalk_signal(sources['ccd25A'], BENT)
    assert np.abs(image - truth).max() > 30
    corrected, skipped = correct_crosstalk(image, 26, victim_amplifiers, sources, {'ccd26A': (BENT,)})
    np.testing.assert_allclose(corrected, truth, atol=1e-4)
    assert skipped == []


def test_own_amplifiers_are_corrected_from_the_uncorrected_image():
    amplifiers = read_amplifiers(raw_header('N', 25))
    image = np.zeros((4096, 2048), np.float32)
    image[10, 3] = 30000.0
    sources = readout_arrays(image, 25, amplifiers)
    corrected, _ = correct_crosstalk(image, 25, amplifiers, sources, {'ccd25B': (LINEAR,)})
    assert corrected[10, 2047 - 3] == pytest.approx(-30.0) and np.count_nonzero(corrected) == 2
    assert np.count_nonzero(image) == 1


def test_missing_sources_are_reported():
    amplifiers = read_amplifiers(raw_header('N', 26))
    image = np.ones((4096, 2048), np.float32)
    corrected, skipped = correct_crosstalk(image, 26, amplifiers, {}, {'ccd26A': (LINEAR,), 'ccd26B': (LINEAR,)})
    np.testing.assert_array_equal(corrected, image)
    assert skipped == ['ccd25A']


@pytest.mark.parametrize('text', ['victim,source\nccd01A,ccd01B\n', 'victim,source,x,src_nl,p1,p2,p3\n',
                                  'victim,source,x,src_nl,p1,p2,p3\nccd01A,ccd01B,one,1,0,0,0\n'])
def test_bad_tables(tmp_path, text):
    path = tmp_path / 'table.csv'
    path.write_text(text)
    with pytest.raises(BadInput, match='crosstalk term'):
        read_crosstalk(path)


def test_no_table(tmp_path):
    with pytest.raises(BadInput, match='no crosstalk table'):
        read_crosstalk(tmp_path / 'none.csv')


def test_a_whole_exposure_reads_no_ccd_twice(tmp_path):
    """In ascending order in one process, with the table of 2013; sources outside the list are read too."""
    table, read, most = read_crosstalk(table_path(default_instrument(), 'crosstalk.csv')), [], 0
    shared = SharedReader(lambda path, ccd: read.append(ccd) or (ccd, path))
    for ccd in (number for number in range(1, 63) if number not in (2, 61)):
        for needed in {ccd} | needed_sources(ccd, table):
            assert shared(tmp_path / 'raw.fits.fz', needed)[0] == needed
        most = max(most, len(shared))
        shared.keep_only(needed_later(ccd, table, range(1, 63)))
    assert sorted(read) == sorted(set(read)) and set(range(1, 63)) - {2} <= set(read)
    assert most <= 8
    one = len(read)
    shared(tmp_path / 'other.fits.fz', 62)
    assert len(read) == one + 1 and len(shared) == 1


@pytest.mark.parametrize('line, wanted', [
    ('ccd01A ccd01B 0.000123', ('ccd01B', 0.000123, 1e10, (0, 0, 0))),
    ('ccd01A   ccd01B   1.23e-04   1.1e-05', ('ccd01B', 1.23e-4, 1e10, (0, 0, 0))),
    ('ccd01A ccd01B 1.23e-04 1.1e-05 4.0e4 1e-4 -7e-8 6e-12', ('ccd01B', 1.23e-4, 4e4, (1e-4, -7e-8, 6e-12)))])
def test_the_text_that_ctio_distributes(tmp_path, line, wanted):
    path = tmp_path / 'DECam_20130606.xtalk'
    path.write_text(f'# victim source x\n#\n{line}  \nccd62A ccd69B 1e-4\n')
    table = read_crosstalk(path, range(1, 63))
    assert list(table) == ['ccd01A']
    term = table['ccd01A'][0]
    assert (term.source, term.linear, term.onset, term.polynomial) == wanted


@pytest.mark.parametrize('text, words', [
    ('ccd01A ccd01B\n', [':1', '2 values', 'ccd01A ccd01B']), ('ccd01A S3 1e-4\n', [':1', 'an amplifier is named']),
    ('victim source\nccd01A ccd01B\n', [':2', "no column 'x'", 'src_nl']), ('ccd01A ccd01B nan\n', [':1', 'nan']),
    ('ccd01A ccd01B 1e-4\nccd01A ccd01B 1e-4 x\n' , []), ('a b c\n', ['no crosstalk term', 'CTIO']),
    ('', ['no crosstalk term'])])
def test_other_texts_are_rejected_with_their_line(tmp_path, text, words):
    path = tmp_path / 'mine.txt'
    path.write_text(text)
    if not words:
        assert len(read_crosstalk(path)['ccd01A']) == 2      # the error of a coefficient is not used
        return
    with pytest.raises(BadInput) as caught:
        read_crosstalk(path)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_the_distributed_matrix_is_that_of_the_catalogs(realdata):
    assert read_crosstalk(realdata / 'calib' / 'DECam_xtalk_20130606.txt', range(1, 63)) == \
        read_crosstalk(table_path(default_instrument(), 'crosstalk.csv'))
