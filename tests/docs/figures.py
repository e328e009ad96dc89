"""Draws the pictures of docs/notebooks.md from the variables of its examples: `python -m tests.docs.figures`."""
from __future__ import annotations

from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
from PIL import Image
from tests.docs.pages import REPOSITORY, run

matplotlib.use('Agg')
import matplotlib.pyplot as plt

#: Panels are this wide, inch; pictures have so many colours and pixels an inch.
WIDTH, COLOURS, DPI = 2.5, 32, 90


def panels(images: list[tuple[str, np.ndarray, float, float]]) -> tuple[plt.Figure, np.ndarray]:
    """A row of grey images, dark sky: (title, image, lowest, highest value) each."""
    figure, axes = plt.subplots(1, len(images), figsize=(WIDTH * len(images), WIDTH + 0.35), layout='constrained')
    for axis, (title, image, low, high) in zip(np.atleast_1d(axes), images):
        axis.imshow(image, cmap='gray', vmin=low, vmax=high, origin='lower', interpolation='nearest')
        axis.set_title(title, fontsize=9)
        axis.set_xticks([])
        axis.set_yticks([])
    return figure, np.atleast_1d(axes)


def circle(axis, x: float, y: float, radius: float = 14.0) -> None:
    """A ring around a 0-based pixel."""
    axis.add_patch(plt.Circle((x, y), radius, fill=False, color='tab:orange', linewidth=1.2))


def psf(v: SimpleNamespace) -> plt.Figure:
    """The painted PSF, the model, ten times the difference."""
    model = v.psf.image(200, 200, 31)
    peak = v.truth.max()
    images = [('painted', v.truth, 0, peak / 3), ('model', model, 0, peak / 3),
              ('10 x (model - painted)', 10 * (model - v.truth), -peak / 3, peak / 3)]
    return panels(images)[0]


def subtraction(v: SimpleNamespace) -> plt.Figure:
    """Science image, template, difference: -3 to 12 sigma."""
    flat = v.template - np.median(v.template)
    levels = -3 * v.SKY_NOISE, 12 * v.SKY_NOISE
    figure, axes = panels([('science image', v.flat, *levels), ('template', flat, *levels),
                           ('difference', v.result.image, *levels)])
    circle(axes[2], *v.new[:2])
    return figure


def detection(v: SimpleNamespace) -> plt.Figure:
    """Difference and score, the detection marked."""
    from sediff.detect import score_image
    score = score_image(v.result.image, v.result.variance + v.stars, v.result.mask, v.psf_difference.image,
                        systematic=v.systematic).score
    sigma = np.sqrt(np.median(v.result.variance))
    figure, axes = panels([('difference / sigma', v.result.image / sigma, -4, 8), ('score (sigma)', score, -4, 8)])
    for axis in axes:
        for row in v.found:
            circle(axis, row['X_IMAGE'] - 1, row['Y_IMAGE'] - 1)
    return figure


def forced(v: SimpleNamespace) -> plt.Figure:
    """Histogram of flux over error at random places."""
    figure, axis = plt.subplots(figsize=(2 * WIDTH, WIDTH), layout='constrained')
    bins = np.arange(-4, 4.01, 0.5)
    axis.hist(v.pulls, bins, color='0.75', edgecolor='0.4', label='random places')
    at = np.linspace(-4, 4, 201)
    axis.plot(at, len(v.pulls) * 0.5 * np.exp(-0.5 * at ** 2) / np.sqrt(2 * np.pi), color='tab:orange', label='normal')
    axis.set_xlabel('forced flux / error', fontsize=9)
    axis.set_ylabel('places', fontsize=9)
    axis.tick_params(labelsize=8)
    axis.legend(fontsize=8, frameon=False)
    return figure


def cosmicrays(v: SimpleNamespace) -> plt.Figure:
    """Image with rays, and what was found."""
    levels = -3 * v.SKY_NOISE, 20 * v.SKY_NOISE
    return panels([('with cosmic rays', v.flat + v.rays, *levels),
                   ('found', np.where(v.hit, 1.0, 0.0), 0, 1),
                   ('image without them', np.where(v.hit, 0.0, v.flat + v.rays), *levels)])[0]


def warp(v: SimpleNamespace) -> plt.Figure:
    """The image on both grids."""
    levels = -3 * v.SKY_NOISE, 12 * v.SKY_NOISE
    return panels([('template', v.ccd.image, *levels), ('on a grid turned by 20 degrees', v.turned.image, *levels)])[0]


def save(figure: plt.Figure, path: Path) -> None:
    """Write a figure as a small PNG."""
    drawn = BytesIO()
    figure.savefig(drawn, dpi=DPI)
    plt.close(figure)
    picture = Image.open(drawn).convert('RGB')
    picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Draw all."""
    variables = SimpleNamespace(**run(REPOSITORY / 'docs' / 'notebooks.md')[1])
    for draw in (psf, subtraction, detection, forced, cosmicrays, warp):
        save(draw(variables), REPOSITORY / 'docs' / f'notebook_{draw.__name__}.png')


if __name__ == '__main__':
    main()
