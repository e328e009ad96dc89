"""Detections beside bleed trails and in halos of bright stars."""
import numpy as np
import pytest

from sediff.candidates.cuts import apply_cuts, reject_names
from sediff.candidates.neighbourhood import share_of_bits
from sediff.detect.table import DETECTION_DTYPE
from sediff.maskbits import Bit

SIDE, FWHM = 200, 4.0


def detections(*places):
    table = np.zeros(len(places), DETECTION_DTYPE)
    table['NUMBER'], table['SIGN'], table['SNR'] = np.arange(len(places)) + 1, 1, 10.0
    table['X_IMAGE'], table['Y_IMAGE'] = np.array(places, float).T + 1.0
    table['FLUX_PSF'], table['FLUXERR_PSF'] = 1000.0, 100.0
    table['A_IMAGE'] = table['B_IMAGE'] = table['APSF_IMAGE'] = 2.0
    return table


def names(table, mask, **cuts):
    plane = np.zeros(mask.shape, np.float32)
    result = apply_cuts(table, plane, np.ones_like(plane), np.zeros(plane.shape, bool), FWHM, cuts=cuts, mask=mask)
    return [reject_names(int(code)) for code in result.reject], result


def test_the_share_is_that_of_the_circle():
    """Half of a circle whose middle is on the edge; a segment beside it; all of it; pixels off the image do not count."""
    mask = np.zeros((SIDE, SIDE), np.uint16)
    mask[:, :100] = Bit.TRAIL
    table = detections((99.5, 50.0), (105.5, 50.0), (50.0, 50.0), (150.0, 50.0), (0.0, 0.0), (105.5, 0.0))
    share = share_of_bits(table, mask, int(Bit.TRAIL), 12.0)
    segment = (np.arccos(0.5) - 0.5 * np.sqrt(0.75)) / np.pi       # of a circle cut at half of its radius
    assert share == pytest.approx([0.5, segment, 1.0, 0.0, 1.0, segment], abs=0.02)
    assert share_of_bits(detections((50.0, 50.0)), mask, int(Bit.STAR), 12.0) == 0.0


@pytest.mark.parametrize('bit', [Bit.TRAIL, Bit.EDGEBLEED, Bit.SSXTALK])
def test_beside_a_bleed(bit):
    mask = np.zeros((SIDE, SIDE), np.uint16)
    mask[:, 60:90] = bit
    table = detections((92.0, 100.0), (97.0, 100.0), (103.0, 100.0), (150.0, 100.0))
    found, result = names(table, mask)
    assert found == ['near_bleed', 'ok', 'ok', 'ok']
    assert result.values['near_bleed'][0] > 0.25 == result.limits['near_bleed'][0]
    assert names(table, mask, max_bleed=1.0)[0] == ['ok'] * 4
    assert names(table, mask, region_radius=6.0, max_bleed=0.1)[0] == ['near_bleed'] * 3 + ['ok']


def test_halos_reject_where_asked_for():
    mask = np.zeros((SIDE, SIDE), np.uint16)
    y, x = np.mgrid[:SIDE, :SIDE]
    mask[np.hypot(x - 100, y - 100) < 40] = Bit.STAR
    table = detections((100.0, 120.0), (100.0, 180.0))
    assert names(table, mask)[0] == ['ok', 'ok']
    assert names(table, mask, max_ghost=0.5)[0] == ['in_ghost', 'ok']
