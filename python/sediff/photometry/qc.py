"""Quality of an exposure: its metrics from those of its CCDs, each with a colour by ranges that the user sets."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

#: From best to worst; 'unknown' does not count.
COLOURS = ('green', 'yellow', 'red')


@dataclass(frozen=True)
class Metric:
    """One metric of an exposure.

    Parameters
    ----------
    name : str
        Key in `qc.json`.
    stem : str
        Its limits are the parameters QC_<stem>_GREEN and QC_<stem>_YELLOW.
    label, unit : str
        As shown.
    high_is_good : bool
        Whether a value must be at least, or at most, its limit.
    digits : int
        Decimals shown.
    advice : str
        What a colour other than green means and what to do; '' where the metric says it.
    """

    name: str
    stem: str
    label: str
    unit: str
    high_is_good: bool
    digits: int
    advice: str = ''


METRICS = (
    Metric('completeness', 'CCDS', 'CCDs complete', '', True, 3),
    Metric('t_eff', 'TEFF', 't_eff', '', True, 3),
    Metric('fwhm_arcsec', 'SEEING', 'seeing', 'arcsec', False, 2),
    Metric('sky_factor', 'SKY', 'sky factor', '', True, 2),
    Metric('cloud_mag', 'CLOUD', 'cloud', 'mag', False, 2),
    Metric('depth_loss', 'DEPTH', 'depth lost', 'mag', False, 2),
    Metric('ellipticity', 'ELLIPTICITY', 'ellipticity', '', False, 3),
    Metric('astrometry_rms_mas', 'ASTROM', 'astrometry rms', 'mas', False, 1),
    Metric('astrometry_stars', 'ASTROM_STARS', 'astrometry stars', '', True, 0),
    Metric('zero_point_error', 'ZP_ERROR', 'zero point error', 'mag', False, 4),
    Metric('zero_point_spread', 'ZP_SPREAD', 'spread over CCDs', 'mag', False, 3),
    Metric('star_scatter', 'STAR_SCATTER', 'star scatter', 'mag', False, 3),
    Metric('lent_fraction', 'ZP_LENT', 'fallback zero points', '', False, 2),
    Metric('fringed_fraction', 'FRINGES', 'fringes left in', '', False, 2,
           'fringes were not subtracted: fluxes are off by some per cent and no streaks were looked for; build components '
           'with `sediff calib build-skypca`'),
)


def colour_of(value: float | None, green: float, yellow: float, high_is_good: bool) -> str:
    """'green', 'yellow' or 'red'; 'unknown' without a value."""
    if value is None or not np.isfinite(value):
        return 'unknown'
    sign = 1.0 if high_is_good else -1.0
    return 'green' if sign * value >= sign * green else 'yellow' if sign * value >= sign * yellow else 'red'


def exposure_metrics(ccds: Mapping[int, Mapping], expected: Iterable[int], complete: Iterable[int],
                     reference_depth: float | None) -> dict[str, float | None]:
    """Metrics of an exposure.

    Parameters
    ----------
    ccds : mapping of CCD to its metrics
        As SE12 keeps them, with the zero point that is used and `lent` (bool).
    expected, complete : iterable of int
        CCDs it should have, and those that have every product.
    reference_depth : float or None
        Depth (mag) of this exposure time under reference conditions; None: not known for the band.

    Returns
    -------
    dict
        A value, or None, for each of METRICS and for seeing_factor, cloud_factor, zero_point, depth_5sigma. Medians
        over the CCDs; the fewest stars of any CCD for the astrometry.
    """
    rows, wanted = list(ccds.values()), set(expected)
    own = [row for row in rows if not row.get('lent')]
    names = ('t_eff', 'seeing_factor', 'sky_factor', 'cloud_factor', 'cloud_mag', 'fwhm_arcsec', 'ellipticity',
             'depth_5sigma', 'astrometry_rms_mas', 'zero_point', 'sky_electrons')
    values: dict[str, float | None] = {name: _median(rows, name) for name in names}
    values |= {name: _median(own, name) for name in ('zero_point_error', 'star_scatter', 'zero_point_rms')}
    stars = [row['astrometry_stars'] for row in rows if row.get('astrometry_stars') is not None]
    zero_points = [row['zero_point'] for row in own if row.get('zero_point') is not None]
    deep = values['depth_5sigma']
    return values | {
        'completeness': len(wanted & set(complete)) / len(wanted) if wanted else None,
        'depth_loss': None if deep is None or reference_depth is None else reference_depth - deep,
        'astrometry_stars': float(min(stars)) if stars else None,
        'zero_point_spread': float(np.std(zero_points, ddof=1)) if len(zero_points) > 2 else None,
        'lent_fraction': (len(rows) - len(own)) / len(rows) if rows else None,
        'fringed_fraction': _fringed_fraction(rows)}


def _fringed_fraction(rows: list[Mapping]) -> float | None:
    """Fraction of the CCDs whose fringes are still in; None where the band has none or nothing is recorded."""
    known = [bool(row['fringes_left']) for row in rows if row.get('fringes_left') is not None]
    return sum(known) / len(known) if known else None


def graded(values: Mapping[str, float | None], limits: Mapping[str, tuple[float, float]]) -> list[dict]:
    """Each of METRICS with value, limits and colour, in order."""
    table = []
    for metric in METRICS:
        green, yellow = limits[metric.name]
        value = values.get(metric.name)
        table.append({'name': metric.name, 'label': metric.label, 'unit': metric.unit, 'value': value, 'green': green,
                      'yellow': yellow, 'better': 'high' if metric.high_is_good else 'low',
                      'parameters': [f'QC_{metric.stem}_GREEN', f'QC_{metric.stem}_YELLOW'],
                      'text': '-' if value is None else f'{value:.{metric.digits}f} {metric.unit}'.rstrip(),
                      'colour': colour_of(value, green, yellow, metric.high_is_good), 'advice': metric.advice})
    return table


def verdict(table: Iterable[Mapping]) -> str:
    """The worst colour; 'unknown' where nothing is known."""
    seen = {row['colour'] for row in table}
    return next((colour for colour in reversed(COLOURS) if colour in seen), 'unknown')


def verdict_text(expnum: int, table: list[Mapping]) -> str:
    """One line for the terminal: the verdict, and the metrics that are not green with what they should be."""
    odd = [f'{row["label"]} {row["text"]} is {row["colour"]} (green from {row["green"]:g}, yellow from {row["yellow"]:g})'
           + (f', {row["advice"]}' if row.get('advice') else '') for row in table if row['colour'] in ('yellow', 'red')]
    return f'{expnum} quality: {verdict(table)}' + (f': {"; ".join(odd)}' if odd else '')


def _median(rows: list[Mapping], name: str) -> float | None:
    values = [row[name] for row in rows if row.get(name) is not None and np.isfinite(row[name])]
    return float(np.median(values)) if values else None
