"""Measured noise: what the pixels say about the weight map."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from astropy.io.fits import Header

from sediff.instruments.amplifiers import Amplifier
from sediff.maskbits import UNUSABLE
from sediff.stats import sigma_about

#: Side (px) of the blocks in which the noise is measured.
BLOCK = 64
#: Side (px) of the cells of a block.
CELL = 4
#: Blocks measured at most.
MOST_BLOCKS = 120
#: A measured read noise outside this many times the header's is not accepted.
READ_NOISE_RANGE = (0.5, 3.0)
#: A measured noise outside this many times the expected is not used to scale weights.
SCALE_RANGE = (0.7, 1.4)


def with_measured_read_noise(amplifiers: Sequence[Amplifier], header: Header) -> tuple[Amplifier, ...]:
    """The amplifiers with the read noise (e-) of their overscan (cards OSNOISEA, OSNOISEB, ADU) where it can be accepted."""
    low, high = READ_NOISE_RANGE
    return tuple(replace(each, read_noise=noise) if low * each.read_noise < noise < high * each.read_noise else each
                 for each in amplifiers
                 for noise in [float(header.get(f'OSNOISE{each.name}', 0.0)) * each.gain])


def noise_ratio(image: np.ndarray, weight: np.ndarray, mask: np.ndarray, area: tuple[slice, slice]) -> float | None:
    """Noise of the sky in units of what the weight says: rms of the differences of neighbours in a row / sqrt 2.

    Blocks of 64 x 64 pixels whose median is among the faintest third are taken, and in each the cells of 4 x 4 pixels
    whose mean lies within half a noise of the block's median: no stars, no galaxies. The differences are those of the
    pairs in a row of a cell, which do not depend on its mean. Those beyond 4 robust deviations are rejected; the
    median of the blocks is the result, with a statistical error of 1.25 x 1.6 % / sqrt(blocks). Differences do not
    see a sky that slopes.

    Parameters
    ----------
    image, weight : ndarray, (ny, nx) float32
    mask : ndarray, (ny, nx) uint16
    area : (slice, slice)
        Part of the image that is looked at.

    Returns
    -------
    float or None
        None with fewer than 4 blocks.
    """
    good = ((mask[area] & np.uint16(UNUSABLE)) == 0) & (weight[area] > 0)
    pixels, expected = _blocks(image[area]), _blocks(weight[area])
    # rows first: sums of whole rows are quick, and 64 fit in a byte
    counts = _blocks(good).sum(axis=1, dtype=np.uint8).sum(axis=2)
    rows, columns = np.nonzero(counts > 0.8 * BLOCK * BLOCK)
    if len(rows) < 4:
        return None
    levels = np.median(pixels[rows, ::4, columns, ::4].reshape(len(rows), -1), axis=1)
    order = np.argsort(levels)[:max(4, len(rows) // 3)]
    order = order[::max(1, len(order) // MOST_BLOCKS)]
    chosen = rows[order], slice(None), columns[order]
    ratios = _block_ratios(pixels[chosen], expected[chosen], _blocks(good)[chosen])
    return float(np.nanmedian(ratios)) if np.isfinite(ratios).any() else None


def _blocks(plane: np.ndarray) -> np.ndarray:
    """A plane as (rows of blocks, `BLOCK`, columns of blocks, `BLOCK`)."""
    ny, nx = (length // BLOCK for length in plane.shape)
    return plane[:ny * BLOCK, :nx * BLOCK].reshape(ny, BLOCK, nx, BLOCK)


def _block_ratios(pixels: np.ndarray, weight: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Measured / expected noise of n blocks (n, `BLOCK`, `BLOCK`): (n,) float64, NaN where a block has too little sky."""
    cells, each = (-1, BLOCK // CELL, CELL, BLOCK // CELL, CELL), (slice(None), None, None)
    sigma = (1.0 / np.sqrt(_medians(weight, good)))[each]
    means = np.where(good, pixels, 0).reshape(cells).mean(axis=(2, 4))
    sky = (np.abs(means - _medians(pixels, good)[each]) < 0.5 * sigma) & good.reshape(cells).all(axis=(2, 4))
    sky = sky.repeat(CELL, axis=1).repeat(CELL // 2, axis=2)
    with np.errstate(divide='ignore', invalid='ignore'):
        variance = 1.0 / weight[:, :, ::2] + 1.0 / weight[:, :, 1::2]
        pull = (pixels[:, :, ::2] - pixels[:, :, 1::2]) / np.sqrt(variance)
    return np.array([_rms(values[chosen]) for values, chosen in zip(pull, sky)])


def _medians(values: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Median of the good pixels of each block: (n,) float32."""
    whole = good.all(axis=(1, 2))
    medians = np.empty(len(values), np.float32)
    medians[whole] = np.median(values[whole].reshape(-1, BLOCK * BLOCK), axis=1)
    for k in np.flatnonzero(~whole):
        medians[k] = np.median(values[k][good[k]])
    return medians


def _rms(pull: np.ndarray) -> float:
    """Rms of differences in units of their noise, those beyond 4 robust deviations rejected; NaN of fewer than 64."""
    if len(pull) < 64:
        return np.nan
    for _ in range(2):
        pull = pull[np.abs(pull) <= 4.0 * max(sigma_about(pull), 1e-6)]
    # a normal distribution cut at 4 sigma has 0.99954 of its rms
    return float(np.sqrt(np.mean(pull.astype(np.float64) ** 2))) / 0.99954


def scale_weight(image: np.ndarray, weight: np.ndarray, mask: np.ndarray,
                 amplifiers: Sequence[Amplifier], in_place: bool = False) -> tuple[np.ndarray, dict[str, float]]:
    """Weight such that the sky's noise is what it says, amplifier by amplifier; `in_place` changes the given one.

    Returns
    -------
    weight : ndarray, (ny, nx) float32
    scales : dict of amplifier name to float
        Measured noise / expected; 1 where it cannot be measured or is not accepted (outside 0.7 to 1.4).
    """
    scaled, scales = weight if in_place else weight.copy(), dict.fromkeys((each.name for each in amplifiers), 1.0)
    for amplifier in amplifiers:
        ratio = noise_ratio(image, weight, mask, amplifier.ccd)
        if ratio is not None and SCALE_RANGE[0] < ratio < SCALE_RANGE[1]:
            scales[amplifier.name] = ratio
            scaled[amplifier.ccd] /= np.float32(ratio ** 2)
    return scaled, scales
