"""Zero points: which stars may decide one, and the clipped mean over them.

Sign: the usual one, mag = -2.5 log10(flux) + zero_point, flux in electrons of the whole exposure, so that about +31 for a
90 s exposure in r. DES-GW's tools stored the negative of it, -31, and wrote mag = -2.5 log10(flux) - ZP. Magnitudes are as
seen: no correction for Galactic extinction is in them, nor one for airmass, which the zero point takes up.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.spatial import cKDTree

from sediff.errors import BadData
from sediff.photometry.spatial import SpatialOptions, SpatialTerm, fit_spatial
from sediff.sphere import unit_vectors
from sediff.stats import sigma_about


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
        Largest FLAGS (1 allows neighbours that touch the aperture, not blended nor saturated objects).
    allowed_mask : int
        Bits of IMAFLAGS_ISO that do no harm.
    min_class_star : float
        Smallest CLASS_STAR.
    max_spread_model : float
        Largest |SPREAD_MODEL|.
    max_flux : float
        Largest flux (e-): brighter stars come near saturation.
    magnitude_range : tuple
        Reference magnitudes in the band, mag AB.
    colour_range : tuple
        BP-RP, mag.
    blend_radius : float
        A reference star with another within this distance (arcsec) that is no more than `blend_contrast` fainter is
        left out; 0: none is.
    blend_contrast : float
        mag in G; 4 is a neighbour of 2.5 % of the light.
    """

    match_radius: float = 1.0
    min_snr: float = 10.0
    max_flags: int = 1
    allowed_mask: int = 0
    min_class_star: float = 0.8
    max_spread_model: float = 0.01
    max_flux: float = np.inf
    magnitude_range: tuple[float, float] = (14.0, 20.5)
    colour_range: tuple[float, float] = (0.4, 2.5)
    blend_radius: float = 3.0
    blend_contrast: float = 4.0


@dataclass(frozen=True)
class ClipOptions:
    """How the mean is clipped and weighted.

    Parameters
    ----------
    sigma : float
        Stars further off than this many standard deviations are rejected: of all stars' scatter, or of the star's own
        error where that is larger (a faint star is no outlier for being noisy).
    iterations : int
        At most so many rounds.
    min_stars : int
        Fewest stars left.
    intrinsic_scatter : float
        Expected scatter of stars about the colour term, beyond their errors, mag.
    prior_stars : float
        How many stars' worth that expectation is, against the scatter that the stars show.
    spatial : SpatialOptions, optional
        When the zero point may change over the CCD; None: never.
    """

    sigma: float = 3.0
    iterations: int = 10
    min_stars: int = 5
    intrinsic_scatter: float = 0.02
    prior_stars: float = 4.0
    spatial: SpatialOptions | None = None


@dataclass(frozen=True)
class ZeroPoint:
    """A zero point.

    Parameters
    ----------
    zero_point : float
        mag = -2.5 log10(flux) + zero_point; with a spatial term its mean over the CCD.
    rms : float
        Scatter of the stars about it, mag.
    error : float
        Its standard error from the stars, mag.
    n_all, n_clipped : int
        Matched stars, and those left after clipping.
    scatter : float
        The part of the stars' scatter that their errors do not explain, mag.
    spatial : SpatialTerm or None
        How it changes over the CCD.
    """

    zero_point: float
    rms: float
    error: float
    n_all: int
    n_clipped: int
    scatter: float = 0.0
    spatial: SpatialTerm | None = None


def fit_zero_point(mag_instrumental: np.ndarray, mag_error: np.ndarray, mag_reference: np.ndarray,
                   reference_error: np.ndarray, options: ClipOptions | None = None,
                   place: tuple[np.ndarray, np.ndarray, tuple[int, int]] | None = None,
                   assumed: np.ndarray | None = None) -> ZeroPoint:
    """Weighted, sigma-clipped mean of reference minus instrumental magnitudes.

    Parameters
    ----------
    mag_instrumental : ndarray, (n,), mag
        -2.5 log10(flux), without any zero point.
    mag_error, mag_reference, reference_error : ndarray, (n,), mag
    options : ClipOptions, optional
    place : tuple, optional
        x, y (0-based pixels, (n,)) and the CCD's (ny, nx), for a spatial term.
    assumed : ndarray, (n,) bool, optional
        Reference errors that the catalogue did not give: right but for a factor, which the stars' scatter tells.

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
    mean with the rms about it. Weights are 1/(errors^2 + s^2). s^2, the variance that the errors do not explain, is the
    mean of the expected one (`intrinsic_scatter`, worth `prior_stars`) and the one that makes chi square equal its degrees
    of freedom; so three stars that happen to agree do not claim a perfect zero point, and 200 stars speak for themselves.
    Assumed reference errors are multiplied by the factor of the highest likelihood, of which exp(+-0.3) is expected: noisier
    faint stars must not pass as scatter that all stars have, which would give them the weight of the bright.
    The standard error is that of the weighted mean, widened as Student's t is for n + prior_stars - 1 degrees of freedom.
    """
    options = options or ClipOptions()
    difference = np.asarray(mag_reference, float) - np.asarray(mag_instrumental, float)
    measured, given, good = _variances(difference, mag_error, reference_error, assumed, options)
    n_all, difference = len(measured), difference[good]
    x, y, shape = (place[0][good], place[1][good], place[2]) if place else (np.zeros(n_all), np.zeros(n_all), (1, 1))
    spatial, change = None, np.zeros(n_all)
    for _ in range(2 if place and options.spatial else 1):
        flat = difference - change
        keep = _clip(flat, 1.0 / (measured + options.intrinsic_scatter ** 2), options)
        n = int(keep.sum())
        if n < options.min_stars:
            raise BadData(f'{n} of {n_all} matched stars are left after clipping, a zero point needs {options.min_stars}')
        square = _error_factor(flat[keep], measured[keep], given[keep], options) ** 2
        measured, given = measured + (square - 1.0) * given, square * given
        scatter = _excess_scatter(flat[keep], measured[keep], options)
        variance = measured + scatter ** 2
        mean = float(np.average(flat[keep], weights=1.0 / variance[keep]))
        if spatial is None and place and options.spatial:
            spatial = fit_spatial(x[keep], y[keep], difference[keep] - mean, variance[keep], shape, options.spatial)
            change = spatial.at(x, y) if spatial else change
        if spatial is None:
            break
    rms = float(np.sqrt(np.sum((flat[keep] - mean) ** 2) / max(n - 1, 1)))
    return ZeroPoint(mean, rms, _standard_error(variance[keep], options), n_all, n, scatter, spatial)


def _variances(difference, mag_error, reference_error, assumed, options) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the stars that can be used, a bool of all stars: variance, and the part of it that is assumed, mag^2."""
    given = np.where(False if assumed is None else assumed, reference_error, 0.0) ** 2
    measured = np.asarray(mag_error, float) ** 2 + np.asarray(reference_error, float) ** 2
    good = np.isfinite(difference) & np.isfinite(measured) & (measured + options.intrinsic_scatter ** 2 > 0.0)
    if np.count_nonzero(good) < options.min_stars:
        raise BadData(f'{np.count_nonzero(good)} stars matched, a zero point needs {options.min_stars}')
    return measured[good], given[good], good


def _standard_error(variance: np.ndarray, options: ClipOptions) -> float:
    """Error (mag) of the mean weighted by these variances, widened as Student's t is."""
    freedom = len(variance) - 1 + options.prior_stars
    widening = freedom / (freedom - 2.0) if freedom > 2.0 else 3.0
    return float(np.sqrt(widening / np.sum(1.0 / variance)))


#: Factors tried for errors that the reference catalogue did not give; expected spread of their logarithm.
_FACTORS, _FACTOR_SPREAD = np.exp(np.linspace(-1.0, 1.2, 23)), 0.3


def _error_factor(difference: np.ndarray, measured: np.ndarray, given: np.ndarray, options: ClipOptions) -> float:
    """Factor of assumed errors (variances `given`, part of `measured`) of the highest likelihood; 1 where there are none."""
    if not given.any():
        return 1.0
    costs = []
    for factor in _FACTORS:
        variance = measured + (factor ** 2 - 1.0) * given
        variance = variance + _excess_scatter(difference, variance, options) ** 2
        mean = np.average(difference, weights=1.0 / variance)
        costs.append(np.sum((difference - mean) ** 2 / variance + np.log(variance))
                     + (np.log(factor) / _FACTOR_SPREAD) ** 2)
    return float(_FACTORS[int(np.argmin(costs))])


def _excess_scatter(difference: np.ndarray, measured: np.ndarray, options: ClipOptions) -> float:
    """Scatter (mag) beyond the errors: expected and shown, weighted by stars."""
    n, prior = len(difference), options.intrinsic_scatter ** 2

    def surplus(variance: float) -> float:
        """Chi^2 with this variance added, less its expectation."""
        weight = 1.0 / (measured + variance + 1e-12)
        mean = np.average(difference, weights=weight)
        return float(np.sum(weight * (difference - mean) ** 2)) - (n - 1)

    top = float(np.var(difference)) * n + 1e-8
    shown = brentq(surplus, 0.0, top, xtol=1e-8) if n > 1 and surplus(0.0) > 0.0 > surplus(top) else 0.0
    total = options.prior_stars + n - 1
    return float(np.sqrt((options.prior_stars * prior + (n - 1) * shown) / total)) if total > 0 else 0.0


def select_objects(catalogue: np.ndarray, cuts: StarCuts | None = None, flux_name: str = 'FLUX_PSF') -> np.ndarray:
    """Objects of a catalogue that may be used as calibration stars: bool (n,).

    CLASS_STAR, SPREAD_MODEL and IMAFLAGS_ISO are cut on where the catalogue has them.
    """
    cuts = cuts or StarCuts()
    flux, error = catalogue[flux_name], catalogue[flux_name.replace('FLUX_', 'FLUXERR_')]
    good = (flux > 0.0) & (error > 0.0) & (flux >= cuts.min_snr * error) & (catalogue['FLAGS'] <= cuts.max_flags)
    good &= (flux <= cuts.max_flux) & np.isfinite(catalogue['ALPHAWIN_J2000']) & np.isfinite(catalogue['DELTAWIN_J2000'])
    names = catalogue.dtype.names or ()
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


def isolated(stars: np.ndarray, cuts: StarCuts | None = None) -> np.ndarray:
    """Reference stars without a neighbour of the catalogue that adds to their light: bool (n,); see `StarCuts`.

    Raises
    ------
    KeyError, ValueError
        Not a table of reference stars.
    """
    cuts = cuts or StarCuts()
    alone = np.ones(len(stars), bool)
    if not (cuts.blend_radius > 0.0 and len(stars) > 1):
        return alone
    magnitude = np.nan_to_num(np.asarray(stars['phot_g_mean_mag'], float), nan=99.0)
    reach = 2.0 * np.sin(np.radians(cuts.blend_radius / 3600.0) / 2.0)
    pairs = cKDTree(unit_vectors(stars['ra'], stars['dec'])).query_pairs(reach, output_type='ndarray')
    for one, other in ((pairs[:, 0], pairs[:, 1]), (pairs[:, 1], pairs[:, 0])):
        alone[one[magnitude[other] < magnitude[one] + cuts.blend_contrast]] = False
    return alone


def _clip(difference: np.ndarray, weight: np.ndarray, options: ClipOptions) -> np.ndarray:
    center = np.median(difference)
    scatter = max(sigma_about(difference, center), 1e-4)
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
