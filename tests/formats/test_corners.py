"""`.out` files."""
import numpy as np
import pytest

from sediff.errors import BadInput
from sediff.formats.corners import OUT_DTYPE, out_line, read_out, write_out

CORNERS = np.array([[359.99999, -23.5], [0.12, -23.2], [359.8, -23.49], [0.1, -23.19]])


def test_line_has_the_columns_of_the_format():
    line = out_line(668443, 'i', 3, CORNERS)
    assert line == ('  668443  i   3   359.99999  -23.50000     0.12000  -23.20000   359.80000  -23.49000     0.10000'
                    '  -23.19000\n')


def test_ra_that_rounds_to_a_full_turn_is_zero():
    corners = CORNERS.copy()
    corners[0, 0] = 359.9999999
    assert out_line(1, 'r', 1, corners).split()[3] == '0.00000'


@pytest.mark.parametrize('expnum', [7, 668443, 12345678, 1234567890])
def test_round_trip_for_any_length_of_exposure(tmp_path, expnum):
    rows = np.array([(expnum, 'VR', 62, CORNERS), (expnum, 'VR', 1, CORNERS)], OUT_DTYPE)
    write_out(tmp_path / 'x.out', rows)
    back = read_out(tmp_path / 'x.out')
    assert back['ccdnum'].tolist() == [1, 62]
    assert (back['expnum'] == expnum).all() and (back['band'] == 'VR').all()
    np.testing.assert_allclose(back['corners'], rows['corners'], atol=0.51e-5)


def test_one_line_is_a_table(tmp_path):
    write_out(tmp_path / 'x.out', np.array([(1, 'r', 1, CORNERS)], OUT_DTYPE))
    assert read_out(tmp_path / 'x.out').shape == (1,)


@pytest.mark.parametrize(('text', 'words'), [
    ('', 'no CCD'),
    ('668443 i 3 1 2 3 4 5 6 7\n', '10 columns'),
    ('668443 i 3 1 2 3 4 5 6 7 x\n', 'x'),
    ('668443 i 0 1 2 3 4 5 6 7 8\n', 'CCD 0'),
    ('668443 i 12345 1 2 3 4 5 6 7 8\n', 'CCD 12345'),
    ('668443 i 3 1 2 3 4 5 6 7 nan\n', 'no RA and Dec'),
    ('668443 i 3 1 2 3 4 5 6 7 98\n', 'no RA and Dec'),
])
def test_bad_lines_are_named(tmp_path, text, words):
    path = tmp_path / '668443.out'
    path.write_text(text)
    with pytest.raises(BadInput, match=words) as caught:
        read_out(path, range(1, 63))
    assert str(path) in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(BadInput, match=r'nothing\.out'):
        read_out(tmp_path / 'nothing.out')
