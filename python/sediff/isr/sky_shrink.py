"""Takes noise out of a plane of bins: a Wiener filter whose signal is what the data show above a known noise."""
from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

#: Side (bins) of the windows in which noise is told from structure.
WINDOW = 32
#: Part of the bins in gaps below which filling them takes no pains, and the steps of taking them.
FEW_GAPS, FILLING = 0.005, 40
#: Shortest period (bins) of anything in the sky: 12 pixels.
LEAST_PERIOD = 3.0


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
