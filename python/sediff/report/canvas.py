"""A picture to draw on: boxes, lines, discs and words, in pixels from the upper left corner.

Matplotlib's import alone takes longer than drawing all pictures of an exposure this way.
"""
from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec

from PIL import Image, ImageColor, ImageDraw, ImageFont

#: How much finer slanted and round shapes are drawn before their edges are smoothed.
FINER = 4
#: Of the font, in units of its size: how far letters go up and down, and the middle between, above the line they stand on.
_UP, _DOWN = 0.76, 0.208
_RISE = {'top': _UP, 'center': 0.5 * (_UP - _DOWN), 'bottom': -_DOWN, 'baseline': 0.0}
_ANCHOR = {'left': 'ls', 'center': 'ms', 'right': 'rs'}

Colour = str | tuple[int, ...]


class Canvas:
    """A picture.

    Parameters
    ----------
    width, height : int
        px.
    dpi : float
        Pixels per inch: sizes of words and widths of lines are points, 1/72 inch.
    paper : colour
        What it is filled with: '#rrggbb', or (red, green, blue, opacity) of 0 to 255 for a picture that lets through.
    """

    def __init__(self, width: int, height: int, dpi: float, paper: Colour = '#ffffff'):
        see_through = not isinstance(paper, str)
        self.image = Image.new('RGBA' if see_through else 'RGB', (width, height), paper)
        self.width, self.height, self.point = width, height, dpi / 72.0
        self._draw = ImageDraw.Draw(self.image)

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour | None = None,
            edge: Colour | None = None, thick: float = 0.6) -> None:
        """A box on whole pixels, with a border `thick` points wide where it has an `edge`."""
        across, down = (sorted((round(one), round(other))) for one, other in ((left, right), (top, bottom)))
        self._draw.rectangle((across[0], down[0], max(across[1], across[0] + 1) - (not edge),
                              max(down[1], down[0] + 1) - (not edge)), fill, edge, max(round(thick * self.point), 1))

    def line(self, points: Sequence[tuple[float, float]], colour: Colour, thick: float = 0.8) -> None:
        """A line through points, `thick` points wide."""
        wide = thick * self.point
        self._smooth(points, wide, colour, lambda draw, at: draw.line(at, 255, max(round(wide * FINER), 1), 'curve'))

    def area(self, corners: Sequence[tuple[float, float]], colour: Colour) -> None:
        """A filled polygon."""
        self._smooth(corners, 1.0, colour, lambda draw, at: draw.polygon(at, 255))

    def disc(self, x: float, y: float, size: float, colour: Colour) -> None:
        """A filled circle, `size` points wide."""
        half = 0.5 * size * self.point
        self._smooth([(x - half, y - half), (x + half, y + half)], 1.0, colour, lambda draw, at: draw.ellipse(at, 255))

    def hatch(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Slanted lines in a box."""
        high, step = bottom - top, 3.0 * self.point
        edges = [(left, top), (right, bottom)]

        def lines(draw: ImageDraw.ImageDraw, at: Sequence[tuple[float, float]]) -> None:
            """All lines, on the finer grid."""
            (x0, y0), (x1, y1) = at
            for k in range(int((right - left + high) / step) + 1):
                start = x0 + k * step * FINER
                draw.line([(start - (y1 - y0), y1), (start, y0)], 255, round(FINER * self.point))
            for outside in ((0, 0, x0, 1e5), (x1, 0, 1e5, 1e5), (0, 0, 1e5, y0), (0, y1, 1e5, 1e5)):
                draw.rectangle(outside, 0)
        self._smooth(edges, 1.0, colour, lines)

    def _smooth(self, points: Sequence[tuple[float, float]], margin: float, colour: Colour, paint: Callable) -> None:
        """Paint a shape finer than the picture and lay it on the picture in a colour."""
        x0, y0 = (int(min(values) - margin) - 1 for values in zip(*points))
        x1, y1 = (int(max(values) + margin) + 2 for values in zip(*points))
        mask = Image.new('L', ((x1 - x0) * FINER, (y1 - y0) * FINER))
        paint(ImageDraw.Draw(mask), [((x - x0 + 0.5) * FINER, (y - y0 + 0.5) * FINER) for x, y in points])
        self.image.paste(colour, (x0, y0, x1, y1), mask.reduce(FINER))

    def text(self, x: float, y: float, words: str, size: float, colour: Colour, align: str = 'center',
             rise: str = 'center', bold: bool = False) -> None:
        """Words of a size in points: `align` says what x is of them (left, center, right), `rise` what y is (top, center,
        bottom, baseline)."""
        font = _font(size * self.point, bold)
        self._draw.text((x, y + _RISE[rise] * font.size), words, colour, font, _ANCHOR[align])

    def upward(self, x: float, y: float, words: str, size: float, colour: Colour) -> None:
        """Words that run upward, their middle at x, y."""
        long, high = round(self.length(words, size)) + 4, round(1.4 * size * self.point)
        mask = Image.new('L', (long, high))
        font = _font(size * self.point, False)
        ImageDraw.Draw(mask).text((long / 2, high / 2 + _RISE['center'] * font.size), words, 255, font, 'ms')
        turned = mask.transpose(Image.Transpose.ROTATE_90)
        left, top = round(x - high / 2), round(y - long / 2)
        self.image.paste(colour, (left, top, left + turned.width, top + turned.height), turned)

    def length(self, words: str, size: float, bold: bool = False) -> float:
        """How long words are, px."""
        return _font(size * self.point, bold).getlength(words)

    def png(self) -> bytes:
        """The picture as PNG."""
        buffer = io.BytesIO()
        self.image.save(buffer, format='PNG', compress_level=6)
        return buffer.getvalue()


def tinted(colour: str, share: float) -> tuple[int, ...]:
    """A colour of which so much is seen on white."""
    return tuple(round(255 - share * (255 - band)) for band in ImageColor.getrgb(colour))


@cache
def _font(size: float, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with Matplotlib."""
    found = find_spec('matplotlib')
    folder = ((found and found.submodule_search_locations) or ('',))[0]
    name = 'DejaVuSans-Bold.ttf' if bold else 'DejaVuSans.ttf'
    return ImageFont.truetype(f'{folder}/mpl-data/fonts/ttf/{name}', size, layout_engine=ImageFont.Layout.BASIC)
