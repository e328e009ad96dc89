"""The picture of an exposure's efficiency, from its fakes."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sediff.fakes.efficiency import BRIGHT_SNR, STAGES, Curve
from sediff.report.axes import Axes, round_ticks
from sediff.report.canvas import Canvas
from sediff.report.plots import ALL, KEPT
from sediff.repository.names import Exposure

COLOURS = dict(zip(STAGES, (ALL, KEPT)))
INK = '#000000'
#: Title and limits of the axis of each quantity; the last bins are open and are drawn at the border.
AXES = {'MAG': ('magnitude (AB)', None), 'SNR_TRUE': ('S/N of the flux at the true place', (0.0, 15.0)),
        'HOST_SB': ('template at the place, mag arcsec\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT TWO} '
                    f'(S/N > {BRIGHT_SNR:g})', (18.0, 26.0))}
#: Size of the picture, its panels' left sides and width, top and bottom, px.
SIZE, LEFTS, WIDTH, TOP, BOTTOM = (1320, 408), (70, 500, 930), 365, 41, 350


def efficiency_title(exposure: Exposure, ccds: str, number: int) -> str:
    """Title of the picture: exposure, band, CCDs and number of fakes."""
    return f'{exposure.expnum}   {exposure.band}   CCD {ccds}   {number} fakes'


def efficiency_png(table: pd.DataFrame, fitted: Mapping[tuple[str, str], Curve | None], title: str) -> bytes:
    """Efficiencies against magnitude, S/N and surface brightness of the host, as PNG.

    Parameters
    ----------
    table : DataFrame
        Of `sediff.fakes.efficiency.efficiency_table`.
    fitted : mapping
        Of `sediff.fakes.efficiency.curves`.
    """
    canvas = Canvas(*SIZE, 120)
    canvas.text(SIZE[0] / 2, 15, title, 9, INK)
    canvas.upward(25, (TOP + BOTTOM) / 2, 'efficiency on usable pixels', 8, INK)
    for left, (column, (label, limits)) in zip(LEFTS, AXES.items()):
        rows = table[(table['of'] == column) & (table['injected'] > 0)].to_dict('records')
        low, high = limits or ((min(row['low'] for row in rows), max(row['high'] for row in rows)) if rows else (17.0, 25.0))
        axes = Axes(canvas, (left, TOP, left + WIDTH, BOTTOM), (low, high), (-0.03, 1.05))
        _draw(axes, [row for row in rows if row['low'] < high], {stage: fitted.get((stage, column)) for stage in STAGES})
        axes.frame(INK, round_ticks(low, high, 9), round_ticks(0.0, 1.0, 5))
        canvas.text(left + WIDTH / 2, 387, label, 8, INK)
        if column in ('MAG', 'SNR_TRUE'):
            _legend(axes, {stage: fitted.get((stage, column)) for stage in STAGES}, right=column != 'MAG')
    return canvas.png()


def _draw(axes: Axes, rows: list[dict], curves: Mapping[str, Curve | None]) -> None:
    """Points with their 68 % limits, and the fitted curves, of one quantity."""
    canvas, (left, _, right, _), (low, high) = axes.canvas, axes.place, axes.x_limits
    half = round(axes.y(0.5))
    for column in range(round(left), round(right), 4):
        canvas.box(column, half, column + 1, half + 1, ALL)
    for stage, colour in COLOURS.items():
        for row in rows:
            x, share = axes.x(0.5 * (max(row['low'], low) + min(row['high'], high))), row[f'{stage}_share']
            tops = axes.y(max(row[f'{stage}_high'], share)), axes.y(min(row[f'{stage}_low'], share))
            canvas.line([(x, tops[0]), (x, tops[1])], colour, 0.9)
            canvas.disc(x, axes.y(share), 3.6, colour)
        curve = curves[stage]
        if curve is not None:
            at = np.linspace(low, high, 200)
            canvas.line([(axes.x(x), axes.y(y)) for x, y in zip(at, curve.at(at))], colour, 1.0)


def _legend(axes: Axes, curves: Mapping[str, Curve | None], right: bool) -> None:
    """Colours of the stages and where their curves are one half, in a lower corner."""
    said = {stage: stage + (f', 50 % at {curve.half:.2f}' if curve is not None and np.isfinite(curve.half) else '')
            for stage, curve in curves.items()}
    canvas = axes.canvas
    x = axes.place[2] - 30 - max(canvas.length(words, 7) for words in said.values()) if right else axes.place[0] + 22
    for number, (stage, words) in enumerate(said.items()):
        y = axes.place[3] - 36 + 19 * number
        canvas.line([(x, y - 5), (x, y + 5)], COLOURS[stage], 0.9)
        canvas.disc(x, y, 3.6, COLOURS[stage])
        canvas.text(x + 20, y, words, 7, INK, 'left')
