"""Light of the sky on one CCD: stars, galaxies, transients and a streak on a sky with a gradient."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy.wcs import WCS

from sediff.sim.dcr import drawn_out
from sediff.sim.mixtures import moffat_mixture, sersic_mixture
from sediff.sim.optics import PsfField
from sediff.sim.plan import SimExposure
from sediff.sim.render import add_galaxies, add_stars, add_streak, star_stamp
from sediff.sim.scene import View
from sediff.wcs.read import pixel_to_sky, sky_to_pixel

SOURCE_TRUTH = np.dtype([('id', 'i8'), ('expnum', 'i4'), ('ccdnum', 'i4'), ('x', 'f8'), ('y', 'f8'), ('mag', 'f8'),
                         ('flux_e', 'f8'), ('fwhm', 'f4'), ('snr_ideal', 'f4'), ('saturated', 'i2')])
STREAK_PEAK = 4.0       # in units of the sky's noise

#: Two 0-based points (x, y) on a streak, its height (electrons) and its width (FWHM, pixels).
Streak = tuple[float, float, float, float, float, float]


def add_light(image: np.ndarray, view: View, wcs: WCS, exposure: SimExposure, ccdnum: int,
              psf: PsfField) -> tuple[np.ndarray, np.ndarray, Streak | None]:
    """Add all light of the sky to an image, in place.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Electrons.
    wcs : WCS
        The true one of this exposure and CCD.

    Returns
    -------
    stars, transients : ndarray of SOURCE_TRUTH
        Those whose middle is on the CCD; snr_ideal and saturated not yet filled.
    streak : Streak or None
    """
    stars = _located(view.stars, wcs, exposure, ccdnum, psf)
    transients = _located(view.transients, wcs, exposure, ccdnum, psf)
    if view.colours is None:
        for table in (stars, transients):
            add_stars(image, psf, table['x'], table['y'], table['flux_e'])
        _add_galaxies(image, view.galaxies, wcs, exposure.zero_point, psf)
    else:
        _add_by_colour(image, view, view.colours, wcs, exposure, psf)
    streak = None
    if view.streak is not None:
        x, y = sky_to_pixel(wcs, *np.array(view.streak).T)
        peak, fwhm = STREAK_PEAK * np.sqrt(exposure.sky), 1.3 * exposure.seeing / exposure.pixel_scale
        add_streak(image, (x[0], y[0]), (x[1], y[1]), peak, fwhm)
        streak = (x[0], y[0], x[1], y[1], peak, fwhm)
    return _inside(stars, image.shape), _inside(transients, image.shape), streak


def _add_by_colour(image: np.ndarray, view: View, colours: Mapping[str, np.ndarray], wcs: WCS, exposure: SimExposure,
                   psf: PsfField) -> None:
    """Stars, transients and galaxies, each drawn out by the refraction of its colours."""
    for name in ('stars', 'transients'):
        for table, share in drawn_out(getattr(view, name), colours[name], exposure):
            x, y = sky_to_pixel(wcs, table['ra'], table['dec'])
            add_stars(image, psf, x, y, share * 10 ** (0.4 * (exposure.zero_point - table['mag'])))
    for table, share in drawn_out(view.galaxies, colours['galaxies'], exposure):
        _add_galaxies(image, table, wcs, exposure.zero_point + 2.5 * np.log10(share), psf)


def sky_gradient(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A sky that is brighter by a per cent or so on one side: factors, (ny, nx) float32."""
    u, v = np.linspace(-1.0, 1.0, shape[1])[None, :], np.linspace(-1.0, 1.0, shape[0])[:, None]
    a, b, c = rng.normal(0.0, [0.006, 0.006, 0.003])
    return (1.0 + a * u + b * v + c * u * v).astype(np.float32)


def measure_snr(table: np.ndarray, mean: np.ndarray, flat: np.ndarray, psf: PsfField, read_noise: float) -> None:
    """Fill snr_ideal of a SOURCE_TRUTH table: F sqrt(sum psf^2 / variance), what a matched filter can reach at best.

    Parameters
    ----------
    mean : ndarray, (ny, nx) float32
        Expected electrons of everything, the source itself included: the variance without that of the read noise.
    flat : ndarray, (ny, nx) float32
        Response.
    read_noise : float
        Electrons.
    """
    ny, nx = mean.shape
    for row in table:
        stamp, y0, x0 = star_stamp(psf, row['x'], row['y'], 12)
        rows, columns = slice(max(0, y0), min(ny, y0 + 25)), slice(max(0, x0), min(nx, x0 + 25))
        cut = stamp[rows.start - y0:rows.stop - y0, columns.start - x0:columns.stop - x0] * flat[rows, columns]
        row['snr_ideal'] = row['flux_e'] * np.sqrt(np.sum(cut ** 2 / (mean[rows, columns] + read_noise ** 2)))


def _located(sources: np.ndarray, wcs: WCS, exposure: SimExposure, ccdnum: int, psf: PsfField) -> np.ndarray:
    table = np.zeros(sources.size, SOURCE_TRUTH)
    table['id'], table['mag'], table['expnum'], table['ccdnum'] = sources['id'], sources['mag'], exposure.expnum, ccdnum
    if sources.size:
        table['x'], table['y'] = sky_to_pixel(wcs, sources['ra'], sources['dec'])
    table['flux_e'] = 10 ** (0.4 * (exposure.zero_point - sources['mag']))
    table['fwhm'] = psf.at(table['x'], table['y'])[0]
    return table


def _add_galaxies(image: np.ndarray, galaxies: np.ndarray, wcs: WCS, zero_point: float, psf: PsfField) -> None:
    if not galaxies.size:
        return
    x, y = sky_to_pixel(wcs, galaxies['ra'], galaxies['dec'])
    to_pixels = np.linalg.inv(_jacobian(wcs, image.shape))
    angle, radius = np.radians(galaxies['position_angle']), galaxies['radius']
    # half-light radius along the major axis (position angle from north through east) and the minor axis
    major = radius / np.sqrt(galaxies['axis_ratio']) * np.stack([np.sin(angle), np.cos(angle)])
    minor = radius * np.sqrt(galaxies['axis_ratio']) * np.stack([np.cos(angle), -np.sin(angle)])
    axes = to_pixels @ np.stack([major, minor], axis=-1).transpose(1, 0, 2)
    profiles = {index: sersic_mixture(index) for index in (1.0, 4.0)}
    add_galaxies(image, psf, moffat_mixture(), x, y, 10 ** (0.4 * (zero_point - galaxies['mag'])),
                 axes @ axes.transpose(0, 2, 1), [profiles[index] for index in galaxies['sersic']])


def _jacobian(wcs: WCS, shape: tuple[int, int]) -> np.ndarray:
    """d(east, north) / d(x, y) in the middle of the CCD, arcsec per pixel: (2, 2)."""
    x, y = np.array([0.0, 50.0, 0.0]) + shape[1] / 2, np.array([0.0, 0.0, 50.0]) + shape[0] / 2
    ra, dec = pixel_to_sky(wcs, x, y)
    east = ((ra[1:] - ra[0] + 180.0) % 360.0 - 180.0) * np.cos(np.radians(dec[0]))
    return np.stack([east, dec[1:] - dec[0]]) * 3600.0 / 50.0


def _inside(table: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    ny, nx = shape
    return table[(table['x'] > -0.5) & (table['x'] < nx - 0.5) & (table['y'] > -0.5) & (table['y'] < ny - 0.5)]
