"""The light curve of a candidate as SVG: forced fluxes against time, limits where there is no detection."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

#: A flux below this many sigma is no detection; its limit is this many sigma above zero.
LIMIT = 3.0
#: Colours that read on white and on black, by the first letter of a band.
COLOURS = {'u': '#8250df', 'g': '#1a9a50', 'r': '#d9480f', 'i': '#b3261e', 'z': '#8a4b2a', 'Y': '#6e7781', 'y': '#6e7781'}
OTHER = '#6e7781'
WIDTH, HEIGHT = 560, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 498, 14, 206


@dataclass(frozen=True)
class Point:
    """A forced measurement.

    Parameters
    ----------
    mjd : float
        TAI, middle of the exposure.
    flux, error : float
        nJy.
    band : str
    current : bool
        Of the exposure whose page it is.
    """

    mjd: float
    flux: float
    error: float
    band: str
    current: bool = False

    @property
    def detected(self) -> bool:
        """Whether the flux is LIMIT sigma above zero, or below it."""
        return abs(self.flux) >= LIMIT * self.error

    @property
    def limit(self) -> float:
        """LIMIT sigma, nJy."""
        return LIMIT * self.error


def ab_magnitude(flux: float) -> float:
    """AB magnitude of a flux (nJy); NaN where it is not positive."""
    return 31.4 - 2.5 * float(np.log10(flux)) if flux > 0 else float('nan')


def light_curve_svg(points: Sequence[Point]) -> Markup:
    """The light curve; '' without a measurement that is finite.

    Flux (microjansky) on the left, AB magnitude on the right: filled points for |S/N| >= 3, open triangles at 3 sigma with
    the faint measurement behind them for the rest.
    """
    points = [each for each in points if np.isfinite([each.mjd, each.flux, each.error]).all() and each.error > 0]
    if not points:
        return Markup('')
    days = _limits([each.mjd for each in points], 0.5)
    fluxes = _limits([0.0, *(each.flux + sign * each.error for each in points for sign in (-1, 1)),
                      *(each.limit for each in points if not each.detected)], 1.0)
    axes = _Axes(days, fluxes)
    bands = list(dict.fromkeys(each.band for each in sorted(points, key=lambda each: each.mjd)))
    marks = ''.join(_mark(axes, each) for each in points) + ''.join(_key(number, band) for number, band in enumerate(bands))
    return Markup(f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
                  f'aria-label="light curve, {len(points)} measurements">{axes.frame()}{marks}</svg>')


def _limits(values: Sequence[float], least: float) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.07 * max(high - low, least)
    return (low - margin, high + margin) if high - low >= least else (low - least, high + least)


class _Axes:
    """Pixels of days and fluxes."""

    def __init__(self, days: tuple[float, float], fluxes: tuple[float, float]):
        self.days, self.fluxes = days, fluxes

    def x(self, mjd: float) -> float:
        """Place along the drawing of a time (MJD)."""
        return _LEFT + (_RIGHT - _LEFT) * (mjd - self.days[0]) / (self.days[1] - self.days[0])

    def y(self, flux: float) -> float:
        """Height in the drawing of a flux (nJy)."""
        return _BOTTOM - (_BOTTOM - _TOP) * (flux - self.fluxes[0]) / (self.fluxes[1] - self.fluxes[0])

    def frame(self) -> str:
        """The frame with the ticks and words of its axes."""
        width, height = _RIGHT - _LEFT, _BOTTOM - _TOP
        parts = [f'<rect x="{_LEFT}" y="{_TOP}" width="{width}" height="{height}" class="frame"/>']
        for day in _ticks(*self.days):
            parts += [_line(self.x(day), _BOTTOM, self.x(day), _BOTTOM + 4, 'tick'),
                      _text(self.x(day), _BOTTOM + 17, _short(day), 'middle')]
        for flux in _ticks(*self.fluxes):
            parts += [_line(_LEFT, self.y(flux), _RIGHT, self.y(flux), 'zero' if flux == 0 else 'grid'),
                      _text(_LEFT - 6, self.y(flux) + 4, _short(flux / 1000.0), 'end')]
        for magnitude in _magnitudes(self.fluxes[1]):
            y = self.y(10 ** ((31.4 - magnitude) / 2.5))
            parts += [_line(_RIGHT, y, _RIGHT + 4, y, 'tick'), _text(_RIGHT + 8, y + 4, f'{magnitude:.1f}', 'start')]
        parts += [_text((_LEFT + _RIGHT) / 2, HEIGHT - 8, 'MJD (TAI)', 'middle'),
                  _text(14, 110, 'flux (µJy)', 'middle', -90), _text(WIDTH - 12, 110, 'AB magnitude', 'middle', -90)]
        return ''.join(parts)


def _mark(axes: _Axes, point: Point) -> str:
    colour, x = COLOURS.get(point.band[:1], OTHER), axes.x(point.mjd)
    y = axes.y(point.flux if point.detected else point.limit)
    low, high, faint = point.flux - point.error, point.flux + point.error, '' if point.detected else ' opacity=".35"'
    bar = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{axes.y(low):.1f}" y2="{axes.y(high):.1f}" stroke="{colour}"{faint}/>'
    ring = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7.5" class="ring"/>' if point.current else ''
    if point.detected:
        return f'{ring}{bar}<circle class="detection" cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{colour}"/>'
    return f'{ring}{bar}<path class="limit" d="M{x - 4.5:.1f} {y - 2:.1f}h9l-4.5 7z" fill="none" stroke="{colour}"/>'


def _key(number: int, band: str) -> str:
    x = _LEFT + 12 + 46 * number
    return f'<circle cx="{x}" cy="{_TOP + 12}" r="3.6" fill="{COLOURS.get(band[:1], OTHER)}"/>' + _text(
        x + 8, _TOP + 16, band, 'start')


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _text(x: float, y: float, text: str, anchor: str, turn: int = 0) -> str:
    turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ''
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{turned}>{escape(text)}</text>'


def _ticks(low: float, high: float) -> list[float]:
    """Up to six round numbers in a range."""
    raw = (high - low) / 5.0
    power = 10.0 ** np.floor(np.log10(raw))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= raw)
    return [float(step * k) for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _short(value: float) -> str:
    return np.format_float_positional(round(value, 6), trim='-').replace('-', '\N{MINUS SIGN}')


def _magnitudes(top: float) -> list[float]:
    """Magnitudes marked on the right: their marks are far enough apart to be read."""
    if not top > 0:
        return []
    first = np.ceil(ab_magnitude(top) * 2.0) / 2.0
    return [float(first + step) for step in (0.0, 0.5, 1.0, 2.0) if 10 ** ((31.4 - first - step) / 2.5) < top]
