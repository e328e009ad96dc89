"""Detector effects: full wells, cosmic rays, permanent marks, crosstalk, overscan."""
import numpy as np
import pytest

from sediff.instruments.amplifiers import read_amplifiers
from sediff.instruments.ccds import ccd_table
from sediff.isr.crosstalk import CrosstalkTerm
from sediff.sim.bleed import BLED, SATURATED, bleed
from sediff.sim.cards import extension_header
from sediff.sim.cosmics import CHARGE, THICKNESS, add_cosmics
from sediff.sim.detector import make_detector
from sediff.sim.options import generator
from sediff.sim.plan import Pointing
from sediff.sim.readout import add_crosstalk, full_well, read_out, to_adu

CCD_SHAPE = (4096, 2048)


def amplifiers_of(facts, ccd):
    return read_amplifiers(extension_header(facts.cards, ccd_table()[ccd - 1], facts.tpv[ccd], Pointing(10.0, 0.0)))


def test_bleed_conserves_charge_along_the_column():
    image = np.full((400, 3), 100.0, np.float32)
    image[200:203, 1] = 500_000.0
    before = image.sum(dtype=float)
    kind = bleed(image, np.full(3, 100_000.0, np.float32))
    assert image.sum(dtype=float) == pytest.approx(before, rel=1e-6)
    assert image.max() <= 100_000.0
    assert (kind[200:203, 1] == SATURATED).all() and (kind[:, [0, 2]] == 0).all()
    # 3 x 400000 electrons need 1200000 / 99900 = 12.01 pixels: 7 a side, the last one nearly empty
    bled = np.nonzero(kind[:, 1] == BLED)[0]
    assert bled.min() == 193 and bled.max() == 209


def test_bleed_loses_charge_at_the_register_only():
    image = np.zeros((10, 1), np.float32)
    image[1, 0] = 10_000.0
    bleed(image, np.array([1000.0], np.float32))
    # 4500 electrons down: 1 pixel of room, the rest gone; 4500 up: 4.5 pixels
    assert image[:, 0].tolist() == [1000.0, 1000.0, 1000.0, 1000.0, 1000.0, 1000.0, 500.0, 0.0, 0.0, 0.0]


def test_cosmic_rays():
    image = np.zeros((1000, 1000), np.float32)
    pixels, charge = add_cosmics(generator(5), image, 200.0)
    assert (image[pixels[:, 1], pixels[:, 0]] == charge).all() and (charge > 30).all()
    assert image.sum(dtype=float) == pytest.approx(charge.sum(dtype=float), rel=0.01)
    # 150 muons of at least 250 micron x 75 electrons each
    assert image.sum(dtype=float) > 0.6 * 200 * 0.75 * THICKNESS * CHARGE
    assert len(add_cosmics(generator(5), image, 0.0)[0]) == 0


def test_detector_marks():
    detector = make_detector(generator(1), (600, 400))
    good = ~detector.bad
    assert np.median(detector.flat) == pytest.approx(1.0, abs=0.05)
    neighbours = (detector.flat[:, 1:] - detector.flat[:, :-1])[good[:, 1:] & good[:, :-1]]
    assert 1.4826 * np.median(np.abs(neighbours)) == pytest.approx(0.005 * np.sqrt(2), rel=0.05)
    assert np.abs(detector.bias[good]).max() < 20
    assert detector.bad.sum() > 1000        # four columns
    same = make_detector(generator(1), (600, 400))
    assert np.array_equal(same.flat, detector.flat) and np.array_equal(same.bias, detector.bias)


@pytest.mark.parametrize('ccd', [25, 33])
def test_overscan_statistics(facts, ccd):
    amplifiers = amplifiers_of(facts, ccd)
    raw = read_out(generator(3), np.full(CCD_SHAPE, 1000.0, np.float32), np.zeros(CCD_SHAPE, np.float32), amplifiers)
    assert raw.dtype == np.uint16 and raw.shape == (4146, 2160)
    for amplifier in amplifiers:
        bias = raw[amplifier.bias].astype(float)
        level = bias.mean(axis=1, keepdims=True)
        # read noise plus rounding to whole ADU; 50 x 4096 pixels
        expected = np.hypot(amplifier.read_noise / amplifier.gain, np.sqrt(1 / 12))
        assert (bias - level).std() * np.sqrt(50 / 49) == pytest.approx(expected, rel=0.01)
        assert 1490 < bias.mean() < 2510 and np.ptp(level) < 20
        data = raw[amplifier.data].astype(float)
        assert (data.mean(axis=1) - level[:, 0]).mean() == pytest.approx(1000.0, abs=0.05)
        for region in (amplifier.pre, amplifier.post):
            assert raw[region].mean() == pytest.approx(bias.mean(), abs=5)


def test_crosstalk_at_the_table_level_and_mirrored(facts):
    """A spot near the outer edge of amplifier A shows at the mirrored place of amplifier B."""
    amplifiers = amplifiers_of(facts, 25)
    image = np.zeros(CCD_SHAPE, np.float32)
    image[100:103, 2000:2003] = 10_000.0                      # S1: amplifier A reads the right half
    table = {'ccd25B': (CrosstalkTerm('ccd25A', 3e-4, 4e4, (0.0, 0.0, 0.0)),)}
    sources = {f'ccd25{each.name}': image[each.ccd][each.readout] for each in amplifiers}
    result = add_crosstalk(image, 25, amplifiers, sources, table)
    ghost = result - image
    assert ghost[100:103, 45:48] == pytest.approx(3.0, rel=1e-4)
    assert np.count_nonzero(ghost) == 9


def test_gain_and_full_well(facts):
    amplifiers = amplifiers_of(facts, 33)
    counts = to_adu(np.full(CCD_SHAPE, 4000.0, np.float32), amplifiers)
    wells = full_well(amplifiers, CCD_SHAPE[1])
    for each in amplifiers:
        assert counts[each.ccd][0, 0] == pytest.approx(4000.0 / each.gain)
        assert wells[each.ccd[1]][0] / each.gain > each.saturate
