"""HEALPix pixels against healpy's, everywhere on the sphere."""
import healpy
import numpy as np
import pytest

from sediff.healpix import nested_in_polygon, nested_neighbours, nested_pixels, nested_to_ring
from sediff.sphere import unit_vectors

pytestmark = pytest.mark.unit


def sky(count, seed):
    """Positions (deg) all over the sphere, some at the poles, on meridians and on the borders of the base faces."""
    rng = np.random.default_rng(seed)
    ra, dec = rng.uniform(-400.0, 400.0, count), np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, count)))
    ra[:50], dec[50:100] = np.arange(50) * 45.0 % 360.0, np.linspace(89.9, 90.0, 50) * np.where(np.arange(50) % 2, 1, -1)
    dec[100:110] = np.degrees(np.arcsin(2.0 / 3.0)) + np.linspace(-1e-6, 1e-6, 10)
    return ra, dec


@pytest.mark.parametrize('nside', (1, 2, 32, 1024, 2 ** 15, 2 ** 19))
def test_pixels_of_positions(nside):
    ra, dec = sky(20_000, nside)
    assert (nested_pixels(nside, ra, dec) == healpy.ang2pix(nside, ra, dec, nest=True, lonlat=True)).all()


@pytest.mark.parametrize('nside', (1, 2, 8, 32))
def test_order_and_neighbours_of_every_pixel(nside):
    every = np.arange(12 * nside ** 2)
    assert (nested_to_ring(nside, every) == healpy.nest2ring(nside, every)).all()
    found, expected = nested_neighbours(nside, every), healpy.get_all_neighbours(nside, every, nest=True)
    assert (np.sort(found, axis=0) == np.sort(expected, axis=0)).all()


@pytest.mark.parametrize('seed', range(40))
def test_pixels_that_a_polygon_touches(seed):
    """None that holds a point of the polygon is lacking; the list is that of healpy."""
    rng = np.random.default_rng(seed)
    ra, dec = rng.uniform(0, 360), rng.uniform(-89, 89) if seed > 4 else 90.0 - 0.05 * seed
    east, north = unit_vectors(ra + 90.0, 0.0), np.cross(unit_vectors(ra, dec), unit_vectors(ra + 90.0, 0.0))
    turn, half = rng.uniform(0, np.pi), np.radians([0.15, 0.08]) * rng.uniform(0.2, 4.0)

    def places(x, y):
        x, y = half[0] * x, half[1] * y
        vectors = unit_vectors(ra, dec) + np.outer(x * np.cos(turn) - y * np.sin(turn), east) + \
            np.outer(x * np.sin(turn) + y * np.cos(turn), north)
        return vectors / np.linalg.norm(vectors, axis=1)[:, None]
    corners = places(np.array([-1, 1, 1, -1]), np.array([-1, -1, 1, 1]))
    found = nested_in_polygon(1024, corners[::rng.choice([-1, 1])])
    inside = healpy.vec2pix(1024, *places(*rng.uniform(-1, 1, (2, 5000))).T, nest=True)
    assert set(inside) <= set(found)
    assert (found == np.sort(healpy.query_polygon(1024, corners, inclusive=True, fact=4, nest=True))).all()
