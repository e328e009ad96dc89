"""The table of filterObj's cuts: what of a detection is compared with what."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from sediff.candidates.lines import LineLimits
from sediff.candidates.neighbourhood import Places
from sediff.candidates.vetostars import StarLimits, StarVerdict
from sediff.detect.measure import SMALLEST_LOBE
from sediff.detect.table import Flag

#: Settings with defaults; see docs of `sediff.candidates.cuts.apply_cuts` for meaning and unit.
DEFAULT_CUTS: dict[str, float] = {
    'min_snr': 4.5,             # below the score's 5: SNR counts the source's own photons
    'max_a': 1.5,
    'min_a': 0.6,
    'max_elongation': 3.0,
    'spread_limit': 0.02,
    'spread_sigma': 3.0,
    'box': 35,
    'max_below_2sigma': 200,
    'max_below_4sigma': 20,
    'max_below_6sigma': 2,
    'ring_share': 0.1,
    'negative_touch': 1.0,
    'negative_reach': 2.5,
    'max_masked_core': 0,
    'max_masked_near': 0.3,
    'veto_magnitude': 20.0,
    'veto_scale': 1.0,
    'reject_dipoles': 1,
    'reject_edges': 1,
    'positive_only': 1,
    'veto_variables': 0,
    'region_radius': 3.0,
    'max_bleed': 0.25,
    'max_ghost': 1.0,           # a share is never more: nothing is rejected for it
    **{f'star_{name}': float(value) for name, value in asdict(StarLimits()).items()},
    **{f'line_{name}': float(value) for name, value in asdict(LineLimits()).items()},
}


@dataclass(frozen=True)
class CutContext:
    """What the cuts look at besides the table's row."""

    detections: np.ndarray
    below: np.ndarray               # (n, 3) pixels below -2, -4, -6 sigma that count for the detection
    fwhm: float
    stars: StarVerdict
    cuts: Mapping[str, float]
    moving: np.ndarray              # (n,) float: of `moving_stars`
    places: Places


Part = Callable[[CutContext], npt.ArrayLike]


def _column(name: str) -> Part:
    return lambda c: c.detections[name]


def _set(name: str) -> Part:
    return lambda c: c.cuts[name]


def _flag(flag: Flag) -> Part:
    return lambda c: c.detections['FLAGS'] & flag > 0


def _zero(c: CutContext) -> npt.ArrayLike:
    """The limit of what is true or false."""
    return 0


@dataclass(frozen=True)
class Cut:
    """A cut: a detection fails it where `fails(value, limit)` is true and it `applies`.

    Parameters
    ----------
    value, limit : callable
        Of a CutContext: what is compared with what, (n,) or one number.
    fails : callable
        Of both: `numpy.greater`, `numpy.less` ...
    applies : callable
        Of a CutContext: whether the cut is made, (n,) or one truth value.
    """

    value: Part
    limit: Part
    fails: Callable[[npt.ArrayLike, npt.ArrayLike], np.ndarray] = np.greater
    applies: Part = lambda c: True

    def failed(self, c: CutContext) -> np.ndarray:
        """Which detections fail: (n,) bool."""
        return np.asarray(self.fails(self.value(c), self.limit(c)) & np.asarray(self.applies(c), bool), bool)


def _spread_limit(c: CutContext) -> np.ndarray:
    return c.cuts['spread_limit'] + c.cuts['spread_sigma'] * c.detections['SPREADERR_MODEL']


def _near_fraction(c: CutContext) -> np.ndarray:
    return c.detections['NMASK_NEAR'] / (np.pi * (2.0 * c.fwhm) ** 2)


def _elongation(c: CutContext) -> np.ndarray:
    d = c.detections
    return d['A_IMAGE'] / np.maximum(d['B_IMAGE'], 1e-3)


def _largest_a(c: CutContext) -> np.ndarray:
    noise = 1.0 + 3.0 / np.maximum(c.detections['SNR'], 3.0)
    return c.cuts['max_a'] * np.maximum(c.detections['APSF_IMAGE'], 0.1) * noise


def _longest(c: CutContext) -> np.ndarray:
    """Largest A / B: that of the setting above S/N 10, in proportion that of rays, sharper than the PSF the other way.

    Noise alone makes B / B of the PSF less than 1 - 4.5 / SNR and A / B more than 1.3 + 12 / SNR in fewer than one of 500
    point sources of S/N 6 to 100.
    """
    d, noise = c.detections, 1.0 / np.maximum(c.detections['SNR'], 1.0)
    thin = (d['B_IMAGE'] < (1.0 - 4.5 * noise) * d['APSF_IMAGE']) & (d['SNR'] > 6.0)
    longest = np.where(d['SNR'] > 10.0, c.cuts['max_elongation'], np.inf)
    ray = (1.3 + 12.0 * noise) * c.cuts['max_elongation'] / DEFAULT_CUTS['max_elongation']
    return np.where(thin, np.minimum(longest, ray), longest)


#: The position of a cut is its bit; new ones go to the end.
CUTS: dict[str, Cut] = {
    'negative': Cut(_column('SIGN'), _zero, np.less, _set('positive_only')),
    'low_snr': Cut(_column('SNR'), _set('min_snr'), np.less),
    'edge': Cut(_flag(Flag.EDGE), _zero, applies=_set('reject_edges')),
    'masked_core': Cut(_column('NMASK_CORE'), _set('max_masked_core')),
    'masked_near': Cut(_near_fraction, _set('max_masked_near')),
    'below_2sigma': Cut(lambda c: c.below[:, 0], _set('max_below_2sigma'), np.greater_equal),
    'below_4sigma': Cut(lambda c: c.below[:, 1], _set('max_below_4sigma'), np.greater_equal),
    'below_6sigma': Cut(lambda c: c.below[:, 2], _set('max_below_6sigma'), np.greater_equal),
    'too_large': Cut(_column('A_IMAGE'), _largest_a),
    'too_sharp': Cut(_column('A_IMAGE'), lambda c: c.cuts['min_a'] * c.detections['APSF_IMAGE'], np.less),
    'elongated': Cut(_elongation, _longest),
    'spread_model': Cut(lambda c: np.abs(c.detections['SPREAD_MODEL']), _spread_limit),
    'dipole': Cut(_column('DIPOLE_RATIO'), lambda c: SMALLEST_LOBE,
                  applies=lambda c: (c.detections['FLAGS'] & Flag.DIPOLE > 0) & bool(c.cuts['reject_dipoles'])),
    'veto_star': Cut(lambda c: c.stars.significance, _set('star_significance'), np.less_equal, lambda c: c.stars.vetoed),
    'moving_star': Cut(lambda c: c.moving, lambda c: 1.0, np.less),
    'variable_star': Cut(lambda c: c.stars.variation, _set('star_significance'), np.greater_equal,
                         lambda c: c.stars.variable & bool(c.cuts['veto_variables'])),
    'near_bleed': Cut(lambda c: c.places.bleed, _set('max_bleed')),
    'in_ghost': Cut(lambda c: c.places.ghost, _set('max_ghost')),
    # the variation of a known star is no glint, wherever it is
    'line': Cut(lambda c: c.places.line, _set('line_chance'), np.less, lambda c: ~c.stars.variable),
}
