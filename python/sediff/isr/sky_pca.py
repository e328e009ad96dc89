"""Components of the sky over the focal plane, from many exposures of a band (Bernstein et al. 2017, arXiv:1706.09928, 6)."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sediff.errors import BadData
from sediff.isr.focal_plane import BinnedSky
from sediff.stats import SIGMA_OF_MAD

#: Fewest exposures that sky components, templates and fringes are made from. There are at most half as many components.
FEWEST_EXPOSURES = 5


@dataclass(frozen=True)
class SkyComponents:
    """What skies of a band are made of.

    Parameters
    ----------
    values : ndarray, (n, ccds, ny, nx) float32
        The first has median 1 and is the mean sky, the others have rms 1. NaN where hardly any exposure has a value.
    ccds : tuple of int
    band : str
    block : int, pixels
    exposures : int
        How many they were made from.
    rms : float
        Residual of these exposures, in units of their sky.
    expnums : tuple of int
        Their numbers.
    """

    values: np.ndarray
    ccds: tuple[int, ...]
    band: str
    block: int
    exposures: int
    rms: float
    expnums: tuple[int, ...] = ()


def build_components(binned_exposures: Sequence[BinnedSky], n: int = 4, clip: float = 4.0,
                     passes: int = 10) -> SkyComponents:
    """Principal components of exposures with gaps and outliers.

    Every exposure is divided by its median. Missing blocks and those further than `clip` robust deviations from the
    reconstruction (bright stars, galaxies, clouds' edges) are filled with that reconstruction, and the singular value
    decomposition is repeated until they settle: first with one component, then with two, and so on, so that no component
    is spent on an outlier.

    Parameters
    ----------
    binned_exposures : sequence of BinnedSky
        Of one band and block size; CCDs that less than half of them have are left out.
    n : int
        Number of components at most, and at most one for two exposures after the first: more would follow the noise of
        few exposures. Those that are no more than the noise of the blocks are left out, too.

    Raises
    ------
    BadData
        Fewer than `FEWEST_EXPOSURES`, one without sky, more than one band or block size, or no CCD in half of the exposures.
    """
    _check(binned_exposures)
    n = min(n, (len(binned_exposures) - 1) // 2)
    ccds = _common_ccds(binned_exposures)
    shape = binned_exposures[0].values.shape[1:]
    data = np.stack([_plane(exposure, ccds).ravel() / exposure.level for exposure in binned_exposures])
    good = np.isfinite(data)
    known = good.sum(axis=0) >= max(3, n)
    data, good = data[:, known], good[:, known]
    model = np.broadcast_to(np.nanmedian(np.where(good, data, np.nan), axis=0), data.shape)
    for rank in range(1, n + 1):
        model, kept, v = _settle(data, good, model, rank, clip, passes)
        if rank == n or not _more_to_find(data - model, kept, rank):
            break
    n = rank
    model, kept, v = _settle(data, good, model, n, clip, 3 * passes)
    values = np.full((n, len(ccds) * shape[0] * shape[1]), np.nan, np.float32)
    values[:, known] = _scaled(v)
    rms = float(np.sqrt(np.mean((data - model)[kept] ** 2)))
    first = binned_exposures[0]
    return SkyComponents(values.reshape(n, len(ccds), *shape), ccds, first.band, first.block, len(binned_exposures), rms,
                         tuple(each.expnum for each in binned_exposures))


def _settle(data, good, model, rank, clip, passes):
    """Reconstruction of a rank, the blocks it was made from, and the right singular vectors."""
    filled = None
    for _ in range(passes):
        residual = np.where(good, data - model, np.nan)
        sigma = SIGMA_OF_MAD * np.nanmedian(np.abs(residual), axis=1, keepdims=True)
        kept = good & (np.abs(residual) <= clip * np.maximum(sigma, 1e-6))
        before, filled = filled, np.where(kept, data, model)
        u, s, v = np.linalg.svd(filled, full_matrices=False)
        model = (u[:, :rank] * s[:rank]) @ v[:rank]
        if before is not None and np.abs(filled - before).max() < 1e-5:
            break
    return model, kept, v[:rank]


def _more_to_find(residual: np.ndarray, kept: np.ndarray, rank: int) -> bool:
    """Whether the largest singular value left exceeds what noise alone gives, sigma (sqrt(rows) + sqrt(columns))."""
    rows, columns = residual.shape
    sigma = np.sqrt(np.mean(residual[kept] ** 2) * rows / (rows - rank))
    largest = np.linalg.svd(np.where(kept, residual, 0.0), compute_uv=False)[0]
    return bool(largest > 1.1 * sigma * (np.sqrt(rows) + np.sqrt(columns)))


def _check(binned: Sequence[BinnedSky]) -> None:
    if len(binned) < FEWEST_EXPOSURES:
        raise BadData(f'{len(binned)} exposures for sky components; take at least {FEWEST_EXPOSURES}')
    dark = [str(exposure.expnum) for exposure in binned if not exposure.level > 0]
    if dark:
        raise BadData(f'exposures without sky: {", ".join(dark)}; leave biases out')
    for what in ('band', 'block'):
        values = sorted({str(getattr(exposure, what)) for exposure in binned})
        if len(values) > 1:
            raise BadData(f'exposures of more than one {what}: {", ".join(values)}; build each alone')


def _common_ccds(binned: Sequence[BinnedSky]) -> tuple[int, ...]:
    numbers = [ccd for exposure in binned for ccd in exposure.ccds]
    ccds = tuple(sorted(ccd for ccd in set(numbers) if 2 * numbers.count(ccd) >= len(binned)))
    if not ccds:
        raise BadData('no CCD is in half of the exposures; take exposures with the same CCDs')
    return ccds


def _plane(exposure: BinnedSky, ccds: tuple[int, ...]) -> np.ndarray:
    missing = np.full(exposure.values.shape[1:], np.nan, np.float32)
    return np.stack([exposure.values[exposure.ccds.index(ccd)] if ccd in exposure.ccds else missing for ccd in ccds])


def _scaled(vectors: np.ndarray) -> np.ndarray:
    first = vectors[:1] / np.median(vectors[0])
    others = vectors[1:] / np.sqrt(np.mean(vectors[1:] ** 2, axis=1, keepdims=True))
    signs = np.where(others.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    return np.concatenate([first, others * signs])
