import numpy as np
import pytest
from star_field import ccd_header, wcs_error

from sediff.astrometry.head import HEAD_KEYS, head_text, parse_head
from sediff.astrometry.solution import Solution
from sediff.errors import BadData


def solution(header):
    return Solution(header, 100, 36.0, 72.0, 1.1, 5.0, 0.01, 20.0)


def test_the_text_holds_the_solution_exactly():
    header = ccd_header(123.4567890123, -45.6)
    text = head_text(solution(header))
    back = parse_head(text)
    assert wcs_error(back, header) < 1e-3
    assert back['ASTRRMS1'] == pytest.approx(1e-5)
    assert text.endswith('END     \n')
    assert all(len(line) <= 80 for line in text.splitlines())


def test_the_28_cards_come_in_scamp_s_order():
    lines = head_text(solution(ccd_header())).splitlines()
    found = [line.split('=')[0].strip() for line in lines]
    assert [key for key in found if key in HEAD_KEYS] == list(HEAD_KEYS)
    assert len(HEAD_KEYS) == 28


def test_missing_terms_are_written_as_identity():
    header = ccd_header()
    for keyword in [key for key in header if key.startswith('PV')]:
        del header[keyword]
    back = parse_head(head_text(solution(header)))
    assert (back['PV1_1'], back['PV2_1'], back['PV1_7']) == (1.0, 1.0, 0.0)
    assert np.isclose(back['CRVAL1'], header['CRVAL1'], rtol=0, atol=1e-12)


def test_wrong_projection_and_wrong_text_are_rejected():
    header = ccd_header()
    header['CTYPE1'] = 'RA---SIN'
    with pytest.raises(BadData, match='TPV'):
        head_text(solution(header))
    with pytest.raises(BadData, match='CRVAL1'):
        parse_head('EQUINOX = 2000.0\nEND\n')
