"""Zero points: which stars may decide one, and the clipped mean over them.

Sign: the usual one, mag = -2.5 log10(flux) + zero_point, flux in electrons of the whole exposure. (DES-GW stored the
negative of it.)
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.errors import BadData


@dataclass(frozen=True)
class StarCuts:
    """Which objects and reference stars take part.

    Parameters
    ----------
    match_radius : float
        Largest distance between an object and its reference star, arcsec.
    min_snr : float
        Smallest flux over its error.
    max_flags : int
        Largest FLAGS (3 allows neighbours and deblended objects, not saturated ones).
    allowed_mask : int
        Bits of IMAFLAGS_ISO that do no harm.
    min_class_star : float
        Smallest CLASS_STAR.
    max_spread_model : float
        Largest |SPREAD_MODEL|.
    magnitude_range : tuple
        Reference magnitudes in the band, mag AB.
    colour_range : tuple
        BP-RP, mag.
    """

    match_radius: float = 1.0
    min_snr: float = 10.0
    max_flags: int = 3
    allowed_mask: int = 0
    min_class_star: float = 0.8
    max_spread_model: float = 0.01
    magnitude_range: tuple[float, float] = (14.0, 20.5)
    colour_range: tuple[float, float] = (0.4, 2.5)


@dataclass(frozen=True)
class ClipOptions:
    """How the mean is clipped.

    Parameters
    ----------
    sigma : float
        Stars further off than this many standard deviations are left out: of all stars' scatter, or of the star's own
        error where that is larger (a faint star is no outlier for being noisy).
    iterations : int
        At most so many rounds.
    min_stars : int
        Fewest stars left.
    intrinsic_scatter : float
        Scatter of stars about the colour term, in quadrature with their errors, mag.
    """

    sigma: float = 3.0
    iterations: int = 10
    min_stars: int = 5
    intrinsic_scatter: float = 0.02


@dataclass(frozen=True)
class ZeroPoint:
    """A zero point.

    Parameters
    ----------
    zero_point : float
        mag = -2.5 log10(flux) + zero_point.
    rms : float
        Scatter of the stars about it, mag.
    error : float
        Its standard error, mag.
    n_all, n_clipped : int
        Matched stars, and those left after clipping.
    """

    zero_point: float
    rms: float
    error: float
    n_all: int
    n_clipped: int


def fit_zero_point(mag_instrumental: np.ndarray, mag_error: np.ndarray, mag_reference: np.ndarray,
                   reference_error: np.ndarray, options: ClipOptions | None = None) -> ZeroPoint:
    """Weighted, sigma-clipped mean of reference minus instrumental magnitudes.

    Parameters
    ----------
    mag_instrumental : ndarray, (n,), mag
        -2.5 log10(flux), without any zero point.
    mag_error, mag_reference, reference_error : ndarray, (n,), mag
    options : ClipOptions, optional

    Returns
    -------
    ZeroPoint

    Raises
    ------
    BadData
        Too few stars before or after clipping: the message gives the counts.

    Notes
    -----
    Clipping starts about the median with a scatter from the median absolute deviation, then goes on about the weighted
    mean with the rms about it. Weights are 1/(errors^2 + intrinsic_scatter^2); the standard error is the larger of the one
    that the weights say and the one that the rms says.
    """
    options = options or ClipOptions()
    difference = np.asarray(mag_reference, float) - np.asarray(mag_instrumental, float)
    variance = np.asarray(mag_error, float) ** 2 + np.asarray(reference_error, float) ** 2 + options.intrinsic_scatter ** 2
    good = np.isfinite(difference) & np.isfinite(variance) & (variance > 0.0)
    difference, weight = difference[good], 1.0 / variance[good]
    n_all = len(difference)
    if n_all < options.min_stars:
        raise BadData(f'{n_all} stars matched, a zero point needs {options.min_stars}')
    keep = _clip(difference, weight, options)
    n = int(keep.sum())
    if n < options.min_stars:
        raise BadData(f'{n} of {n_all} matched stars are left after clipping, a zero point needs {options.min_stars}')
    mean = float(np.average(difference[keep], weights=weight[keep]))
    rms = float(np.sqrt(np.sum((difference[keep] - mean) ** 2) / max(n - 1, 1)))
    by_weight = 1.0 / np.sqrt(weight[keep].sum())
    by_scatter = rms * np.sqrt(np.sum(weight[keep] ** 2)) / weight[keep].sum()
    return ZeroPoint(mean, rms, float(max(by_weight, by_scatter)), n_all, n)


def select_objects(catalogue: np.ndarray, cuts: StarCuts | None = None, flux_name: str = 'FLUX_PSF') -> np.ndarray:
    """Objects of a catalogue that may be used as calibration stars: bool (n,).

    CLASS_STAR, SPREAD_MODEL and IMAFLAGS_ISO are cut on where the catalogue has them.
    """
    cuts = cuts or StarCuts()
    flux, error = catalogue[flux_name], catalogue[flux_name.replace('FLUX_', 'FLUXERR_')]
    good = (flux > 0.0) & (error > 0.0) & (flux >= cuts.min_snr * error) & (catalogue['FLAGS'] <= cuts.max_flags)
    names = catalogue.dtype.names
    if 'IMAFLAGS_ISO' in names:
        good &= (catalogue['IMAFLAGS_ISO'] & ~np.int64(cuts.allowed_mask)) == 0
    if 'CLASS_STAR' in names:
        good &= catalogue['CLASS_STAR'] > cuts.min_class_star
    if 'SPREAD_MODEL' in names:
        good &= np.abs(catalogue['SPREAD_MODEL']) < cuts.max_spread_model
    return good


def select_references(magnitude: np.ndarray, colour: np.ndarray, cuts: StarCuts | None = None) -> np.ndarray:
    """Reference stars of usable magnitude and colour (mag): bool (n,); missing ones are not."""
    cuts = cuts or StarCuts()
    return ((magnitude >= cuts.magnitude_range[0]) & (magnitude <= cuts.magnitude_range[1])
            & (colour >= cuts.colour_range[0]) & (colour <= cuts.colour_range[1]))


def _clip(difference: np.ndarray, weight: np.ndarray, options: ClipOptions) -> np.ndarray:
    center = np.median(difference)
    scatter = max(1.4826 * np.median(np.abs(difference - center)), 1e-4)
    own = 1.0 / np.sqrt(weight)
    keep = np.abs(difference - center) <= options.sigma * np.maximum(scatter, own)
    for _ in range(options.iterations):
        if keep.sum() < options.min_stars:
            break
        center = np.average(difference[keep], weights=weight[keep])
        scatter = max(np.std(difference[keep]), 1e-4)
        update = np.abs(difference - center) <= options.sigma * np.maximum(scatter, own)
        if (update == keep).all():
            break
        keep = update
    return keep
