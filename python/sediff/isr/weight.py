"""Weights: inverse variance of the sky and the read noise, as DES has it (the sources' own noise is not in it)."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sediff.ccdimage import ROWS
from sediff.instruments.amplifiers import Amplifier
from sediff.isr.flat import has_response
from sediff.maskbits import UNUSABLE


def inverse_variance(sky: np.ndarray | float, amplifiers: Sequence[Amplifier], flat: np.ndarray) -> np.ndarray:
    """Inverse variance of a flat-fielded image.

    A pixel of response f that sees a flat-fielded sky S collected S f electrons, so after the division by f its
    variance is S / f + read_noise^2 / f^2.

    Parameters
    ----------
    sky : float or ndarray, (ny, nx) float32, electrons
        Flat-fielded sky, not below 0.
    amplifiers : sequence of Amplifier
        `read_noise` in electrons.
    flat : ndarray, (ny, nx) float32
        Response.

    Returns
    -------
    ndarray, (ny, nx) float32, electrons^-2
        0 where the flat has no response.
    """
    level = np.broadcast_to(np.maximum(np.asarray(sky, np.float32), 0), flat.shape)
    weight = np.zeros(flat.shape, np.float32)
    for amplifier in amplifiers:
        noise = np.float32(amplifier.read_noise ** 2)
        planes = [plane[amplifier.ccd] for plane in (flat, level, weight)]
        for first in range(0, len(planes[0]), ROWS):
            response, light, out = (plane[first:first + ROWS] for plane in planes)
            np.divide(response * response, light * response + noise, out=out, where=has_response(response))
    return weight


def null_weight(weight: np.ndarray, mask: np.ndarray, bits: int = UNUSABLE, in_place: bool = False) -> np.ndarray:
    """Weight, set to 0 where the mask has any of `bits`: (ny, nx) float32."""
    nulled = weight if in_place else weight.copy()
    for first in range(0, len(weight), ROWS):
        rows = slice(first, first + ROWS)
        np.copyto(nulled[rows], np.float32(0), where=(mask[rows] & np.uint16(bits)) != 0)
    return nulled


def follow_sky(weight: np.ndarray, sky: np.ndarray, assumed: float, read_noise: float) -> np.ndarray:
    """Weight that was made for one level of the sky, for a map of it.

    With S0 the one and S the other it is multiplied by (S0 + r^2) / (S + r^2), r the read noise (exact where the flat is 1,
    to better than 1e-3 elsewhere).

    Parameters
    ----------
    weight : ndarray, (ny, nx) float32, electrons^-2
    sky : ndarray, (ny, nx) float32, electrons
    assumed, read_noise : float, electrons

    Returns
    -------
    ndarray, (ny, nx) float32, electrons^-2
        A new array.
    """
    noise = read_noise ** 2
    total, followed = max(assumed, 0.0) + noise, np.empty(weight.shape, np.float32)
    for first in range(0, len(weight), ROWS):
        rows = slice(first, first + ROWS)
        variance = (np.maximum(sky[rows], 0) + noise).astype(np.float32, copy=False)
        np.multiply(weight[rows], total / variance, out=followed[rows])
    return followed
