import json

import fitsio
import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.errors import BadData, BadInput
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.refcat.lookup import (
    as_stars,
    corners_of,
    read_colour_terms,
    read_quality_table,
    read_shards,
    reference_stars,
    write_shards,
)
from sediff.refcat.regions import shards_for_region
from sediff.refcat.stars import empty_stars, shard_name
from sediff.sphere import from_vectors, inside_polygon, widened
from sediff.wcs.read import pixel_scale, pixel_to_sky, read_wcs, sky_to_pixel

SHAPE = (4096, 2048)


def ccd_wcs(ra, dec):
    header = Header()
    for keyword, value in {'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': ra, 'CRVAL2': dec, 'CRPIX1': 1024.5,
                           'CRPIX2': 2048.5, 'CD1_1': 0.0, 'CD1_2': 7.3e-5, 'CD2_1': -7.3e-5, 'CD2_2': 0.0}.items():
        header[keyword] = value
    return read_wcs(header)


def stars_near(ra, dec, radius=2.5, n=4000, seed=5):
    rng = np.random.default_rng(seed)
    stars = empty_stars(n)
    stars['ra'] = np.mod(ra + rng.uniform(-radius, radius, n) / max(np.cos(np.radians(dec)), 0.01), 360.0)
    stars['dec'] = np.clip(dec + rng.uniform(-radius, radius, n), -90, 90)
    stars['source_id'], stars['phot_g_mean_mag'], stars['ref_epoch'] = np.arange(n), rng.uniform(14, 20, n), 2016.0
    stars['pmra'] = stars['pmdec'] = stars['parallax'] = 0.0
    return stars


def test_round_trip(tmp_path):
    stars = stars_near(0.0, -10.0)
    paths = write_shards(tmp_path / 'gaia', stars)
    assert all(path.name == shard_name(int(path.name[5:10])) for path in paths)
    back, missing = read_shards(tmp_path / 'gaia', [int(path.name[5:10]) for path in paths])
    assert missing == []
    back = back[np.argsort(back['source_id'])]
    for name in stars.dtype.names:
        assert np.array_equal(back[name], stars[name], equal_nan=stars.dtype[name].kind == 'f')


@pytest.mark.parametrize('dec', [-10.0, -89.99])
def test_reference_stars_of_a_ccd_across_ra_zero(tmp_path, dec):
    stars = stars_near(0.0, dec)
    write_shards(tmp_path, stars)
    wcs = ccd_wcs(0.0, dec)
    found, _ = reference_stars(tmp_path, wcs, SHAPE, 57388.5, margin_deg=0.02)
    beyond = beyond_ccd(wcs, stars)
    assert np.isin(stars['source_id'][beyond < 0.0199], found['source_id']).all()
    assert not np.isin(stars['source_id'][beyond > 0.0201], found['source_id']).any()
    assert (beyond < 0.0199).sum() > 10


def beyond_ccd(wcs, stars):
    """How far stars lie outside the CCD along either of its axes, deg."""
    x, y = sky_to_pixel(wcs, stars['ra'], stars['dec'])
    pixels = [np.abs(v - (size - 1) / 2) - size / 2 for v, size in ((x, SHAPE[1]), (y, SHAPE[0]))]
    return np.nan_to_num(np.maximum(*pixels), nan=1e9) * pixel_scale(wcs) / 3600


@pytest.mark.parametrize('dec', [60.0, -89.9])
def test_the_area_of_a_ccd(dec):
    wcs = ccd_wcs(359.99, dec)
    corners = corners_of(wcs, SHAPE)
    ra, dec = from_vectors(widened(corners, 0.02))
    x, y = sky_to_pixel(wcs, ra, dec)
    step = 0.02 * 3600 / pixel_scale(wcs)
    assert x == pytest.approx([-0.5 - step, 2047.5 + step, 2047.5 + step, -0.5 - step], abs=0.5)
    assert y == pytest.approx([-0.5 - step, -0.5 - step, 4095.5 + step, 4095.5 + step], abs=0.5)
    inside, outside = pixel_to_sky(wcs, np.array([0.0, 2047.0]), np.array([0.0, 4095.0])), pixel_to_sky(
        wcs, np.array([-2.0, 1000.0]), np.array([2000.0, 4098.0]))
    assert inside_polygon(*inside, corners).all() and not inside_polygon(*outside, corners).any()


def test_missing_shards_are_listed(tmp_path):
    write_shards(tmp_path, stars_near(40.0, -10.0, radius=0.3, n=50))
    pixels = shards_for_region(40.0, -10.0, 6.0)
    stars, missing = read_shards(tmp_path, pixels)
    assert len(stars) == 50
    assert set(missing) < set(pixels)


def test_no_folder_says_how_to_build_it(tmp_path):
    with pytest.raises(BadInput, match='build them'):
        read_shards(tmp_path / 'absent', [1])


def test_no_shard_names_what_was_looked_for(tmp_path):
    with pytest.raises(BadInput, match=r'GAIA_00017\.fits.*build them'):
        read_shards(tmp_path, [17, 18])


def test_shards_without_stars_are_unusable(tmp_path):
    with fitsio.FITS(str(tmp_path / shard_name(3)), 'rw') as handle:
        handle.create_table_hdu(dtype=empty_stars(0).dtype)
    with pytest.raises(BadData, match='no rows'):
        read_shards(tmp_path, [3])


def test_no_star_on_the_ccd_is_unusable(tmp_path):
    stars = stars_near(40.0, -10.0, radius=0.1, n=50)
    write_shards(tmp_path, stars)
    with pytest.raises(BadData, match='no reference star within'):
        reference_stars(tmp_path, ccd_wcs(41.0, -10.0), SHAPE, 57388.5)


def test_a_file_that_is_no_table_is_rejected(tmp_path):
    (tmp_path / shard_name(5)).write_bytes(b'not FITS')
    with pytest.raises(BadInput, match='cannot be read'):
        read_shards(tmp_path, [5])
    with pytest.raises(BadData, match='phot_g_mean_mag'):
        as_stars(np.zeros(3, [('ra', 'f8'), ('dec', 'f8')]), 'a table')
    with pytest.raises(BadData):
        write_shards(tmp_path, empty_stars(0))


def test_gaia_tables_of_the_legacy_survey_are_read(realdata, tmp_path):
    table = fitsio.read(str(realdata / 'legacypipe/testcase12/gaia/chunk-04795.fits'))
    write_shards(tmp_path, table)
    stars, _ = read_shards(tmp_path, shards_for_region(table['ra'][0], table['dec'][0], 0.2))
    assert len(stars) == len(table)
    assert np.isfinite(stars['pmra']).any()
    over = table['phot_g_mean_flux_over_error'].astype(float)
    assert np.sort(stars['phot_g_mean_mag_error']) == pytest.approx(np.sort(2.5 / np.log(10.0) / over), rel=1e-6)


def test_small_tables(repository, tmp_path):
    terms = read_colour_terms(table_path(default_instrument(), 'colour_terms.json'))
    assert {'u', 'g', 'r', 'i', 'z', 'Y'} <= set(terms)
    table = read_quality_table(table_path(default_instrument(), 'teff.csv'))
    assert table['r']['fwhm'] == 1.041
    assert 'zero_point' not in table['VR']
    with pytest.raises(BadInput):
        read_colour_terms(tmp_path / 'absent.json')
    (tmp_path / 'terms.json').write_text(json.dumps({'g': {'c': [1]}}))
    with pytest.raises(BadInput, match='base'):
        read_colour_terms(tmp_path / 'terms.json')
    with pytest.raises(BadInput):
        read_quality_table(tmp_path / 'absent.csv')
    (tmp_path / 'teff.csv').write_text('band,fwhm\nr,wide\n')
    with pytest.raises(BadInput):
        read_quality_table(tmp_path / 'teff.csv')
