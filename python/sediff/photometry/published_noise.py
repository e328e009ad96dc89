"""Errors of magnitudes that a table does not give, from what each survey has published about its noise."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

#: Beyond the faintest node errors grow as the sky's noise over the flux, dex per mag.
SKY_LIMITED = 0.4

_Nodes = Sequence[tuple[float, float]]


def _to_depth(depth: float, floor: float, error: float) -> _Nodes:
    """Sky-limited noise that reaches `error` at `depth` (mag), with a floor."""
    return (depth - np.log10(error / floor) / SKY_LIMITED, floor), (depth, error)


#: (magnitude, error) of single stars, both mag; the first error of each is the floor. Gaia: Gaia Collaboration (Brown et
#: al.) 2021, A&A 649, A1, table 3, given there by G, here by each band's own magnitude for BP-RP = 1 (BP = G + 0.4,
#: RP = G - 0.6). PS1: Chambers et al. 2016 (arXiv:1612.05560), 5-sigma depths of one exposure, ten of them in a mean, and a
#: floor of 7 mmag. DELVE DR2: Drlica-Wagner et al. 2022, 5-sigma depths. SkyMapper DR2: Onken et al. 2019, 10 sigma at 18,
#: 1 %. ATLAS Refcat2: Tonry et al. 2018, 5 mmag to 17. APASS: Henden et al. 2016, 0.02 to 0.1 mag. They hold to a factor
#: of about 1.5, which a weight in a mean bears.
PUBLISHED: dict[str, dict[str, _Nodes]] = {
    'gaia': {'phot_g_mean_mag': ((13.0, 0.0003), (17.0, 0.001), (20.0, 0.006)),
             'phot_bp_mean_mag': ((13.4, 0.0009), (17.4, 0.012), (20.4, 0.108)),
             'phot_rp_mean_mag': ((12.4, 0.0006), (16.4, 0.006), (19.4, 0.052))},
    'ps1': {f'mag_{band}': _to_depth(depth, 0.007, 0.069)
            for band, depth in zip('grizy', (22.0, 21.8, 21.5, 20.9, 19.7))},
    'delve': {f'mag_{band}': _to_depth(depth, 0.005, 0.217) for band, depth in zip('griz', (24.3, 23.9, 23.5, 22.8))},
    'skymapper': {f'mag_{band}': _to_depth(18.0, 0.01, 0.109) for band in 'uvgriz'},
    'atlas_refcat2': {f'mag_{band}': _to_depth(19.0, 0.005, 0.03) for band in 'griz'},
    'apass': {f'mag_{band}': _to_depth(17.0, 0.02, 0.1) for band in 'gri'},
}
#: For a catalogue that is not in that list.
UNKNOWN: _Nodes = _to_depth(20.0, 0.02, 0.1)


def published_error(catalogue: str, name: str, magnitude: np.ndarray) -> np.ndarray:
    """Error (mag) that stars of a magnitude have in a survey, (n,) float64; NaN where the magnitude is missing.

    Parameters
    ----------
    catalogue, name : str
        Keys of `PUBLISHED`; `UNKNOWN` serves for others.
    magnitude : ndarray, (n,) float64, mag

    Notes
    -----
    log10(error) is linear between the nodes, constant before the first and goes on with SKY_LIMITED after the last.
    """
    at, error = np.array(PUBLISHED.get(catalogue, {}).get(name, UNKNOWN), float).T
    magnitude = np.asarray(magnitude, float)
    return 10.0 ** (np.interp(magnitude, at, np.log10(error)) + SKY_LIMITED * np.maximum(magnitude - at[-1], 0.0))


def measured(error: npt.ArrayLike) -> np.ndarray:
    """Where an error is one: finite and above zero, (n,) bool."""
    error = np.asarray(error, float)
    return np.isfinite(error) & (error > 0.0)


def known_errors(stars: Mapping | np.ndarray, catalogue: str, name: str) -> np.ndarray:
    """Errors (mag) of a magnitude column: the table's own, and where it has none the survey's published ones."""
    error = np.asarray(stars[f'{name}_error'], float)
    return np.where(measured(error), error, published_error(catalogue, name, stars[name]))


def unmeasured_share(stars: Mapping | np.ndarray, names: Sequence[str]) -> float:
    """Share of the stars with all these magnitudes that lack the error of one of them; 0 without stars."""
    magnitudes = np.array([np.asarray(stars[name], float) for name in names])
    whole = (np.isfinite(magnitudes) & (magnitudes > 0.0)).all(axis=0)
    lacking = ~np.all([measured(stars[f'{name}_error']) for name in names], axis=0)
    return float(np.mean(lacking[whole])) if whole.any() else 0.0
