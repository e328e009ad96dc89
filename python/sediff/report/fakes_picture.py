"""The picture of an exposure's efficiency, from its fakes."""
from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sediff.fakes.efficiency import BRIGHT_SNR, STAGES, Curve
from sediff.report.plots import ALL, KEPT
from sediff.repository.names import Exposure

COLOURS = dict(zip(STAGES, (ALL, KEPT)))
#: Title and limits of the axis of each quantity; the last bins are open and are drawn at the border.
AXES = {'MAG': ('magnitude (AB)', None), 'SNR_TRUE': ('S/N of the flux at the true place', (0.0, 15.0)),
        'HOST_SB': ('template at the place, mag arcsec\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT TWO} '
                    f'(S/N > {BRIGHT_SNR:g})', (18.0, 26.0))}
#: Where the three panels are in the figure; their labels are always as long.
PLACE = {'left': 0.053, 'right': 0.981, 'bottom': 0.143, 'top': 0.9, 'wspace': 0.173}


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
    figure = Figure(figsize=(11.0, 3.4), dpi=120)
    FigureCanvasAgg(figure)
    for number, (column, (label, limits)) in enumerate(AXES.items()):
        axes = figure.add_subplot(1, len(AXES), number + 1)
        _draw(axes, table[(table['of'] == column) & (table['injected'] > 0)], column, fitted, limits)
        axes.set_xlabel(label, fontsize=8)
        axes.set_ylim(-0.03, 1.05)
        axes.tick_params(labelsize=8)
        axes.axhline(0.5, color=ALL, linewidth=0.6, linestyle=':')
    first = figure.axes[0]
    first.set_ylabel('efficiency on usable pixels', fontsize=8)
    first.legend(fontsize=7, frameon=False, loc='lower left')
    figure.suptitle(title, fontsize=9)
    figure.subplots_adjust(**PLACE)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png')
    return buffer.getvalue()


def _draw(axes: Axes, rows: pd.DataFrame, column: str, fitted: Mapping[tuple[str, str], Curve | None],
          limits: tuple[float, float] | None) -> None:
    """Points with their 68 % limits, and the fitted curves, of one quantity."""
    low, high = limits or ((rows['low'].min(), rows['high'].max()) if len(rows) else (17.0, 25.0))
    rows = rows[rows['low'] < high]
    middle = 0.5 * (rows['low'].clip(lower=low) + rows['high'].clip(upper=high))
    for stage, colour in COLOURS.items():
        share = rows[f'{stage}_share']
        errors = np.clip([share - rows[f'{stage}_low'], rows[f'{stage}_high'] - share], 0.0, None)
        curve = fitted.get((stage, column))
        half = f', 50 % at {curve.half:.2f}' if curve is not None and np.isfinite(curve.half) else ''
        axes.errorbar(middle, share, errors, fmt='o', markersize=3, color=colour, linewidth=0.9, label=f'{stage}{half}')
        if curve is not None:
            at = np.linspace(low, high, 200)
            axes.plot(at, curve.at(at), color=colour, linewidth=1.0)
    axes.set_xlim(low, high)
    if column == 'SNR_TRUE':
        axes.legend(fontsize=7, frameon=False, loc='lower right')
