"""What the cuts are, in words."""
from __future__ import annotations

from typing import NamedTuple


class CutText(NamedTuple):
    """A cut in words.

    Parameters
    ----------
    looks_at : str
        What is compared with a limit.
    rejects : str
        What fails it.
    measured : str
        The columns of filterObj that it looks at, as a format string; '' where there is none.
    """

    looks_at: str
    rejects: str
    measured: str = ''


TEXTS = {
    'negative': CutText('sign of the flux: brighter (1) or fainter (-1) than the template', 'fainter than in the template',
                        'sign {SIGN}'),
    'low_snr': CutText('signal-to-noise, the photons of the source counted', 'too little signal', 'S/N {SNR}'),
    'edge': CutText("the PSF stamp lies within the CCD's edges", 'at the edge of the image'),
    'masked_core': CutText('unusable pixels within 2 px', 'masked pixels in the core', '{NMASK_CORE} px'),
    'masked_near': CutText('share of unusable pixels within 2 FWHM', 'masked pixels within 2 FWHM', '{NMASK_NEAR} px'),
    'below_2sigma': CutText('negative pixels around it, below -2 sigma', 'many pixels below −2σ', '{NPIX_M2} px'),
    'below_4sigma': CutText('the same, below -4 sigma', 'many pixels below −4σ', '{NPIX_M4} px'),
    'below_6sigma': CutText('the same, below -6 sigma', 'pixels below −6σ', '{NPIX_M6} px'),
    'too_large': CutText('longer half-axis A_IMAGE, against that of the PSF', 'larger than the PSF', 'A {A_IMAGE} px'),
    'too_sharp': CutText('longer half-axis A_IMAGE, against that of the PSF', 'sharper than the PSF', 'A {A_IMAGE} px'),
    'elongated': CutText('ratio of the half-axes, A_IMAGE / B_IMAGE', 'elongated, or thin like a cosmic ray',
                         'A {A_IMAGE}, B {B_IMAGE} px'),
    'spread_model': CutText('|SPREAD_MODEL|: is it as wide as the PSF', 'not shaped like the PSF',
                            'SPREAD_MODEL {SPREAD_MODEL} ± {SPREADERR_MODEL}'),
    'dipole': CutText('significant opposite peak beside it, relative to its own', 'a positive and a negative lobe',
                      'ratio {DIPOLE_RATIO}'),
    'veto_star': CutText('flux over what subtraction leaves of a listed star there',
                         'near a listed star, and no more than its residual'),
    'moving_star': CutText('new place of a star that moved: difference of the fluxes of both, over the largest allowed',
                           'a star that moved'),
    'variable_star': CutText('the variation of a listed star over its error (rejected with VETO_VARIABLES=1 only)',
                             'a listed star that varied', 'class {CLASS}'),
    'near_bleed': CutText('share of the pixels around it in bleed trails', 'beside a bleed trail'),
    'in_ghost': CutText('share of the pixels around it in halos of bright stars', 'in the halo of a bright star'),
    'line': CutText('it lies on a line of detections: how many such lines chance makes on the CCD',
                    'on a line of detections: a glint, or a faint streak'),
    'low_score': CutText('score of autoScan, 0 artefact to 1 real', 'score below MIN_MLSCORE'),
}
