"""Pictures of stamps: north up, one stretch, colours for what is masked or missing."""
import io

import numpy as np
import pytest
from astropy.io.fits import Header
from PIL import Image

from sediff.report.chart import chart_svg
from sediff.report.north import north_up
from sediff.report.stamp_pictures import EMPTY_COLOUR, MASKED_COLOUR, asinh_share, chart_jpeg, strip_png
from sediff.wcs.read import read_wcs, sky_to_pixel

RA, DEC, SIZE = 52.0, -28.0, 51


def header(angle, mirrored):
    """A camera turned by `angle` (deg), mirrored or not, 0.27 arcsec px."""
    cos, sin = np.cos(np.radians(angle)) * 7.5e-5, np.sin(np.radians(angle)) * 7.5e-5
    sign = 1 if mirrored else -1
    return Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': RA, 'CRVAL2': DEC, 'CRPIX1': 26.0, 'CRPIX2': 26.0,
                   'CD1_1': sign * cos, 'CD1_2': -sign * sin, 'CD2_1': sin, 'CD2_2': cos})


def spots(wcs):
    """An image with a spot 4 arcsec north and a fainter one 3 arcsec east of its centre."""
    image = np.zeros((SIZE, SIZE), np.float32)
    for ra, dec, value in ((RA, DEC + 4 / 3600, 2), (RA + 3 / 3600 / np.cos(np.radians(DEC)), DEC, 1)):
        x, y = sky_to_pixel(wcs, ra, dec)
        image[int(np.rint(y)), int(np.rint(x))] = value
    return image


@pytest.mark.parametrize('mirrored', [False, True])
@pytest.mark.parametrize('angle', [0, 12, 90, 100, 180, 270, 350])
def test_north_is_up_and_east_is_left(angle, mirrored):
    wcs = read_wcs(header(angle, mirrored))
    turn = north_up(wcs.pixel_scale_matrix)
    picture = turn(spots(wcs))
    middle = SIZE // 2
    for value, direction, arcsec in ((2, turn.north, 4), (1, turn.east, 3)):
        row, column = np.argwhere(picture == value)[0]
        found = np.array([column - middle, row - middle]) * 0.27
        np.testing.assert_allclose(found, arcsec * np.array(direction), atol=0.2)     # half a pixel either way
    assert turn.north[1] < -0.7 and turn.east[0] < -0.7 and abs(turn.scale - 0.27) < 1e-3


def strip(stamps, masked=None):
    picture = Image.open(io.BytesIO(strip_png(stamps, masked or {})))
    assert picture.size == (3 * SIZE + 2, SIZE)
    colours = np.asarray(picture.convert('RGBA')).astype(int)
    return [colours[:, place * (SIZE + 1):place * (SIZE + 1) + SIZE, :3] for place in range(3)], colours


def noise(seed=1):
    rng = np.random.default_rng(seed)
    return {kind: rng.normal(sky, sigma, (SIZE, SIZE)).astype(np.float32)
            for kind, sky, sigma in (('temp', 50, 4), ('srch', 200, 9), ('diff', 0, 10))}


def test_missing_and_masked_pixels_have_their_colours_and_do_not_set_the_levels():
    stamps, masked = noise(), {kind: np.zeros((SIZE, SIZE), bool) for kind in ('temp', 'srch', 'diff')}
    plain, _ = strip(stamps)
    stamps['srch'][:, :10] = np.nan                      # y upwards: the left ten columns
    masked['diff'][:5] = True                            # the lowest five rows
    stamps['diff'][:5] = 1e6
    (template, search, difference), colours = strip(stamps, masked)
    assert (search[:, :10] == EMPTY_COLOUR).all() and not (search[:, 10:] == EMPTY_COLOUR).all(axis=2).any()
    assert (difference[-5:] == MASKED_COLOUR).all() and not (difference[:-5] == MASKED_COLOUR).all(axis=2).any()
    assert np.abs(difference[:-5] - plain[2][:-5]).max() <= 12                        # a few of 62 grey levels
    assert np.ptp(template, axis=2).max() == 0                                        # grey
    assert (colours[:, SIZE, 3] == 0).all() and (colours[:, 0, 3] == 255).all()       # a clear column between them


def test_the_stretch_is_monotonic_and_the_zero_of_a_difference_grey():
    values = np.linspace(-3, 60, 200)
    share = asinh_share(values, -3, 60)
    assert share[0] == 0 and share[-1] == 1 and (np.diff(share) > 0).all()
    assert share[np.searchsorted(values, 0)] > 3 / 63                                 # faint light is lifted
    stamps = noise()
    stamps['diff'][20:31, 20:31] += 400
    (template, search, difference), _ = strip(stamps)
    assert abs(np.median(difference[:15]) - 127.5) < 6 and difference[25, 25, 0] > 240
    assert np.std(template[..., 0]) < np.std(search[..., 0])        # on one scale the deeper image is the smoother one


def test_stamps_without_any_data_are_drawn():
    empty = {kind: np.full((SIZE, SIZE), np.nan, np.float32) for kind in ('temp', 'srch', 'diff')}
    parts, _ = strip(empty)
    assert all((part == EMPTY_COLOUR).all() for part in parts)
    assert Image.open(io.BytesIO(chart_jpeg(empty['srch']))).size == (SIZE, SIZE)


def test_chart_shows_stars_dark_and_has_scale_and_compass():
    image = np.random.default_rng(2).normal(0, 1, (301, 301)).astype(np.float32)
    image[200:206, 40:46] += 500                          # upper left, y upwards
    picture = np.asarray(Image.open(io.BytesIO(chart_jpeg(image)))).astype(int)
    assert picture.shape == (301, 301) and picture[97, 42] < 40 and np.median(picture) > 170
    turn = north_up(read_wcs(header(0, False)).pixel_scale_matrix)
    svg = str(chart_svg('12.jpg', 301, turn))
    assert '20″' in svg and '>N<' in svg and '>E<' in svg and 'href="12.jpg"' in svg
    assert f'h{20 / 0.27:.1f}' in svg                     # the bar is as long as it says
    assert '<script>' not in str(chart_svg('"><script>', 301, turn))
