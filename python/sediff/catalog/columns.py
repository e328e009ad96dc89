"""Columns of the object catalogue: SExtractor's names, types and units."""
from __future__ import annotations

import numpy as np

from sediff.errors import BadUsage

#: (name, type, unit); positions in pixels are 1-based.
BASE = (
    ('NUMBER', 'i4', ''),
    ('X_IMAGE', 'f8', 'pixel'), ('Y_IMAGE', 'f8', 'pixel'),
    ('XWIN_IMAGE', 'f8', 'pixel'), ('YWIN_IMAGE', 'f8', 'pixel'), ('ERRAWIN_IMAGE', 'f4', 'pixel'),
    ('ALPHAWIN_J2000', 'f8', 'deg'), ('DELTAWIN_J2000', 'f8', 'deg'),
    ('FLUX_AUTO', 'f4', 'count'), ('FLUXERR_AUTO', 'f4', 'count'),
    ('MAG_AUTO', 'f4', 'mag'), ('MAGERR_AUTO', 'f4', 'mag'),
    ('FLUX_RADIUS', 'f4', 'pixel'), ('KRON_RADIUS', 'f4', ''), ('FLUX_MAX', 'f4', 'count'),
    ('FWHM_IMAGE', 'f4', 'pixel'), ('FWHM_WORLD', 'f4', 'deg'),
    ('A_IMAGE', 'f4', 'pixel'), ('B_IMAGE', 'f4', 'pixel'), ('THETA_IMAGE', 'f4', 'deg'),
    ('ISOAREA_IMAGE', 'i4', 'pixel**2'),
    ('CLASS_STAR', 'f4', ''), ('FLAGS', 'i2', ''), ('IMAFLAGS_ISO', 'i4', ''),
)
PSF = (
    ('XPSF_IMAGE', 'f8', 'pixel'), ('YPSF_IMAGE', 'f8', 'pixel'),
    ('FLUX_PSF', 'f4', 'count'), ('FLUXERR_PSF', 'f4', 'count'), ('MAG_PSF', 'f4', 'mag'), ('MAGERR_PSF', 'f4', 'mag'),
    ('SPREAD_MODEL', 'f4', ''), ('SPREADERR_MODEL', 'f4', ''),
    ('FWHMPSF_IMAGE', 'f4', 'pixel'), ('FWHMPSF_WORLD', 'f4', 'deg'),
)
APERTURE = (('FLUX_APER', 'f4', 'count'), ('FLUXERR_APER', 'f4', 'count'), ('MAG_APER', 'f4', 'mag'),
            ('MAGERR_APER', 'f4', 'mag'))
UNITS = {name: unit for name, _, unit in (*BASE, *PSF, *APERTURE)}

#: Magnitude of a flux that has none, as SExtractor writes it.
NO_MAGNITUDE = 99.0


def aperture_diameters(text: str) -> tuple[float, ...]:
    """Diameters (pixels) from a text such as '6,12,24': as PHOT_APERTURES; '' for none.

    Raises
    ------
    BadUsage
        Not positive numbers, or more than 32.
    """
    try:
        diameters = tuple(float(word) for word in text.replace(',', ' ').split())
    except ValueError as error:
        raise BadUsage(f'APERTURES={text}: must be diameters in pixels, such as 6,12,24') from error
    if len(diameters) > 32 or not all(0 < diameter <= 500 for diameter in diameters):
        raise BadUsage(f'APERTURES={text}: at most 32 diameters between 0 and 500 pixels')
    return diameters


def empty_catalogue(rows: int, with_psf: bool, apertures: int = 0) -> np.ndarray:
    """A zero-filled catalogue.

    Parameters
    ----------
    rows : int
    with_psf : bool
        With the PSF columns.
    apertures : int
        Number of fixed apertures; with more than one the APER columns are vectors.
    """
    fields: list[tuple] = [(name, kind) for name, kind, _ in (BASE + PSF if with_psf else BASE)]
    if apertures:
        shape = () if apertures == 1 else (apertures,)
        fields += [(name, kind, shape) for name, kind, _ in APERTURE]
    return np.zeros(rows, dtype=fields)


def magnitudes(flux: np.ndarray, error: np.ndarray, zero_point: float = 25.0) -> tuple[np.ndarray, np.ndarray]:
    """-2.5 log10(flux) + zero_point and its error; 99 for flux <= 0 or without an error."""
    flux, error = np.asarray(flux, float), np.asarray(error, float)
    known = (flux > 0) & (error > 0) & np.isfinite(flux) & np.isfinite(error)
    safe = np.where(known, flux, 1.0)
    magnitude = np.where(known, zero_point - 2.5 * np.log10(safe), NO_MAGNITUDE)
    return magnitude, np.where(known, 2.5 / np.log(10.0) * error / safe, NO_MAGNITUDE)
