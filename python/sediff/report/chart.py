"""The marks on a finding chart: the place, a scale bar and a compass, as SVG over the picture."""
from __future__ import annotations

from markupsafe import Markup, escape

from sediff.report.north import Turn

#: Lengths that a scale bar may have, arcsec.
BARS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300)
_ARM = 26.0


def chart_svg(picture: str, size: int, turn: Turn) -> Markup:
    """The chart with its marks.

    Parameters
    ----------
    picture : str
        File of the chart, relative to the page; its centre is the candidate.
    size : int
        Its side, px.
    turn : Turn
        How it lies on the sky.
    """
    middle = size / 2.0
    cross = f'<path d="M{middle} {middle - 7}v-14M{middle + 7} {middle}h14"/>'
    return Markup(f'<svg class="chart" viewBox="0 0 {size} {size}" role="img" aria-label="finding chart">'
                  f'<image href="{escape(picture)}" width="{size}" height="{size}"/>'
                  f'{cross}{_scale_bar(size, turn.scale)}{_compass(size, turn)}</svg>')


def _scale_bar(size: int, scale: float) -> str:
    """A bar of a round length, at most a quarter of the side or so; '' where the scale is not known."""
    if not scale > 0:
        return ''
    arcsec = max((bar for bar in BARS if bar / scale <= 0.28 * size), default=BARS[0])
    length, y = arcsec / scale, size - 14
    return (f'<path d="M14 {y - 3}v6M14 {y}h{length:.1f}M{14 + length:.1f} {y - 3}v6"/>'
            f'<text x="{14 + length / 2:.1f}" y="{y - 7}" text-anchor="middle">{arcsec}″</text>')


def _compass(size: int, turn: Turn) -> str:
    """Arrows to the north and the east, near the lower right corner."""
    x, y = size - 48.0, size - 48.0
    if turn.north[1] < -0.7 and turn.east[0] < -0.7:
        x, y = size - 22.0, size - 18.0
    parts = []
    for name, (right, down) in (('N', turn.north), ('E', turn.east)):
        tip = x + _ARM * right, y + _ARM * down
        barbs = [(tip[0] - 6 * right + side * 3 * down, tip[1] - 6 * down - side * 3 * right) for side in (-1, 1)]
        points = 'L'.join(f'{a:.1f} {b:.1f}' for a, b in (barbs[0], tip, barbs[1]))
        parts.append(f'<path d="M{x:.1f} {y:.1f}L{tip[0]:.1f} {tip[1]:.1f}M{points}"/><text x="{tip[0] + 8 * right:.1f}" '
                     f'y="{tip[1] + 8 * down + 3.5:.1f}" text-anchor="middle">{name}</text>')
    return ''.join(parts)
