"""Where a template shows the stars of the catalogue that the search image shows elsewhere: motions and refraction."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.io.fits import Header
from astropy.wcs import WCS

from sediff.astrometry.refraction import colour_slope, hour_angle_of
from sediff.engine.context import Context
from sediff.errors import BadData, BadInput
from sediff.instruments.sky import Sky, sky_of
from sediff.refcat.lookup import reference_stars
from sediff.refcat.motion import motion_between
from sediff.subtract.listed import ListedStars
from sediff.subtract.subtract import MODEL_ERRORS
from sediff.subtract.trust import ModelError, systematic_variance
from sediff.wcs.read import pixel_to_sky, read_wcs, sky_to_pixel

if TYPE_CHECKING:
    import pandas as pd

#: Sky (deg) around the CCD from which stars are listed.
MARGIN = 0.005
#: A star is covered by a template CCD when it lies so far inside its edges, px.
EDGE = 16
#: A shift whose error is larger than this, px, is not known.
LARGEST_ERROR = 0.05
#: Colour (BP - RP) of the light that is not listed: galaxies and faint stars.
USUAL_COLOUR = 1.1
#: The predicted slope with colour may be wrong by this share of it, and by this, px a magnitude.
SLOPE_SHARE, SLOPE_FLOOR = 0.2, 0.03
SECONDS_A_DAY = 86400.0


@dataclass(frozen=True)
class Epoch:
    """A template CCD.

    Parameters
    ----------
    mjd : float
        Middle of its exposure (UTC).
    wcs : WCS
    shape : (ny, nx)
    weight : float
        In the coadd.
    """

    mjd: float
    wcs: WCS
    shape: tuple[int, int]
    weight: float


def star_shifts(context: Context, search: Header, shape: tuple[int, int], epochs: list[Epoch]) -> ListedStars | None:
    """Reference stars of the search CCD with their shifts since the template's epochs, None where no star is listed."""
    wcs, mjd = read_wcs(search), middle_mjd(search)
    try:
        stars, _ = reference_stars(context.file('refcat'), wcs, shape, mjd, MARGIN)
    except (BadData, BadInput) as error:
        context.log(f'motions of stars are not known: {error}')
        return None
    listed = listed_stars(stars, wcs, mjd, epochs, sky_of(context.instrument, str(search.get('BAND', '')).strip()))
    known = np.isfinite(listed.shift).all(axis=1)
    size = float(np.median(np.hypot(*listed.shift[known].T))) if known.any() else 0.0
    context.log(f'{len(stars)} listed stars, {int(known.sum())} with motions, median {size:.3f} px since the template; '
                f'refraction should shift them by {listed.slope[0]:+.3f} {listed.slope[1]:+.3f} px a magnitude of BP - RP')
    return listed


def template_epochs(context: Context) -> list[Epoch]:
    """The template CCDs of the coadd that RUN16 made."""
    rows = context.load('wstemplate')['templates']
    used = {(row['expnum'], row['ccd']): row['weight'] for row in context.load('template_info')['inputs']}
    shapes = {ccd: one.shape for ccd, one in context.instrument.detectors.items()}
    return [Epoch(middle_mjd(head), read_wcs(head), tuple(head.get(f'NAXIS{axis}', length) for axis, length
                                                          in zip((2, 1), shapes[row['ccd']])),
                  used[row['expnum'], row['ccd']])
            for row, head in zip(rows, context.load('template_heads')) if (row['expnum'], row['ccd']) in used]


def middle_mjd(header: Header) -> float:
    """MJD (UTC) of the middle of an exposure."""
    return float(header['MJD-OBS']) + 0.5 * float(header.get('EXPTIME', 0.0)) / SECONDS_A_DAY


def listed_stars(stars: np.ndarray, wcs: WCS, mjd: float, epochs: list[Epoch], sky: Sky | None) -> ListedStars:
    """Places and shifts of reference stars.

    Parameters
    ----------
    stars : ndarray, (n,) of STAR_DTYPE
        Places at `mjd`.
    wcs : WCS
        Of the search image.
    mjd : float
        Middle of the search exposure.
    epochs : list of Epoch
    sky : Sky or None
        None: no refraction is expected.

    Returns
    -------
    ListedStars
        The shift is the place at `mjd` less the mean place at the epochs that cover the star, weighted as in the coadd; its
        `slope` that of differential refraction (`sediff.astrometry.refraction`).
    """
    x, y = sky_to_pixel(wcs, stars['ra'], stars['dec'])
    east, north, error, total = (np.zeros(len(stars)) for _ in range(4))
    slope = np.zeros(2)
    for epoch in epochs:
        column, row = sky_to_pixel(epoch.wcs, stars['ra'], stars['dec'])
        covers = (column > EDGE) & (column < epoch.shape[1] - 1 - EDGE) & (row > EDGE) & (row < epoch.shape[0] - 1 - EDGE)
        weight = epoch.weight * covers
        moved = motion_between(stars, epoch.mjd, mjd)
        years = abs(mjd - epoch.mjd) / 365.25
        east, north, total = east + weight * moved[0], north + weight * moved[1], total + weight
        error = error + weight * years * np.nan_to_num(np.hypot(stars['pmra_error'], stars['pmdec_error']))
        slope += weight.sum() * _slope(stars, epoch.mjd, sky)
    if total.any():
        slope = _slope(stars, mjd, sky) - slope / total.sum()
    with np.errstate(invalid='ignore', divide='ignore'):
        east, north, error = east / total, north / total, error / total
    to_pixels = jacobian(wcs, float(np.median(x)), float(np.median(y)))
    shift = np.stack([east, north], axis=1) / 1000.0 @ to_pixels.T
    shift[~(error / 1000.0 * np.sqrt(abs(np.linalg.det(to_pixels))) < LARGEST_ERROR)] = np.nan
    slope = to_pixels @ slope
    return ListedStars(x, y, shift, stars['phot_bp_mean_mag'] - stars['phot_rp_mean_mag'], slope,
                       float(np.hypot(SLOPE_SHARE * np.hypot(*slope), SLOPE_FLOOR)), USUAL_COLOUR)


def _slope(stars: np.ndarray, mjd: float, sky: Sky | None) -> np.ndarray:
    """Refraction (east, north; arcsec) for a magnitude of colour; 0 where it is not known."""
    if sky is None:
        return np.zeros(2)
    ra, dec, (longitude, latitude) = float(stars['ra'][0]), float(np.median(stars['dec'])), sky.site
    return colour_slope(hour_angle_of(ra, mjd, longitude), dec, latitude, sky.edges, sky.air)


def jacobian(wcs: WCS, x: float, y: float) -> np.ndarray:
    """Pixels along x and y for an arcsec to the east and to the north near a pixel: (2, 2)."""
    ra, dec = pixel_to_sky(wcs, np.array([x, x + 50.0, x]), np.array([y, y, y + 50.0]))
    east = ((ra[1:] - ra[0] + 180.0) % 360.0 - 180.0) * np.cos(np.radians(dec[0]))
    return np.linalg.inv(np.stack([east, dec[1:] - dec[0]]) * 3600.0 / 50.0)


def shift_table(listed: ListedStars | None, places: np.ndarray) -> pd.DataFrame:
    """The table of RUN18: kind, x, y (1-based), dx, dy (px), colour of listed stars; error (px) of the place of others."""
    import pandas as pd
    parts = [] if listed is None else [('listed', np.column_stack([listed.x + 1, listed.y + 1, listed.shift, listed.colour,
                                                                   np.full(len(listed.x), np.nan)]))]
    nothing = np.full((len(places), 3), np.nan)
    parts.append(('error', np.column_stack([places[:, :2] + 1, nothing, places[:, 2]])))
    table = pd.DataFrame(np.concatenate([values for _, values in parts]), columns=['x', 'y', 'dx', 'dy', 'colour', 'error'])
    table.insert(0, 'kind', np.repeat([kind for kind, _ in parts], [len(values) for _, values in parts]))
    return table.round(4)


def places_of(table: pd.DataFrame) -> np.ndarray:
    """Stars whose place has an error of its own: (n, 3) 0-based x, y and error, px."""
    rows = table[table['kind'] == 'error']
    return rows[['x', 'y', 'error']].to_numpy(float) - (1.0, 1.0, 0.0)


def model_variance(search: np.ndarray, difference: np.ndarray, bad: np.ndarray, fwhm: float, metrics: Mapping,
                   shifts: pd.DataFrame) -> np.ndarray:
    """What the errors of the subtracted light add to the variance of PSF fluxes: `systematic_variance` of a difference.

    Parameters
    ----------
    search, difference : ndarray, (ny, nx) float32
    bad : ndarray, (ny, nx) bool
    fwhm : float
        Of the difference's PSF, px.
    metrics : mapping
        Of the subtraction (`diff_info`).
    shifts : DataFrame
        `shift_table` of its listed stars.
    """
    error = ModelError(*(metrics[name] for name in MODEL_ERRORS))
    return systematic_variance(search, difference, bad, error, fwhm, places_of(shifts))
