"""The fitted kernel applied: template convolved, moved, subtracted, the residual sky subtracted."""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from sediff.errors import BadData
from sediff.subtract.background import SAMPLE, Sky, clipped_level, residual_sky
from sediff.subtract.convolve import BLOCK, convolve, squared_kernels
from sediff.subtract.decorrelate import Whitening, whitening_of
from sediff.subtract.fit import PSF_FLOOR, Fit
from sediff.subtract.holes import mark_lit, spoiled
from sediff.subtract.model import KernelModel
from sediff.subtract.moving import move_stars
from sediff.subtract.planes import Planes
from sediff.subtract.registration import RADIUS, STEP, Field, fit_field, measure_offsets, move_rows
from sediff.subtract.restore import restore_cores
from sediff.subtract.stamps import Stars
from sediff.subtract.trusted import Trust, trust_in
from sediff.subtract.wings import add_wings
from sediff.subtract.zones import Zones, noise_zones

#: A pixel is unusable when bad pixels hold more than this share of its kernel's absolute weight.
LARGEST_LOSS = 0.02
#: A pixel is unusable when it owes more than this many sigma of the sky to light that saturation cut off.
LARGEST_LIGHT = 0.5
#: The same for the filter that whitens.
LARGEST_WHITENING_LOSS = 0.1
#: The kernel of the variance is evaluated once for so many blocks along rows and columns.
VARIANCE_BLOCKS = 4
#: Rows finished at a time.
ROWS = 256


@dataclass(frozen=True)
class Applied:
    """Difference in the units of the image that was not convolved (float32), variance, mask, and its metrics."""

    image: np.ndarray
    variance: np.ndarray
    mask: np.ndarray
    sky: Sky
    noise_chi: float
    field: Field | None
    trust: Trust
    moved: int = 0
    whitening: Whitening | None = None


def apply_kernel(planes: Planes, model: KernelModel, fit: Fit, stars: Stars, mesh: int, order: int | None) -> Applied:
    """Subtract the convolved template, moved as the stars ask, and the sky that is left."""
    patch, variance_patch = planes.patches()
    sigma = _typical_noise(planes.template_variance, planes.template_bad)
    patch, restored = restore_cores(planes.template, planes.template_level, planes.template_bad, sigma, patch, stars)
    narrow = model.on_blocks(narrow=True)
    mask = spoiled(patch.index, planes.science.shape, narrow, LARGEST_LOSS)
    mask |= planes.science_bad
    noise = _typical_noise(planes.science_variance, planes.science_bad)
    mark_lit(mask, patch, restored, model.kernel_at(mask.shape[1] / 2.0, mask.shape[0] / 2.0), LARGEST_LIGHT * noise)
    if mask.all():
        raise BadData('no pixel is left after the masks are grown by the kernel; check the masks')
    squares = squared_kernels(model.on_blocks(narrow=True, step=VARIANCE_BLOCKS))
    variance = convolve(planes.template_variance, squares, variance_patch, 0.0,
                              (VARIANCE_BLOCKS * BLOCK[0], VARIANCE_BLOCKS * BLOCK[1]))
    image = convolve(planes.template, narrow, patch, planes.template_level)
    wide = model.coefficients_on_blocks()[:, :, model.basis.narrow_count:]
    add_wings(image, planes.template, model.basis, wide, patch, planes.template_level)
    add_variance(variance, planes.science_variance, mask, np.float32(noise**2))
    level = np.float32(planes.science_level)
    moved = _move_listed(image, mask, noise, fit, stars)
    field = fit.field
    if field is not None:
        field = _final_field(planes, image, variance, mask, stars, field)
        move_rows(image, field.nodes(image.shape), STEP)
    sky = residual_sky(planes.science, level, image, mask, mesh, order, step=2)
    trust = trust_in(planes, image, sky, variance, mask, stars, fit, *_star_noise(planes, model, variance, mask))
    for start, stop, strip in sky.strips(ROWS):
        finish(planes.science[start:stop], level, strip, mask[start:stop], image[start:stop])
    return Applied(image, variance, mask, sky, _noise_chi(image, variance, mask), field, trust, moved)


def _move_listed(image: np.ndarray, mask: np.ndarray, noise: float, fit: Fit, stars: Stars) -> int:
    """Listed stars moved from where the convolved image shows them to where the other does; how many."""
    listed = fit.listed
    if listed is None or not len(listed.x):
        return 0
    shift = np.nan_to_num(listed.shift)
    place = listed.x - shift[:, 0], listed.y - shift[:, 1]
    if fit.colour_shift is not None:
        shift = shift + fit.colour_shift.at(listed.colour)
    return move_stars(image, mask, noise, *place, shift, stars)


def _star_noise(planes: Planes, model: KernelModel, variance: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Photon variance of a unit of the model's light in a pixel; and the variance of noise summed over a star, which the
    kernel spread over neighbours, over that of independent pixels."""
    scale = model.kernel_sum()
    squares = float((model.kernel_at(mask.shape[1] / 2.0, mask.shape[0] / 2.0) ** 2).sum())
    whole = _typical_noise(planes.science_variance, planes.science_bad) ** 2 \
        + (scale * _typical_noise(planes.template_variance, planes.template_bad)) ** 2
    return planes.photons[0] + planes.photons[1] * squares / scale, max(1.0, whole / _typical_noise(variance, mask) ** 2)


def _typical_noise(variance: np.ndarray, bad: np.ndarray) -> float:
    """Median sigma of a sample of the good pixels."""
    step = max(1, int(np.sqrt(variance.size / SAMPLE)))
    sample = variance[::step, ::step][~bad[::step, ::step]]
    return float(np.sqrt(np.median(sample if sample.size else variance[~bad])))


def _final_field(planes: Planes, model: np.ndarray, variance: np.ndarray, mask: np.ndarray, stars: Stars, hint: Field
                 ) -> Field:
    """The field from all stars, measured on the convolved image itself."""
    found = np.empty((len(stars.x), 3))
    measure_offsets(planes.science, np.float32(planes.science_level), model, variance, mask, stars.x, stars.y, RADIUS,
                    PSF_FLOOR, found, planes.photons[0])
    good = found[:, 2] > 0
    return fit_field(stars.x[good], stars.y[good], found[good, :2], found[good, 2], (hint.length, hint.rms)) or hint


@njit(cache=True)
def add_variance(variance, science, mask, typical):
    """Add the science variance in place; `typical` at least where masked."""
    for y in range(variance.shape[0]):
        for x in range(variance.shape[1]):
            if mask[y, x]:
                variance[y, x] = max(variance[y, x], typical)
            else:
                variance[y, x] += science[y, x]


@njit(cache=True)
def finish(science, level, sky, mask, model):
    """science - level - model - sky in the place of the model; 0 where masked."""
    for y in range(model.shape[0]):
        for x in range(model.shape[1]):
            model[y, x] = np.float32(0.0) if mask[y, x] else science[y, x] - level - model[y, x] - sky[y, x]


def _noise_chi(image: np.ndarray, variance: np.ndarray, mask: np.ndarray) -> float:
    """Robust rms of the difference over its noise, on a sample of pixels."""
    step = max(1, int(np.sqrt(image.size / SAMPLE)))
    part = (slice(None, None, step), slice(None, None, step))
    chi = (image[part] / np.sqrt(np.maximum(variance[part], 1e-30)))[~mask[part]]
    return clipped_level(chi.astype(float))[1] if chi.size else float('nan')


def whitened(applied: Applied, planes: Planes, model: KernelModel, smoothing: np.ndarray | None = None,
             zones: Zones | None = None, turned: bool = False) -> Applied:
    """The difference with white noise, fluxes kept, in its own planes; pixels whose filter meets masked ones are masked.

    `smoothing` (w, w) is what the image that the kernel did not convolve was convolved with before; `zones` are those of
    the template; `turned`: the kernel convolves the science image.
    """
    whitening = whitening_of(model, noise_zones(planes, zones), smoothing, turned)
    main = int(np.bincount(whitening.zones.labels.ravel()).argmax())
    mask = applied.mask | spoiled(np.flatnonzero(applied.mask), applied.mask.shape, whitening.kernels[main],
                                  LARGEST_WHITENING_LOSS, whitening.block)
    whitening.apply(applied.image)
    applied.image[mask] = 0.0
    whitening.scale_variance(applied.variance)
    chi = _noise_chi(applied.image, applied.variance, mask)
    return replace(applied, mask=mask, noise_chi=chi, whitening=whitening)
