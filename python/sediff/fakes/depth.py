"""The true depth of a difference: noise at empty places, and what becomes of the flux of fakes."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sediff.candidates.skysources import SIGMA_ERROR
from sediff.stats import sigma_about

#: Fewest faint fakes that tell a noise, and fewest bright ones that tell a share of flux.
LEAST_FAINT, LEAST_BRIGHT = 20, 10
#: Faint ones have less S/N (their own photons are then less than 2 % of the noise), bright ones more.
FAINT_SNR, BRIGHT_SNR = 5.0, 10.0
#: Surface brightness of the template (mag / arcsec^2) beyond which a fake is on the sky.
SKY_BRIGHTNESS = 25.0
#: A factor on a flux as a magnitude, for small ones.
MAG = 2.5 / np.log(10.0)


def true_depth(sky: Mapping, outcomes: np.ndarray, zero_point: float) -> dict:
    """5-sigma depth of a difference for point sources on the sky, from its sky sources and fakes.

    Parameters
    ----------
    sky : mapping
        Of RUN20: depth_5sigma and its error, or neither where there were too few places.
    outcomes : structured ndarray, (n,) of OUTCOME_DTYPE
        Fakes, none is fine.
    zero_point : float
        AB mag of one electron.

    Returns
    -------
    dict
        depth and depth_error, AB mag, None where nothing tells; sky and fakes: what each says, with errors; flux_share: what
        forced photometry finds of the flux of bright fakes, with its error.

    Notes
    -----
    Sky sources: ZP - 2.5 log10(5 sigma), sigma the true noise of PSF fluxes at empty places. Fakes below S/N 5 in the field:
    the same with the robust scatter of (flux - truth) / error times the median error. The two are averaged with their
    inverse variances. A source comes out with the share r of its flux, sum(w f F) / sum(w F^2) of fakes above S/N 10, so
    that the depth in true magnitudes is 2.5 log10(r) deeper.
    """
    found = outcomes[(outcomes['USABLE'] > 0) & (outcomes['OCCUPIED'] == 0) & (outcomes['KIND'] == 'field')
                     & (outcomes['HOST_SB'] > SKY_BRIGHTNESS)]
    share, share_error = _flux_share(found[found['SNR_TRUE'] > BRIGHT_SNR])
    said = {'sky': (sky.get('depth_5sigma'), sky.get('depth_5sigma_error')),
            'fakes': _noise(found[found['SNR_TRUE'] < FAINT_SNR], zero_point)}
    known = [(depth, error) for depth, error in said.values() if depth is not None and error]
    out: dict = {'depth': None, 'depth_error': None, 'flux_share': share, 'flux_share_error': share_error}
    for name, (depth, error) in said.items():
        out |= {name: depth, f'{name}_error': error}
    if known:
        weights = [error ** -2 for _, error in known]
        depth = sum(weight * each for weight, (each, _) in zip(weights, known)) / sum(weights)
        error = sum(weights) ** -0.5
        if share and share_error:
            depth, error = depth + 2.5 * np.log10(share), np.hypot(error, MAG * share_error / share)
        out |= {'depth': float(depth), 'depth_error': float(error)}
    return out


def _noise(faint: np.ndarray, zero_point: float) -> tuple[float | None, float | None]:
    """Depth that the scatter of faint fakes tells, and its error."""
    if len(faint) < LEAST_FAINT:
        return None, None
    pull = (faint['FLUX_FORCED'] - faint['FLUX']) / faint['FLUXERR_FORCED']
    noise = sigma_about(pull) * float(np.median(faint['FLUXERR_FORCED']))
    return (float(zero_point - 2.5 * np.log10(5.0 * noise)), float(MAG * SIGMA_ERROR / np.sqrt(len(faint)))) \
        if noise > 0 else (None, None)


def _flux_share(bright: np.ndarray) -> tuple[float | None, float | None]:
    """Share of the flux of bright fakes that comes out, and its error."""
    if len(bright) < LEAST_BRIGHT:
        return None, None
    weight = bright['FLUXERR_FORCED'] ** -2.0
    total = float(np.sum(weight * bright['FLUX'] ** 2))
    share = float(np.sum(weight * bright['FLUX'] * bright['FLUX_FORCED'])) / total
    return (share, total ** -0.5) if share > 0 else (None, None)
