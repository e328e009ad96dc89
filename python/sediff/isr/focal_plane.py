"""The sky of a whole exposure, binned: a median of each block of each CCD (Bernstein et al. 2017, arXiv:1706.09928, 6)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sediff.errors import BadData
from sediff.instruments.amplifiers import Amplifier, sampled, trimmed_shape
from sediff.isr.crosstalk import CrosstalkTable, ccd_of, parts_of
from sediff.isr.linearity import LinearityTable, linearize
from sediff.isr.overscan import subtract_overscan

#: Every so manieth row is read; a median of the rest is good to 0.1 % of the sky of a block.
ROW_STEP = 8
BLOCK = 128
#: A block with a smaller part of usable pixels has no value.
LEAST_USABLE = 0.3


@dataclass(frozen=True)
class BinnedSky:
    """The sky of one exposure.

    Parameters
    ----------
    values : ndarray, (ccds, ny, nx) float32, electrons
        Flat-fielded; NaN where a block has too few usable pixels.
    ccds : tuple of int
    band : str
    expnum : int
    block : int, pixels
    """

    values: np.ndarray
    ccds: tuple[int, ...]
    band: str
    expnum: int
    block: int = BLOCK

    @property
    def level(self) -> float:
        """Median over the focal plane, electrons."""
        return float(np.nanmedian(self.values))


def bin_rows(rows: np.ndarray, amplifiers: Sequence[Amplifier], bias: np.ndarray | None, flat: np.ndarray | None,
             bad: np.ndarray | None, dead: Sequence[str] = (), step: int = ROW_STEP, block: int = BLOCK,
             linearity: LinearityTable | None = None, crosstalk: Mapping[str, float] | None = None,
             overscan: str = 'mean') -> np.ndarray:
    """Block medians of a CCD of which only some rows were read.

    Overscan, crosstalk of the sky, bias, linearity, gain and flat are corrected on those rows, as SE01 and SE02 do;
    saturated, dead and bad pixels are left out. Stars raise a median, so values above the median by more than 2.5
    deviations, measured below the median, are dropped, three times.

    Parameters
    ----------
    rows : ndarray, (n, raw nx) uint16 or float32, ADU
        Rows of the raw image, `step` apart, from the first row of its pixels on, see
        `sediff.instruments.amplifiers.sampled`.
    amplifiers : sequence of Amplifier
        Of the whole raw image.
    bias, flat, bad : ndarray, (n, nx), or None
        The same rows of the bias (ADU), the normalised flat and the bad-pixel mask.
    dead : sequence of str
        Unusable amplifiers.
    linearity : mapping of amplifier name to LinearityCurve, optional
        Leaving it out makes the sky wrong by what the curve says at its level, 0.5 % at 250 ADU for thick CCDs.
    crosstalk : mapping of amplifier name to float, optional
        From `sky_crosstalk`.
    overscan : str
        How the overscan of a row is found (OVERSCAN).

    Returns
    -------
    ndarray, (rows / block, columns / block) float32, electrons

    Raises
    ------
    BadData
        As `subtract_overscan`, or the calibrations have other rows.
    """
    few = sampled(amplifiers, 0, min(trimmed_shape(amplifiers)[0], len(rows) * step), step)[1]
    image = subtract_overscan(rows, few, dead=dead, method=overscan)
    for name, plane in (('bias', bias), ('flat', flat), ('bad-pixel mask', bad)):
        if plane is not None and plane.shape != image.shape:
            raise BadData(f'{name} has {plane.shape} pixels in these rows, the image {image.shape}')
    usable = np.ones(image.shape, bool) if bad is None else bad == 0
    if crosstalk:
        image = without_sky_crosstalk(image, few, crosstalk)
    image = image if bias is None else image - bias
    full = [image[amplifier.ccd] >= 0.9 * amplifier.saturate for amplifier in few]
    image = linearize(image, few, linearity) if linearity else image
    for amplifier, saturated in zip(few, full):
        usable[amplifier.ccd] &= ~saturated
        usable[amplifier.ccd] &= amplifier.name not in dead
        image[amplifier.ccd] *= np.float32(amplifier.gain)
    if flat is not None:
        usable &= np.isfinite(flat) & (flat > 0.2)
        image = image / np.where(usable, flat, 1.0)
    return block_medians(image, usable, block // step, block)


def sky_crosstalk(ccdnum: int, table: CrosstalkTable, there: Mapping[int, Sequence[str]]) -> dict[str, float]:
    """Crosstalk of the sky in each amplifier of a CCD, over its own sky: the sum of its coefficients.

    All amplifiers see the same sky to some per cent, so that the sum, at most 0.1 % of the sky in the matrix of
    2013-06-06, leaves less than 1e-4 of it. Stars do not matter to medians.

    Parameters
    ----------
    there : mapping of CCD number to amplifier names
        The CCDs of the exposure and their unusable amplifiers, which are no sources.
    """
    def counts(source: str) -> bool:
        return ccd_of(source) in there and parts_of(source)[1] not in there[ccd_of(source)]
    return {parts_of(victim)[1]: sum(term.linear for term in terms if counts(term.source))
            for victim, terms in table.items() if ccd_of(victim) == ccdnum}


def without_sky_crosstalk(image: np.ndarray, amplifiers: Sequence[Amplifier], crosstalk: Mapping[str, float]) -> np.ndarray:
    """A sky image (ADU, bias negligible or still in) less its sky's own crosstalk: a new array."""
    image = image.copy()
    for amplifier in amplifiers:
        image[amplifier.ccd] *= np.float32(1.0 - crosstalk.get(amplifier.name, 0.0))
    return image


def block_medians(image: np.ndarray, usable: np.ndarray, rows: int, columns: int, clip: float = 2.5) -> np.ndarray:
    """Median of each block of `rows` x `columns` pixels without what lies far above it; NaN where too few are usable."""
    ny, nx = image.shape[0] // rows, image.shape[1] // columns
    cut = np.s_[:ny * rows, :nx * columns]
    values = np.where(usable, image, np.float32(np.inf))[cut].reshape(ny, rows, nx, columns)
    values = np.sort(values.transpose(0, 2, 1, 3).reshape(ny, nx, rows * columns), axis=2)
    all_counts = np.isfinite(values).sum(axis=2)
    count = all_counts
    for _ in range(3):
        middle, low = (_at(values, (count * part).astype(int)) for part in (0.5, 0.1587))
        count = np.minimum((values <= (middle + clip * (middle - low))[..., None]).sum(axis=2), all_counts)
    middle = _at(values, count // 2)
    return np.where(all_counts > LEAST_USABLE * rows * columns, middle, np.nan).astype(np.float32)


def _at(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    found = np.take_along_axis(values, np.clip(index, 0, values.shape[2] - 1)[..., None], axis=2)[..., 0]
    return np.where(np.isfinite(found), found, 0.0)
