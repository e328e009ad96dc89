"""What is in the sky: stars with Gaia magnitudes, colours and motions, and galaxies."""
from __future__ import annotations

import numpy as np

from sediff.refcat.stars import empty_stars
from sediff.sim.options import NightOptions

GALAXY_DTYPE = np.dtype([('id', 'i4'), ('ra', 'f8'), ('dec', 'f8'), ('mag', 'f8'), ('radius', 'f8'), ('sersic', 'f8'),
                         ('axis_ratio', 'f8'), ('position_angle', 'f8')])
#: Gaia G of the brightest and faintest star; slope of the counts, dex per mag.
STAR_RANGE, STAR_SLOPE = (11.0, 24.2), 0.22
GALAXY_RANGE, GALAXY_SLOPE = (17.5, 24.0), 0.35
#: Stars fainter than this in G are not in Gaia.
GAIA_LIMIT = 20.7
#: Mean colours of galaxies: band minus r, AB.
GALAXY_COLOUR = {'g': 0.60, 'r': 0.0, 'i': -0.25, 'z': -0.45, 'Y': -0.50}
#: First source_id; the rest counts on from it.
FIRST_SOURCE = 4_700_000_000_000_000_000


class Region:
    """A rectangle on the tangent plane at (ra, dec), bounds in deg."""

    def __init__(self, ra: float, dec: float, bounds: tuple[float, float, float, float]) -> None:
        self.ra, self.dec, self.bounds = ra, dec, bounds

    @classmethod
    def around(cls, ra: np.ndarray, dec: np.ndarray, margin: float) -> Region:
        """The smallest rectangle that holds all points (deg), and `margin` deg more on each side."""
        vectors = np.stack([np.cos(np.radians(dec)) * np.cos(np.radians(ra)),
                            np.cos(np.radians(dec)) * np.sin(np.radians(ra)), np.sin(np.radians(dec))])
        mean = vectors.mean(axis=1)
        center = np.degrees(np.arctan2(mean[1], mean[0])) % 360.0, np.degrees(np.arctan2(mean[2], np.hypot(*mean[:2])))
        xi, eta = to_plane(ra, dec, *center)
        return cls(*center, (xi.min() - margin, xi.max() + margin, eta.min() - margin, eta.max() + margin))

    @property
    def area(self) -> float:
        """Square degrees."""
        left, right, bottom, top = self.bounds
        return (right - left) * (top - bottom)

    def draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """RA, Dec (deg) of uniformly spread points."""
        left, right, bottom, top = self.bounds
        return from_plane(rng.uniform(left, right, count), rng.uniform(bottom, top, count), self.ra, self.dec)


def to_plane(ra, dec, ra0: float, dec0: float) -> tuple[np.ndarray, np.ndarray]:
    """Gnomonic projection, deg to deg: xi to the east, eta to the north."""
    a, d, d0 = np.radians(np.asarray(ra, float) - ra0), np.radians(dec), np.radians(dec0)
    denominator = np.sin(d0) * np.sin(d) + np.cos(d0) * np.cos(d) * np.cos(a)
    xi = np.cos(d) * np.sin(a) / denominator
    eta = (np.cos(d0) * np.sin(d) - np.sin(d0) * np.cos(d) * np.cos(a)) / denominator
    return np.degrees(xi), np.degrees(eta)


def from_plane(xi, eta, ra0: float, dec0: float) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of `to_plane`; RA in [0, 360)."""
    x, y, d0 = np.radians(xi), np.radians(eta), np.radians(dec0)
    denominator = np.cos(d0) - y * np.sin(d0)
    ra = np.mod(ra0 + np.degrees(np.arctan2(x, denominator)), 360.0)
    return ra, np.degrees(np.arctan2(np.sin(d0) + y * np.cos(d0), np.hypot(x, denominator)))


def draw_stars(rng: np.random.Generator, options: NightOptions, region: Region) -> np.ndarray:
    """True stars of a region: STAR_DTYPE without errors, `ra, dec` at epoch 2016.0, brightest first."""
    stars = empty_stars(rng.poisson(options.stars * region.area / options.ccd_area))
    count = stars.size
    magnitude = np.sort(_draw_magnitudes(rng, count, STAR_RANGE, STAR_SLOPE))
    stars['source_id'] = FIRST_SOURCE + np.arange(count)
    stars['ra'], stars['dec'] = region.draw(rng, count)
    red = rng.uniform(size=count) < np.clip(0.15 + 0.08 * (magnitude - 15.0), 0.1, 0.75)
    colour = np.clip(np.where(red, rng.normal(2.0, 0.45, count), rng.normal(0.85, 0.15, count)), 0.4, 3.6)
    stars['phot_g_mean_mag'] = magnitude
    stars['phot_rp_mean_mag'] = magnitude - 0.15 - 0.45 * colour
    stars['phot_bp_mean_mag'] = stars['phot_rp_mean_mag'] + colour
    spread = np.where(rng.uniform(size=count) < 0.05, 60.0, 7.0)
    stars['pmra'], stars['pmdec'] = rng.normal(0.0, spread), rng.normal(-2.0, spread)
    stars['parallax'] = np.clip(rng.lognormal(-0.3, 0.7, count), 0.05, 20.0)
    stars['ref_epoch'] = 2016.0
    return stars


def gaia_catalogue(rng: np.random.Generator, stars: np.ndarray) -> np.ndarray:
    """The stars as Gaia would list them: brighter than G = 20.7, with the errors of Gaia DR3 (Lindegren et al. 2021)."""
    seen = stars[stars['phot_g_mean_mag'] < GAIA_LIMIT].copy()
    faint = np.clip(seen['phot_g_mean_mag'], 14.0, None)
    position = np.hypot(0.015, 0.5 * 10 ** (0.24 * (faint - 20.0)))
    errors = {'ra': 0.9 * position, 'dec': 0.8 * position, 'pmra': position, 'pmdec': 0.9 * position, 'parallax': position}
    for name, error in errors.items():
        seen[f'{name}_error'] = error
        noise = rng.normal(0.0, error)
        unit = 3.6e6 if name in ('ra', 'dec') else 1.0
        seen[name] += noise / unit / (np.cos(np.radians(stars['dec'].mean())) if name == 'ra' else 1.0)
    for band, at_20, floor in (('g', 0.006, 0.003), ('bp', 0.10, 0.004), ('rp', 0.07, 0.004)):
        error = np.hypot(floor, at_20 * 10 ** (0.3 * (faint - 20.0)))
        seen[f'phot_{band}_mean_mag_error'] = error
        seen[f'phot_{band}_mean_mag'] += rng.normal(0.0, error)
    return seen


def star_magnitudes(stars: np.ndarray, term: dict) -> np.ndarray:
    """AB magnitudes in the night's band of stars from Gaia magnitudes.

    Parameters
    ----------
    stars : ndarray of STAR_DTYPE
    term : dict
        base ('G' or 'BP') and c, coefficients of powers of BP - RP clipped to [-0.6, 4.1].
    """
    colour = np.clip(stars['phot_bp_mean_mag'] - stars['phot_rp_mean_mag'], -0.6, 4.1)
    base = stars['phot_g_mean_mag'] if term['base'] == 'G' else stars['phot_bp_mean_mag']
    return base + np.polynomial.polynomial.polyval(colour, term['c'])


def draw_galaxies(rng: np.random.Generator, options: NightOptions, region: Region) -> np.ndarray:
    """Galaxies of a region, GALAXY_DTYPE: AB mag in the night's band, half-light radius arcsec, angle deg N to E."""
    count = rng.poisson(options.galaxies * region.area / options.ccd_area)
    galaxies = np.zeros(count, GALAXY_DTYPE)
    red = np.sort(_draw_magnitudes(rng, count, GALAXY_RANGE, GALAXY_SLOPE))
    spheroid = rng.uniform(size=count) < 0.35
    galaxies['id'] = np.arange(1, count + 1)
    galaxies['ra'], galaxies['dec'] = region.draw(rng, count)
    galaxies['mag'] = red + GALAXY_COLOUR[options.facts.like] + 0.15 * rng.normal(size=count) * (options.facts.like != 'r')
    galaxies['radius'] = np.clip(0.9 * 10 ** (-0.12 * (red - 21.0)) * rng.lognormal(0.0, 0.25, count), 0.15, 5.0)
    galaxies['sersic'] = np.where(spheroid, 4.0, 1.0)
    galaxies['axis_ratio'] = np.where(spheroid, rng.uniform(0.6, 1.0, count), rng.uniform(0.3, 1.0, count))
    galaxies['position_angle'] = rng.uniform(0.0, 180.0, count)
    return galaxies


def _draw_magnitudes(rng: np.random.Generator, count: int, limits: tuple[float, float], slope: float) -> np.ndarray:
    low, high = 10 ** (slope * np.array(limits))
    return np.log10(rng.uniform(low, high, count)) / slope
