"""Shape of a detection: window-corrected second moments and SPREAD_MODEL."""
from __future__ import annotations

import numpy as np

from sediff.detect.kernels import spread_sums, window_moments


def ellipse(stamp: np.ndarray, weight: np.ndarray, x: float, y: float, sigma: float
            ) -> tuple[float, float, float] | None:
    """Semi-axes (px, rms) and angle (deg, from +x to +y) of a source, or None when it has no measurable shape.

    Notes
    -----
    Moments M are taken under a round Gaussian window W of the PSF's size and the window is taken out as for Gaussians:
    C = (M^-1 - W^-1)^-1 (Bernstein & Jarvis 2002, AJ 123, 583, section 3). Sizes above five windows are cut there.
    """
    xx, yy, xy, flux = window_moments(stamp, weight, x, y, sigma)
    if not flux > 0:
        return None
    trace, difference = 0.5 * (xx + yy) / flux, np.hypot(0.5 * (xx - yy), xy) / flux
    angle = 0.5 * np.degrees(np.arctan2(2.0 * xy, xx - yy))
    axes = []
    for measured in (trace + difference, trace - difference):
        share = np.clip(measured / sigma ** 2, 1e-3, 25.0 / 26.0)
        axes.append(sigma * np.sqrt(share / (1.0 - share)))
    return float(axes[0]), float(axes[1]), float(angle)


def extended_model(psf: np.ndarray, fwhm: float) -> np.ndarray:
    """The PSF convolved with an exponential disc of scale FWHM/16, to second order in the scale.

    A round disc of scale r has variance 3 r^2 an axis, so the convolution is p + 3 r^2 / 2 * laplacian(p).
    """
    from scipy.ndimage import laplace
    scale = fwhm / 16.0
    return psf + np.float32(1.5 * scale ** 2) * laplace(psf, mode='constant')


def spread_model(stamp: np.ndarray, weight: np.ndarray, psf: np.ndarray, fwhm: float, noise: np.ndarray | None = None
                 ) -> tuple[float, float]:
    """SPREAD_MODEL and its error: 0 for a point source, > 0 for a broader one, < 0 for a sharper one.

    `noise` is the variance of weight times pixel, where it is not `weight` itself (photon noise that the weight leaves out).

    Notes
    -----
    s = g.x / p.x - g.p / p.p with p the PSF, g the slightly extended model and weighted sums
    (Desai et al. 2012, ApJ 757, 83; Soumagnac et al. 2015, MNRAS 450, 666). 0, 1 when p.x is not positive.
    """
    extended = extended_model(psf, fwhm)
    gx, px, gp, pp, _ = spread_sums(stamp, weight, psf, extended)
    if not px > 0 or not pp > 0:
        return 0.0, 1.0
    ratio = gx / px
    _, _, noise_gp, noise_pp, noise_gg = spread_sums(stamp, weight if noise is None else noise, psf, extended)
    error = np.sqrt(max(noise_gg - 2.0 * ratio * noise_gp + ratio ** 2 * noise_pp, 0.0)) / px
    return float(ratio - gp / pp), float(error)
