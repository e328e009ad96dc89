import numpy as np
import pytest
from astropy.io.fits import Header
from made_up_gaia import gaia_rows

from sediff.errors import BadData, BadInput, BadUsage
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.photometry.colour_terms import band_magnitudes
from sediff.refcat.cascade import cascade_names, catalogue_folder, catalogue_stars, standard_stars
from sediff.refcat.index import read_catalogue
from sediff.refcat.lookup import read_colour_terms
from sediff.refcat.regions import pixels_of
from sediff.refcat.shard import DamagedShard, write_shard
from sediff.refcat.standards import catalogue_magnitudes
from sediff.wcs.read import read_wcs

SHAPE, MJD, PLACE = (4096, 2048), 57388.5, (0.0, 0.0)


@pytest.fixture
def wcs():
    header = Header()
    for keyword, value in {'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': PLACE[0], 'CRVAL2': PLACE[1],
                           'CRPIX1': 1024.5, 'CRPIX2': 2048.5, 'CD1_1': 0.0, 'CD1_2': 7.3e-5, 'CD2_1': -7.3e-5,
                           'CD2_2': 0.0}.items():
        header[keyword] = value
    return read_wcs(header)


def write(folder, name, count=3000, seed=1):
    """Shards of a catalogue around the place; the paths."""
    catalogue, gaia = read_catalogue(name), gaia_rows(*PLACE, 1.0, count, seed)
    rows = np.zeros(count, catalogue.dtype)
    for column in catalogue.dtype.names:
        rows[column] = gaia[column] if column in gaia.dtype.names else 0.01
    for step, magnitude in enumerate(catalogue.magnitudes):
        if name != 'gaia':
            rows[magnitude] = gaia['phot_g_mean_mag'] - 0.1 * step
    place, paths = catalogue_folder(folder, name), []
    place.mkdir(parents=True, exist_ok=True)
    pixels = pixels_of(rows['ra'], rows['dec'])
    for pixel in np.unique(pixels):
        paths.append(place / catalogue.shard_name(pixel))
        write_shard(paths[-1], rows[pixels == pixel], pixel)
    return paths


def test_gaia_serves_where_it_can(tmp_path, wcs):
    write(tmp_path, 'gaia')
    write(tmp_path, 'ps1')
    found = standard_stars(tmp_path, 'gaia, ps1', 'r', wcs, SHAPE, MJD)
    assert (found.catalogue, found.missing, found.skipped) == ('gaia', [], [])
    assert found.terms == read_colour_terms(table_path(default_instrument(), 'colour_terms.json'))


def test_the_order_is_the_users(tmp_path, wcs):
    write(tmp_path, 'gaia')
    write(tmp_path, 'ps1')
    found = standard_stars(tmp_path, 'ps1 gaia', 'r', wcs, SHAPE, MJD)
    assert found.catalogue == 'ps1'
    catalogue = read_catalogue('ps1')
    stars, _ = catalogue_stars(tmp_path / 'ps1', catalogue, wcs, SHAPE, MJD)
    assert np.allclose(band_magnitudes(found.stars, 'r', found.terms), catalogue_magnitudes(stars, 'r', catalogue)[0])
    assert np.array_equal(found.stars['ra'], stars['ra'])


def test_a_catalogue_without_relation_stars_or_shards_is_passed_by_with_the_reason(tmp_path, wcs):
    write(tmp_path, 'skymapper')
    write(tmp_path, 'gaia', count=40, seed=3)
    write(tmp_path, 'delve')
    found = standard_stars(tmp_path, 'skymapper,gaia,apass,delve', 'g', wcs, SHAPE, MJD, min_stars=20)
    assert found.catalogue == 'delve'
    assert 'cannot calibrate g' in found.skipped[0]
    assert 'usable stars, 20 are needed' in found.skipped[1]
    assert 'apass: no folder' in found.skipped[2]


def test_a_whole_catalogue_goes_before_one_with_shards_missing(tmp_path, wcs):
    paths = write(tmp_path, 'gaia')
    write(tmp_path, 'ps1')
    paths[-1].unlink()
    found = standard_stars(tmp_path, 'gaia,ps1', 'r', wcs, SHAPE, MJD)
    assert found.catalogue == 'ps1'
    assert 'shards are missing' in found.skipped[0]
    alone = standard_stars(tmp_path, 'gaia', 'r', wcs, SHAPE, MJD)
    assert alone.catalogue == 'gaia'
    assert alone.missing == [int(paths[-1].stem[-5:])]


def test_rejections(tmp_path, wcs):
    with pytest.raises(BadInput, match=r'no standard stars in r: gaia: no folder.*REFCAT_CASCADE'):
        standard_stars(tmp_path / 'none', 'gaia', 'r', wcs, SHAPE, MJD)
    paths = write(tmp_path, 'gaia')
    with pytest.raises(BadData, match=r'gaia: Gaia cannot calibrate VR'):
        standard_stars(tmp_path, 'gaia,ps1', 'VR', wcs, SHAPE, MJD)
    with pytest.raises(BadData, match='100000 are needed'):
        standard_stars(tmp_path, 'gaia', 'r', wcs, SHAPE, MJD, min_stars=100000)
    for path in paths:
        path.write_bytes(path.read_bytes()[:9000])
    write(tmp_path, 'ps1')
    with pytest.raises(DamagedShard, match='is damaged'):
        standard_stars(tmp_path, 'gaia,ps1', 'r', wcs, SHAPE, MJD)
    for text in ('', ' , ', 'gaia,usno'):
        with pytest.raises(BadUsage):
            cascade_names(text)


def test_shards_of_another_catalogue_under_its_name_are_rejected(tmp_path, wcs):
    catalogue = read_catalogue('delve')
    for path in write(tmp_path, 'ps1'):
        path.rename(path.with_name(catalogue.shard_name(int(path.stem[-5:]))))
    with pytest.raises(BadData, match='is not a shard of DELVE'):
        catalogue_stars(tmp_path / 'ps1', catalogue, wcs, SHAPE, MJD)
