"""The focal plane as a picture: seeing, zero point and depth of every CCD, and the exposure's metrics in colours."""
from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sediff.errors import BadUsage

INK, PAPER, LACKING = '#24292f', '#ffffff', '#eef0f2'
#: Okabe and Ito's hues, which the colour-blind can tell apart, each with a mark.
GRADES = {'green': ('#009e73', '\N{CHECK MARK}'), 'yellow': ('#e69f00', '!'), 'red': ('#d55e00', '\N{MULTIPLICATION SIGN}'),
          'unknown': ('#8a8f98', '?')}


@dataclass(frozen=True)
class Panel:
    """One map.

    Parameters
    ----------
    title : str
    values : mapping of CCD to value
        CCDs without one are drawn empty.
    high_is_good : bool
        Which end of the colours is the dark one.
    digits : int
        Decimals written on the CCDs.
    """

    title: str
    values: Mapping[int, float]
    high_is_good: bool
    digits: int


def focal_plane_png(places: np.ndarray, panels: Sequence[Panel], title: str, metrics: Sequence[Mapping], notes: str = '',
                    marked: Mapping[int, str] | None = None, expected: Sequence[int] = (),
                    size: tuple[float, float] | None = None) -> bytes:
    """PNG of maps over the focal plane, north up and east left, with a strip of graded metrics below.

    Parameters
    ----------
    places : structured ndarray
        ccdnum, x_center_mm (towards south), y_center_mm (towards east), width_mm (along x), height_mm (along y):
        `sediff.instruments.ccds.ccd_table`.
    panels : sequence of Panel
        At most three.
    title : str
    metrics : sequence of mapping
        `sediff.photometry.qc.graded`.
    notes : str
        A line below the metrics.
    marked : mapping of CCD to str, optional
        Letters written on CCDs that are marked, e.g. those with a fallback zero point.
    expected : sequence of int
        CCDs the exposure should have: those of them without a value are hatched.
    size : (float, float), optional
        Width and height of the map, mm; default: what the CCDs need.

    Raises
    ------
    BadUsage
        No panel, or more than three.
    """
    if not 1 <= len(panels) <= 3:
        raise BadUsage(f'the focal plane has room for one to three maps, not {len(panels)}')
    figure = Figure(figsize=(5.0 * len(panels) + 0.4, 7.3), dpi=110, facecolor=PAPER)
    FigureCanvasAgg(figure)
    figure.text(0.015, 0.968, title, fontsize=13, color=INK, weight='bold', va='center')
    for number, panel in enumerate(panels):
        _draw(figure, number, len(panels), panel, places, marked or {}, set(expected), size or _size(places))
    _strip(figure, metrics)
    figure.text(0.015, 0.014, notes, fontsize=8.5, color=INK, va='bottom', wrap=True)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', metadata={'Software': None})
    return buffer.getvalue()


def _draw(figure: Figure, number: int, count: int, panel: Panel, places: np.ndarray, marked: Mapping[int, str],
          expected: set[int], size: tuple[float, float]) -> None:
    width, unit = 1.0 / count, size[0] / 464.0
    axes = figure.add_axes((number * width + 0.012, 0.31, width - 0.024, 0.60))
    colours = _colours(panel)
    for row in places:
        ccd = int(row['ccdnum'])
        east, north = float(row['y_center_mm']), -float(row['x_center_mm'])
        long, short = float(row['height_mm']), float(row['width_mm'])
        value = panel.values.get(ccd)
        face = LACKING if value is None else colours.to_rgba(np.asarray(value))
        box = Rectangle((east - long / 2, north - short / 2), long, short, facecolor=face, edgecolor='#c8ccd1',
                        linewidth=0.6)
        if value is None and ccd in expected:
            box.set(hatch='////', edgecolor='#b0b5bc')
        elif marked.get(ccd):
            box.set(edgecolor=GRADES['red'][0], linewidth=2.2, zorder=3)
        axes.add_artist(box)                              # the limits are set below
        ink = INK if value is None or _light(face) else PAPER
        text = str(ccd) if value is None else f'{value:.{panel.digits}f}'
        axes.text(east, north - 1.5 * unit, text, ha='center', va='center', zorder=4,
                  fontsize=7.4 if value is not None else 6, color=ink if value is not None else '#a0a6ad')
        if value is not None:
            axes.text(east + long / 2 - 3 * unit, north + short / 2 - 3 * unit, f'{ccd}{marked.get(ccd, "")}',
                      ha='left', va='top', fontsize=5.2, color=ink, zorder=4)
    axes.set(xlim=(size[0] / 2, -size[0] / 2), ylim=(-size[1] / 2, size[1] / 2), aspect='equal')
    axes.axis('off')
    axes.set_title(f'{panel.title}{_middle(panel)}', fontsize=10.5, color=INK, pad=2, y=1.0)
    _compass(axes, size, unit)
    bar = figure.colorbar(colours, cax=figure.add_axes((number * width + 0.25 * width, 0.285, 0.5 * width, 0.013)),
                          orientation='horizontal')
    bar.ax.tick_params(labelsize=7.5, colors=INK, length=2)
    bar.ax.ticklabel_format(axis='x', useOffset=False)
    bar.ax.locator_params(nbins=4)
    bar.outline.set_visible(False)


def _colours(panel: Panel) -> ScalarMappable:
    """Colours whose span is that of the CCDs, at least ten units of the last digit, robust against one odd CCD."""
    values = np.array(list(panel.values.values()), float)
    low, high = (np.percentile(values, [3, 97]) if len(values) else (0.0, 1.0))
    least = 10.0 * 10.0 ** -panel.digits
    if high - low < least:
        low, high = (low + high - least) / 2, (low + high + least) / 2
    return ScalarMappable(Normalize(low, high), colormaps['viridis' if panel.high_is_good else 'viridis_r'])


def _light(colour) -> bool:
    if isinstance(colour, str):
        return True
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 0.55


def _middle(panel: Panel) -> str:
    values = list(panel.values.values())
    return f': median {np.median(values):.{panel.digits}f}' if values else ': not known'


def _size(places: np.ndarray) -> tuple[float, float]:
    """Width and height (mm) of a map of all CCDs, with some margin."""
    east = np.abs(places['y_center_mm']) + places['height_mm'] / 2
    north = np.abs(places['x_center_mm']) + places['width_mm'] / 2
    return 2.1 * float(east.max()), 2.1 * float(north.max())


def _compass(axes, size: tuple[float, float], unit: float) -> None:
    """North and east, in the lower left corner."""
    x, y = size[0] / 2 - 36.0 * unit, 9.0 * unit - size[1] / 2
    for dx, dy, name in ((0, 30 * unit, 'N'), (30 * unit, 0, 'E')):
        axes.annotate('', (x + dx, y + dy), (x, y), arrowprops={'arrowstyle': '-|>', 'color': INK, 'linewidth': 0.9})
        axes.text(x + 1.25 * dx, y + 1.25 * dy, name, fontsize=7.5, color=INK, ha='center', va='center')


def _strip(figure: Figure, metrics: Sequence[Mapping]) -> None:
    """The metrics in cells of their colours."""
    axes = figure.add_axes((0.012, 0.05, 0.976, 0.19))
    columns = 7
    rows = max(1, -(-len(metrics) // columns))
    for number, row in enumerate(metrics):
        colour, mark = GRADES[row['colour']]
        left, bottom = number % columns, rows - 1 - number // columns
        axes.add_artist(Rectangle((left + 0.02, bottom + 0.06), 0.96, 0.88, facecolor=colour + '26', edgecolor='none'))
        axes.add_artist(Rectangle((left + 0.02, bottom + 0.06), 0.035, 0.88, facecolor=colour, edgecolor='none'))
        axes.text(left + 0.09, bottom + 0.76, row['label'], fontsize=8.3, color=INK, va='center')
        axes.text(left + 0.93, bottom + 0.76, mark, fontsize=9, color=colour, va='center', ha='right', weight='bold')
        axes.text(left + 0.09, bottom + 0.46, row['text'], fontsize=11, color=INK, va='center', weight='bold')
        sign = '\N{GREATER-THAN OR EQUAL TO}' if row['better'] == 'high' else '\N{LESS-THAN OR EQUAL TO}'
        axes.text(left + 0.09, bottom + 0.19, f'green {sign} {row["green"]:g}, yellow {sign} {row["yellow"]:g}',
                  fontsize=6.6, color='#57606a', va='center')
    axes.set(xlim=(0, columns), ylim=(0, rows))
    axes.axis('off')
