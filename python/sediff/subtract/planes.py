"""The six arrays of a subtraction, checked and made finite."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.errors import BadData, BadUsage
from sediff.subtract.background import sky_level
from sediff.subtract.convolve import fill_bad


@dataclass(frozen=True)
class Planes:
    """Sky-subtracted images, their variances (all float32, finite) and bad pixels (bool), each (ny, nx).

    The template is the image to convolve.
    """

    science: np.ndarray
    template: np.ndarray
    science_variance: np.ndarray
    template_variance: np.ndarray
    science_bad: np.ndarray
    template_bad: np.ndarray

    @classmethod
    def prepare(cls, science, template, science_variance, template_variance, science_bad, template_bad) -> Planes:
        """Bad pixels joined with what is not finite, sky levels subtracted, bad pixels filled from their neighbours.

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
            bad = np.asarray(bad, bool) | ~np.isfinite(image) | ~(variance > 0) | ~np.isfinite(variance)
            level, _ = sky_level(image, bad)
            filled = fill_bad(np.asarray(image, np.float32) - np.float32(level), bad)
            out.append((filled, fill_bad(variance, bad), bad))
        if (out[0][2] | out[1][2]).all():
            raise BadData('no pixel is good in both images; check that they overlap and that the masks are right')
        return cls(*(plane for pair in zip(*out) for plane in pair))

    def swapped(self) -> Planes:
        """Science and template exchanged."""
        return Planes(self.template, self.science, self.template_variance, self.science_variance, self.template_bad,
                       self.science_bad)

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Science, template, their variances, their bad pixels."""
        return (self.science, self.template, self.science_variance, self.template_variance, self.science_bad,
                self.template_bad)
