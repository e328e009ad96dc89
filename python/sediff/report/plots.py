"""Plots as PNG bytes."""
from __future__ import annotations

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

#: Greys and two hues that read on white and on black.
INK, ALL, KEPT = '#8a8f98', '#8a8f98', '#2f81f7'


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
    figure = Figure(figsize=(5.2, 2.1), dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.11, 0.24, 0.87, 0.70))
    half = np.geomspace(3.0, limit, 25)
    edges = np.concatenate([-half[::-1], half]).tolist()
    values = np.clip(np.asarray(snr, float), -limit, limit)
    axes.hist(values, edges, color=ALL, alpha=0.55, label=f'all ({len(values)})')
    if kept is not None:
        kept = np.asarray(kept, bool)
        axes.hist(values[kept], edges, color=KEPT, label=f'kept ({np.count_nonzero(kept)})')
    axes.set_xscale('symlog', linthresh=3.0, linscale=0.25)
    ticks = [t for t in (-50, -20, -10, -5, 5, 10, 20, 50) if abs(t) <= limit]
    axes.set_xticks(ticks, [f'{t:+d}'.replace('-', '\N{MINUS SIGN}') for t in ticks])
    axes.minorticks_off()
    axes.set_yscale('symlog', linthresh=1.0)
    axes.yaxis.set_major_formatter('{x:g}')
    axes.set_xlabel('S/N in the difference (sign: brighter or fainter than the template)', fontsize=8)
    axes.set_ylabel('detections', fontsize=8)
    axes.legend(fontsize=8, frameon=False, labelcolor=INK)
    _tint(axes)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', transparent=True)
    return buffer.getvalue()


def _tint(axes) -> None:
    for spine in axes.spines.values():
        spine.set_color(INK)
    axes.spines[['top', 'right']].set_visible(False)
    axes.tick_params(colors=INK, labelsize=8)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
