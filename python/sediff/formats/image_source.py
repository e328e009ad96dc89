"""Images of the command line, with their variance and bad pixels."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit

from sediff.cards import Cards
from sediff.ccdimage import AMPLIFIERS
from sediff.errors import BadData, BadUsage
from sediff.formats.layout import MASK, SIGMA, VARIANCE, WEIGHT
from sediff.formats.mask_planes import unusable
from sediff.formats.planes import Pixels, read_plane, read_planes
from sediff.maskbits import UNUSABLE, Bit
from sediff.warp.believe import checked_gain, checked_variance
from sediff.warp.missing import mark_missing
from sediff.warp.noise import check_gain, sky_noise, variance_from
from sediff.warp.units import exponent_of, restored, scaled


@dataclass(frozen=True)
class ImageSource:
    """Where an image comes from and how to read its noise.

    Parameters
    ----------
    path : str
        FITS file, perhaps with its extension in brackets: an image, and mask and noise where planes of such names are there.
    weight, noise, mask : str, optional
        Files with the inverse variance, the sigma, and a mask (not 0 = bad) of the image. Where the plane's name says that
        it is a variance, a sigma or a weight, it is taken as that.
    gain : float, optional
        Electrons per unit; default: header GAIN, or the mean of GAINA, GAINB ...
    read_noise : float, optional
        Electrons; given, the variance is counted from the pixels (sky included), else it is measured.
    saturate : float, optional
        Values from here on are bad; default: header SATURATE.
    lower : float, optional
        Values up to this one are bad.
    fill : float, optional
        Value of pixels without data.
    ext : str, optional
        Number or name of the extension.
    scale_weights : bool
        Bring a noise, or a gain, that the image contradicts to what its pixels say.
    """

    path: str
    weight: str | None = None
    noise: str | None = None
    mask: str | None = None
    gain: float | None = None
    read_noise: float | None = None
    saturate: float | None = None
    lower: float | None = None
    fill: float | None = None
    ext: str | None = None
    scale_weights: bool = False


@dataclass
class LoadedImage:
    """An image with what is known of its pixels.

    Parameters
    ----------
    image, variance : ndarray, (ny, nx) float32
        In units of 2**exponent of the file's; variance is 1 where the pixel is bad.
    bad : ndarray, (ny, nx) bool
    mask : ndarray, (ny, nx) uint16, or None
        Bits, where the file has them.
    header : Cards
    exponent : int
        0 but for images in very large or small units.
    notes : list of str
        What the user must know about its noise.
    """

    image: np.ndarray
    variance: np.ndarray
    bad: np.ndarray
    mask: np.ndarray | None
    header: Cards
    exponent: int = 0
    notes: list[str] = field(default_factory=list)


def load_planes(source: ImageSource) -> LoadedImage:
    """Read an image with its variance and its bad pixels.

    Raises
    ------
    BadInput
        A file is missing or unreadable, or what its planes are cannot be told.
    BadUsage
        The noise cannot be known (no weight and no gain), or planes differ in shape.
    BadData
        All pixels are bad.
    """
    found = read_planes(source.path, source.ext)
    values, header = found.image.values, found.cards
    if values.ndim != 2:
        raise BadUsage(f'{source.path}: the image has {values.ndim} axes, two are needed')
    if values.dtype.kind == 'c':
        raise BadUsage(f'{source.path}: the pixels are complex numbers')
    exponent = exponent_of(values)
    image = scaled(values, -exponent)
    bad = np.zeros(image.shape, bool) if found.image.missing is None else found.image.missing
    bits = _join_masks(source, found, bad)
    low, high = limits(source, header, exponent)
    mark_range(image, bad, low, high)
    if source.fill is not None and (values.dtype.kind == 'f' or source.fill == round(source.fill)):
        bad |= values == (np.asarray(source.fill).astype(values.dtype) if values.dtype.kind == 'f' else source.fill)
    gain, noise = _noise_of(source, found)
    mark_missing(image, bad)
    if bad.all():
        raise BadData(f'{source.path}: all pixels are masked, missing or out of range; check the mask and the limits')
    notes: list[str] = []
    variance = _variance(source, image, bad, exponent, header, gain, noise, notes)
    return LoadedImage(image, variance, bad, bits, header, exponent, notes)


def limits(source: ImageSource, header: Cards, exponent: int = 0) -> tuple[float, float]:
    """Values above the first and below the second are good, in units of 2**exponent: limits of the flags, or SATURATE."""
    saturate = header.number('SATURATE') if source.saturate is None else source.saturate
    if source.saturate is None and saturate is not None and saturate <= 0:
        saturate = None
    unit = 2.0 ** -exponent
    return (-np.inf if source.lower is None else source.lower * unit), np.inf if saturate is None else saturate * unit


def _join_masks(source: ImageSource, found, bad: np.ndarray) -> np.ndarray | None:
    """Join the masks of the file and of the flags into `bad`; the bits of those of the file."""
    bits = None
    for plane in found.masks:
        marked, more = unusable(_same_shape(plane, source.path, bad.shape), found.cards)
        bad |= marked
        bits = more if bits is None else bits | more
    if source.mask:
        plane = _same_shape(read_plane(source.mask, MASK), source.mask, bad.shape)
        bad |= plane.values != 0
    return bits


def _noise_of(source: ImageSource, found) -> tuple[float | None, Pixels | None]:
    """The gain to count with, or the plane of the noise; raises BadUsage where there is neither."""
    plane = found.noise
    path = source.weight or source.noise
    if path:
        plane = _same_shape(read_plane(path, WEIGHT), path, found.image.values.shape)
        if plane.kind not in (WEIGHT, VARIANCE, SIGMA):
            plane.kind = WEIGHT if source.weight else SIGMA
        return None, plane
    if plane is not None and plane.values.any():
        return None, plane
    gain = source.gain if source.gain is not None else header_gain(found.cards)
    if gain is None:
        raise BadUsage(f'{source.path}: no weight, and no GAIN in the header; give the gain or a weight file')
    check_gain(gain)
    return float(gain), None


def _one_value(variance: np.ndarray, bad: np.ndarray) -> bool:
    """True when all good pixels have the same variance."""
    good = variance[~bad]
    return good.size > 0 and good.min() == good.max()


def _variance(source: ImageSource, image, bad, exponent: int, header: Cards, gain: float | None, noise: Pixels | None,
              notes: list[str]) -> np.ndarray:
    out = np.empty(image.shape, np.float32)
    if noise is not None:
        power = {WEIGHT: 2, VARIANCE: -2, SIGMA: -1}[noise.kind] * exponent
        invert(scaled(noise.values, power), bad, {WEIGHT: 0, VARIANCE: 1, SIGMA: 2}[noise.kind], out)
    elif gain is None:
        raise TypeError('without a plane of the noise a gain is needed')
    elif source.read_noise is not None:
        count_noise(image, bad, gain * 2.0 ** exponent, float(source.read_noise), out)
    else:
        measured = sky_noise(image, bad)
        gain = checked_gain(source.path, gain, 2.0 ** exponent, measured, source.scale_weights, notes)
        return variance_from(image, bad, measured, gain)
    if noise is not None and source.scale_weights and noise.kind == WEIGHT:
        gain = source.gain if source.gain is not None else header_gain(header)
        if gain is not None and _one_value(out, bad):
            notes.append(f'{source.path}: its weights are all the same: they name the good pixels; the noise is measured')
            return variance_from(image, bad, sky_noise(image, bad), gain * 2.0 ** exponent)
    if bad.all():
        what = f'its plane {noise.name}' if noise and noise.name else 'its weight'
        raise BadData(f'{source.path}: no pixel has a noise; check {what}')
    return checked_variance(source.path, image, bad, out, source.scale_weights, notes)


@njit(cache=True)
def mark_range(image, bad, low, high):
    """Mark pixels that are not finite, not above `low` (where that is finite), or `high` and more."""
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            value = image[y, x]
            bad[y, x] |= not (value > low and value < high and np.isfinite(value))


@njit(cache=True)
def count_noise(image, bad, gain, read_noise, out):
    """Variance of photon counting and read-out; 1 where bad."""
    scale, floor = np.float32(1.0 / gain), np.float32((read_noise / gain) ** 2)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            out[y, x] = np.float32(1.0) if bad[y, x] else max(image[y, x], np.float32(0.0)) * scale + floor


@njit(cache=True)
def invert(plane, bad, kind, out):
    """Variance of an inverse variance (kind 0), a variance (1) or a sigma (2); what is not positive and finite is bad."""
    for y in range(plane.shape[0]):
        for x in range(plane.shape[1]):
            value = plane[y, x]
            if bad[y, x] or not (value > 0 and np.isfinite(value)):
                bad[y, x] = True
                out[y, x] = np.float32(1.0)
            elif kind == 0:
                out[y, x] = 1 / value
            else:
                out[y, x] = value if kind == 1 else value * value


def load(source: ImageSource):
    """Read an image as a `CcdImage` in its own units; weight 0 marks every pixel that must not be used.

    Raises as `load_planes` does.
    """
    loaded = load_planes(source)
    ccd = as_ccd(source, loaded)
    ccd.image, ccd.weight = restored(ccd.image, loaded.exponent), restored(ccd.weight, -2 * loaded.exponent)
    return ccd


def as_ccd(source: ImageSource, loaded: LoadedImage):
    """The `CcdImage` of what `load_planes` read, in units of 2**exponent; its variance plane becomes the weight."""
    from sediff.ccdimage import CcdImage
    mask = np.zeros(loaded.image.shape, np.uint16) if loaded.mask is None else loaded.mask
    full = limits(source, loaded.header, loaded.exponent)[1]
    bits = (np.uint16(bit) for bit in (Bit.SATURATE, UNUSABLE, Bit.BPM))
    weigh(loaded.image, loaded.variance, loaded.bad, mask, full, *bits)
    return CcdImage(loaded.image, mask, loaded.variance, loaded.header.header())


@njit(cache=True)
def weigh(image, variance, bad, mask, full, saturated, unusable_bits, bad_pixel):
    """Turn the variance into its inverse in place, 0 where bad, and see that the mask says why a pixel is bad."""
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            if image[y, x] >= full:
                mask[y, x] |= saturated
            if bad[y, x]:
                variance[y, x] = np.float32(0.0)
                if not mask[y, x] & unusable_bits:
                    mask[y, x] |= bad_pixel
            else:
                variance[y, x] = np.float32(1.0) / variance[y, x]


def warm() -> None:
    """Compile (or load from the cache) the kernels that read a user's image, with its noise, with a gain, with neither; and
    those that read rows of products and raw pixels."""
    from tempfile import TemporaryDirectory

    from sediff.formats import rice, rice_encode
    from sediff.formats.fits import write_images
    rice.warm()
    rice_encode.warm()
    image = np.random.default_rng(1).normal(100.0, 5.0, (200, 200)).astype(np.float32)
    image[:20, :20] = 0.0
    with TemporaryDirectory() as folder:
        path = f'{folder}/image.fits'
        write_images(path, [('SCI', image, None)])
        write_images(f'{folder}/noise.fits', [('NOISE', np.full(image.shape, 5.0, np.float32), None)])
        for source in (ImageSource(path, gain=4.0), ImageSource(path, gain=4.0, read_noise=2.0),
                       ImageSource(path, noise=f'{folder}/noise.fits')):
            load(source)


def header_gain(header) -> float | None:
    """GAIN of a header, or the mean of its amplifiers', or None; also where they are written as text."""
    values = [header.number(k) for k in ('GAIN', *(f'GAIN{name}' for name in AMPLIFIERS))]
    if values[0] is not None:
        return values[0]
    values = [v for v in values if v is not None]
    return float(np.mean(values)) if values else None


def _same_shape(plane: Pixels, path: str, shape: tuple[int, int]) -> Pixels:
    if plane.values.shape != shape:
        raise BadUsage(f'{path} has shape {plane.values.shape}, its image {shape}')
    return plane
