"""Draws docs/subtraction.png from two real pairs: `python tests/subtract/picture.py REALDATA docs/subtraction.png`."""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from sediff.cli.subtraction import variance_of
from sediff.formats.image_source import ImageSource, load
from sediff.subtract.subtract import subtract
from sediff.warp.resample import warp

SIDE = 280


def pairs(realdata: Path):
    """Title, science and template of each pair, and the corner of the part that is shown."""
    folder = realdata / 'finalphot_des_sn_e1'
    yield ('DES SN-E1, g, two nights', *(load(ImageSource(str(folder / f'pair_ccd01_epoch{k}_1001.fits'), gain=4.0,
                                                          saturate=35000.0)) for k in 'AB'), (360, 60))
    folder = realdata / 'legacypipe' / 'testcase8' / 'images'
    names = ('c4d_130105_065255_oo{}_r_a1-N15.fits.fz', 'c4d_171113_060340_oo{}_r_ls9.N6.fits')
    yield ('a Seyfert galaxy, r, 2013 and 2017', *(load(ImageSource(
        *(str(folder / name.format(k)) for k in 'iw'), mask=str(folder / name.format('d')))) for name in names), (60, 0))


def grey(image: np.ndarray, sigma: float, corner: tuple[int, int]) -> Image.Image:
    """Part of an image from -3 to 12 sigma."""
    x, y = corner
    part = image[y:y + SIDE, x:x + SIDE]
    return Image.fromarray(np.uint8(255 * np.clip((part / sigma + 3) / 15, 0, 1))[::-1])


def draw(realdata: str, path: str) -> None:
    """Science, template, plain difference and matched difference of each pair, on one scale of the sky's noise."""
    rows = list(pairs(Path(realdata)))
    sheet = Image.new('L', (4 * (SIDE + 6), len(rows) * (SIDE + 22)), 255)
    for row, (title, science, template, corner) in enumerate(rows):
        aligned = warp(template, science.header, science.shape)
        bad = science.weight <= 0, aligned.weight <= 0
        result = subtract(science.image, aligned.image, variance_of(science), variance_of(aligned), *bad)
        sigma = float(np.sqrt(np.median(result.variance)))
        levels = [np.median(ccd.image[~b]) for ccd, b in zip((science, aligned), bad)]
        flat, other = science.image - levels[0], (aligned.image - levels[1]) * result.kernel_sum
        panels = [(title, flat), ('template, resampled', np.where(bad[1], 0, other)),
                  ('plain difference', np.where(bad[0] | bad[1], 0, flat - other)), ('PSFs matched', result.image)]
        for column, (text, image) in enumerate(panels):
            place = column * (SIDE + 6), row * (SIDE + 22)
            sheet.paste(grey(image, sigma, corner), (place[0], place[1] + 18))
            ImageDraw.Draw(sheet).text((place[0] + 4, place[1] + 3), text, fill=0)
    sheet.quantize(12).save(path, optimize=True)


if __name__ == '__main__':
    draw(*sys.argv[1:])
