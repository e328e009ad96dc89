"""Images of the command line, with their variance and bad pixels."""
from __future__ import annotations

from dataclasses import dataclass

import fitsio
import numpy as np
from numba import njit

from sediff.camera.maskbits import UNUSABLE, Bit
from sediff.errors import BadData, BadUsage
from sediff.io.planes import read_planes
from sediff.warp.noise import check_gain, measured_variance


@dataclass(frozen=True)
class ImageSource:
    """Where an image comes from and how to read its noise.

    Parameters
    ----------
    path : str
        FITS file: one image, or image, mask and weight.
    weight, noise, mask : str, optional
        Files with the inverse variance, the sigma, and a mask (not 0 = bad) of the image.
    gain : float, optional
        Electrons per unit; default: header GAIN, or the mean of GAINA and GAINB.
    read_noise : float, optional
        Electrons; given, the variance is counted from the pixels (sky included), else it is measured.
    saturate : float, optional
        Values from here on are bad; default: header SATURATE.
    lower : float, optional
        Values below are bad.
    """

    path: str
    weight: str | None = None
    noise: str | None = None
    mask: str | None = None
    gain: float | None = None
    read_noise: float | None = None
    saturate: float | None = None
    lower: float | None = None


@dataclass
class LoadedImage:
    """An image with what is known of its pixels.

    Parameters
    ----------
    image, variance : ndarray, (ny, nx) float32
        Variance is 1 where the pixel is bad.
    bad : ndarray, (ny, nx) bool
    mask : ndarray, (ny, nx) uint16, or None
        Bits, where the file has them.
    header : fitsio.FITSHDR
    """

    image: np.ndarray
    variance: np.ndarray
    bad: np.ndarray
    mask: np.ndarray | None
    header: fitsio.FITSHDR


def load_planes(source: ImageSource) -> LoadedImage:
    """Read an image with its variance and its bad pixels.

    Raises
    ------
    BadInput
        A file is missing or unreadable.
    BadUsage
        The noise cannot be known (no weight and no gain), or planes differ in shape.
    BadData
        All pixels are bad.
    """
    planes, header = read_planes(source.path)
    image = planes[0]
    if image.ndim != 2:
        raise BadUsage(f'{source.path}: the image has {image.ndim} axes, two are needed')
    image = np.ascontiguousarray(image, np.float32)
    mask, weight = (planes[1].astype(np.uint16), planes[2]) if len(planes) == 3 else (None, None)
    bad = np.zeros(image.shape, bool) if mask is None else (mask & np.uint16(UNUSABLE)) != 0
    if source.mask:
        bad |= _same_shape(source.mask, image) != 0
    saturate = source.saturate if source.saturate is not None else header.get('SATURATE')
    high = float(saturate) if isinstance(saturate, (int, float)) else np.inf
    mark_range(image, bad, -np.inf if source.lower is None else source.lower, high)
    if bad.all():
        raise BadData(f'{source.path}: all pixels are masked or out of range; check the mask and the limits')
    variance = _variance(source, image, bad, weight, header)
    return LoadedImage(image, variance, bad, mask, header)


@njit(cache=True)
def mark_range(image, bad, low, high):
    """Mark pixels that are not finite, below `low`, or `high` and more."""
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            value = image[y, x]
            bad[y, x] |= not (value >= low and value < high and np.isfinite(value))


@njit(cache=True)
def count_noise(image, bad, gain, read_noise, out):
    """Variance of photon counting and read-out; 1 where bad."""
    scale, floor = np.float32(1.0 / gain), np.float32((read_noise / gain) ** 2)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            out[y, x] = np.float32(1.0) if bad[y, x] else max(image[y, x], np.float32(0.0)) * scale + floor


@njit(cache=True)
def invert(plane, bad, squared, out):
    """Variance from a sigma (squared) or an inverse variance; what is not positive and finite is bad."""
    for y in range(plane.shape[0]):
        for x in range(plane.shape[1]):
            value = plane[y, x]
            if bad[y, x] or not (value > 0 and np.isfinite(value)):
                bad[y, x] = True
                out[y, x] = np.float32(1.0)
            else:
                out[y, x] = value * value if squared else 1 / value


def load(source: ImageSource):
    """Read an image as a `CcdImage`; weight 0 marks every pixel that must not be used.

    Raises as `load_planes` does.
    """
    from sediff.ccdimage import CcdImage
    from sediff.io.fits import header_of, open_fits
    loaded = load_planes(source)
    with open_fits(source.path) as handle:
        header = header_of(next(hdu for hdu in handle if hdu.get_exttype() == 'IMAGE_HDU' and hdu.has_data()))
    mask = np.zeros(loaded.image.shape, np.uint16) if loaded.mask is None else loaded.mask
    saturate = source.saturate if source.saturate is not None else header.get('SATURATE')
    full = float(saturate) if isinstance(saturate, (int, float)) else np.inf
    weight = loaded.variance
    weigh(loaded.image, weight, loaded.bad, mask, full, np.uint16(Bit.SATURATE), np.uint16(UNUSABLE), np.uint16(Bit.BPM))
    return CcdImage(loaded.image, mask, weight, header)


@njit(cache=True)
def weigh(image, variance, bad, mask, full, saturated, unusable, bad_pixel):
    """Turn the variance into its inverse in place, 0 where bad, and see that the mask says why a pixel is bad."""
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            if image[y, x] >= full:
                mask[y, x] |= saturated
            if bad[y, x]:
                variance[y, x] = np.float32(0.0)
                if not mask[y, x] & unusable:
                    mask[y, x] |= bad_pixel
            else:
                variance[y, x] = np.float32(1.0) / variance[y, x]


def _variance(source: ImageSource, image, bad, weight, header) -> np.ndarray:
    out = np.empty(image.shape, np.float32)
    if source.weight or source.noise:
        invert(_same_shape(source.weight or source.noise, image), bad, not source.weight, out)
        return out
    if weight is not None and weight.any():
        invert(weight, bad, False, out)
        return out
    gain = source.gain if source.gain is not None else header_gain(header)
    if gain is None:
        raise BadUsage(f'{source.path}: no weight, and no GAIN in the header; give the gain or a weight file')
    check_gain(gain)
    if source.read_noise is None:
        return measured_variance(image, bad, gain)
    count_noise(image, bad, float(gain), float(source.read_noise), out)
    return out


def header_gain(header) -> float | None:
    """GAIN of a header, or the mean of its two amplifiers', or None."""
    values = [header.get(k) for k in ('GAIN', 'GAINA', 'GAINB')]
    if isinstance(values[0], (int, float)):
        return float(values[0])
    values = [v for v in values if isinstance(v, (int, float))]
    return float(np.mean(values)) if values else None


def _same_shape(path: str, image: np.ndarray) -> np.ndarray:
    plane = read_planes(path, 1)[0][0]
    if plane.shape != image.shape:
        raise BadUsage(f'{path} has shape {plane.shape}, its image {image.shape}')
    return plane
