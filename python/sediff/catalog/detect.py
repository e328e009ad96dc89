"""Detection of objects on a sky-subtracted image, and a first estimate of the seeing."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sep

from sediff.catalog.kernels import prepare, segment_sums, smooth
from sediff.catalog.windows import core_widths
from sediff.errors import BadData
from sediff.maskbits import UNUSABLE, Bit
from sediff.psf.stars import size_locus

#: Pixels of these bits keep their value in detection although their weight is zero: saturated cores must not tear
#: a star apart, and interpolated pixels are better than holes.
SEE_THROUGH = int(Bit.SATURATE | Bit.INTERP)
#: FWHM assumed where nothing else is known (pixels; 1.05 arcsec on DECam).
DEFAULT_FWHM = 4.0
#: Pixels that sep keeps at a time, and from which threshold on a quarter of them will do.
PIXEL_STACK, BRIGHT = 400_000, 5.0
#: sep refuses angles that rounding carries beyond a right angle.
MAXIMUM_ANGLE = 0.5 * np.pi - 1e-6


@dataclass
class Detections:
    """What detection found.

    Parameters
    ----------
    objects : structured ndarray, (n,)
        As sep.extract, 0-based; `peak` is the highest pixel of the unfiltered image, `npix` the number of its pixels
        above the threshold.
    segmentation : ndarray, (ny, nx) int32
        Object number from 1, 0 elsewhere.
    bits : ndarray, (n,) int32
        OR of the mask over each object's pixels and the bad pixels that touch them.
    image, error : ndarray, (ny, nx) float32
        Image with bad pixels set to 0, and its 1-sigma error.
    inverse : ndarray, (ny, nx) float32
        Weight, 0 at bad, unusable and see-through pixels.
    bad : ndarray, (ny, nx) bool
    """

    objects: np.ndarray
    segmentation: np.ndarray
    bits: np.ndarray
    image: np.ndarray
    error: np.ndarray
    inverse: np.ndarray
    bad: np.ndarray


def detect(image: np.ndarray, weight: np.ndarray, mask: np.ndarray, threshold: float, *, fwhm: float = DEFAULT_FWHM,
           minimum_area: int = 6, deblend_thresholds: int = 32, deblend_contrast: float = 0.001,
           clean: bool = True) -> Detections:
    """Find objects as SExtractor does, with a Gaussian filter of the seeing's width.

    Parameters
    ----------
    image, weight : ndarray, (ny, nx) float32
        Sky-subtracted flux and inverse variance.
    mask : ndarray, (ny, nx) uint16
        DES bits. Non-finite pixels, those of zero weight and those of `UNUSABLE` are bad, except that saturated and
        interpolated ones keep their value.
    threshold : float
        In units of the error of the unfiltered pixel, applied to the filtered image (SExtractor's DETECT_THRESH).
    fwhm : float, pixels
        Of the filter.
    minimum_area : int, pixels
    deblend_thresholds, deblend_contrast : int, float
        SExtractor's DEBLEND_NTHRESH and DEBLEND_MINCONT.
    clean : bool
        Remove detections that owe their existence to a brighter neighbour's wings (CLEAN).

    Raises
    ------
    BadData
        Shapes differ, or threshold or fwhm is not positive.
    """
    if image.ndim != 2 or image.shape != weight.shape or image.shape != mask.shape:
        raise BadData(f'image {image.shape}, weight {weight.shape} and mask {mask.shape} must be equal 2-d shapes')
    if not (threshold > 0 and fwhm > 0):
        raise BadData(f'detection needs a positive threshold and FWHM, got {threshold} and {fwhm}')
    pixels, error, inverse, bad, good = _prepared(image, weight, mask)
    filtered = np.empty_like(pixels)
    smooth(pixels, gaussian_taps(fwhm), filtered)
    objects, segmentation = _extract(filtered, error, bad, good, threshold=threshold, minarea=minimum_area,
                                     deblend_nthresh=deblend_thresholds, deblend_cont=deblend_contrast, clean=clean)
    bits, area = np.zeros(len(objects), np.int32), np.zeros(len(objects), np.int32)
    peak = np.full(len(objects), -np.inf, np.float32)
    segment_sums(segmentation, pixels, error, mask.astype(np.uint16, copy=False), bad, float(threshold), bits, peak, area)
    objects['peak'], objects['npix'] = peak, area
    objects['theta'] = np.clip(objects['theta'], -MAXIMUM_ANGLE, MAXIMUM_ANGLE)
    return Detections(objects, segmentation, bits, pixels, error, inverse, bad)


def estimate_fwhm(image: np.ndarray, weight: np.ndarray, mask: np.ndarray, threshold: float = 20.0) -> float:
    """Seeing FWHM (pixels): the mode of the widths of bright, unsaturated, unblended objects.

    Raises
    ------
    BadData
        Fewer than three such objects.
    """
    found = detect(image, weight, mask, threshold, fwhm=3.0, deblend_contrast=0.005)
    widths = object_fwhm(found, found.objects['x'], found.objects['y'])
    harmless = int(Bit.SUSPECT | Bit.NEAREDGE | Bit.FIXED)
    good = (found.objects['flag'] == 0) & (widths > 1.0) & ((found.bits & ~harmless) == 0)
    if good.sum() < 3:
        raise BadData(f'{int(good.sum())} clean objects above {threshold:g} sigma: too few to measure the seeing')
    return size_locus(widths[good], found.objects['peak'][good], 0.15)[0]


def object_fwhm(found: Detections, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """FWHM (pixels) of each object's core about (x, y), 0 where it cannot be measured: (n,) float64."""
    objects = found.objects
    out = np.zeros(len(objects))
    reach = 0.5 * np.maximum(objects['xmax'] - objects['xmin'], objects['ymax'] - objects['ymin']) + 3.0
    core_widths(found.image, found.bad, found.segmentation, np.arange(1, len(objects) + 1, dtype=np.int32),
                np.ascontiguousarray(x, float), np.ascontiguousarray(y, float), objects['peak'].astype(float),
                np.minimum(reach.astype(float), 60.0), out)
    return out


def gaussian_taps(fwhm: float) -> np.ndarray:
    """Half of a Gaussian filter cut at 2.2 sigma, its two-sided sum 1: (h + 1,) float32, centre first."""
    sigma = fwhm / 2.3548
    taps = np.exp(-0.5 * (np.arange(int(np.ceil(2.2 * sigma)) + 1) / sigma) ** 2)
    return (taps / (2.0 * taps.sum() - taps[0])).astype(np.float32)


def _prepared(image, weight, mask) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    image, weight = (np.ascontiguousarray(a, np.float32) for a in (image, weight))
    sample = weight[::7, ::7]
    sample = sample[np.isfinite(sample) & (sample > 0)]
    if sample.size == 0:
        sample = weight[np.isfinite(weight) & (weight > 0)]
    typical = float(np.median(sample)) ** -0.5 if sample.size else 1.0
    pixels, error, inverse = np.empty_like(image), np.empty_like(image), np.empty_like(image)
    bad = np.empty(image.shape, bool)
    see_through = SEE_THROUGH if sample.size else 0
    bits = mask.astype(np.uint16, copy=False)
    good = prepare(image, weight, bits, int(UNUSABLE), see_through, typical, pixels, error, inverse, bad)
    return pixels, error, inverse, bad, int(good)


def _extract(filtered, error, bad, good: int, **options) -> tuple[np.ndarray, np.ndarray]:
    """sep.extract on the filtered image; with simpler deblending where its buffers overflow."""
    threshold, contrast = options.pop('threshold'), options.pop('deblend_cont')
    sep.set_sub_object_limit(8192)
    # sep touches its whole pixel stack at the start, so a small one is tried first
    large = max(4 * PIXEL_STACK, filtered.size)
    small = PIXEL_STACK // 4 if threshold >= BRIGHT else PIXEL_STACK
    attempts = ((small, contrast), (large, contrast), (large, 1.0))
    for stack, limit in attempts:
        sep.set_extract_pixstack(stack)
        try:
            return sep.extract(filtered, threshold, err=error, mask=bad if good < bad.size else None,
                               filter_kernel=None, segmentation_map=True, deblend_cont=limit, **options)
        except Exception as failure:  # sep raises plain Exception
            message = str(failure)
    raise BadData(f'object detection failed ({message}); is the sky subtracted and the weight map right?')
