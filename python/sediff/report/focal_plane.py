"""The focal plane as a picture: seeing, zero point and depth of every CCD, and the exposure's metrics in colours."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sediff.errors import BadUsage
from sediff.report.axes import round_ticks
from sediff.report.canvas import Canvas, tinted

DPI, HEIGHT = 110, 803
INK, PAPER, LACKING = '#24292f', '#ffffff', '#eef0f2'
#: Okabe and Ito's hues, which the colour-blind can tell apart, each with a mark.
GRADES = {'green': ('#009e73', '\N{CHECK MARK}'), 'yellow': ('#e69f00', '!'), 'red': ('#d55e00', '\N{MULTIPLICATION SIGN}'),
          'unknown': ('#8a8f98', '?')}
#: Every eighth colour of viridis (Smith and van der Walt, CC0), from low to high; between them it is straight.
VIRIDIS = np.frombuffer(bytes.fromhex(
    '440154470d6048186a482374472d7b4537814240863e49893b528b375b8d33638d2f6b8e2c728e297a8e26828e23898e21918c'
    '1f988b1fa08822a78528ae8032b67a3fbc734ec36b5ec96270cf5784d44b98d83eaddc30c2df23d8e219ece51bfde725'),
    np.uint8).reshape(33, 3)


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
    canvas = Canvas(round((5.0 * len(panels) + 0.4) * DPI), HEIGHT, DPI, PAPER)
    canvas.text(0.015 * canvas.width, 0.032 * HEIGHT, title, 13, INK, 'left', bold=True)
    for number, panel in enumerate(panels):
        _draw(_Map(canvas, number, len(panels), size or _size(places)), panel, places, marked or {}, set(expected))
    _strip(canvas, metrics)
    _notes(canvas, notes)
    return canvas.png()


class _Map:
    """The place of a panel on the canvas: mm to the east and north become pixels."""

    def __init__(self, canvas: Canvas, number: int, count: int, size: tuple[float, float]):
        wide = canvas.width / count
        self.canvas, self.left, self.wide = canvas, number * wide, wide
        self.scale = min((wide - 0.024 * canvas.width) / size[0], 0.60 * HEIGHT / size[1])
        self.middle, self.size, self.unit = (self.left + wide / 2, 0.39 * HEIGHT), size, size[0] / 464.0

    def place(self, east: float, north: float) -> tuple[float, float]:
        """Pixels of a place of the focal plane, mm."""
        return self.middle[0] - east * self.scale, self.middle[1] - north * self.scale


def _draw(at: _Map, panel: Panel, places: np.ndarray, marked: Mapping[int, str], expected: set[int]) -> None:
    """CCDs with their values, title, compass and bar of colours of one panel."""
    span = _span(panel)
    for row in sorted(places, key=lambda row: bool(marked.get(int(row['ccdnum'])))):
        ccd = int(row['ccdnum'])
        value = panel.values.get(ccd)
        face = LACKING if value is None else _colour((value - span[0]) / (span[1] - span[0]), panel.high_is_good)
        _ccd(at, row, panel, face, marked.get(ccd, ''), value is None and ccd in expected)
    top = at.middle[1] - 0.5 * at.size[1] * at.scale
    at.canvas.text(at.middle[0], top - 2 * at.canvas.point, f'{panel.title}{_middle(panel)}', 10.5, INK, rise='baseline')
    _compass(at)
    _bar(at, span, panel.high_is_good)


def _ccd(at: _Map, row: np.void, panel: Panel, face: tuple[int, ...] | str, mark: str, lacking: bool) -> None:
    """A CCD: its box, value and number."""
    canvas, ccd = at.canvas, int(row['ccdnum'])
    east, north = float(row['y_center_mm']), -float(row['x_center_mm'])
    long, short = float(row['height_mm']) / 2, float(row['width_mm']) / 2
    corners = *at.place(east + long, north + short), *at.place(east - long, north - short)
    value = panel.values.get(ccd)
    canvas.box(*corners, face, '#b0b5bc' if lacking else '#c8ccd1')
    if lacking:
        canvas.hatch(*corners, '#b0b5bc')
    elif mark:
        canvas.box(*corners, None, GRADES['red'][0], 2.2)
    if value is None:
        canvas.text(*at.place(east, north - 1.5 * at.unit), str(ccd), 6, '#a0a6ad')
        return
    ink = INK if _light(face) else PAPER
    canvas.text(*at.place(east, north - 1.5 * at.unit), f'{value:.{panel.digits}f}', 7.4, ink)
    canvas.text(*at.place(east + long - 3 * at.unit, north + short - 3 * at.unit), f'{ccd}{mark}', 5.2, ink, 'left', 'top')


def _bar(at: _Map, span: tuple[float, float], high_is_good: bool) -> None:
    """The bar of colours, with numbers below."""
    canvas, left, top = at.canvas, at.left + 0.25 * at.wide, 0.702 * HEIGHT
    wide, bottom = 0.5 * at.wide, 0.715 * HEIGHT
    for column in range(round(left), round(left + wide)):
        canvas.box(column, top, column + 1, bottom, _colour((column + 0.5 - left) / wide, high_is_good))
    for value, said in round_ticks(*span, 4).items():
        x = left + wide * (value - span[0]) / (span[1] - span[0])
        canvas.box(round(x), bottom, round(x) + 1, bottom + 2 * canvas.point, INK)
        canvas.text(x, bottom + 5.5 * canvas.point, said, 7.5, INK, rise='top')


def _span(panel: Panel) -> tuple[float, float]:
    """Values of the ends of the colours: those of the CCDs, at least ten units of the last digit apart, robust against one
    odd CCD."""
    values = np.array(list(panel.values.values()), float)
    low, high = (np.percentile(values, [3, 97]).tolist() if len(values) else (0.0, 1.0))
    least = 10.0 * 10.0 ** -panel.digits
    return (low, high) if high - low >= least else ((low + high - least) / 2, (low + high + least) / 2)


def _colour(share: float, high_is_good: bool) -> tuple[int, ...]:
    """A colour of viridis, dark at the bad end."""
    share = min(max(share, 0.0), 1.0)
    place = 255.0 * (share if high_is_good else 1.0 - share)
    nodes = np.minimum(8 * np.arange(len(VIRIDIS)), 255)
    return tuple(round(float(np.interp(place, nodes, VIRIDIS[:, band]))) for band in range(3))


def _light(colour: tuple[int, ...] | str) -> bool:
    if isinstance(colour, str):
        return True
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 0.55 * 255


def _middle(panel: Panel) -> str:
    values = list(panel.values.values())
    return f': median {np.median(values):.{panel.digits}f}' if values else ': not known'


def _size(places: np.ndarray) -> tuple[float, float]:
    """Width and height (mm) of a map of all CCDs, with some margin."""
    east = np.abs(places['y_center_mm']) + places['height_mm'] / 2
    north = np.abs(places['x_center_mm']) + places['width_mm'] / 2
    return 2.1 * float(east.max()), 2.1 * float(north.max())


def _compass(at: _Map) -> None:
    """North and east, in the lower left corner."""
    canvas, (x, y), long = at.canvas, at.place(at.size[0] / 2 - 36.0 * at.unit, 9.0 * at.unit - at.size[1] / 2), \
        30.0 * at.unit * at.scale
    gap, head, half = 2.0 * canvas.point, 4.0 * canvas.point, 2.0 * canvas.point
    for right, down, name in ((0, -1, 'N'), (-1, 0, 'E')):
        start, tip, neck = ((x + right * reach, y + down * reach) for reach in (gap, long - gap, long - gap - head))
        canvas.line([start, neck], INK, 0.9)
        canvas.area([tip, (neck[0] + half * down, neck[1] + half * right), (neck[0] - half * down, neck[1] - half * right)],
                    INK)
        canvas.text(x + 1.25 * long * right, y + 1.25 * long * down, name, 7.5, INK)


def _strip(canvas: Canvas, metrics: Sequence[Mapping]) -> None:
    """The metrics in cells of their colours."""
    columns = 7
    rows = max(1, -(-len(metrics) // columns))
    wide, high = 0.976 * canvas.width / columns, 0.19 * HEIGHT / rows
    for number, row in enumerate(metrics):
        colour, mark = GRADES[row['colour']]
        left, bottom = 0.012 * canvas.width + number % columns * wide, 0.76 * HEIGHT + (number // columns + 1) * high
        canvas.box(left + 0.02 * wide, bottom - 0.94 * high, left + 0.98 * wide, bottom - 0.06 * high, tinted(colour, 0.15))
        canvas.box(left + 0.02 * wide, bottom - 0.94 * high, left + 0.055 * wide, bottom - 0.06 * high, colour)
        x = left + 0.09 * wide
        canvas.text(x, bottom - 0.76 * high, row['label'], 8.3, INK, 'left')
        canvas.text(left + 0.93 * wide, bottom - 0.76 * high, mark, 9, colour, 'right', bold=True)
        canvas.text(x, bottom - 0.46 * high, row['text'], 11, INK, 'left', bold=True)
        sign = '\N{GREATER-THAN OR EQUAL TO}' if row['better'] == 'high' else '\N{LESS-THAN OR EQUAL TO}'
        limits = f'green {sign} {row["green"]:g}, yellow {sign} {row["yellow"]:g}'
        canvas.text(x, bottom - 0.19 * high, limits, 6.6, '#57606a', 'left')


def _notes(canvas: Canvas, notes: str) -> None:
    """The notes at the lower edge, in as many lines as they need."""
    lines = ['']
    for word in notes.split(' '):
        longer = f'{lines[-1]} {word}' if lines[-1] else word
        if lines[-1] and canvas.length(longer, 8.5) > 0.97 * canvas.width:
            lines.append(word)
        else:
            lines[-1] = longer
    for number, line in enumerate(reversed(lines)):
        canvas.text(0.015 * canvas.width, 0.986 * HEIGHT - number * 10.2 * canvas.point, line, 8.5, INK, 'left', 'bottom')
