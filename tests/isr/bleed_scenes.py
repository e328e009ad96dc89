"""Bright stars near the readout edge: their trails run into the serial register and leave a puddle; with the truth."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from isr_scenes import moffat, raw_header
from scipy import ndimage

from sediff.instruments.amplifiers import Amplifier, read_amplifiers
from sediff.isr.bleed import mark_bleed_trails
from sediff.isr.edgebleed import mark_edge_bleeds
from sediff.isr.saturation import mark_saturation
from sediff.maskbits import Bit
from sediff.sim.bleed import bleed_out
from sediff.sim.puddle import add_puddle
from sediff.sim.readout import full_well

SHAPE, SKY, READ_NOISE = (1150, 2048), 1500.0, 6.0
SIGMA = float(np.sqrt(SKY + READ_NOISE ** 2))
#: Electrons of a star of magnitude 0 in 90 s in r.
ZERO_POINT = 31.7


@dataclass(frozen=True)
class Case:
    """A star `distance` rows from the edge that is read first (or from the other one: `far`), and its puddle."""

    half: str
    amplifier: str
    magnitude: float
    distance: float
    shape: str
    peak: float
    height: float
    widths: tuple[float, float]
    far: bool = False
    seed: int = 1


@dataclass
class BleedScene:
    """Electrons, sky not subtracted; the truth: pixels full or filled by a trail, and those of the puddle."""

    image: np.ndarray
    filled: np.ndarray
    puddle: np.ndarray
    amplifiers: tuple[Amplifier, ...]


def draw_cases(shape: str, count: int = 16, seed: int = 11) -> list[Case]:
    """Both halves, both amplifiers, G = 7 to 12, puddles of every size."""
    rng = np.random.default_rng(seed)
    cases = []
    for k in range(count):
        widths = 10.0 ** rng.uniform(1.7, 2.6), 10.0 ** rng.uniform(1.7, 2.6)
        cases.append(Case('NS'[k % 2], 'AB'[k // 2 % 2], 7.0 + 5.0 * k / (count - 1), float(rng.uniform(15, 600)), shape,
                          10.0 ** rng.uniform(2.2, 4.3), 10.0 ** rng.uniform(0.8, 1.5), widths, False, k))
    return cases


def paint(case: Case) -> BleedScene:
    """The star and 150 fainter ones on a sky with a gradient, its trail, the puddle and the noise."""
    rng = np.random.default_rng([case.seed, 77])
    amplifiers = read_amplifiers(raw_header(case.half))
    top = amplifiers[0].flip_y
    part = next(each.ccd[1] for each in amplifiers if each.name == case.amplifier)
    x = float(rng.uniform(part.start + 40, part.stop - 40))
    y = case.distance if top == case.far else SHAPE[0] - 1 - case.distance
    image = np.full(SHAPE, SKY, np.float32) * (1 + 0.01 * np.linspace(-1, 1, SHAPE[0])[:, None]).astype(np.float32)
    _add_star(image, x, y, 10 ** (0.4 * (ZERO_POINT - case.magnitude)), 250)
    for _ in range(150):
        _add_star(image, rng.uniform(0, SHAPE[1]), rng.uniform(0, SHAPE[0]), 10 ** rng.uniform(3.0, 5.8), 25)
    image += np.sqrt(image) * rng.standard_normal(SHAPE, dtype=np.float32)
    kind, lost = bleed_out(image, full_well(amplifiers, SHAPE[1]))
    charge = lost[1 if top else 0]
    puddle = np.zeros(SHAPE, bool)
    if charge.any() and case.peak:
        column = float(np.average(np.arange(SHAPE[1]), weights=charge))
        puddle = pour(image, top, column, case) > SIGMA
    np.minimum(image, full_well(amplifiers, SHAPE[1]), out=image)
    image += np.float32(READ_NOISE) * rng.standard_normal(SHAPE, dtype=np.float32)
    return BleedScene(image, kind > 0, puddle, amplifiers)


def pour(image: np.ndarray, top: bool, column: float, case: Case) -> np.ndarray:
    """The simulator's puddle, or a wedge that only this test knows: a slope in both directions."""
    if case.shape != 'wedge':
        return add_puddle(image, top, column, case.shape, case.peak, case.height, case.widths)
    rows, offset = np.arange(SHAPE[0])[:, None], np.arange(SHAPE[1]) - column
    across = np.abs(offset) / np.where(offset < 0, *case.widths)
    added = (case.peak * np.clip(1 - rows / (2 * case.height) - across, 0, None)).astype(np.float32)
    added = added[::-1] if top else added
    image += added
    return added


def masked(scene: BleedScene) -> np.ndarray:
    """Bits that the pipeline sets: (ny, nx) uint16."""
    counts = np.empty_like(scene.image)
    for each in scene.amplifiers:
        counts[:, each.ccd[1]] = scene.image[:, each.ccd[1]] / np.float32(each.gain)
    mask = mark_saturation(counts, np.zeros(SHAPE, np.uint16), scene.amplifiers, 1)
    return mark_edge_bleeds(scene.image, mark_bleed_trails(scene.image, mask, READ_NOISE), scene.amplifiers, SIGMA)


def recall_and_precision(scenes, marks) -> tuple[float, float]:
    """Of pixels, all scenes together: filled or in a puddle, against SATURATE, TRAIL and EDGEBLEED.

    The rim of 2 pixels around filled pixels, which the pipeline marks on purpose, does not count.
    """
    hit = wanted = found = 0
    for scene, mask in zip(scenes, marks):
        truth, flag = scene.filled | scene.puddle, (mask & np.uint16(Bit.SATURATE | Bit.TRAIL | Bit.EDGEBLEED)) != 0
        flag = flag & (truth | ~ndimage.binary_dilation(scene.filled, np.ones((5, 5))))
        hit, wanted, found = hit + (truth & flag).sum(), wanted + truth.sum(), found + flag.sum()
    return hit / wanted, hit / found


def _add_star(image: np.ndarray, x: float, y: float, flux: float, half: int) -> None:
    j, i = round(y), round(x)
    stamp = moffat(half, 4.0, y - j, x - i, 3.0)
    rows, columns = (slice(max(k - half, 0), min(k + half + 1, length)) for k, length in zip((j, i), SHAPE))
    image[rows, columns] += flux * stamp[rows.start - j + half:rows.stop - j + half,
                                         columns.start - i + half:columns.stop - i + half]
