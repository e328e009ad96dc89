import fitsio
import healpy
import numpy as np
import pytest

from sediff.cli.refcat_areas import read_sky_map, shards_of_area
from sediff.errors import BadData, BadInput, BadUsage
from sediff.refcat.areas import pixel_outline, shards_of_cones, shards_of_map, shards_of_polygon
from sediff.refcat.regions import pixels_of
from sediff.sphere import from_vectors, separation, unit_vectors


def random_positions(count, seed=2):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 360, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))


@pytest.mark.parametrize(('ra', 'dec'), [(359.99, -30.0), (10.0, -89.9), (120.0, 41.8)])
def test_a_cone_misses_no_shard(ra, dec):
    x, y = random_positions(400_000)
    within = separation(x, y, ra, dec) <= 3.0
    assert set(pixels_of(x[within], y[within])) <= set(shards_of_cones(ra, dec, 3.0))


@pytest.mark.parametrize('corners', [
    'polygon:357,-3,4,-2,3,4,358,3',                      # across RA 0
    'polygon:0,-86,90,-85,180,-86,270,-84',               # around the pole
    'polygon:10,0,20,0,20,10,15,2,10,10'])                # not convex
def test_a_polygon_misses_no_shard_and_takes_none_far_away(corners):
    numbers = np.array([float(word) for word in corners[8:].split(',')]).reshape(-1, 2)
    shards = shards_of_area(corners)
    middle = unit_vectors(*numbers.T).sum(axis=0)
    ra, dec = (float(value) for value in from_vectors(middle))
    x, y = random_positions(300_000)
    near = separation(x, y, ra, dec) <= 12.0
    points = unit_vectors(x[near], y[near])
    inside = winding(points, unit_vectors(*numbers.T)) > np.pi
    assert inside.sum() > 100
    assert set(pixels_of(x[near][inside], y[near][inside])) <= set(shards)
    reach = np.degrees(np.arccos(np.clip(unit_vectors(*numbers.T) @ middle / np.linalg.norm(middle), -1, 1))).max()
    assert (separation(*healpy.pix2ang(32, shards, lonlat=True), ra, dec) <= reach + 1.9).all()
    assert np.array_equal(shards, shards_of_polygon(*numbers[::-1].T))


def winding(points, corners):
    """Total angle (radian, absolute) that the corners turn around each point: 2 pi inside, 0 outside."""
    total = np.zeros(len(points))
    for start, end in zip(corners, np.roll(corners, -1, axis=0)):
        first, second = (corner - (points @ corner)[:, None] * points for corner in (start, end))
        total += np.arctan2((points * np.cross(first, second)).sum(-1), (first * second).sum(-1))
    return np.abs(total)


def test_the_outline_of_a_pixel_holds_all_of_it_and_little_more():
    rng = np.random.default_rng(1)
    for nside in (32, 512):
        for pixel in [*rng.integers(0, 12 * nside ** 2, 30), 0, nside ** 2 - 1, 8 * nside ** 2]:
            ra, dec = pixel_outline(pixel, nside)
            inside = np.array(healpy.pix2vec(nside * 1024, pixel * 1024 ** 2 + rng.integers(0, 1024 ** 2, 500), nest=True)).T
            edge = healpy.boundaries(nside, int(pixel), step=50, nest=True).T
            assert (winding(np.concatenate([inside, edge]), unit_vectors(ra, dec)) > np.pi).all()
            size = np.degrees(healpy.nside2resol(nside))
            middle = healpy.pix2ang(nside, int(pixel), nest=True, lonlat=True)
            assert (separation(ra, dec, *middle) <= 1.25 * size).all()


def test_the_90_percent_area_of_gw190814(realdata):
    path = realdata / 'skymaps/S190814bv_5_LALInference.v1.fits.gz'
    probability, pixels, nsides = read_sky_map(path)
    assert probability.sum() == pytest.approx(1.0, abs=1e-6)
    shards = shards_of_map(probability, pixels, nsides, 0.9)
    inside = np.isin(pixels // (nsides[0] // 32) ** 2, healpy.ring2nest(32, shards))
    assert probability[inside].sum() >= 0.9
    assert 8 <= shards.size <= 30                 # the area is 23 deg2 in two islands, a shard 3.4 deg2
    # the galaxies' side of the southern island: RA 0.85 h, Dec -25 deg
    assert pixels_of(12.8, -25.2) in shards


def test_a_multi_order_map_gives_the_shards_of_the_flat_one(tmp_path):
    nside = 64
    ra, dec = healpy.pix2ang(nside, np.arange(12 * nside ** 2), lonlat=True)
    probability = np.exp(-0.5 * ((((ra + 180) % 360 - 180) / 4.0) ** 2 + ((dec + 20) / 3.0) ** 2))
    probability /= probability.sum()
    healpy.write_map(str(tmp_path / 'flat.fits'), probability, coord='C', column_names=['PROB'], dtype=np.float64)
    nested = healpy.reorder(probability, r2n=True)
    table = np.zeros(nested.size, [('UNIQ', 'i8'), ('PROBDENSITY', 'f8')])
    table['UNIQ'], table['PROBDENSITY'] = np.arange(nested.size) + 4 * nside ** 2, nested * nested.size / (4 * np.pi)
    with fitsio.FITS(str(tmp_path / 'moc.fits'), 'rw') as handle:
        handle.write(table, header={'ORDERING': 'NUNIQ', 'COORDSYS': 'C'})
    flat, moc = (shards_of_area(f'skymap:{tmp_path}/{name}.fits,0.8') for name in ('flat', 'moc'))
    assert np.array_equal(flat, moc)
    assert flat.size < shards_of_area(f'skymap:{tmp_path}/flat.fits').size


def test_coarse_map_pixels_become_all_their_shards():
    shards = shards_of_map(np.array([0.95, 0.05]), np.array([3, 7]), np.array([8, 8]), 0.9)
    assert np.array_equal(healpy.ring2nest(8, healpy.ang2pix(8, *healpy.pix2ang(32, shards, lonlat=True), lonlat=True)),
                          np.full(16, 3))


def test_an_exposure_list(tmp_path):
    path = tmp_path / 'exposures.list'
    path.write_text('expnum nite mjd_obs radeg decdeg band exptime propid obstype t_eff object\n'
                    '1 20150101 57023.1 359.9 -30 r 90 p object 1 a\n2 20150101 57023.1 30 -30 r 90 p object 1 b\n')
    assert np.array_equal(shards_of_area(f'exposures:{path}'), shards_of_cones([359.9, 30], [-30, -30], 1.25))
    assert shards_of_area(f'exposures:{path},0.2').size < shards_of_area(f'exposures:{path}').size


def test_all_is_all():
    assert shards_of_area('all').size == 12288


@pytest.mark.parametrize('area', ['cone:10,10', 'cone:10,100,1', 'cone:10,10,-1', 'cone:a,b,c', 'polygon:1,2,3',
                                  'polygon:1,2,3,4', 'polygon:0,0,120,0,240,0', 'circle:1,2,3', 'all:1', 'cone:nan,0,1'])
def test_areas_that_cannot_be(area):
    with pytest.raises(BadUsage):
        shards_of_area(area)


def test_files_that_are_no_sky_map(tmp_path):
    with pytest.raises(BadInput, match='no such file'):
        shards_of_area(f'skymap:{tmp_path}/none.fits')
    with fitsio.FITS(str(tmp_path / 'stars.fits'), 'rw') as handle:
        handle.write(np.zeros(3, [('ra', 'f8')]))
    with pytest.raises(BadInput, match='no HEALPix probability map'):
        shards_of_area(f'skymap:{tmp_path}/stars.fits')
    with fitsio.FITS(str(tmp_path / 'galactic.fits'), 'rw') as handle:
        handle.write(np.zeros(12, [('PROB', 'f8')]), header={'COORDSYS': 'G'})
    with pytest.raises(BadInput, match='equatorial'):
        read_sky_map(tmp_path / 'galactic.fits')
    with pytest.raises(BadData, match='no probability'):
        shards_of_map(np.zeros(12), np.arange(12), np.ones(12, int), 0.9)
    with pytest.raises(BadUsage, match='fraction'):
        shards_of_map(np.ones(12), np.arange(12), np.ones(12, int), 90.0)
