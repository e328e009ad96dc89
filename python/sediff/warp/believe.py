"""Noise and gain that an image comes with, held against what its own pixels say."""
from __future__ import annotations

import numpy as np

from sediff.errors import BadData
from sediff.warp.noise import SkyNoise, sky_noise

#: Measured over given noise beyond which it is reported: where neighbours are independent, and where they are not.
FINE, FINE_CORRELATED = (0.8, 1.25), (0.6, 1.6)
#: Photon variance of the sky over the measured one beyond which a gain is contradicted.
LARGEST_PHOTON_SHARE = 1.5
#: Read noise (e-) that no detector has, and what it takes to say so: a sky this many sigma above zero.
LARGEST_READ_NOISE, SURE_LEVEL = 30.0, 10.0
#: Measure only every so many cells for the comparison.
EVERY = 8


def checked_variance(path: str, image: np.ndarray, bad: np.ndarray, variance: np.ndarray, correct: bool,
                      notes: list[str]) -> np.ndarray:
    """The variance, or where it is corrected, the one that the noise of the faint pixels asks for.

    Parameters
    ----------
    image, variance : ndarray, (ny, nx) float32
    bad : ndarray, (ny, nx) bool
    correct : bool
        Scale where they disagree.
    notes : list of str
        Gets a sentence where they do.
    """
    try:
        measured = sky_noise(image, bad, variance, EVERY if min(image.shape) > 512 else 1)
    except BadData:
        return variance
    ratio = measured.ratio()
    low, high = FINE if measured.white else FINE_CORRELATED
    if ratio is None or low <= ratio <= high:
        return variance
    what = f'{path}: the noise of its sky is {ratio:.3g} times what its weights (variance, sigma or gain and read noise) say'
    if not correct:
        notes.append(f'{what}; --scale-weights corrects that')
        return variance
    notes.append(f'{what}; they are scaled by {ratio ** -2:.3g}')
    return variance * np.float32(ratio ** 2)


def checked_gain(path: str, gain: float, unit: float, measured: SkyNoise, correct: bool, notes: list[str]) -> float:
    """Electrons per unit of the pixels as they are held, as given or, where it is corrected, as the sky's noise asks for.

    Parameters
    ----------
    gain : float
        Electrons per unit of the file.
    unit : float
        Units of the file in one of the pixels.
    measured : SkyNoise
        Of the pixels.
    correct : bool
        Take the other gain where they disagree.

    Notes
    -----
    A sky of S electrons has a variance of S at least; with a sky level well above zero, what goes beyond must be read noise.
    """
    level, sigma = measured.typical()
    held, photons = gain * unit, level / (gain * unit)
    share = photons / sigma ** 2
    read_noise = held * np.sqrt(max(sigma ** 2 - photons, 0.0))
    too_quiet = share > LARGEST_PHOTON_SHARE
    too_noisy = level > SURE_LEVEL * sigma and read_noise > LARGEST_READ_NOISE and share < 1.0 / LARGEST_PHOTON_SHARE
    if level <= 0 or not (too_quiet or too_noisy):
        return held
    what = (f'{path}: the gain of {gain:g} e- a unit contradicts the noise of the image: its sky of {level * unit:.4g} '
            f'would have a noise of {np.sqrt(photons) * unit:.3g} by its photons, {sigma * unit:.3g} is measured. A gain of '
            f'about {gain * share:.3g} ({share:.3g} times this one) fits; was the image multiplied by a factor, or divided?')
    if not correct:
        notes.append(f'{what} Give --gain, or let --scale-weights correct it')
        return held
    notes.append(f'{what} That gain is used')
    return held * share
