"""Weighted mean of resampled images, artefacts of single images rejected; strip by strip, in little memory."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from astropy.io.fits import Header
from numba import njit

from sediff.ccdimage import AMPLIFIERS, CcdImage
from sediff.errors import BadData, BadUsage
from sediff.maskbits import UNUSABLE, Bit
from sediff.template.artefacts import Limits, find_artefacts, reference

#: Rows above and below a strip that the search for artefacts sees, a multiple of its largest block.
MARGIN = 32
#: Memory (bytes) a strip of all inputs may take, and what one pixel of one input takes at most.
STRIP_BYTES, PIXEL_BYTES = 44e6, 16
#: FWHM (px) of an input whose PSF is not known.
USUAL_FWHM = 4.0


@dataclass(frozen=True)
class Source:
    """One input, given strip by strip.

    Parameters
    ----------
    rows : callable
        (first, last) -> CcdImage of these rows (last excluded) of the common grid. It is asked for each row once, from
        the bottom up.
    fwhm : float
        Of its PSF, px.
    gain : float
        Electrons per unit of its pixels; inf: photon noise of sources is not allowed for.
    """

    rows: Callable[[int, int], CcdImage]
    fwhm: float = USUAL_FWHM
    gain: float = float('inf')


@dataclass
class Stack:
    """A coadd and what went into it.

    Parameters
    ----------
    image : CcdImage
        Mean and inverse variance; where no input is good, weight 0 and the bits of the inputs there (EDGE where they
        have none). Empty header.
    coverage : ndarray, (ny, nx) int16
        Inputs used at each pixel.
    good, rejected : list of float
        For each input: the share of all pixels that are good, and the share of its good ones rejected as artefacts.
    unchecked : float
        Share of the covered pixels where a single input is good, so that its artefacts cannot be known.
    members : ndarray, (ny, nx) uint16 or uint64
        Bit k: input k is used. All 0 with more than 64 inputs.
    weights : list of float
        For each input: the mean weight of its good pixels.
    """

    image: CcdImage
    coverage: np.ndarray
    members: np.ndarray
    good: list[float] = field(default_factory=list)
    rejected: list[float] = field(default_factory=list)
    unchecked: float = 0.0
    weights: list[float] = field(default_factory=list)


def coadd(images: Sequence[CcdImage], fwhm: Sequence[float] | None = None,
          limits: Limits | None = None) -> tuple[CcdImage, np.ndarray]:
    """Inverse-variance weighted mean of images on one grid and flux scale, see `stack`.

    Parameters
    ----------
    images : sequence of CcdImage
        Pixels with weight 0 or an UNUSABLE bit are left out. A card GAINA (or another's) gives electrons per unit.
    fwhm : sequence of float, optional
        Of the images' PSFs, px; default: the FWHM card, else 4.

    Returns
    -------
    CcdImage
        Header of the first image with NCOMBINE and the exposure numbers.
    ndarray, (ny, nx) int16
        Inputs used at each pixel.

    Raises
    ------
    BadUsage
        No image, or shapes differ.
    BadData
        No pixel is covered.
    """
    _check(images)
    widths = fwhm if fwhm is not None else [_card(image, 'FWHM', USUAL_FWHM) for image in images]
    sources = [Source(rows_of(image), width, _gain(image)) for image, width in zip(images, widths)]
    found = stack(sources, images[0].shape, limits)
    found.image.header = _header(images)
    return found.image, found.coverage


def stack(sources: Sequence[Source], shape: tuple[int, int], limits: Limits | None = None,
          strip: int | None = None) -> Stack:
    """Combine inputs strip by strip.

    Parameters
    ----------
    shape : (ny, nx)
        Of the common grid.
    limits : Limits, optional
        When a difference between the inputs is an artefact.
    strip : int, optional
        Rows at a time; default: by the number of inputs, so that memory does not grow with it.

    Raises
    ------
    BadUsage
        No input, or a strip of another shape than asked for.
    BadData
        No pixel is covered.
    """
    if not sources:
        raise BadUsage('no image to combine')
    limits = limits or Limits()
    out = Stack(CcdImage(np.zeros(shape, np.float32), np.zeros(shape, np.uint16), np.zeros(shape, np.float32)),
                np.zeros(shape, np.int16), np.zeros(shape, np.uint16 if len(sources) <= 16 else np.uint64))
    bits = np.array([1 << k if len(sources) <= 64 else 0 for k in range(len(sources))], out.members.dtype)
    height = strip or int(np.clip(STRIP_BYTES / (len(sources) * shape[1] * PIXEL_BYTES) // 64 * 64, 128, 1024))
    window = _Window(sources, shape, height + 2 * MARGIN)
    fwhm, gain = np.array([source.fwhm for source in sources]), np.array([source.gain for source in sources])
    counts = np.zeros((len(sources), 3))
    singles = 0
    for start in range(0, shape[0], height):
        stop = min(shape[0], start + height)
        values, masks, weights, low = window.move(max(0, start - MARGIN), min(shape[0], stop + MARGIN))
        base = reference(values, weights)
        rejected = find_artefacts(values, weights, base, fwhm, gain, limits)
        rows = slice(start, stop)
        singles += combine(values, masks, weights, rejected, base, start - low, np.uint16(Bit.EDGE), bits,
                           out.image.image[rows], out.image.mask[rows], out.image.weight[rows], out.coverage[rows],
                           out.members[rows], counts)
    covered = int((out.coverage > 0).sum())
    if not covered:
        raise BadData(f'none of the {len(sources)} images has a good pixel on this grid; check their overlap and masks')
    out.good = (counts[:, 0] / out.coverage.size).tolist()
    out.rejected = (counts[:, 1] / np.maximum(counts[:, 0], 1)).tolist()
    out.weights = (counts[:, 2] / np.maximum(counts[:, 0], 1)).tolist()
    out.unchecked = singles / covered
    return out


class _Window:
    """Rows of all inputs that move up; each row is asked for once."""

    def __init__(self, sources: Sequence[Source], shape: tuple[int, int], height: int):
        planes = (len(sources), min(height, shape[0]), shape[1])
        self.sources, self.width, self.low, self.high = sources, shape[1], 0, 0
        self.values, self.weights = np.zeros(planes, np.float32), np.zeros(planes, np.float32)
        self.masks = np.zeros(planes, np.uint16)

    def move(self, low: int, high: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Values, masks and good weights of the rows from low to high, and low."""
        kept = self.high - low
        for planes in (self.values, self.masks, self.weights):
            planes[:, :kept] = planes[:, low - self.low:self.high - self.low].copy()
        rows = slice(kept, high - low)
        for k, source in enumerate(self.sources):
            part = source.rows(self.high, high)
            if part.shape != (high - self.high, self.width):
                raise BadUsage(f'image {k + 1} gave {part.shape} for rows {self.high} to {high} of {self.width} columns')
            self.values[k, rows], self.masks[k, rows] = part.image, part.mask
            good_weights(part.image, part.mask, part.weight, np.uint16(UNUSABLE), self.weights[k, rows])
        self.low, self.high = low, high
        height = slice(0, high - low)
        return self.values[:, height], self.masks[:, height], self.weights[:, height], low


def _check(images: Sequence[CcdImage]) -> None:
    if not images:
        raise BadUsage('no image to combine')
    shapes = {plane.shape for image in images for plane in (image.image, image.mask, image.weight)}
    if len(shapes) > 1:
        raise BadUsage(f'images to combine differ in shape: {sorted(shapes)}; warp them onto one grid')


def rows_of(image: CcdImage) -> Callable[[int, int], CcdImage]:
    """What gives rows of an image in memory, from the first to before the last."""
    return lambda first, last: CcdImage(image.image[first:last], image.mask[first:last], image.weight[first:last])


def _gain(image: CcdImage) -> float:
    """Electrons per unit, from the first amplifier's card; infinite where there is none."""
    cards = (f'GAIN{name}' for name in AMPLIFIERS)
    return _card(image, next((card for card in cards if card in image.header), 'GAIN'), np.inf)


def _card(image: CcdImage, keyword: str, default: float) -> float:
    value = image.header.get(keyword)
    return float(value) if isinstance(value, (int, float)) and value > 0 else default


def _header(images: Sequence[CcdImage]) -> Header:
    header = images[0].header.copy()
    header['NCOMBINE'] = (len(images), 'images combined')
    levels = [image.header['SATURATE'] for image in images if isinstance(image.header.get('SATURATE'), (int, float))]
    if levels:
        header['SATURATE'] = min(levels)
    for number, image in enumerate(images, 1):
        if 'EXPNUM' in image.header:
            header[f'CEXP{number:04d}'] = (image.header['EXPNUM'], 'exposure combined')
    return header


@njit(cache=True)
def good_weights(values, masks, weights, unusable, out):
    """Weights, 0 where a pixel has no finite value or weight, or an unusable bit: fills out (ny, nx) float32."""
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            w = weights[y, x]
            good = w > 0 and np.isfinite(w) and np.isfinite(values[y, x]) and masks[y, x] & unusable == 0
            out[y, x] = w if good else np.float32(0.0)


@njit(cache=True, error_model='numpy')
def combine(values, masks, weights, rejected, base, skip, edge, own_bits, out_image, out_mask, out_weight, coverage, members,
            counts):
    """Average each pixel; rows of the inputs start `skip` rows before those of the outputs.

    Where every good value is rejected the one nearest to the reference stays. Adds each input's good and rejected
    pixels and the sum of its weights to counts (n, 3) float64; returns how many pixels a single good input covers.
    """
    singles, nx = 0, out_image.shape[1]
    good, used = np.empty(nx, np.int32), np.empty(nx, np.int32)
    mean, weight = np.empty(nx, np.float32), np.empty(nx, np.float32)
    for v in range(out_image.shape[0]):
        y = v + skip
        good[:], used[:], mean[:], weight[:] = 0, 0, np.float32(0.0), np.float32(0.0)
        for k in range(values.shape[0]):
            add_row(values[k, y], weights[k, y], rejected[k, y], own_bits[k], good, used, mean, weight, members[v],
                    counts[k])
        for x in range(nx):
            singles += good[x] == 1
            coverage[v, x] = used[x]
            out_weight[v, x] = weight[x]
            out_image[v, x] = mean[x] / max(weight[x], np.float32(1.5e-38))
        for x in range(nx):
            if used[x] == 0:
                if good[x] == 0:
                    out_mask[v, x] = bits_of_all(masks, y, x, edge)
                else:
                    k = nearest_to(values, weights, base, y, x)
                    out_image[v, x], out_weight[v, x], coverage[v, x] = values[k, y, x], weights[k, y, x], 1
                    members[v, x] = own_bits[k]
                    counts[k, 1] -= 1
    return singles


@njit(cache=True, fastmath={'reassoc'})
def add_row(values, weights, rejected, own_bit, good, used, mean, weight, members, counts):
    """Add a row (nx,) of one input to the sums of `combine`, and to its counts (3,)."""
    nothing, none = np.float32(0.0), own_bit ^ own_bit
    for x in range(good.size):
        w, light, dropped = weights[x], weights[x] * values[x], rejected[x]    # read in any case: no branch
        own = w > 0
        taken = own & (not dropped)
        good[x] += np.int32(own)
        used[x] += np.int32(taken)
        mean[x] += light if taken else nothing
        weight[x] += w if taken else nothing
        members[x] |= own_bit if taken else none
    number, left_out, total = 0, 0, 0.0
    for x in range(good.size):
        w, own = weights[x], weights[x] > 0
        number += own
        left_out += own & rejected[x]
        total += float(w) if own else 0.0
    counts[0] += number
    counts[1] += left_out
    counts[2] += total


@njit(cache=True)
def bits_of_all(masks, y, x, edge):
    """Bits of all inputs at a pixel; EDGE where they have none."""
    bits = np.uint16(0)
    for k in range(masks.shape[0]):
        bits |= masks[k, y, x]
    return bits if bits else edge


@njit(cache=True)
def nearest_to(values, weights, base, y, x):
    """The good input whose value is nearest to the reference."""
    nearest = -1
    for k in range(values.shape[0]):
        if weights[k, y, x] > 0 and (
                nearest < 0 or abs(values[k, y, x] - base[y, x]) < abs(values[nearest, y, x] - base[y, x])):
            nearest = k
    return nearest
