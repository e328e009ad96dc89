"""Plots as PNG bytes."""
from __future__ import annotations

import numpy as np
from PIL import ImageColor

from sediff.report.axes import Axes
from sediff.report.canvas import Canvas

#: Greys and two hues that read on white and on black.
INK, ALL, KEPT = '#8a8f98', '#8a8f98', '#2f81f7'
#: Opacity of all detections, behind those that were kept.
_FAINT = 140


def snr_histogram(snr: np.ndarray, kept: np.ndarray | None = None, limit: float = 50.0) -> bytes:
    """Histogram of signed S/N on a symmetric logarithmic axis, transparent background.

    Parameters
    ----------
    snr : ndarray, (n,) float
        Negative for sources fainter than in the template.
    kept : ndarray, (n,) bool, optional
        Drawn on top.
    limit : float
        Values beyond +- this go to the last bins.
    """
    half = np.geomspace(3.0, limit, 25)
    edges = np.concatenate([-half[::-1], half])
    values = np.clip(np.asarray(snr, float), -limit, limit)
    groups = [(f'all ({len(values)})', (*ImageColor.getrgb(ALL), _FAINT), values)]
    if kept is not None:
        chosen = values[np.asarray(kept, bool)]
        groups.append((f'kept ({len(chosen)})', (*ImageColor.getrgb(KEPT), 255), chosen))
    counts = [np.histogram(each, edges)[0] for _, _, each in groups]
    canvas, axes = _empty(limit, max(int(found.max()) for found in counts))
    for (_, colour, _), found in zip(groups, counts):
        for low, high, count in zip(edges, edges[1:], found):
            if count:
                canvas.box(axes.x(low), axes.y(count), axes.x(high), axes.y(0.0), colour)
    for row, (said, colour, _) in enumerate(groups):
        x, y = axes.place[0] + 12, axes.place[1] + 19 + 21 * row
        canvas.box(x, y - 4, x + 27, y + 5, colour)
        canvas.text(x + 37, y, said, 8, INK, 'left')
    _frame(axes, limit)
    return canvas.png()


def _empty(limit: float, most: int) -> tuple[Canvas, Axes]:
    """A canvas, and axes that have room for counts up to `most`."""
    wide, high = 1.1 * _signed_log(limit), 1.05 * _count_log(max(most, 1))
    canvas = Canvas(624, 252, 120, (*ImageColor.getrgb(INK), 0))
    return canvas, Axes(canvas, (0.11 * 624, 0.06 * 252, 0.98 * 624, 0.76 * 252), (-wide, wide), (0.0, high), _signed_log,
                        _count_log)


def _frame(axes: Axes, limit: float) -> None:
    """Two sides with their ticks and what they stand for."""
    ticks = {float(t): f'{t:+d}'.replace('-', '\N{MINUS SIGN}') for t in (-50, -20, -10, -5, 5, 10, 20, 50)
             if abs(t) <= limit}
    counts = {float(t): f'{t}' for t in (0, *(10 ** k for k in range(7))) if _count_log(t) <= axes.y_limits[1]}
    axes.frame(INK, ticks, counts, sides=2)
    canvas = axes.canvas
    canvas.text(0.545 * canvas.width, 230, 'S/N in the difference (sign: brighter or fainter than the template)', 8, INK)
    canvas.upward(35, 103, 'detections', 8, INK)


def _signed_log(value: float) -> float:
    """Decades beyond 3 sigma, with its sign; below, a line through zero."""
    size = abs(value)
    return float(np.sign(value) * (0.278 + np.log10(size / 3.0)) if size > 3.0 else 0.278 * value / 3.0)


def _count_log(value: float) -> float:
    """Decades beyond 1; below, a line through zero."""
    return float(10.0 / 9.0 + np.log10(value) if value > 1.0 else 10.0 / 9.0 * value)
