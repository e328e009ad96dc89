"""Forced photometry of many epochs: one row a place and image, and the columns of a light curve made from them."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

#: A magnitude is given from this S/N on; the limit is that of a source of this S/N.
LIMIT_SIGMA = 3.0
#: FLUXCAL is 10 at this magnitude less 2.5: mag = 27.5 - 2.5 log10(FLUXCAL) (SNANA; Kessler et al. 2009, PASP 121, 1028).
ZERO_POINT_SNANA = 27.5

#: A measurement, or a place without one: FLUX is NaN, and `gap` says why (an index of `Epochs.reasons`).
ROW_DTYPE = np.dtype([('place', 'i4'), ('image', 'i4'), ('x', 'f8'), ('y', 'f8'), ('flux', 'f8'), ('error', 'f8'),
                      ('chi2', 'f4'), ('good', 'f4'), ('flags', 'i4'), ('away', 'f4'), ('gap', 'i4')])


@dataclass(frozen=True)
class ImageFacts:
    """What is known of a difference image.

    Parameters
    ----------
    expnum, ccd : int
    nite, band, field : str
    mjd : float
        Middle of the exposure, MJD, UTC.
    zero_point : float
        AB magnitude of one electron in the whole exposure; NaN where it is not known.
    psf_sigma : float
        Of the Gaussian with the noise-equivalent area of the difference's PSF, px.
    sky_sigma, template_sigma : float
        Noise of a pixel of the search image and of the template, electrons.
    template : str
        Exposures of the template, joined by +.
    pixel_scale : float
        arcsec.
    """

    expnum: int
    ccd: int
    nite: str = ''
    band: str = ''
    field: str = ''
    mjd: float = np.nan
    zero_point: float = np.nan
    psf_sigma: float = np.nan
    sky_sigma: float = np.nan
    template_sigma: float = np.nan
    template: str = ''
    pixel_scale: float = np.nan


@dataclass
class Epochs:
    """Rows of ROW_DTYPE, the images they are of, and the reasons of gaps; reason 0 is none."""

    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, ROW_DTYPE))
    images: list[ImageFacts] = field(default_factory=list)
    reasons: list[str] = field(default_factory=lambda: [''])


def blank_rows(places: np.ndarray) -> np.ndarray:
    """Rows of ROW_DTYPE without a value for the indices of places, (n,) int."""
    rows = np.zeros(len(places), ROW_DTYPE)
    for name in ('x', 'y', 'flux', 'error', 'chi2'):
        rows[name] = np.nan
    rows['place'] = places
    return rows


def joined(parts: Sequence[Epochs]) -> Epochs:
    """The epochs of many images as one: of each place and exposure one row, that of the CCD that holds the place.

    Where no CCD does, the row of the nearest one stays and says that the place is off it.
    """
    images: list[ImageFacts] = []
    reasons, arrays = {'': 0}, []
    for part in parts:
        rows = part.rows.copy()
        rows['image'] += len(images)
        rows['gap'] = np.array([reasons.setdefault(reason, len(reasons)) for reason in part.reasons], int)[rows['gap']]
        arrays.append(rows)
        images += part.images
    rows = np.concatenate(arrays) if arrays else np.zeros(0, ROW_DTYPE)
    expnum, ccd, mjd = (np.array([getattr(image, name) for image in images])[rows['image']] if len(rows) else np.zeros(0)
                        for name in ('expnum', 'ccd', 'mjd'))
    order = np.lexsort((ccd, rows['away'], expnum, rows['place']))
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(rows['place'][order]) != 0) | (np.diff(expnum[order]) != 0)
    kept = order[first]
    kept = kept[np.lexsort((expnum[kept], mjd[kept], rows['place'][kept]))]
    return Epochs(rows[kept], images, list(reasons))


def magnitudes(flux: np.ndarray, error: np.ndarray, zero_point: np.ndarray) -> tuple[np.ndarray, ...]:
    """Magnitude and its error where flux > LIMIT_SIGMA errors, else NaN; and the limit, where there is an error.

    Parameters
    ----------
    flux, error : ndarray, (n,) float
        Electrons.
    zero_point : ndarray, (n,) float
        Magnitude of one electron.

    Returns
    -------
    mag, mag_error, limit : ndarray, (n,) float
        The limit is zero_point - 2.5 log10(LIMIT_SIGMA error): what a source of that S/N has.
    """
    with np.errstate(invalid='ignore', divide='ignore'):
        seen = flux > LIMIT_SIGMA * error
        mag = np.where(seen, zero_point - 2.5 * np.log10(np.where(seen, flux, 1.0)), np.nan)
        mag_error = np.where(seen, 2.5 / np.log(10.0) * error / np.where(seen, flux, 1.0), np.nan)
        return mag, mag_error, zero_point - 2.5 * np.log10(LIMIT_SIGMA * error)


def light_curve(epochs: Epochs, place: int | None = None) -> dict[str, np.ndarray]:
    """The columns of the light curves of all places, or of one, by place and time (docs/forced.md lists them)."""
    rows = epochs.rows if place is None else epochs.rows[np.searchsorted(epochs.rows['place'], place):
                                                         np.searchsorted(epochs.rows['place'], place, 'right')]
    images = [epochs.images[k] for k in rows['image']]

    def fact(name: str, kind: str) -> np.ndarray:
        return np.array([getattr(image, name) for image in images], kind)
    flux, error, zero_point = rows['flux'], rows['error'], fact('zero_point', 'f8')
    mag, mag_error, limit = magnitudes(flux, error, zero_point)
    calibration = 10.0 ** (0.4 * (ZERO_POINT_SNANA - zero_point))
    return {'PLACE': rows['place'], 'MJD': fact('mjd', 'f8'), 'BAND': fact('band', 'U16'), 'FIELD': fact('field', 'U40'),
            'NITE': fact('nite', 'U8'), 'EXPNUM': fact('expnum', 'i8'), 'CCDNUM': fact('ccd', 'i4'),
            'XPIX': rows['x'] + 1.0, 'YPIX': rows['y'] + 1.0, 'FLUX': flux, 'FLUXERR': error, 'SNR': flux / error,
            'MAG': mag, 'MAGERR': mag_error, 'MAGLIM': limit, 'ZPFLUX': zero_point, 'FLUXCAL': calibration * flux,
            'FLUXCALERR': calibration * error, 'CHI2': rows['chi2'], 'GOOD': rows['good'], 'FLAGS': rows['flags'],
            'PSF': fact('psf_sigma', 'f8'), 'SKYSIG': fact('sky_sigma', 'f8'), 'SKYSIG_T': fact('template_sigma', 'f8'),
            'TEMPLATE': fact('template', 'U'), 'GAP': np.array([epochs.reasons[k] for k in rows['gap']], 'U')}
