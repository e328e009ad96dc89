"""How far a star of a magnitude may leave false light in a difference, from the profile of the exposure's stars."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sediff.errors import BadInput
from sediff.psf.model import PsfModel

#: Relative error of a star's model that a usable subtraction has at worst, and the significance that its light must reach.
MODEL_ERROR, THRESHOLD = 0.02, 3.0
#: Beyond the PSF's stamp light falls as this power of the radius at least: aureoles do so by 2 to 3 (King 1971).
SHALLOWEST, STEEPEST = 2.0, 4.0
#: No radius is larger, px.
LARGEST = 400.0


@dataclass(frozen=True)
class StarLight:
    """Light of a star around its middle, and what it is seen against.

    Parameters
    ----------
    radius : ndarray, (n,) float64, px
        Rising.
    share : ndarray, (n,) float64
        Of the star's flux in a pixel at that radius; never rising.
    fwhm : float, px
    sky_sigma : float, electrons
        Noise of a pixel of the sky.
    zero_point : float
        AB mag of one electron.
    saturation : float, electrons
        Light of a pixel that saturates, sky subtracted.
    """

    radius: np.ndarray
    share: np.ndarray
    fwhm: float
    sky_sigma: float
    zero_point: float
    saturation: float = np.inf


def star_light(psf: np.ndarray, fwhm: float, sky_sigma: float, zero_point: float, saturation: float = np.inf) -> StarLight:
    """Profile of a unit-flux PSF (odd square stamp), with wings to LARGEST.

    Notes
    -----
    Means in rings of a pixel, made to fall; from two thirds of the stamp's half width on r^-p with the p of the last third
    before, between SHALLOWEST and STEEPEST: the stamp holds no wings that its stars did not show.
    """
    half = psf.shape[0] // 2
    rows, columns = np.indices(psf.shape) - half
    ring = np.rint(np.hypot(rows, columns)).astype(int)
    means = np.bincount(ring.ravel(), psf.ravel().astype(float)) / np.bincount(ring.ravel())
    end = max(2 * half // 3, 2)
    inner = np.minimum.accumulate(np.maximum(means[:end + 1], 1e-12))
    start = max(end // 2, 1)
    power = np.clip(np.log(inner[start] / inner[end]) / np.log(end / start), SHALLOWEST, STEEPEST)
    beyond = np.geomspace(end, LARGEST, 60)[1:]
    radius = np.concatenate([np.arange(end + 1.0), beyond])
    return StarLight(radius, np.concatenate([inner, inner[end] * (beyond / end) ** -power]), fwhm, sky_sigma, zero_point,
                     saturation)


def ccd_light(psf: PsfModel, header: Mapping, zero_point: float) -> StarLight:
    """Light of a star in the middle of a CCD, from its PSF, its zero point (AB mag of one electron) and its header.

    Raises
    ------
    BadInput
        The header has no SKYSIGMA (electrons).
    """
    noise = header.get('SKYSIGMA')
    if not isinstance(noise, (int, float)) or not noise > 0.0:
        raise BadInput(f'an image without the noise of its sky (SKYSIGMA {noise}): no radii of veto stars; run its single '
                       'epoch again')
    saturation = header.get('SATURATE', np.inf) - header.get('SKYBRITE', 0.0)
    return star_light(psf.image(1023.0, 2047.0), psf.fwhm, float(noise), zero_point, saturation)


def veto_radius(magnitude: np.ndarray, light: StarLight) -> np.ndarray:
    """Radii (px) within which stars of these magnitudes may leave false light: (n,) float64.

    Notes
    -----
    The largest of: the PSF's width; a width more than where a pixel saturates; and where MODEL_ERROR of the star's light,
    summed over the PSF's noise-equivalent area A, reaches THRESHOLD times the noise: MODEL_ERROR F p(r) sqrt(A) =
    THRESHOLD sigma.
    """
    flux = 10.0 ** (0.4 * (light.zero_point - np.asarray(magnitude, float)))
    area = 4.0 * np.pi * (light.fwhm / 2.3548) ** 2
    false_light = _radius_of(THRESHOLD * light.sky_sigma / (MODEL_ERROR * np.sqrt(area)) / flux, light)
    saturated = _radius_of(light.saturation / flux, light)
    return np.maximum(np.maximum(false_light, light.fwhm), np.where(saturated > 0.0, saturated + light.fwhm, 0.0))


def _radius_of(share: np.ndarray, light: StarLight) -> np.ndarray:
    """Largest radius at which a pixel holds this share of a star; 0 where none does."""
    falling = np.log(light.share) - 1e-9 * np.arange(light.share.size)
    with np.errstate(divide='ignore'):
        found = np.interp(-np.log(np.maximum(share, 1e-300)), -falling, light.radius)
    return np.where(share > light.share[0], 0.0, found)
