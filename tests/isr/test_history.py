"""Header cards of corrections."""
from __future__ import annotations

import pytest
from astropy.io.fits import Header

from sediff.errors import BadData
from sediff.isr.history import once, record


def test_card_and_history():
    header = Header()
    record(header, 'BIASFIL', 'D_n20150217_c33_biascor.fits', 'Bias subtracted')
    assert header['BIASFIL'] == 'D_n20150217_c33_biascor.fits' and header.comments['BIASFIL'] == 'Bias subtracted'
    assert 'Bias subtracted: D_n20150217_c33_biascor.fits' in str(header['HISTORY'])


def test_long_names_are_cut():
    header = Header()
    record(header, 'FLATFIL', 'x' * 100, 'Divided by flat')
    assert header['FLATFIL'] == 'x' * 68
    header.tostring()


def test_once():
    header = Header()
    once(header, 'BIASFIL', 'the bias correction')
    header['BIASFIL'] = 'a'
    with pytest.raises(BadData, match='start again from the raw image'):
        once(header, 'BIASFIL', 'the bias correction')
