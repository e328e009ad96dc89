"""Tiles of a template CCD's grid: they cover it without overlap, and each knows where it is on the sky."""
import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.template.tiling import BEYOND, CONTEXT, Tiling, grid_header, header_of_box
from sediff.wcs.read import pixel_to_sky, read_wcs

HEADER = Header({'CTYPE1': 'RA---TPV', 'CTYPE2': 'DEC--TPV', 'CRVAL1': 52.5, 'CRVAL2': -28.0, 'CRPIX1': 900.5,
                 'CRPIX2': -410.5, 'CD1_1': 1e-7, 'CD1_2': 7.3e-5, 'CD2_1': -7.3e-5, 'CD2_2': 1e-7, 'PV1_1': 1.0,
                 'PV2_1': 1.0, 'PV1_7': 0.02, 'PV2_7': 0.03})


@pytest.mark.parametrize('shape', [(4096, 2048), (400, 300), (4200, 4100), (1, 1)])
def test_tiles_cover_the_grid_once(shape):
    tiling = Tiling(shape)
    count = np.zeros(tiling.grid_shape, int)
    for number in range(tiling.counts[0] * tiling.counts[1]):
        y0, y1, x0, x1 = tiling.box(number)
        count[y0 + BEYOND:y1 + BEYOND, x0 + BEYOND:x1 + BEYOND] += 1
        assert tiling.wide_box(number) == (y0 - CONTEXT, y1 + CONTEXT, x0 - CONTEXT, x1 + CONTEXT)
        assert shape == (1, 1) or 500 < y1 - y0 < 1700 or tiling.counts[0] == 1
    assert (count == 1).all()


def test_a_ccd_of_decam_has_eight_tiles():
    assert Tiling((4096, 2048)).counts == (4, 2)


def test_headers_of_boxes_lie_where_their_pixels_are():
    tiling = Tiling((4096, 2048))
    x, y = np.array([-100.0, 700.0, 2100.0]), np.array([-30.0, 2000.0, 4180.0])
    truth = pixel_to_sky(read_wcs(HEADER), x, y)
    for header, left, low in ((grid_header(HEADER), -BEYOND, -BEYOND),
                              *((header_of_box(HEADER, box), box[2], box[0]) for box in map(tiling.box, (0, 3, 7)))):
        found = pixel_to_sky(read_wcs(header), x - left, y - low)
        assert np.max(np.abs(np.subtract(found, truth))) < 1e-10
    assert HEADER['CRPIX1'] == 900.5
