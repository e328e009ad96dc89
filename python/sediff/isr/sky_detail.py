"""What a CCD's sky has beyond the smooth components, to the scale that is known: fringes, and detail in proportion to it.

Both are measured on bins of 4 x 4 pixels (`sky_bins`). Noise is kept out of them by a Wiener filter whose signal is what the
data themselves show above the known noise, scale by scale; structure below `LEAST_PERIOD` belongs to stars, not to the sky.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from sediff.errors import BadData
from sediff.isr.sky_bins import polynomial, polynomial_terms, standing_out

#: Degree of the polynomial over a CCD that takes up what the components of the focal plane leave.
DEGREE = 3
#: Side (bins) of the surroundings of a gap.
BORDER = 9
#: Side (bins) of the windows in which noise is told from structure.
WINDOW = 32
#: Part of the bins in gaps below which filling them takes no pains, and the steps of taking them.
FEW_GAPS, FILLING = 0.005, 40
#: Shortest period (bins) of anything in the sky: 12 pixels.
LEAST_PERIOD = 3.0


@dataclass(frozen=True)
class Left:
    """What is left of a CCD's sky after its components: a polynomial and the strength of a pattern.

    Parameters
    ----------
    polynomial : ndarray, (terms,) electrons
        See `sky_bins.polynomial`, of degree `DEGREE`.
    strength, error : float, electrons
        0 without a pattern.
    sky : ndarray, (ny, nx) bool
        Bins without objects.
    """

    polynomial: np.ndarray
    strength: float
    error: float
    sky: np.ndarray


def fit_left(bins: np.ndarray, weight: np.ndarray, pattern: np.ndarray | None = None, passes: int = 6,
             rough: bool = False, wide: bool = True, border: np.ndarray | None = None) -> Left:
    """Least squares for a polynomial and a pattern together, objects left out; those are found again in each pass.

    Every second row and column of the bins is fitted, objects are looked for on all.

    Parameters
    ----------
    bins : ndarray, (ny, nx) float32, electrons
        Smooth sky subtracted.
    weight : ndarray, (ny, nx) float32, electrons^-2
        Inverse variances, 0 where nothing is known.
    pattern : ndarray, (ny, nx) float32, optional
    rough : bool
        Leave out only what stands out of all the structure that there is: for a first guess, before a pattern is known
        whose crests would count as objects.
    wide : bool
        Whether faint wide wings are looked for in the end; a pattern that is not known to 10 % would count as such.
    border : ndarray, (ny, nx) bool, optional
        Bins where nothing is taken for an object: beside gaps in the pattern, where it is not well known.
    """
    part = np.s_[::2, ::2]
    terms = polynomial_terms(bins.shape, DEGREE)[:, *part]
    if pattern is not None:
        terms = np.concatenate([terms, pattern[part][None]])
    terms = terms.reshape(len(terms), -1)
    known = weight > 0
    if not known.any():
        raise BadData('no pixel of the CCD is usable: both amplifiers are dead or masked; leave this CCD out')
    sky = known & (np.abs(bins - np.median(bins[known])) <= 3.0 * _spread(bins[known]))
    for number in range(passes):
        share = np.where(sky, weight, np.float32(0))[part].ravel()
        weighted = terms * share
        matrix = (weighted @ terms.T).astype(float)
        solution = np.linalg.lstsq(matrix, (weighted @ bins[part].ravel()).astype(float), rcond=1e-8)[0]
        strength = 0.0 if pattern is None else solution[-1]
        coefficients = solution if pattern is None else solution[:-1]
        residual = bins - polynomial(coefficients, bins.shape, DEGREE)
        residual = residual if pattern is None else residual - np.float32(strength) * pattern
        sky = _without_objects(residual, weight, known, rough, wide and number >= passes - 2)
        sky = known & (sky if border is None else sky | border)
    error = 0.0 if pattern is None else float(np.sqrt(np.linalg.pinv(matrix)[-1, -1]))
    return Left(coefficients, float(strength), error, sky)


def _without_objects(residual: np.ndarray, weight: np.ndarray, known: np.ndarray, rough: bool, wide: bool) -> np.ndarray:
    """Bins that only the sky is in."""
    if rough:
        far = np.abs(residual) > 3.0 * _spread(residual[known])
        return ~ndimage.maximum_filter(far & known, 5, mode='constant')
    scaled = residual * np.sqrt(weight)
    excess = max(_spread(scaled[known]), 1.0)
    sky = ~standing_out(residual, weight, 3.5 * excess) & (scaled > -5.0 * excess)
    if wide:
        left = np.where(sky, weight, np.float32(0))
        sky &= ~standing_out(np.where(sky, residual, np.float32(0)), left, 5.0 * excess, wide=True)
    return sky


def build_pattern(bins: Sequence[np.ndarray], weights: Sequence[np.ndarray], levels: np.ndarray,
                  first: tuple[np.ndarray, Sequence[Left]] | None = None,
                  passes: int = 4) -> tuple[np.ndarray, list[Left]]:
    """The pattern that exposures share with a strength of its own in each (fringes), by alternating the two.

    Where all have an object on the same pixels the pattern has a gap, which is filled from around it; beside a gap no
    further objects are looked for, or the errors of the filling would make it grow.

    Parameters
    ----------
    bins : sequence of ndarray, (ny, nx) float32, electrons
        An exposure each, smooth sky subtracted.
    weights : sequence of ndarray, (ny, nx) float32, electrons^-2
    levels : ndarray, (exposures,)
        First guess of the strengths, up to a factor.
    first : (pattern, fits), optional
        A better first guess: what this function gave before.

    Returns
    -------
    pattern : ndarray, (ny, nx) float32
        rms 1.
    fits : list of Left
        Of each exposure with that pattern.
    """
    if first is None:
        strengths, pattern = np.asarray(levels, float) / np.median(levels), np.zeros(bins[0].shape, np.float32)
        fits = [fit_left(*pair, rough=True) for pair in zip(bins, weights)]
    else:
        pattern, fits = first
        strengths = np.array([fit.strength for fit in fits])
    gap = np.zeros(pattern.shape, bool) if first is None else ~np.any([fit.sky for fit in fits], axis=0)
    for number in range(passes):
        total, norm = np.zeros_like(pattern), np.zeros_like(pattern)
        for plane, weight, strength, fit in zip(bins, weights, strengths, fits):
            residual = plane - polynomial(fit.polynomial, plane.shape, DEGREE)
            near = _near(residual - strength * pattern, weight, fit.sky, first is None and number == 0)
            share = np.where(near, weight, np.float32(0))
            total += np.float32(strength) * share * residual
            norm += np.float32(strength ** 2) * share
        pattern = shrink(total / np.maximum(norm, 1e-30), norm, thorough=number == passes - 1)
        pattern = pattern / max(float(np.sqrt(np.mean(pattern[norm > 0] ** 2))), 1e-30)
        border = ndimage.maximum_filter(gap, BORDER) & ~gap
        fits = [fit_left(plane, np.where(gap, np.float32(0), weight), pattern, wide=number >= passes - 2, border=border)
                for plane, weight in zip(bins, weights)]
        gap |= ~np.any([fit.sky for fit in fits], axis=0)
        strengths = np.array([fit.strength for fit in fits])
    return pattern, fits


def build_detail(bins: Sequence[np.ndarray], weights: Sequence[np.ndarray], levels: np.ndarray,
                 fits: Sequence[Left], pattern: np.ndarray | None) -> np.ndarray:
    """What is in proportion to the sky and not smooth, over the sky: (ny, nx) float32."""
    total, norm = np.zeros(bins[0].shape, np.float32), np.zeros(bins[0].shape, np.float32)
    for plane, weight, level, fit in zip(bins, weights, levels, fits):
        residual = plane - polynomial(fit.polynomial, plane.shape, DEGREE)
        residual = residual if pattern is None else residual - np.float32(fit.strength) * pattern
        share = np.where(fit.sky, weight, np.float32(0))
        total += np.float32(level) * share * residual
        norm += np.float32(level ** 2) * share
    return shrink(total / np.maximum(norm, 1e-30), norm, total.shape[1] // 2)


def fixed_objects(bins: Sequence[np.ndarray], weights: Sequence[np.ndarray], fits: Sequence[Left],
                  pattern: np.ndarray | None, sigma: float = 4.0) -> np.ndarray:
    """Faint objects that lie on the same pixels in all exposures, where these are not dithered: (ny, nx) bool.

    They stand out of the mean of the exposures, and are sharper than anything that the sky has.
    """
    total, norm = np.zeros(bins[0].shape, np.float32), np.zeros(bins[0].shape, np.float32)
    for plane, weight, fit in zip(bins, weights, fits):
        residual = plane - polynomial(fit.polynomial, plane.shape, DEGREE)
        residual = residual if pattern is None else residual - np.float32(fit.strength) * pattern
        share = np.where(fit.sky, weight, np.float32(0))
        total, norm = total + share * residual, norm + share
    mean = total / np.maximum(norm, 1e-30)
    beside_gaps = ndimage.maximum_filter(norm <= 0, BORDER)
    return standing_out(mean - ndimage.median_filter(mean, 9, mode='nearest'), norm, sigma) & ~beside_gaps


def shrink(plane: np.ndarray, weight: np.ndarray, seam: int | None = None, thorough: bool = True) -> np.ndarray:
    """A Wiener filter of a plane whose noise is known: what cannot be told from noise becomes 0, scale by scale.

    Where there is a seam, its sides are filtered alone (amplifiers have steps between them). Power is taken in rings of the
    cosine transform; a ring keeps (P - N) / P of its amplitude, N the noise's and P what is there less two of its standard
    deviations. Gaps and bins of small weight are filled with the filtered plane, which is repeated until it settles (Elsner
    & Wandelt 2013, A&A 549, A111).

    Parameters
    ----------
    plane : ndarray, (ny, nx) float32
    weight : ndarray, (ny, nx) float32
        Inverse variances; 0 in gaps.
    seam : int, optional
        Column where the second amplifier begins.
    thorough : bool
        Whether gaps, where there are more than a few, are filled by continuing the fringes into them, the strongest first
        (Papoulis 1975, IEEE Trans. CAS 22, 735): 10 s for a CCD.
    """
    if seam is None:
        return _shrink(plane, weight, thorough)
    halves = [(plane[:, part], weight[:, part]) for part in (slice(None, seam), slice(seam, None))]
    return np.concatenate([_shrink(*half, thorough) for half in halves], axis=1)


def _shrink(plane: np.ndarray, weight: np.ndarray, thorough: bool) -> np.ndarray:
    if not (weight > 0).any():
        return np.zeros(plane.shape, np.float32)
    best = float(np.quantile(weight[weight > 0], 0.9))
    share = np.minimum(weight / np.float32(best), np.float32(1)).astype(np.float32)
    noise = float(share.mean()) / best
    ring, modes, allowed = _rings(plane.shape)
    estimate = _filled(plane, share)
    for _ in range(3):
        terms = fft.dctn(estimate + share * (plane - estimate), type=2, norm='ortho')
        power = np.bincount(ring.ravel(), (terms.astype(np.float64) ** 2).ravel(), len(modes)) / modes
        gain = np.clip(1.0 - noise * (1.0 + 2.0 * np.sqrt(2.0 / modes)) / np.maximum(power, 1e-30), 0.0, 1.0)
        estimate = fft.idctn(terms * (gain[ring] * allowed).astype(np.float32), type=2, norm='ortho')
    fill = thorough and (share <= 0).mean() > FEW_GAPS
    for number in range(FILLING if fill else 5 if (share <= 0).any() else 2):
        terms = fft.dctn(estimate + share * (plane - estimate), type=2, norm='ortho') * allowed
        strict = 1.0 + 1000.0 * 0.85 ** number if fill else 1.0
        estimate = _shrink_windows(fft.idctn(terms.astype(np.float32), type=2, norm='ortho'), noise * strict)
    return estimate


def _shrink_windows(plane: np.ndarray, noise: float, size: int = WINDOW) -> np.ndarray:
    """The same filter in overlapping windows, where fringes have few periods and directions: power is the mean of 3 x 3
    terms, and what is below 1.7 times the noise's is noise (it scatters by 0.4)."""
    ny, nx = plane.shape
    half = size // 2
    tall = np.pad(plane, [(half, half + -count % half) for count in (ny, nx)], mode='symmetric')
    taper = np.sin(np.pi * (np.arange(size) + 0.5) / size)
    taper = np.outer(taper, taper).astype(np.float32)
    total = np.zeros_like(tall)
    level = 1.7 * noise * float((taper ** 2).sum())
    for y in range(0, tall.shape[0] - half, half):
        rows = np.stack([tall[y:y + size, x:x + size] for x in range(0, tall.shape[1] - half, half)]) * taper
        terms = fft.fft2(rows)
        power = ndimage.uniform_filter(np.abs(terms) ** 2, (0, 3, 3), mode='wrap')
        terms *= np.clip(1.0 - level / np.maximum(power, 1e-30), 0.0, 1.0)
        for number, piece in enumerate(fft.ifft2(terms).real * taper):
            total[y:y + size, number * half:number * half + size] += piece
    return total[half:half + ny, half:half + nx]


def _rings(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ring of each term of a cosine transform, terms in each ring, and 0 to 1 for periods too short to be the sky's."""
    rows, columns = (np.arange(count) / (2.0 * count) for count in shape)
    frequency = np.hypot(rows[:, None], columns[None, :])
    ring = np.rint(16.0 * np.log2(1.0 + 2.0 * frequency * min(shape))).astype(int)
    allowed = np.clip(3.0 - 2.0 * frequency * LEAST_PERIOD, 0.0, 1.0)
    return ring, np.maximum(np.bincount(ring.ravel()), 1), allowed


def _filled(plane: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The plane where it is known, its surroundings' mean elsewhere."""
    filled, missing = plane * (share > 0), share <= 0
    for sigma in (2.0, 6.0, 20.0, 80.0):
        if not missing.any():
            break
        total, norm = (ndimage.gaussian_filter(each, sigma, mode='nearest') for each in (plane * share, share))
        seen = missing & (norm > 1e-3)
        filled[seen] = total[seen] / norm[seen]
        missing &= ~seen
    return filled.astype(np.float32)


def _spread(values: np.ndarray) -> float:
    """Robust standard deviation; 0 of nothing."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) if len(values) else 0.0


def _near(residual: np.ndarray, weight: np.ndarray, sky: np.ndarray, guess: bool) -> np.ndarray:
    """Bins that agree with the model, once it is more than a guess."""
    return sky if guess else sky & (np.abs(residual) * np.sqrt(weight) < 5.0)
