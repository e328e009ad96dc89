"""Light curves in text files: what SNANA and a CSV reader find in them, whatever the names are."""
import csv
import io

import numpy as np
import pytest
from snana_reader import read_snana

from sediff.formats.lightcurve import Source, csv_text, snana_text

COLUMNS = {'MJD': np.array([60000.123456, 60001.5, np.nan]), 'BAND': np.array(['g', 'VR', 'g']),
           'FIELD': np.array(['WS1 field', '', 'x']), 'NITE': np.array(['20230224', '20230225', '']),
           'EXPNUM': np.array([1, 123456789, 3]), 'CCDNUM': np.array([5, 62, 7], np.int32),
           'XPIX': np.array([1.5, 2048.25, np.nan]), 'YPIX': np.array([1.0, 4096.0, np.nan]),
           'ZPFLUX': np.array([30.0, 31.5, np.nan]), 'FLUXCAL': np.array([-12.5, 1e5, np.nan]),
           'FLUXCALERR': np.array([3.25, 100.0, np.nan]), 'PSF': np.array([2.0, np.nan, np.nan]),
           'SKYSIG': np.array([40.0, 41.0, np.nan]), 'SKYSIG_T': np.array([20.0, np.nan, np.nan]),
           'GAP': np.array(['', '', 'image unreadable: a\nb'])}


def test_snana_reads_what_was_measured():
    header, rows = read_snana(snana_text(Source('two words\nEND:', 52.5, -28.0, 'DECam', 0.263), COLUMNS))
    assert header['SNID'] == 'two_words_END_' and header['SURVEY'] == 'DECam' and float(header['DECL']) == -28.0
    assert [(row['FLT'], row['FIELD']) for row in rows] == [('g', 'WS1_field'), ('VR', '-')]
    assert [float(row['FLUXCAL']) for row in rows] == [-12.5, 1e5] and rows[0]['MJD'] == '60000.123456'
    assert rows[1]['PSF'] == '-9' and rows[1]['EXPNUM'] == '123456789' and float(rows[0]['GAIN']) == 1.0
    assert {row['OBJID'] for row in rows} == {row['PHOTFLAG'] for row in rows} == {'0'}


def test_gaps_are_comments():
    text = snana_text(Source('1', 52.5, -28.0), COLUMNS)
    assert '# no measurement: MJD -9 g EXPNUM 3 CCD 7: image unreadable: a b' in text.splitlines()


def test_csv_is_read_back():
    rows = list(csv.DictReader(io.StringIO(csv_text({'ID': np.array(['a,"b"', 'c', 'd']), **COLUMNS}))))
    assert [row['ID'] for row in rows] == ['a,"b"', 'c', 'd'] and rows[2]['FLUXCAL'] == ''
    assert float(rows[0]['MJD']) == pytest.approx(60000.123456, abs=1e-6) and rows[2]['GAP'] == 'image unreadable: a\nb'
