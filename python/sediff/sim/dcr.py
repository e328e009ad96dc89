"""Differential chromatic refraction of a simulated exposure: light displaced and drawn out along the vertical by colour."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.astrometry.refraction import chromatic_refraction, zenith_vector
from sediff.sim.optics import PsfField, shear_matrix
from sediff.sim.options import SKY, NightOptions, generator
from sediff.sim.plan import SimExposure

#: BP - RP of the light whose place is what a table of positions says: the telescope's pointing takes the rest out.
MEAN_COLOUR = 1.1
#: Mean and rms of the colours (BP - RP of a star of like slope) of galaxies and of transients.
GALAXIES, TRANSIENTS = (1.1, 0.25), (0.4, 0.3)
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


@dataclass(frozen=True)
class StretchedPsf(PsfField):
    """A PSF that the atmosphere draws out along the vertical, for light of one colour.

    Parameters
    ----------
    stretch : ndarray, (2, 2) float64
        Second moments of the spread, pixel^2.

    Notes
    -----
    The profile stays a Moffat's; the moments of its Gaussian core and of the spread are added.
    """

    stretch: np.ndarray

    def at(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """FWHM (pixels) and the two shears at 0-based pixel positions."""
        fwhm, shear1, shear2 = (np.atleast_1d(value) for value in super().at(x, y))
        out = np.empty((3, fwhm.size))
        for k in range(fwhm.size):
            inverse = np.linalg.inv(shear_matrix(shear1[k], shear2[k]))
            moments = (fwhm[k] / FWHM_PER_SIGMA) ** 2 * inverse @ inverse.T + self.stretch
            values, vectors = np.linalg.eigh(moments)
            root = vectors @ np.diag(values ** -0.5) @ vectors.T * np.linalg.det(moments) ** 0.25
            # root = [[1 - s1, -s2], [-s2, 1 + s1]] / sqrt(1 - s1^2 - s2^2)
            middle = 0.5 * (root[0, 0] + root[1, 1])
            out[:, k] = (np.linalg.det(moments) ** 0.25 * FWHM_PER_SIGMA, 0.5 * (root[1, 1] - root[0, 0]) / middle,
                         -root[0, 1] / middle)
        return tuple(out)


def displaced(table: np.ndarray, colour: np.ndarray, exposure: SimExposure) -> np.ndarray:
    """A copy of a table with ra, dec (deg) moved by the refraction of each colour over that of MEAN_COLOUR."""
    lift = (chromatic_refraction(colour, exposure.band)[0] - chromatic_refraction(MEAN_COLOUR, exposure.band)[0]) / 3600.0
    east, north = zenith_vector(exposure.hour_angle, exposure.true.dec)
    moved = table.copy()
    moved['ra'] = (table['ra'] + lift * east / np.cos(np.radians(table['dec']))) % 360.0
    moved['dec'] = table['dec'] + lift * north
    return moved


def stretched(psf: PsfField, colour: float, exposure: SimExposure, to_pixels: np.ndarray) -> StretchedPsf:
    """The PSF for light of a colour; `to_pixels` (2, 2) are pixels for an arcsec to the east and to the north."""
    vertical = to_pixels @ zenith_vector(exposure.hour_angle, exposure.true.dec)
    spread = chromatic_refraction(colour, exposure.band)[1] * vertical
    return StretchedPsf(**vars(psf), stretch=np.outer(spread, spread))


def colours_of(options: NightOptions, kind: str, numbers: np.ndarray) -> np.ndarray:
    """Colours of galaxies or transients by their numbers."""
    mean, spread = {'galaxies': GALAXIES, 'transients': TRANSIENTS}[kind]
    drawn = generator(options.seed, SKY, len(kind)).normal(mean, spread, int(numbers.max(initial=0)) + 1)
    return drawn[numbers]


def colour_steps(colour: np.ndarray, count: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Colours that stand for groups of like ones, and the group of each: the spread changes little with colour."""
    edges = np.quantile(colour, np.linspace(0.0, 1.0, count + 1)[1:-1]) if colour.size else np.zeros(count - 1)
    group = np.searchsorted(edges, colour)
    return np.array([np.median(colour[group == k]) if (group == k).any() else MEAN_COLOUR for k in range(count)]), group

