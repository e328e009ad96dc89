"""The difference at a place where nothing was detected: its value, how faint a source could be, masks and coverage."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.candidates.forced import forced_photometry
from sediff.ccdimage import CcdImage, variance_from_weight
from sediff.formats.fits import read_image
from sediff.maskbits import Bit, bit_words
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository

#: Half side (px) of the box whose mask bits are told.
NEAR = 2


@dataclass(frozen=True)
class Difference:
    """The difference at a place.

    Parameters
    ----------
    value, noise : float or None
        Of the pixel, electrons; None where it has no weight.
    flux, flux_error, snr : float or None
        Of a point source there, electrons; None where no pixel can be used.
    limit : float or None
        AB magnitude of a point source of 5 `flux_error`.
    threshold : float
        DIFF_THRESHOLD of RUN20.
    good : float
        Share of the PSF's weight (sum of its squares) on usable pixels.
    search_mask, template_mask : tuple of str
        Mask bits within NEAR px, in words.
    covered : bool
        A template reaches the place.
    left_out : int
        Peaks of the CCD beyond MAX_DETECTIONS, which were not measured.
    """

    value: float | None
    noise: float | None
    flux: float | None
    flux_error: float | None
    snr: float | None
    limit: float | None
    threshold: float
    good: float
    search_mask: tuple[str, ...]
    template_mask: tuple[str, ...]
    covered: bool
    left_out: int


def difference_at(one: Exposure, x: float, y: float, threshold: float) -> Difference:
    """What the difference of a CCD holds at a place (0-based px) of it.

    Raises
    ------
    BadInput
        A product is missing or cannot be read.
    """
    repository = Repository.of(one)
    image, template = repository.get('diff_mh', one), repository.get('template_mh', one)
    info, zero_point = repository.get('score_info', one), repository.get('search_zp', one)['zero_point']
    flux, error, good = _point_source(one, image, x, y, info['noise_scale'])
    usable = bool(np.isfinite(flux))
    ny, nx = image.shape
    j, i = min(max(round(y), 0), ny - 1), min(max(round(x), 0), nx - 1)
    box = slice(max(j - NEAR, 0), j + NEAR + 1), slice(max(i - NEAR, 0), i + NEAR + 1)
    search_mask, _ = read_image(repository.path('immask', one), 'MSK')
    weight, ends = float(image.weight[j, i]), (template.weight[box] <= 0) & (template.mask[box] & Bit.EDGE > 0)
    return Difference(
        float(image.image[j, i]) if weight > 0 else None, info['noise_scale'] / weight**0.5 if weight > 0 else None,
        flux if usable else None, error if usable else None, flux / error if usable else None,
        magnitude(5.0 * error, error, zero_point)[0] if usable else None, threshold, good, _bits(search_mask[box]),
        _bits(template.mask[box]), not ends.all(), int(info.get('left_out', 0)))


def _point_source(one: Exposure, image: CcdImage, x: float, y: float, noise_scale: float) -> tuple[float, float, float]:
    """Flux, its error (electrons; NaN without a usable pixel), and the share of the PSF on usable pixels."""
    repository = Repository.of(one)
    photons = repository.get('force_photons', one) if repository.exists('force_photons', one) else None
    variance, bad = variance_from_weight(image.weight), image.weight <= 0
    row = forced_photometry(image.image, variance, bad, repository.get('diff_psf', one).image, np.array([x]), np.array([y]),
                            noise_scale=noise_scale, photons=photons)[0]
    return float(row['FLUX']), float(row['FLUXERR']), float(row['GOOD_FRACTION'])


def _bits(mask: np.ndarray) -> tuple[str, ...]:
    return bit_words(int(np.bitwise_or.reduce(mask, None)))


def magnitude(flux: float, error: float, zero_point: float) -> tuple[float | None, float | None]:
    """AB magnitude and its error of a flux (electrons); None where it is not positive."""
    if not (flux > 0 and np.isfinite(zero_point)):
        return None, None
    return float(zero_point - 2.5 * np.log10(flux)), float(2.5 / np.log(10.0) * error / flux)
