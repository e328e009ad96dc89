"""Which image to convolve: the one that is sharper in every direction; where there is none, perhaps both."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sediff.errors import BadUsage
from sediff.subtract.basis import FWHM_PER_SIGMA
from sediff.subtract.convolve import BLOCK, convolve, squared_kernels
from sediff.subtract.fit import Fit
from sediff.subtract.holes import mark_lit, spoiled
from sediff.subtract.planes import Planes
from sediff.subtract.restore import restore_cores
from sediff.subtract.stamps import Stars, cut

DIRECTIONS = ('template', 'science', 'both')
#: Share of a PSF's squared width that the kernel may sharpen.
SHARPEN = 0.1
#: Squared width of the Gaussian that the science image is convolved with where both are, beyond what is needed to make it
#: broader than the template in every direction, in that of its PSF.
MARGIN = 0.25
#: Stars the PSFs' shapes are measured on.
SHAPE_STARS = 60
#: As in `sediff.subtract.apply`: share of the filter's weight that may be lost, sigma of lost light that may be owed.
LARGEST_LOSS, LARGEST_LIGHT = 0.02, 0.5


@dataclass(frozen=True)
class Way:
    """A direction with its planes (the template is the image that the kernel convolves) and its fit.

    Parameters
    ----------
    smoothing : ndarray, (w, w) float64, or None
        What the other image was convolved with before.
    """

    direction: str
    planes: Planes
    fit: Fit
    smoothing: np.ndarray | None = None


def choose_way(planes: Planes, stars: Stars, widths: tuple[float, float], wanted: str,
               fit: Callable[[Planes, float, float, bool], Fit]) -> Way:
    """Fit the direction asked for, or the best.

    Parameters
    ----------
    widths : (float, float)
        FWHM of science and template, px.
    wanted : {'auto', 'template', 'science', 'both'}
    fit : callable
        ``fit(planes, sharp, broad, turned)`` fits the kernel that takes `planes.template` (FWHM sharp) to `planes.science`
        (broad); turned says that the two are exchanged.

    Raises
    ------
    BadUsage
        No such direction.
    """
    if wanted not in ('auto', *DIRECTIONS):
        raise BadUsage(f"convolve must be 'auto', 'template', 'science' or 'both', got {wanted!r}")
    if wanted in ('template', 'science'):
        return _one(planes, widths, wanted, fit)
    narrower, broader, squared = shape_difference(planes, stars, widths)
    if wanted == 'both':
        return _both(planes, stars, widths, max(-narrower, 0.0) + MARGIN * squared, fit)
    first = 'science' if narrower + broader < 0 else 'template'
    one = _one(planes, widths, first, fit)
    needed = min(-narrower, broader)
    if needed < SHARPEN * squared:
        return one
    both = _both(planes, stars, widths, -narrower + MARGIN * squared, fit)
    return both if both.fit.solution.held_out_error < one.fit.solution.held_out_error else one


def shape_difference(planes: Planes, stars: Stars, widths: tuple[float, float]) -> tuple[float, float, float]:
    """Least and largest difference of the PSFs' squared widths along any axis, science - template, and their mean, px^2.

    One sign: one PSF is broader in every direction. Both signs: neither image can be turned into the other.
    """
    bright = stars.take(np.arange(min(len(stars.x), SHAPE_STARS)))
    tensors = [_second_moments(image, level, bright, width / FWHM_PER_SIGMA) for image, level, width in
               ((planes.science, planes.science_level, widths[0]), (planes.template, planes.template_level, widths[1]))]
    values = np.linalg.eigvalsh(tensors[0] - tensors[1])
    return float(values[0]), float(values[1]), float(np.trace(tensors[0] + tensors[1]) / 4.0)


def _second_moments(image: np.ndarray, level: float, stars: Stars, sigma: float) -> np.ndarray:
    """Median second moments (2, 2) of stars, px^2, weighed by a Gaussian of width sigma whose effect is taken out."""
    half = int(np.ceil(3 * sigma))
    stamps = cut(image, stars.x, stars.y, half).astype(float) - level
    v, u = np.mgrid[-half:half + 1, -half:half + 1]
    at = np.zeros((len(stamps), 2))
    for _ in range(4):
        dx, dy = u - at[:, :1, None], v - at[:, 1:, None]
        light = stamps * np.exp(-0.5 * (dx**2 + dy**2) / sigma**2)
        total = np.maximum(light.sum(axis=(1, 2)), 1e-30)
        first = np.stack([(light * d).sum(axis=(1, 2)) / total for d in (dx, dy)], axis=1)
        at = np.clip(at + 2.0 * first, -2.0, 2.0)
    xx, xy, yy = (np.nanmedian((light * d).sum(axis=(1, 2)) / total) for d in (dx * dx, dx * dy, dy * dy))
    return np.linalg.inv(np.linalg.inv([[xx, xy], [xy, yy]]) - np.eye(2) / sigma**2)


def _one(planes: Planes, widths, direction: str, fit) -> Way:
    turned = direction == 'science'
    if turned:
        planes, widths = planes.swapped(), widths[::-1]
    return Way(direction, planes, fit(planes, widths[1], widths[0], turned))


def _both(planes: Planes, stars: Stars, widths, squared: float, fit) -> Way:
    """The science image convolved with a Gaussian of this squared width first."""
    sigma = np.sqrt(squared)
    half = int(np.ceil(4 * sigma))
    profile = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    kernel = np.outer(profile, profile) / profile.sum() ** 2
    planes = smoothed(planes, stars, kernel)
    broad = float(np.hypot(widths[0], FWHM_PER_SIGMA * sigma))
    return Way('both', planes, fit(planes, widths[1], broad, False), kernel)


def smoothed(planes: Planes, stars: Stars, kernel: np.ndarray) -> Planes:
    """The science image and its variance convolved with one kernel (w, w) of unit sum, its mask grown."""
    turned, shape = planes.swapped(), planes.science.shape
    patch, variance_patch = turned.patches()
    step = max(1, int(np.sqrt(planes.science.size / 20_000)))
    good = ~planes.science_bad[::step, ::step]
    noise = float(np.sqrt(np.median(planes.science_variance[::step, ::step][good]))) if good.any() else 1.0
    patch, restored = restore_cores(turned.template, turned.template_level, turned.template_bad, noise, patch, stars)
    blocks = tuple(-(-size // side) for size, side in zip(shape, BLOCK))
    kernels = np.broadcast_to(kernel.astype(np.float32), (*blocks, *kernel.shape))
    bad = planes.science_bad | spoiled(patch.index, shape, kernels, LARGEST_LOSS)
    mark_lit(bad, patch, restored, kernel, LARGEST_LIGHT * noise * float(np.sqrt((kernel**2).sum())))
    squares = np.broadcast_to(squared_kernels(kernel), (*blocks, *squared_kernels(kernel).shape))
    image = convolve(planes.science, kernels, patch, planes.science_level)
    image += np.float32(planes.science_level)
    variance = convolve(planes.science_variance, squares, variance_patch)
    photons = planes.photons[0] * float((kernel**2).sum()), planes.photons[1]
    return replace(planes, science=image, science_variance=np.maximum(variance, np.float32(1e-30)), science_bad=bad,
                   photons=photons)
