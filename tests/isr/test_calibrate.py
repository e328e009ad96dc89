"""Calibration images against the pattern that was put in."""
from __future__ import annotations

import numpy as np
import pytest

from sediff.errors import BadData
from sediff.isr.calibrate import bad_pixels, combine_flat_rows, combine_rows, flat_level

SHAPE = (200, 160)


def combine_bias(frames):
    """Mean and scatter of frames in memory."""
    return combine_rows(lambda first, last: [frame[first:last] for frame in frames], len(frames), frames[0].shape)


def combine_flat(frames, bias, gain, full=np.inf):
    """Flat and scatter of frames in memory."""
    levels = [flat_level(frame, bias, gain, full, f'flat frame {number}') for number, frame in enumerate(frames, 1)]
    gain = np.broadcast_to(np.asarray(gain, np.float32), bias.shape)
    return combine_flat_rows(lambda first, last: [(frame[first:last] - bias[first:last]) * gain[first:last]
                                                  for frame in frames], levels, bias.shape)


def zeros(count: int, noise: float = 1.5, seed: int = 1):
    rng = np.random.default_rng(seed)
    pattern = rng.normal(0, 3, SHAPE)
    return pattern, [(pattern + rng.normal(0, noise, SHAPE)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize('count', [3, 8, 15])
def test_bias_is_the_mean_without_cosmic_rays(count):
    pattern, frames = zeros(count)
    for k, frame in enumerate(frames):
        frame[10 * k:10 * k + 3, 5] += 500.0
    mean, rms = combine_bias(frames)
    error = mean - pattern
    assert error.std() == pytest.approx(1.5 / np.sqrt(count), rel=0.05)
    assert np.abs(error).max() < 7 * 1.5 / np.sqrt(count) + 0.5
    assert np.sqrt((rms ** 2).mean()) == pytest.approx(1.5, rel=0.05)
    assert mean.dtype == rms.dtype == np.float32


def test_bias_wrong_input():
    _, frames = zeros(3)
    with pytest.raises(BadData, match='at least 3'):
        combine_bias(frames[:2])
    with pytest.raises(BadData, match='shape'):
        combine_bias([*frames, frames[0][1:]])
    frames[1][0, 0] = np.nan
    with pytest.raises(BadData, match='frame 2'):
        combine_bias(frames)


def lamps(levels, gain, seed=2):
    rng = np.random.default_rng(seed)
    response = rng.normal(1.0, 0.02, SHAPE)
    return response, [(rng.poisson(level * response) / gain).astype(np.float32) for level in levels]


def test_flat_has_the_response_and_no_gain():
    gain = np.where(np.arange(SHAPE[1]) < 80, 4.0, 4.5) * np.ones(SHAPE)
    levels = [40000, 60000, 80000, 50000]
    response, frames = lamps(levels, gain)
    bias = np.full(SHAPE, 7, np.float32)
    flat, rms = combine_flat([frame + bias for frame in frames], bias, gain, 45000.0)
    noise = np.sqrt(np.mean([1 / level for level in levels]))
    assert (flat / response * np.median(response)).std() == pytest.approx(noise / 2, rel=0.05)
    assert np.median(flat) == pytest.approx(1.0, abs=1e-6)
    assert flat[:, :80].mean() == pytest.approx(flat[:, 80:].mean(), rel=1e-3)
    assert np.median(rms) == pytest.approx(noise, rel=0.2)


def test_flat_wrong_input():
    _, frames = lamps([40000] * 4, 4.0)
    bias = np.zeros(SHAPE, np.float32)
    with pytest.raises(BadData, match='flat frame 1 is saturated'):
        combine_flat(frames, bias, 4.0, 10000.0)
    with pytest.raises(BadData, match='no light'):
        combine_flat([*frames, np.zeros(SHAPE, np.float32)], bias, 4.0)
    with pytest.raises(BadData, match='at least 3'):
        combine_flat(frames[:1], bias, 1.0)


@pytest.mark.parametrize('count', [3, 10])
def test_bad_pixels(count):
    _, frames = zeros(count)
    rng = np.random.default_rng(3)
    for frame in frames:
        frame[50, 50] += 300.0
        frame[60, 60] += rng.normal(0, 200)
        frame[20:150, 70] += 100.0
    flat = rng.normal(1.0, 0.01, SHAPE).astype(np.float32) * np.linspace(0.8, 1.2, SHAPE[1], dtype=np.float32)
    flat[10, 10], flat[11, 11], flat[12, 12] = 0.0, 1.9, 0.3
    mask = bad_pixels(flat, *combine_bias(frames), count)
    truth = np.zeros(SHAPE, bool)
    for pixel in ((50, 50), (10, 10), (11, 11), (12, 12)):
        truth[pixel] = True
    truth[20:150, 70] = True
    assert (mask[truth] != 0).all() and mask.dtype == np.uint16
    truth[60, 60] = True
    assert not mask[~truth].any()


def test_bad_pixels_wrong_input():
    flat = np.ones(SHAPE, np.float32)
    with pytest.raises(BadData, match='shape'):
        bad_pixels(flat, flat[1:], flat, 5)
