"""Differential chromatic refraction of a simulated exposure: light displaced and drawn out along the vertical by colour."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sediff.astrometry.refraction import chromatic_refraction, zenith_vector
from sediff.instruments.sky import sky_of
from sediff.sim.options import SKY, NightOptions, generator
from sediff.sim.plan import SimExposure

#: BP - RP of the light whose place is what a table of positions says: the telescope's pointing takes the rest out.
MEAN_COLOUR = 1.1
#: Mean and rms of the colours (BP - RP of a star of like slope) of galaxies and of transients.
GALAXIES, TRANSIENTS = (1.1, 0.25), (0.4, 0.3)
#: Points and weights of Gauss-Hermite quadrature.
QUADRATURE = ((-np.sqrt(3.0), 1.0 / 6.0), (0.0, 2.0 / 3.0), (np.sqrt(3.0), 1.0 / 6.0))


def displaced(table: np.ndarray, colour: np.ndarray, exposure: SimExposure) -> np.ndarray:
    """A copy of a table with ra, dec (deg) moved by the refraction of each colour over that of MEAN_COLOUR."""
    lift = _refraction(colour, exposure)[0] - _refraction(MEAN_COLOUR, exposure)[0]
    return _raised(table, lift, exposure)


def drawn_out(table: np.ndarray, colour: np.ndarray, exposure: SimExposure) -> list[tuple[np.ndarray, float]]:
    """Copies of a table with ra, dec (deg) along the vertical, and the share of the light that each has.

    Three points of Gauss-Hermite quadrature: the light is convolved with the spread of its colours within the band, its
    first five moments exact.
    """
    rms = _refraction(colour, exposure)[1]
    return [(_raised(table, step * rms, exposure), share) for step, share in QUADRATURE]


def _refraction(colour: npt.ArrayLike, exposure: SimExposure) -> tuple[np.ndarray, np.ndarray]:
    """Mean and rms (arcsec where tan z = 1) in the exposure's band; nothing where its edges are not known."""
    sky = sky_of(exposure.instrument, exposure.band)
    if sky is None:
        return np.zeros(np.shape(colour)), np.zeros(np.shape(colour))
    return chromatic_refraction(colour, sky.edges, sky.air)


def _raised(table: np.ndarray, lift: np.ndarray, exposure: SimExposure) -> np.ndarray:
    """A copy of a table with ra, dec moved by `lift` (arcsec where tan z = 1) towards the zenith."""
    east, north = zenith_vector(exposure.hour_angle, exposure.true.dec, exposure.instrument.site[1])
    moved = table.copy()
    moved['ra'] = (table['ra'] + lift / 3600.0 * east / np.cos(np.radians(table['dec']))) % 360.0
    moved['dec'] = table['dec'] + lift / 3600.0 * north
    return moved


def colours_of(options: NightOptions, kind: str, numbers: np.ndarray) -> np.ndarray:
    """Colours of galaxies or transients by their numbers."""
    mean, spread = {'galaxies': GALAXIES, 'transients': TRANSIENTS}[kind]
    drawn = generator(options.seed, SKY, len(kind)).normal(mean, spread, int(numbers.max(initial=0)) + 1)
    return drawn[numbers]
