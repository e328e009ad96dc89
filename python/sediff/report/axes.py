"""Axes of a plot: its frame, ticks and their numbers on a canvas."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sediff.report.canvas import Canvas

#: Sizes of steps between ticks that are round, up to a power of ten.
_ROUND = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Axes:
    """A frame and what its sides stand for.

    Parameters
    ----------
    canvas : Canvas
    place : tuple of float
        Left, top, right and bottom side, px.
    x_limits, y_limits : tuple of float
        At the sides, of the values as they are laid out.
    x_scale, y_scale : callable, optional
        Values as they are laid out; default: themselves.
    """

    canvas: Canvas
    place: tuple[float, float, float, float]
    x_limits: tuple[float, float]
    y_limits: tuple[float, float]
    x_scale: Callable[[float], float] = float
    y_scale: Callable[[float], float] = float

    def x(self, value: float) -> float:
        """Column of a value."""
        left, _, right, _ = self.place
        low, high = self.x_limits
        return left + (right - left) * (self.x_scale(value) - low) / (high - low)

    def y(self, value: float) -> float:
        """Row of a value."""
        _, top, _, bottom = self.place
        low, high = self.y_limits
        return bottom - (bottom - top) * (self.y_scale(value) - low) / (high - low)

    def frame(self, ink: str, x_ticks: Mapping[float, str], y_ticks: Mapping[float, str], size: float = 8.0,
              sides: int = 4) -> None:
        """The sides (two: left and bottom), ticks and their numbers."""
        (left, top, right, bottom), canvas = map(round, self.place), self.canvas
        for x0, y0, x1, y1 in ((left, bottom, right + 1, bottom + 1), (left, top, left + 1, bottom + 1),
                               (left, top, right + 1, top + 1), (right, top, right + 1, bottom + 1))[:sides]:
            canvas.box(x0, y0, x1, y1, ink)
        long = round(3.5 * canvas.point)
        for value, said in x_ticks.items():
            canvas.box(round(self.x(value)), bottom, round(self.x(value)) + 1, bottom + long + 1, ink)
            canvas.text(self.x(value), bottom + 2 * long, said, size, ink, rise='top')
        for value, said in y_ticks.items():
            canvas.box(left - long, round(self.y(value)), left, round(self.y(value)) + 1, ink)
            canvas.text(left - 2 * long, self.y(value), said, size, ink, 'right')


def round_ticks(low: float, high: float, most: int) -> dict[float, str]:
    """Round values of a range, at most so many steps apart, as they are written."""
    raw = (high - low) / most
    power = 10.0 ** np.floor(np.log10(raw))
    step = float(power * next(each for each in _ROUND if each * power >= raw * (1.0 - 1e-9)))
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    digits = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    return {k * step: f'{k * step:.{digits}f}'.replace('-', '\N{MINUS SIGN}') for k in range(int(first), int(last) + 1)}

