"""Efficiency against magnitude, S/N, surface brightness of the host and distance, from fakes."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import erfc, erfcinv, expit, logit

from sediff.fakes.draw import light_curve_magnitudes

#: Fewest fakes, found and missed together, that a curve is fitted to.
LEAST_FAKES = 20
#: Narrowest curve that is believed, in magnitudes or S/N.
LEAST_WIDTH = 0.01
#: What is known of a curve before: widths of S/N (the noise of a threshold) and of magnitudes (the same near S/N 5), each
#: within a factor e, and logit of the plateau.
USUAL_WIDTH, USUAL_PLATEAU, PLATEAU_SPREAD = {True: 1.0, False: 0.25}, 3.5, 2.0
#: Fakes above this S/N must be kept on usable pixels; efficiency on hosts is told of these, too.
BRIGHT_SNR = 8.0
#: Bins of S/N, and of the surface brightness (mag / arcsec^2) of hosts; the last holds what has no light.
SNR_EDGES = (0.0, 2.0, 3.0, 4.0, 4.5, 5.0, 5.5, 6.0, 7.0, 8.0, 10.0, 15.0, 30.0, 100.0, 1e9)
HOST_EDGES = (0.0, 19.0, 20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 100.0)
#: Width of the bins of magnitude.
MAG_STEP = 0.5
#: What is told of a fake: detected, and kept by cuts and score.
STAGES = {'detected': 'FOUND', 'kept': 'PASSED'}


@dataclass(frozen=True)
class Curve:
    """Efficiency as a function of magnitude (falling) or S/N (rising).

    Parameters
    ----------
    middle, width, plateau : float
        See `fit_curve`.
    half, half_error : float
        Where the curve is one half, and its error; NaN where the plateau is below.
    rising : bool
    """

    middle: float
    width: float
    plateau: float
    half: float
    half_error: float
    rising: bool

    def at(self, values: np.ndarray | float) -> np.ndarray:
        """The efficiency at magnitudes or S/N."""
        return _curve(np.asarray(values, float), self.middle, self.width, self.plateau, self.rising)


def wilson(found: np.ndarray | int, injected: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
    """Limits of a share at 68.27 % confidence; 0 and 1 where nothing was injected.

    Notes
    -----
    Wilson 1927 (J. Am. Stat. Assoc. 22, 209) with z = 1: (k + 1/2 +- sqrt(k (n - k) / n + 1/4)) / (n + 1).
    """
    k, n = np.asarray(found, float), np.asarray(injected, float)
    spread = np.sqrt(k * (n - k) / np.maximum(n, 1.0) + 0.25)
    return np.where(n > 0, (k + 0.5 - spread) / (n + 1.0), 0.0), np.where(n > 0, (k + 0.5 + spread) / (n + 1.0), 1.0)


def fit_curve(values: np.ndarray, found: np.ndarray, rising: bool) -> Curve | None:
    """The efficiency curve of fakes, without bins; None where they cannot tell one.

    Parameters
    ----------
    values : ndarray, (n,) float
        Magnitude, or S/N.
    found : ndarray, (n,) bool
    rising : bool
        True for S/N.

    Notes
    -----
    e(m) = e0 / 2 erfc((m - m0) / (sqrt 2 w)), or with the sign turned: what a threshold does to Gaussian noise, times what
    masks and cuts leave. Middle m0, width w and plateau e0 maximise the binomial likelihood times what is known before of w
    and e0 (few fakes, all found down to a magnitude and none below, leave w open); errors are of its information matrix.
    The half, where e = 1/2, is m0 + sqrt 2 w erfc^-1(1 / e0).
    """
    values, found = np.asarray(values, float), np.asarray(found, bool)
    good = np.isfinite(values)
    values, found = values[good], found[good]
    if len(values) < LEAST_FAKES or found.all() or not found.any():
        return None

    def loss(p: np.ndarray) -> float:
        """Minus ln of likelihood and prior, of m0, ln of the width and logit e0."""
        share = np.minimum(np.maximum(_curve(values, *_natural(p), rising), 1e-9), 1.0 - 1e-9)
        before = (p[1] - np.log(USUAL_WIDTH[rising])) ** 2 + ((p[2] - USUAL_PLATEAU) / PLATEAU_SPREAD) ** 2
        return float(0.5 * before - np.where(found, np.log(share), np.log1p(-share)).sum())

    starts = [np.array([middle, np.log(width), logit(0.95)])
              for middle, width in zip(np.quantile(values, (0.3, 0.5, 0.7)), (0.3, 1.0, 0.3))]
    best = min((minimize(loss, start, method='Nelder-Mead', options={'maxiter': 600, 'xatol': 1e-3, 'fatol': 1e-5})
                for start in starts), key=lambda result: result.fun)
    middle, width, plateau = _natural(best.x)
    half = _half(best.x, rising)
    return Curve(middle, width, plateau, half, _half_error(best.x, values, rising), rising)


def _natural(p: np.ndarray) -> tuple[float, float, float]:
    """Middle, width and plateau of the parameters that are fitted."""
    return float(p[0]), float(LEAST_WIDTH + np.exp(min(max(p[1], -20.0), 5.0))), float(expit(p[2]))


def _curve(values: np.ndarray, middle: float, width: float, plateau: float, rising: bool) -> np.ndarray:
    distance = (middle - values if rising else values - middle) / (np.sqrt(2.0) * width)
    return 0.5 * plateau * erfc(distance)


def _half(p: np.ndarray, rising: bool) -> float:
    middle, width, plateau = _natural(p)
    if plateau <= 0.5:
        return float('nan')
    step = np.sqrt(2.0) * width * float(erfcinv(1.0 / plateau))
    return float(middle - step if rising else middle + step)


def _half_error(p: np.ndarray, values: np.ndarray, rising: bool) -> float:
    """Error of the half from the information matrix of the three parameters."""
    steps, double = np.eye(3) * 1e-4, 2e-4
    share = np.clip(_curve(values, *_natural(p), rising), 1e-6, 1.0 - 1e-6)
    slopes = np.array([_curve(values, *_natural(p + s), rising) - _curve(values, *_natural(p - s), rising)
                       for s in steps]) / double
    covariance = np.linalg.pinv((slopes / (share * (1.0 - share))) @ slopes.T + np.diag([0.0, 1.0, PLATEAU_SPREAD ** -2]))
    gradient = np.array([_half(p + s, rising) - _half(p - s, rising) for s in steps]) / double
    variance = float(gradient @ covariance @ gradient)
    return float(np.sqrt(variance)) if variance > 0 else float('nan')


def judged(outcomes: np.ndarray, sign: int = 1) -> np.ndarray:
    """The fakes that efficiencies are of: of one sign, on usable pixels, where nothing was before."""
    return outcomes[(outcomes['SIGN'] == sign) & (outcomes['USABLE'] > 0) & (outcomes['OCCUPIED'] == 0)]


def binned(outcomes: np.ndarray, column: str, edges: np.ndarray) -> pd.DataFrame:
    """Counts and efficiencies with their 68 % limits in bins (low <= value < high) of a column."""
    values, table = outcomes[column], {'low': edges[:-1], 'high': edges[1:]}
    table['injected'] = np.histogram(values, edges)[0]
    for stage, name in STAGES.items():
        count = np.histogram(values[outcomes[name] > 0], edges)[0]
        low, high = wilson(count, table['injected'])
        share = np.divide(count, table['injected'], out=np.full(len(count), np.nan), where=table['injected'] > 0)
        table |= {stage: count, f'{stage}_share': share, f'{stage}_low': low, f'{stage}_high': high}
    return pd.DataFrame(table)


def magnitude_edges(outcomes: np.ndarray) -> np.ndarray:
    """Edges of bins of MAG_STEP that hold all magnitudes."""
    low, high = (outcomes['MAG'].min(), outcomes['MAG'].max()) if len(outcomes) else (20.0, 20.0)
    low, high = MAG_STEP * np.floor(low / MAG_STEP), MAG_STEP * np.ceil(high / MAG_STEP)
    return np.arange(low, max(high, low + MAG_STEP) + 0.5 * MAG_STEP, MAG_STEP)


def efficiency_table(outcomes: np.ndarray) -> pd.DataFrame:
    """Efficiencies in bins of magnitude, of S/N and, for fakes above BRIGHT_SNR, of the host's surface brightness.

    Columns: of (MAG, SNR_TRUE, HOST_SB), those of `binned`.
    """
    found = judged(outcomes)
    bright = found[found['SNR_TRUE'] > BRIGHT_SNR]
    parts = [('MAG', found, magnitude_edges(found)), ('SNR_TRUE', found, np.array(SNR_EDGES)),
             ('HOST_SB', bright, np.array(HOST_EDGES))]
    tables = [binned(rows, column, edges) for column, rows, edges in parts]
    for (column, _, _), table in zip(parts, tables):
        table.insert(0, 'of', column)
    return pd.concat(tables, ignore_index=True)


def efficiency_of_ccds(outcomes: Mapping[int, np.ndarray]) -> pd.DataFrame:
    """`efficiency_table` of all CCDs together and of each one: column `ccd` is all, or its number."""
    parts = [('all', np.concatenate(list(outcomes.values()))), *((str(ccd), rows) for ccd, rows in outcomes.items())]
    tables = [efficiency_table(rows) for _, rows in parts]
    for (name, _), table in zip(parts, tables):
        table.insert(0, 'ccd', name)
    return pd.concat(tables, ignore_index=True)


def curves(outcomes: np.ndarray) -> dict[tuple[str, str], Curve | None]:
    """(stage, column) -> the fitted curve, for MAG and SNR_TRUE."""
    found = judged(outcomes)
    return {(stage, column): fit_curve(found[column], found[name] > 0, rising) for stage, name in STAGES.items()
            for column, rising in (('MAG', False), ('SNR_TRUE', True))}


def summary(outcomes: np.ndarray, fitted: Mapping[tuple[str, str], Curve | None]) -> dict:
    """What the fakes of a CCD or an exposure and their `curves` say, as a JSON object.

    `injected`; `usable` and `occupied` (counts); for `detected` and `kept` the magnitude and the S/N at which half are, with
    errors, width and plateau (None where fakes cannot tell); shares above BRIGHT_SNR in the field, on hosts and of negative
    ones with their limits; pull of the forced fluxes (mean and scatter of (flux - truth) / error).
    """
    found = judged(outcomes)
    out: dict = {'injected': len(outcomes), 'usable': int(np.count_nonzero(outcomes['USABLE'])),
                 'occupied': int(np.count_nonzero(outcomes['OCCUPIED'])), 'judged': len(found)}
    for stage in STAGES:
        out[stage] = {'magnitude': _said(fitted[stage, 'MAG']), 'snr': _said(fitted[stage, 'SNR_TRUE'])}
    bright = {'all': found, 'field': found[found['KIND'] != 'host'], 'host': found[found['KIND'] == 'host'],
              'negative': judged(outcomes, -1)}
    out['bright'] = {'snr_above': BRIGHT_SNR, **{
        name: {stage: _share(rows[rows['SNR_TRUE'] > BRIGHT_SNR][column]) for stage, column in STAGES.items()}
        for name, rows in bright.items()}}
    pull = (found['FLUX_FORCED'] - found['FLUX']) / found['FLUXERR_FORCED'] if len(found) else np.zeros(0)
    out['pull'] = {'mean': float(np.mean(pull)), 'scatter': float(np.std(pull))} if len(pull) > 1 else None
    return out


def _said(curve: Curve | None) -> dict | None:
    if curve is None:
        return None
    return {'half': curve.half, 'half_error': curve.half_error, 'middle': curve.middle, 'width': curve.width,
            'plateau': curve.plateau}


def _share(passed: np.ndarray) -> dict:
    count, injected = int(np.count_nonzero(passed)), len(passed)
    low, high = (float(each) for each in wilson(count, injected))
    return {'injected': injected, 'count': count, 'share': count / injected if injected else None, 'low': low, 'high': high}


def half_distance(curve: Curve | None, light_curve: np.ndarray, band: str, days: float) -> float | None:
    """Distance (Mpc) to which half of the sources with a light curve are found; None where the curve has no half.

    Notes
    -----
    D = 10^((m50 - M - 25) / 5) Mpc, M the absolute magnitude so many days after the trigger.
    """
    if curve is None or not np.isfinite(curve.half):
        return None
    at_one = float(light_curve_magnitudes(np.array([1.0]), days, (light_curve, band))[0])       # M + 25
    return float(10.0 ** (0.2 * (curve.half - at_one)))


def distance_table(outcomes: np.ndarray, fitted: Mapping[tuple[str, str], Curve | None], distances: tuple[float, ...],
                   light_curve: np.ndarray, band: str, days: float) -> list[dict]:
    """At each distance (Mpc): magnitude, the efficiencies of the fitted curves, and counts of fakes put in there."""
    found, rows = judged(outcomes), []
    for distance, magnitude in zip(distances, light_curve_magnitudes(np.array(distances), days, (light_curve, band))):
        here = found[np.isclose(found['DISTANCE'], distance, rtol=1e-5)]
        row: dict = {'distance': float(distance), 'magnitude': float(magnitude)}
        for stage, column in STAGES.items():
            curve = fitted[stage, 'MAG']
            row[stage] = {'curve': None if curve is None else float(curve.at(magnitude)), **_share(here[column])}
        rows.append(row)
    return rows
