"""Draws docs/template_artefacts.png: `python tests/template/picture.py docs/template_artefacts.png` in the checkout."""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).parent))
from made_up_warps import SKY, field

from sediff.template.coadd import Source, stack

#: Shown part of the field, and the seeing (px) of the warps.
PART, SEEING = np.s_[100:400, 80:380], (3.5, 4.2, 5.0)


def grey(image: np.ndarray, sigma: float) -> Image.Image:
    """Sky level dark grey, from -2 to 8 sigma."""
    return Image.fromarray(np.uint8(255 * np.clip((image / sigma + 2) / 10, 0, 1))[::-1])


def draw(path: str) -> None:
    """One of three warps, the plain mean, the coadd, and which pixels of the warp were left out."""
    made = field(SEEING, seed=4, count=90)
    sources = [Source(lambda a, b, w=warp: type(w)(w.image[a:b], w.mask[a:b], w.weight[a:b]), fwhm, 1.0)
               for warp, fwhm in zip(made.warps, SEEING)]
    found = stack(sources, made.truth.shape)
    sigma = np.sqrt(SKY / 3)
    used = Image.fromarray(np.uint8(80 * np.clip(found.coverage[PART], 0, 3))[::-1])
    panels = [('one of three exposures', grey(made.warps[0].image[PART], np.sqrt(SKY))),
              ('plain mean of the three', grey(made.plain[PART], sigma)),
              ('coadd without artefacts', grey(found.image.image[PART], sigma)), ('exposures used: 1, 2, 3', used)]
    sheet = Image.new('L', (4 * 308 - 8, 318), 255)
    for number, (title, panel) in enumerate(panels):
        sheet.paste(panel, (308 * number, 18))
        ImageDraw.Draw(sheet).text((308 * number + 4, 3), title, fill=0)
    sheet.quantize(32).save(path, optimize=True)


if __name__ == '__main__':
    draw(sys.argv[1])
