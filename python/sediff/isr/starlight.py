"""Sky and the light of saturated stars near the readout edge, as it would be without charge that bled into the register."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from sediff.maskbits import UNUSABLE, Bit
from sediff.stats import sigma_about

#: Rings about a star: radii (px) 12 % apart, and the largest.
RINGS = np.unique(np.rint(3.0 * 1.12 ** np.arange(53)))
#: Rows (from the register) that tell the sky, and every how many pixels.
SKY_ROWS, STEP = slice(200, 1400), 16
#: Least saturated area (px) of a star whose light is modelled.
LEAST_AREA = 12
#: Radius (px) within which every pixel is looked at.
NEAR = 60


def light_without_bleeds(image: np.ndarray, mask: np.ndarray, columns: Sequence[slice], sky_sigma: float,
                         rows: int, spoilt: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Expected light of the first rows: a plane of sky in each amplifier and the wings of saturated stars.

    A star's profile is the median in rings of the pixels that lie from it in the direction away from the register, within
    60 degrees, without its trail: no puddle is there.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
        The register lies below the first row.
    mask : ndarray, (ny, nx) uint16
    columns : sequence of slice
        Of the amplifiers.
    sky_sigma : float
        Noise of a pixel.
    rows : int
        How many are wanted.
    spoilt : ndarray, (nx,) int, optional
        So many rows of each column tell nothing.

    Returns
    -------
    light, stars : ndarray, (rows, nx) float32, electrons
        All, and that of the stars alone.
    """
    height = min(SKY_ROWS.stop, len(image))
    part, usable = image[:height], (mask[:height] & np.uint16(UNUSABLE & ~Bit.EDGE)) == 0
    if spoilt is not None:
        usable &= np.arange(height)[:, None] >= spoilt
    stars = np.zeros(part.shape, np.float32)
    centres = _centres(part, (mask[:height] & np.uint16(Bit.SATURATE)) != 0)
    sky = _planes(part, usable, columns)
    for _ in range(2 if centres else 0):
        stars[:] = 0.0
        for x, y in centres:
            box, wings = _wings(part - sky - stars, usable, x, y, sky_sigma)
            stars[box] += wings
        sky = _planes(part - stars, usable & (stars < 3.0 * sky_sigma), columns)
    return (sky + stars)[:rows], stars[:rows]


def _centres(image: np.ndarray, saturated: np.ndarray) -> list[tuple[float, float]]:
    """x, y of saturated stars, the largest first; runs narrower than 4 columns are no core of a star."""
    core = ndimage.binary_opening(saturated, np.ones((1, 4)))
    labels, count = ndimage.label(core, np.ones((3, 3)))
    found = []
    for number, box in enumerate(ndimage.find_objects(labels, count), 1):
        own = labels[box] == number
        if own.sum() < LEAST_AREA:
            continue
        width = own.sum(axis=1)
        y, x = np.nonzero(own & (width >= 0.9 * width.max())[:, None])
        middle = float(x.mean()) + box[1].start
        found.append((own.sum(), middle, _middle_row(image, saturated, middle, float(y.mean()) + box[0].start, width.max())))
    return [(x, y) for _, x, y in sorted(found, reverse=True)]


def _middle_row(image: np.ndarray, saturated: np.ndarray, x: float, guess: float, width: int) -> float:
    """Row of a star: middle of the light beside its core and trail, where that is more than half of its maximum.

    The light farther out is subtracted, and with it most of a puddle.
    """
    rows = slice(max(int(guess) - 80, 0), int(guess) + 81)
    near, far = (_median_beside(image[rows], saturated[rows], x, 0.5 * width + first) for first in (3, 22))
    light = near - far - np.median(near - far)
    high = light > 0.5 * light.max()
    middle = float(np.average(np.flatnonzero(high), weights=light[high])) + rows.start if high.any() else guess
    return middle if abs(middle - guess) < 60 else guess


def _median_beside(image: np.ndarray, saturated: np.ndarray, x: float, distance: float) -> np.ndarray:
    """Median of six columns on each side, row by row; a saturated pixel counts as the brightest."""
    columns = [int(x + side * (distance + k)) for side in (-1, 1) for k in range(6)]
    columns = [column for column in columns if 0 <= column < image.shape[1]]
    part = image[:, columns]
    return np.median(np.where(saturated[:, columns], part.max(), part), axis=1)


def _wings(light: np.ndarray, usable: np.ndarray, x: float, y: float,
           sky_sigma: float) -> tuple[tuple[slice, slice], np.ndarray]:
    """Light of a star as far as the last significant ring: the box of rows and columns, and its pixels (float32)."""
    radii, profile = _profile(light, usable, x, y, sky_sigma)
    reach = 1.06 * radii[-1] if len(radii) > 1 else 0.0
    rows, columns = (slice(max(int(middle - reach), 0), max(min(int(middle + reach) + 2, length), 0))
                     for middle, length in zip((y, x), light.shape))
    box = rows, columns
    if not reach:
        return box, np.zeros(light[box].shape, np.float32)
    distance = _distance(np.arange(box[0].start, box[0].stop), np.arange(box[1].start, box[1].stop), x, y)
    wings = np.exp(np.interp(np.log(np.maximum(distance, 1.0)), np.log(radii), np.log(profile)))
    return box, np.where(distance <= reach, wings, 0.0).astype(np.float32)


def _profile(light: np.ndarray, usable: np.ndarray, x: float, y: float, sky_sigma: float) -> tuple[list[float], list[float]]:
    """Radii and medians of the significant rings; every pixel within `NEAR` counts, farther out one in 16."""
    near = tuple(slice(max(int(middle) - NEAR, 0), min(int(middle) + NEAR + 1, length)) for middle, length in
                 zip((y, x), light.shape))
    rings, values = [], []
    for part in (near, (slice(0, light.shape[0], 4), slice(0, light.shape[1], 4))):
        rows, across = (np.arange(length)[cut] for length, cut in zip(light.shape, part))
        distance = _distance(rows, across, x, y)
        wanted = distance < NEAR if part is near else (distance >= NEAR) & (distance < RINGS[-1])
        good = usable[part] & wanted & (rows[:, None] - y > 0.5 * distance)
        rings.append(np.searchsorted(RINGS, distance[good]))
        values.append(light[part][good])
    ring, value = np.concatenate(rings), np.concatenate(values)
    order = np.argsort(ring, kind='stable')
    bounds = np.searchsorted(ring[order], np.arange(len(RINGS) + 1))
    radii, profile = [], []
    for k in range(1, len(RINGS)):
        own = value[order[bounds[k]:bounds[k + 1]]]
        if len(own) < 12:
            continue
        middle = float(np.median(own))
        if middle < max(0.1 * sky_sigma, 4.0 * sky_sigma / np.sqrt(len(own))):
            break
        radii.append(0.5 * (RINGS[k - 1] + RINGS[k]))
        profile.append(middle)
    return radii, profile


def _distance(rows: np.ndarray, columns: np.ndarray, x: float, y: float) -> np.ndarray:
    return np.hypot((rows - y).astype(np.float32)[:, None], (columns - x).astype(np.float32)[None, :])


def _planes(image: np.ndarray, usable: np.ndarray, columns: Sequence[slice]) -> np.ndarray:
    """A plane in each amplifier, fitted to every `STEP`th pixel of the rows `SKY_ROWS`, clipped: (ny, nx) float32."""
    ny, nx = image.shape
    planes = np.zeros((ny, nx), np.float32)
    y, x = (np.linspace(-1.0, 1.0, length, dtype=np.float32) for length in (ny, nx))
    y, x = y[:, None], x[None, :]
    for part in columns:
        rows = np.arange(min(SKY_ROWS.start, ny // 2), ny, STEP // 4)[:, None]
        across = np.arange(part.start, part.stop, STEP)[None, :]
        good = usable[rows, across]
        values = image[rows, across][good].astype(float)
        if len(values) < 50:
            continue
        terms = np.stack(np.broadcast_arrays(1.0, y[rows[:, 0]], x[:, across[0]]), axis=-1)[good]
        kept = np.ones(len(values), bool)
        for _ in range(5):
            solution = np.linalg.lstsq(terms[kept], values[kept], rcond=None)[0]
            rest = values - terms @ solution
            middle = np.median(rest[kept])
            kept = np.abs(rest - middle) < 2.5 * sigma_about(rest[kept], middle) + 1e-6
        planes[:, part] = (solution[1] * y).astype(np.float32) + (solution[0] + solution[2] * x[:, part]).astype(np.float32)
    return planes
