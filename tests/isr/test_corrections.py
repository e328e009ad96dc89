"""Columns, halos, edge bleeds, interpolation, measured noise, tape bumps: each against what was put in."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import moffat, raw_header

from sediff.errors import BadData
from sediff.instruments.amplifiers import read_amplifiers
from sediff.isr.badpixels import Defect, mark_bad_pixels, mark_boxes
from sediff.isr.columns import fix_columns
from sediff.isr.edgebleed import mark_edge_bleeds
from sediff.isr.halos import mark_halos
from sediff.isr.interpolate import interpolate_rows
from sediff.isr.noise import noise_ratio, scale_weight
from sediff.isr.saturation import mark_saturation
from sediff.maskbits import Bit

SKY, NOISE = 900.0, 30.0


def sky(shape=(1000, 600), seed=1) -> np.ndarray:
    return np.random.default_rng(seed).normal(SKY, NOISE, shape).astype(np.float32)


def has(mask, bit):
    return (mask & np.uint16(bit)) != 0


def test_a_column_with_a_wrong_level_is_fixed():
    image, mask = sky(), np.zeros((1000, 600), np.uint16)
    mask[200:900, 100] |= np.uint16(Bit.BPM)
    image[200:900, 100] += 250.0
    mask[:, 300] |= np.uint16(Bit.BPM)                    # noisy: not to be trusted
    image[:, 300] += np.random.default_rng(2).normal(0, 60, 1000)
    mask[10:30, 400] |= np.uint16(Bit.BPM)                # too short to tell
    kept = image.copy()
    fixed_image, fixed_mask, count = fix_columns(image, mask)
    assert count == 700 and has(fixed_mask[200:900, 100], Bit.FIXED).all() and not has(fixed_mask[:, 100], Bit.BPM).any()
    # 700 rows of noise 30 with that of four neighbours: 30 sqrt(1.25 / 700) = 1.3
    assert fixed_image[200:900, 100].mean() == pytest.approx(SKY, abs=5 * 1.3 + 1.2)
    assert has(fixed_mask[:, 300], Bit.BPM).all() and has(fixed_mask[10:30, 400], Bit.BPM).all()
    assert not has(fixed_mask, Bit.FIXED)[:, 101:].any()
    np.testing.assert_array_equal(image, kept)


def test_no_bad_column():
    image, mask = sky(), np.zeros((1000, 600), np.uint16)
    assert fix_columns(image, mask)[2] == 0


@pytest.mark.parametrize('flux', [3e6, 3e7])
def test_halo_reaches_to_where_the_wings_end(flux):
    image, mask = sky(), np.zeros((1000, 600), np.uint16)
    profile = flux * moffat(250, 4.0, 0.0, 0.0)
    image[250:751, 50:551] += profile.astype(np.float32)
    mask[image > 150000] |= np.uint16(Bit.SATURATE)
    mask[100:900, 298:303] |= np.uint16(Bit.TRAIL)
    mask[100:900, 300] |= np.uint16(Bit.SATURATE)
    image[100:900, 298:303] = 160000.0
    marked, halos = mark_halos(image, mask, NOISE, 0.5)
    (x, y, radius), = halos
    assert x == pytest.approx(300, abs=1) and y == pytest.approx(500, abs=1)
    wings = profile[250, 250:]
    true = int(np.flatnonzero(wings > 0.5 * NOISE)[-1])
    assert 0.85 * true < radius < 1.3 * true
    inside = has(marked, Bit.STAR)
    assert inside[500, 300] and inside.sum() == pytest.approx(np.pi * radius ** 2, rel=0.02)


def test_no_halo_without_a_saturated_star():
    image = sky()
    marked, halos = mark_halos(image, np.zeros(image.shape, np.uint16), NOISE)
    assert not halos and not marked.any()


@pytest.mark.parametrize('half', ['N', 'S'])
def test_edge_bleed_is_marked_at_the_register_only(half):
    amplifiers = read_amplifiers(raw_header(half))
    image, mask = sky((4096, 2048)), np.zeros((4096, 2048), np.uint16)
    columns = amplifiers[0].ccd[1]
    mask[:, columns.start + 500] |= np.uint16(Bit.TRAIL)
    bleed = (400.0 * np.exp(-np.arange(100) / 12.0)).astype(np.float32)
    rows = np.arange(4095, 3995, -1) if amplifiers[0].flip_y else np.arange(100)
    image[rows, columns] += bleed[:, None]
    marked = has(mark_edge_bleeds(image, mask, amplifiers, NOISE), Bit.EDGEBLEED)
    wanted = int(np.flatnonzero(bleed > 0.5 * NOISE)[-1]) + 1
    # the median of 1024 pixels is off by 1.2: a row or two near the limit may go either way
    assert abs(marked[:, columns].all(axis=1).sum() - wanted) <= 2
    assert marked[rows[:wanted - 2], columns].all()
    other = amplifiers[1].ccd[1]
    assert not marked[:, other].any()


def test_rows_are_interpolated_across_a_trail():
    image, mask = sky(), np.zeros((1000, 600), np.uint16)
    image += np.arange(600, dtype=np.float32) * 3
    mask[:, 200:208] |= np.uint16(Bit.TRAIL)
    mask[:, 300:360] |= np.uint16(Bit.TRAIL)
    image[:, 200:208] = image[:, 300:360] = 1e5
    done, marked, count = interpolate_rows(image, mask)
    assert count == 8000 and has(marked[:, 200:208], Bit.INTERP).all() and not has(marked[:, 300:360], Bit.INTERP).any()
    residual = done[:, 200:208] - (SKY + 3 * np.arange(200, 208))
    assert abs(residual.mean()) < 5 * 30 / np.sqrt(8000) and residual.std() < NOISE / 1.5
    assert has(marked, Bit.TRAIL).sum() == 68000


def test_measured_noise():
    amplifiers = read_amplifiers(raw_header('N'))
    image, mask = sky((4096, 2048)), np.zeros((4096, 2048), np.uint16)
    image[:, 1024:] = SKY + (image[:, 1024:] - SKY) * 1.1
    rng = np.random.default_rng(3)
    for y, x in zip(rng.integers(40, 4050, 3000), rng.integers(40, 2000, 3000)):
        image[y - 6:y + 7, x - 6:x + 7] += (rng.uniform(1e3, 1e5) * moffat(6, 4.0, 0, 0)).astype(np.float32)
    weight = np.full(image.shape, 1.0 / NOISE ** 2, np.float32)
    scaled, scales = scale_weight(image, weight, mask, amplifiers)
    assert scales['A'] == pytest.approx(1.0, abs=0.01) and scales['B'] == pytest.approx(1.1, abs=0.011)
    assert scaled[5, 1500] == pytest.approx(1 / 33 ** 2, rel=0.02)
    weight *= 9                                           # a weight that is wrong altogether is left, not hidden
    assert scale_weight(image, weight, mask, amplifiers)[1] == {'A': 1.0, 'B': 1.0}
    mask[:] = int(Bit.BPM)
    assert noise_ratio(image, weight, mask, amplifiers[0].ccd) is None


def test_defects_and_tape_bumps():
    bad = np.zeros((40, 40), np.uint16)
    kinds = (Defect.FLAT_MIN, Defect.SUSPECT, Defect.TAPEBUMP, Defect.NEAREDGE, Defect.BADAMP, Defect.BIAS_COL)
    for k, defect in enumerate(kinds):
        bad[k, 0] = int(defect)
    mask = mark_bad_pixels(np.zeros((40, 40), np.uint16), bad)
    assert mask[:6, 0].tolist() == [Bit.BPM, Bit.SUSPECT, Bit.TAPEBUMP | Bit.SUSPECT, Bit.NEAREDGE, Bit.BADAMP, Bit.BPM]
    boxes = mark_boxes(mask, [(5, 9, 20, 39)], int(Bit.TAPEBUMP))
    assert has(boxes, Bit.TAPEBUMP).sum() == 101 and has(boxes[20:, 5:10], Bit.TAPEBUMP).all()


def test_saturated_sky():
    amplifiers = read_amplifiers(raw_header('N'))
    image = np.full((4096, 2048), 46000, np.float32)
    with pytest.raises(BadData, match=r'amplifier B.*sky is saturated'):
        mark_saturation(image, np.zeros(image.shape, np.uint16), amplifiers)
