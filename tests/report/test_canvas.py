"""The canvas of the pictures: what is drawn is where it was asked for."""
import io

import numpy as np
import pytest
from PIL import Image

from sediff.report.axes import Axes, round_ticks
from sediff.report.canvas import Canvas, tinted
from sediff.report.plots import snr_histogram


def pixels(canvas, mode='RGB'):
    return np.asarray(Image.open(io.BytesIO(canvas.png())).convert(mode)).astype(float)


def test_shapes_are_in_their_places():
    canvas = Canvas(80, 60, 72)
    canvas.box(10, 5, 20, 15, '#000000')
    canvas.disc(50.0, 30.0, 16.0, '#ff0000')
    canvas.line([(10.0, 50.0), (70.0, 50.0)], '#0000ff', 2.0)
    seen = 255.0 - pixels(canvas)
    rows, columns = np.nonzero(seen[:, :25].min(axis=2))
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (10, 19, 5, 14)
    red = seen[..., 1].copy()
    red[:16, :21], red[45:] = 0.0, 0.0
    assert red.sum() / 255.0 == pytest.approx(np.pi * 64.0, rel=0.08)
    assert np.average(np.arange(80), weights=red.sum(axis=0)) == pytest.approx(50.0, abs=0.3)
    assert np.average(np.arange(60), weights=red.sum(axis=1)) == pytest.approx(30.0, abs=0.3)
    assert seen[45:, 40, 0].sum() / 255.0 == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize('align, rise, left, top', [
    ('left', 'top', 1, 1), ('right', 'bottom', -1, -1), ('center', 'center', 0, 0)])
def test_words_lie_about_their_place(align, rise, left, top):
    canvas = Canvas(200, 80, 72)
    canvas.text(100, 40, 'Height', 20, '#000000', align, rise)
    rows, columns = np.nonzero(pixels(canvas, 'L') < 128)
    assert np.ptp(columns) == pytest.approx(canvas.length('Height', 20), abs=4)
    assert np.sign(round((columns.mean() - 100) / 10)) == left and np.sign(round((rows.mean() - 40) / 5)) == top


def test_words_run_upward():
    canvas = Canvas(60, 200, 72)
    canvas.upward(30, 100, 'detections', 14, '#000000')
    rows, columns = np.nonzero(pixels(canvas, 'L') < 128)
    assert np.ptp(rows) > 4 * np.ptp(columns)
    assert rows.mean() == pytest.approx(100, abs=6) and columns.mean() == pytest.approx(30, abs=4)


@pytest.mark.parametrize('low, high, most, said', [
    (17.0, 25.0, 9, ['17', '18', '19', '20', '21', '22', '23', '24', '25']),
    (0.0, 1.0, 5, ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0']),
    (31.518, 31.543, 4, ['31.52', '31.53', '31.54']), (-3.0, 3.0, 3, ['\N{MINUS SIGN}2', '0', '2'])])
def test_ticks_are_round(low, high, most, said):
    assert list(round_ticks(low, high, most).values()) == said


def test_axes_take_values_to_pixels():
    axes = Axes(Canvas(100, 100, 72), (10.0, 20.0, 90.0, 80.0), (0.0, 4.0), (0.0, 2.0), y_scale=np.log10)
    assert (axes.x(1.0), axes.y(1.0), axes.y(100.0)) == (30.0, 80.0, 20.0)


def test_bars_of_a_histogram_stand_for_their_counts():
    """A bin of ten is a decade higher than one of one, and what was kept hides the rest."""
    snr = np.array([10.0] * 10 + [-20.0])
    seen = np.asarray(Image.open(io.BytesIO(snr_histogram(snr, snr > 0))).convert('RGBA')).astype(int)
    blue = (seen[..., 2] - seen[..., 0] > 100) & (np.arange(624) > 300)
    grey = (seen[..., 3] == 140) & (np.abs(np.arange(252) - 130) < 60)[:, None]  # no words
    heights = [np.flatnonzero(mask.any(axis=1)).size for mask in (blue, grey)]
    assert heights[0] / heights[1] == pytest.approx(1.9, abs=0.05)
    assert not grey[:, 400:].any()


def test_a_tint_is_the_colour_on_white():
    assert tinted('#000000', 0.2) == (204, 204, 204)
