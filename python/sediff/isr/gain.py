"""Gain: from ADU to electrons, amplifier by amplifier."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.io.fits import Header

from sediff.instruments.amplifiers import Amplifier


def apply_gain(image: np.ndarray, amplifiers: Sequence[Amplifier], in_place: bool = False) -> np.ndarray:
    """Electrons from ADU.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, ADU
        Trimmed image.
    amplifiers : sequence of Amplifier
    in_place : bool
        Change the image itself, which must be float32.

    Returns
    -------
    ndarray, (ny, nx) float32, electrons
    """
    electrons = image.astype(np.float32, copy=not in_place)
    for amplifier in amplifiers:
        electrons[amplifier.ccd] *= np.float32(amplifier.gain)
    return electrons


def record_gain(header: Header, amplifiers: Sequence[Amplifier], dead: Sequence[str] = ()) -> None:
    """Write what holds once the image is in electrons: unit, gains of 1, saturation, read noise; in place.

    SATURATE is the lowest level (e-) at which an amplifier that can be used saturates; RDNOISE their mean read noise
    (e-); the gains before are kept in GAINA0, GAINB0 ...
    """
    usable = [amplifier for amplifier in amplifiers if amplifier.name not in dead] or list(amplifiers)
    for amplifier in amplifiers:
        name = amplifier.name
        header[f'GAIN{name}0'] = (amplifier.gain, '[e-/adu] Gain that was applied')
        header[f'GAIN{name}'] = (1.0, '[e-/e-] Image is in electrons')
        header[f'SATURAT{name}'] = (amplifier.saturate * amplifier.gain, f'[e-] Saturation of amp {name}')
    header['BUNIT'] = ('electron', 'Unit of the pixels')
    header['SATURATE'] = (min(a.saturate * a.gain for a in usable), '[e-] Lowest saturation of the amplifiers')
    header['RDNOISE'] = (float(np.mean([a.read_noise for a in usable])), '[e-] Mean read noise')
