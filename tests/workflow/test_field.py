"""Names of pointings."""
import pytest

from sediff.errors import BadData
from sediff.repository.field import field_name


@pytest.mark.parametrize(('ra', 'dec', 'name'), [
    (197.45, -23.38, 'WS1974-233'), (12.0, -0.05, 'WS120-0'), (12.0, 0.05, 'WS120+0'), (0.0, 90.0, 'WS0+900'),
    (359.99, -89.99, 'WS3599-899'), (-0.55, 5.0, 'WS3594+50'), (16.1, 8.2, 'WS161+82'), (4.35, 2.3, 'WS43+23'),
    (360.0 - 1e-9, 1.0, 'WS0+10'),
])
def test_field_name(ra, dec, name):
    assert field_name(ra, dec) == name


def test_every_tenth_of_a_degree_keeps_its_digits():
    for tenths in range(3600):
        assert field_name(tenths / 10, 0.0) == f'WS{tenths}+0'


@pytest.mark.parametrize(('ra', 'dec'), [(float('nan'), 0.0), (10.0, 91.0), (10.0, float('inf'))])
def test_no_position(ra, dec):
    with pytest.raises(BadData):
        field_name(ra, dec)
