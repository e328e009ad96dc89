"""New sources of the search exposure: where they are and how bright."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.wcs import WCS
from scipy.spatial import cKDTree

from sediff.errors import BadData
from sediff.kilonova import HOST_MAGNITUDE, HOST_OFFSET, HOST_RADIUS, distance_modulus
from sediff.sim.mixtures import noise_pixels
from sediff.sim.options import NightOptions
from sediff.sim.plan import SimExposure
from sediff.sim.sky import GALAXY_COLOUR, GALAXY_DTYPE
from sediff.wcs.read import pixel_to_sky, sky_to_pixel

#: Transients keep this far from each other and from the CCD's edges, pixels.
SEPARATION, BORDER = 30.0, 40.0
#: Fraction that lies on galaxies.
ON_GALAXIES = 0.3
#: Range of the signal-to-noise ratio with the effect `nuclei`, which puts those of galaxies on their middles.
NUCLEI_SNR_RANGE = (5.0, 300.0)

TRANSIENT_DTYPE = np.dtype([('id', 'i4'), ('kind', 'U10'), ('ra', 'f8'), ('dec', 'f8'), ('mag', 'f8'), ('host_id', 'i4'),
                            ('ccdnum', 'i4')])


def flux_for_snr(snr: np.ndarray, pixels: float, variance: float) -> np.ndarray:
    """Electrons of a source whose matched filter reaches `snr` over a background of `variance` e^2 per pixel."""
    square = np.asarray(snr, float) ** 2
    return 0.5 * (square + np.sqrt(square ** 2 + 4.0 * square * pixels * variance))


def place_transients(rng: np.random.Generator, options: NightOptions, search: SimExposure, ccdnum: int, wcs: WCS,
                     galaxies: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Draw the transients of one CCD.

    Parameters
    ----------
    wcs : WCS
        True WCS of the search exposure on this CCD.
    galaxies : ndarray of GALAXY_DTYPE
        Possible hosts.
    taken : ndarray, (n, 2) float
        0-based pixels that are taken already.

    Returns
    -------
    ndarray of TRANSIENT_DTYPE, ids not set

    Raises
    ------
    BadData
        They do not fit.
    """
    hosts, (ny, nx) = galaxies[galaxies['mag'] < 21.5], options.shape_of(ccdnum)
    hx, hy = sky_to_pixel(wcs, hosts['ra'], hosts['dec'])
    inside = (hx > BORDER) & (hx < nx - BORDER) & (hy > BORDER) & (hy < ny - BORDER)
    hosts, hx, hy = hosts[inside], hx[inside], hy[inside]
    places = np.asarray(taken, float).reshape(-1, 2)
    host_ids: list[int] = []
    nuclei = 'nuclei' in options.effects
    for _ in range(200 * options.transients):
        if len(host_ids) == options.transients:
            break
        place, host_id = _random_place(rng, hosts, hx, hy, (ny, nx), options.scale, nuclei)
        clear = np.hypot(*(places - place).T).min(initial=np.inf) > SEPARATION
        if clear and min(*place, nx - 1 - place[0], ny - 1 - place[1]) > BORDER:
            places = np.concatenate([places, place[None]])
            host_ids.append(host_id)
    count = len(host_ids)
    table = np.zeros(count, TRANSIENT_DTYPE)
    if count < options.transients:
        raise BadData(f'only {count} of {options.transients} transients fit on CCD {ccdnum} {SEPARATION:.0f} pixels apart; '
                      'ask for fewer')
    if count:
        x, y = places[len(taken):].T
        table['ra'], table['dec'] = pixel_to_sky(wcs, x, y)
        faint, bright = np.log(NUCLEI_SNR_RANGE if nuclei else options.transient_snr)
        snr = np.exp(rng.uniform(faint, bright, count))
        flux = flux_for_snr(snr, float(noise_pixels(search.seeing / options.scale)), search.sky + 40.0)
        table['mag'] = search.zero_point - 2.5 * np.log10(flux)
        table['kind'], table['host_id'], table['ccdnum'] = 'transient', host_ids, ccdnum
    return table


def place_kilonova(rng: np.random.Generator, options: NightOptions, views: Sequence[WCS], bad: np.ndarray, ccdnum: int,
                   magnitude: float, stars: np.ndarray, streak: tuple[float, float, float] | None,
                   host_id: int) -> tuple[np.ndarray, np.ndarray]:
    """A kilonova and its galaxy, in the middle part of a CCD, on good pixels, as far from bright stars as can be.

    Parameters
    ----------
    views : sequence of WCS
        True WCS of the CCD in the search exposure, then in the templates.
    bad : ndarray, (n, 2)
        0-based x, y of bad pixels.
    stars : ndarray of STAR_DTYPE
    streak : (float, float, float) or None
        x, y and angle of a streak in the search exposure (pixels, radian).

    Returns
    -------
    kilonova : ndarray, (1,) of TRANSIENT_DTYPE
    host : ndarray, (1,) of GALAXY_DTYPE
        Like NGC 4993: absolute r magnitude -20.8, half-light radius 3.3 kpc, the kilonova at 2.1 kpc.
    """
    ny, nx = options.shape_of(ccdnum)
    x, y = rng.uniform(400, nx - 400, 200), rng.uniform(400, ny - 400, 200)
    ra, dec = pixel_to_sky(views[0], x, y)
    clear = np.minimum.reduce([_clearance(wcs, ra, dec, bad, (ny, nx)) for wcs in views])
    if streak is not None:
        clear = np.minimum(clear, np.abs((y - streak[1]) * np.cos(streak[2]) - (x - streak[0]) * np.sin(streak[2])))
    bright = stars[stars['phot_g_mean_mag'] < 19.0]
    bx, by = sky_to_pixel(views[0], bright['ra'], bright['dec'])
    # a bleeding star spoils its columns far away from it
    from_stars = np.maximum(np.abs(x[:, None] - bx), 0.05 * np.abs(y[:, None] - by)).min(axis=1, initial=1e3)
    best = np.argmax(np.where(clear > 40.0, from_stars, clear - 1e4))
    kpc = 206265.0 / (options.kilonova_distance * 1000.0)
    kilonova, host = np.zeros(1, TRANSIENT_DTYPE), np.zeros(1, GALAXY_DTYPE)
    kilonova['ra'], kilonova['dec'] = ra[best], dec[best]
    kilonova['kind'], kilonova['mag'], kilonova['host_id'], kilonova['ccdnum'] = 'kilonova', magnitude, host_id, ccdnum
    angle, offset = rng.uniform(0.0, 2.0 * np.pi), HOST_OFFSET * kpc / 3600.0
    host['ra'] = (ra[best] + offset * np.cos(angle) / np.cos(np.radians(dec[best]))) % 360.0
    host['dec'] = dec[best] + offset * np.sin(angle)
    host['id'], host['sersic'], host['axis_ratio'], host['position_angle'] = host_id, 4.0, 0.85, rng.uniform(0.0, 180.0)
    host['mag'] = HOST_MAGNITUDE + GALAXY_COLOUR[options.facts.like] + distance_modulus(options.kilonova_distance)
    host['radius'] = HOST_RADIUS * kpc
    return kilonova, host


def _clearance(wcs: WCS, ra: np.ndarray, dec: np.ndarray, bad: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels from positions to the nearest bad pixel or edge of a CCD."""
    x, y = sky_to_pixel(wcs, ra, dec)
    edge = np.minimum(np.minimum(x, shape[1] - 1 - x), np.minimum(y, shape[0] - 1 - y))
    return np.minimum(edge, cKDTree(bad).query(np.stack([x, y], axis=1))[0]) if len(bad) else edge


def _random_place(rng: np.random.Generator, hosts: np.ndarray, x: np.ndarray, y: np.ndarray, shape: tuple[int, int],
                  scale: float, nuclei: bool = False) -> tuple[np.ndarray, int]:
    if hosts.size and rng.uniform() < ON_GALAXIES:
        k = int(rng.integers(hosts.size))
        radius, angle = rng.uniform(0.2, 1.2) * hosts['radius'][k] / scale, rng.uniform(0.0, 2.0 * np.pi)
        radius *= not nuclei
        return np.array([x[k] + radius * np.cos(angle), y[k] + radius * np.sin(angle)]), int(hosts['id'][k])
    return np.array([rng.uniform(0, shape[1]), rng.uniform(0, shape[0])]), 0
