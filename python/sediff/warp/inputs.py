"""Images of the command line, with their variance and bad pixels."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.io.fits import Header

from sediff.camera.maskbits import UNUSABLE, Bit
from sediff.ccdimage import CcdImage
from sediff.errors import BadData, BadUsage
from sediff.io.fits import open_fits, read_ccd, read_image
from sediff.warp.noise import counted_variance, measured_variance


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


def load(source: ImageSource) -> CcdImage:
    """Read an image; weight 0 marks every pixel that must not be used.

    Raises
    ------
    BadInput
        A file is missing or unreadable.
    BadUsage
        The noise cannot be known (no weight and no gain), or planes differ in shape.
    BadData
        All pixels are bad.
    """
    ccd = _planes(source)
    bad = ~np.isfinite(ccd.image) | ((ccd.mask & np.uint16(UNUSABLE)) != 0)
    if source.mask:
        bad |= _same_shape(source.mask, ccd) != 0
    saturate = source.saturate if source.saturate is not None else ccd.header.get('SATURATE')
    if isinstance(saturate, (int, float)):
        full = ccd.image >= saturate
        ccd.mask[full] |= np.uint16(Bit.SATURATE)
        bad |= full
    if source.lower is not None:
        bad |= ccd.image < source.lower
    if bad.all():
        raise BadData(f'{source.path}: all pixels are masked or out of range; check the mask and the limits')
    ccd.weight = _weight(source, ccd, bad)
    ccd.mask[(ccd.weight <= 0) & ((ccd.mask & np.uint16(UNUSABLE)) == 0)] |= np.uint16(Bit.BPM)
    return ccd


def _planes(source: ImageSource) -> CcdImage:
    """All planes of a CCD product, or the one image of a simple file with weight 0 as 'not known'."""
    with open_fits(source.path) as handle:
        count = sum(1 for hdu in handle if hdu.get_exttype() == 'IMAGE_HDU' and hdu.has_data())
    if count >= 3:
        return read_ccd(source.path)
    image, header = read_image(source.path)
    if image.ndim != 2:
        raise BadUsage(f'{source.path}: the image has {image.ndim} axes, two are needed')
    image = np.ascontiguousarray(image, np.float32)
    return CcdImage(image, np.zeros(image.shape, np.uint16), np.zeros(image.shape, np.float32), header)


def _weight(source: ImageSource, ccd: CcdImage, bad: np.ndarray) -> np.ndarray:
    if source.weight:
        weight = _same_shape(source.weight, ccd).astype(np.float32)
    elif source.noise:
        sigma = _same_shape(source.noise, ccd).astype(np.float32)
        weight = np.where(sigma > 0, 1.0 / np.maximum(sigma, 1e-30) ** 2, 0.0).astype(np.float32)
    elif ccd.weight.any():
        weight = ccd.weight
    else:
        weight = 1.0 / np.maximum(_variance(source, ccd, bad), np.float32(1e-30))
    return np.where(bad | ~(weight > 0) | ~np.isfinite(weight), np.float32(0.0), weight)


def _variance(source: ImageSource, ccd: CcdImage, bad: np.ndarray) -> np.ndarray:
    gain = source.gain if source.gain is not None else header_gain(ccd.header)
    if gain is None:
        raise BadUsage(f'{source.path}: no weight, and no GAIN in the header; give the gain or a weight file')
    if source.read_noise is not None:
        return counted_variance(ccd.image, gain, source.read_noise)
    return measured_variance(ccd.image, bad, gain)


def header_gain(header: Header) -> float | None:
    """GAIN of a header, or the mean of its two amplifiers', or None."""
    values = [header[k] for k in ('GAIN', 'GAINA', 'GAINB') if isinstance(header.get(k), (int, float))]
    if isinstance(header.get('GAIN'), (int, float)):
        return float(header['GAIN'])
    return float(np.mean(values)) if values else None


def _same_shape(path: str, ccd: CcdImage) -> np.ndarray:
    plane, _ = read_image(path)
    if plane.shape != ccd.shape:
        raise BadUsage(f'{path} has shape {plane.shape}, its image {ccd.shape}')
    return plane
