"""Hot pixels of flats that gathered the same light in more time."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sediff.flow.calibrations import hotpixels as calib_hotpixels
from sediff.flow.calibrations.hotpixels import hot_of_flats

SHAPE, LEVEL = (300, 200), 60000.0


@pytest.fixture
def flats(monkeypatch):
    """Eight flats of 10 s and eight of 120 s at one level."""
    paths = tuple(Path(f'{k:02d}_{seconds}') for k in range(8) for seconds in (10, 120))
    monkeypatch.setattr(calib_hotpixels, 'exposure_times',
                        lambda some, instrument=None: np.array([float(p.name[3:]) for p in some]))
    return paths


def test_long_flats(flats):
    rng = np.random.default_rng(1)
    response, rate = rng.normal(1.0, 0.005, SHAPE), np.zeros(SHAPE)
    rate[rng.integers(0, 300, 60), rng.integers(0, 200, 60)] = 40.0

    def flat(paths):
        seconds = float(paths[0].name[3:])
        return rng.poisson((response * LEVEL + rate * seconds) * len(paths)) / (LEVEL * len(paths))
    hot, line = hot_of_flats(flats, lambda k: LEVEL, flat)
    assert hot[rate > 0].mean() >= 0.9 and (rate > 0)[hot].mean() >= 0.95 and 'hot pixels above' in line


def test_flats_that_cannot_tell(flats):
    hot, line = hot_of_flats(tuple(path for path in flats if path.name.endswith('_10')), lambda k: LEVEL, None)
    assert hot is None and 'longer' in line
    hot, line = hot_of_flats(flats, lambda k: LEVEL * float(flats[k].name[3:]) / 60.0, None)
    assert hot is None and 'same speed' in line
