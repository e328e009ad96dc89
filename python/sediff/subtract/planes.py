"""The six arrays of a subtraction, checked; what is bad joined, sky levels measured."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.errors import BadData, BadUsage
from sediff.subtract.background import sky_level
from sediff.subtract.convolve import Patch
from sediff.subtract.holes import patches_of


@dataclass(frozen=True)
class Planes:
    """Images and their variances as given (float32, sky included), all bad pixels (bool), each (ny, nx).

    The template is the image to convolve. Levels are sky levels; the patches stand in for the template's bad pixels.
    `photons` is the photon variance of a unit of light in science image and template where the variances leave it out.
    """

    science: np.ndarray
    template: np.ndarray
    science_variance: np.ndarray
    template_variance: np.ndarray
    science_bad: np.ndarray
    template_bad: np.ndarray
    science_level: float
    template_level: float
    photons: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def prepare(cls, science, template, science_variance, template_variance, science_bad, template_bad,
                photons: tuple[float, float] = (0.0, 0.0)) -> Planes:
        """Bad pixels joined with what is not finite, and sky levels; nothing that was given is changed.

        Raises
        ------
        BadUsage
            The arrays do not share one two-dimensional shape.
        BadData
            No pixel is good in both images.
        """
        arrays = (science, template, science_variance, template_variance, science_bad, template_bad)
        shapes = {np.shape(array) for array in arrays}
        if len(shapes) > 1 or np.ndim(science) != 2:
            raise BadUsage('images, variances and masks must share one two-dimensional shape, got '
                           + ', '.join(str(np.shape(a)) for a in arrays) + '; warp the template onto the science image')
        out = []
        for image, variance, bad in ((science, science_variance, science_bad),
                                     (template, template_variance, template_bad)):
            image, variance = (np.ascontiguousarray(plane, np.float32) for plane in (image, variance))
            bad = np.ascontiguousarray(bad, bool)
            if unknown_bad(image, variance, bad):
                bad = join_bad(image, variance, bad)
            out.append((image, variance, bad, sky_level(image, bad)[0]))
        (science, sv, sb, sl), (template, tv, tb, tl) = out
        if not any_good(sb, tb):
            raise BadData('no pixel is good in both images; check that they overlap and that the masks are right')
        return cls(science, template, sv, tv, sb, tb, sl, tl, photons)

    def swapped(self) -> Planes:
        """Science and template exchanged."""
        return Planes(self.template, self.science, self.template_variance, self.science_variance, self.template_bad,
                      self.science_bad, self.template_level, self.science_level, self.photons[::-1])

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Science, template, their variances, their bad pixels."""
        return (self.science, self.template, self.science_variance, self.template_variance, self.science_bad,
                self.template_bad)

    @property
    def levels(self) -> tuple[float, float]:
        """Sky levels of science and template."""
        return self.science_level, self.template_level

    def patches(self) -> tuple[Patch, Patch]:
        """Stand-ins for the bad pixels of the template (level subtracted) and of its variance."""
        return patches_of(self.template, self.template_level, self.template_variance, self.template_bad)


@njit(cache=True)
def unknown_bad(image, variance, bad):
    """True when a pixel that is not given as bad is not finite, or has no positive finite variance."""
    for y in range(image.shape[0]):
        found = False
        for x in range(image.shape[1]):
            fine = (abs(image[y, x]) < np.float32(3e38)) & (variance[y, x] > np.float32(0.0)) \
                & (variance[y, x] < np.float32(3e38))
            found |= not (fine | bad[y, x])
        if found:
            return True
    return False


@njit(cache=True)
def join_bad(image, variance, bad):
    """Pixels given as bad, not finite, or without a positive finite variance."""
    out = np.empty(image.shape, np.bool_)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            out[y, x] = bad[y, x] | ~(abs(image[y, x]) < np.float32(3e38)) | ~(variance[y, x] > np.float32(0.0)) \
                | ~(variance[y, x] < np.float32(3e38))
    return out


@njit(cache=True)
def any_good(a, b):
    """True when a pixel is bad in neither."""
    for y in range(a.shape[0]):
        for x in range(a.shape[1]):
            if not (a[y, x] or b[y, x]):
                return True
    return False
