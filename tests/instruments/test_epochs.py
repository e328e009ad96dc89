"""Calibration epochs: the published limits, user tables, gaps."""
from __future__ import annotations

import pytest

from sediff.errors import BadInput
from sediff.instruments.base import table_path
from sediff.instruments.epochs import choose_epoch, read_epochs
from sediff.instruments.load import default_instrument


@pytest.fixture(scope='module')
def epochs():
    return read_epochs(table_path(default_instrument(), 'calib_epochs.csv'))


@pytest.mark.parametrize('expnum, band, name', [(226352, 'r', 'sve1'), (226353, 'r', 'y1e1'), (258564, 'g', 'y1e2'),
                                                (383321, 'i', 'y2e1'), (383322, 'i', 'y2e2'), (438445, 'z', 'y3e1'),
                                                (666747, 'u', 'y4e1'), (666748, 'u', 'y7u'), (668443, 'i', 'y7')])
def test_epochs_by_exposure_number(epochs, expnum, band, name):
    nite = '20130115' if name == 'sve1' else '20170817'
    assert choose_epoch(epochs, expnum, nite, band).name == name


def test_files_of_an_epoch(epochs):
    epoch = choose_epoch(epochs, 450000, '20150901', 'r')
    assert epoch.tags['biascor'] == '20151113t1123' and epoch.calibrations == ('20150501', '20160331')
    assert str(epoch) == 'epoch y3e1 (exposures 438445-519543, all bands)'


def test_gap_is_rejected(epochs):
    with pytest.raises(BadInput, match='no calibration epoch covers exposure 100 of 20110101 in r'):
        choose_epoch(epochs, 100, '20110101', 'r')


def test_a_table_by_night(tmp_path):
    head = 'epoch,bands,first_expnum,last_expnum,first_nite,last_nite,calib_from,calib_to,bias,bpm,flat,skypca,starflat\n'
    path = tmp_path / 'own.csv'
    path.write_text('# mine\n' + head + 'one,g r,,,20200101,20200601,20200101,20200601,,,,,\ntwo,*,,,20200602,,,,,,,,\n')
    own = read_epochs(path)
    assert choose_epoch(own, 1, '20200601', 'g').name == 'one' and choose_epoch(own, 1, '20210101', 'z').name == 'two'
    with pytest.raises(BadInput, match='in z'):
        choose_epoch(own, 1, '20200601', 'z')
    path.write_text(head + 'one,g,x,,,,,,,,,,\n')
    with pytest.raises(BadInput, match='not a calibration epoch'):
        read_epochs(path)
    with pytest.raises(BadInput, match='no table'):
        read_epochs(tmp_path / 'none.csv')
