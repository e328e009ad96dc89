"""Elongation against noise: cosmic rays that were left go, point sources of any S/N stay."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from sediff.candidates.cut_list import CUTS
from sediff.candidates.cuts import apply_cuts
from sediff.candidates.painters import add_stamp, moffat_psf, noise_flux
from sediff.detect import detect

pytestmark = pytest.mark.busy

SKY, SIZE = 400.0, 1000
BIT = 1 << list(CUTS).index('elongated')


def judged(fwhm, snr, draw, seed):
    """Detections of sources of this S/N, and which the cut rejects: 550 places drawn by `draw(rng, image, x, y, flux)`."""
    rng, psf = np.random.default_rng(seed), moffat_psf(fwhm)
    image, unit = rng.normal(0, np.sqrt(SKY), (SIZE, SIZE)), noise_flux(SKY, psf(0, 0, 27))
    places = [(x + rng.uniform(-0.5, 0.5), y + rng.uniform(-0.5, 0.5)) for y in range(30, SIZE - 20, 40)
              for x in range(30, SIZE - 20, 40)]
    for x, y in places:
        draw(rng, image, psf, x, y, snr() * unit if callable(snr) else snr * unit)
    variance, bad = np.full(image.shape, SKY, np.float32), np.zeros(image.shape, bool)
    found = detect(image.astype(np.float32), variance, bad, psf)
    found = found[found['SIGN'] > 0]
    found = found[cKDTree(places).query(np.column_stack([found['X_IMAGE'] - 1, found['Y_IMAGE'] - 1]))[0] < 4]
    result = apply_cuts(found, image.astype(np.float32), np.sqrt(variance), bad, fwhm)
    return found, (result.reject & BIT) != 0


def point(rng, image, psf, x, y, flux):
    add_stamp(image, flux * psf(x, y, 31), x, y)


def track(rng, image, psf, x, y, flux):
    """A straight track of 6 to 14 pixels, 0.3 px wide."""
    along, angle = np.linspace(-0.5, 0.5, 60) * rng.uniform(6, 14), rng.uniform(0, np.pi)
    columns = np.rint(x + along * np.cos(angle) + rng.normal(0, 0.3, 60)).astype(int)
    rows = np.rint(y + along * np.sin(angle) + rng.normal(0, 0.3, 60)).astype(int)
    np.add.at(image, (rows, columns), flux / 60)


@pytest.mark.parametrize('fwhm', [3.2, 4.2, 5.5])
def test_point_sources_stay(fwhm):
    """S/N 5 to 100: at least 99.8 % (one of 500 by chance and one more)."""
    rng = np.random.default_rng(7)
    found, rejected = judged(fwhm, lambda: 10 ** rng.uniform(np.log10(5.0), 2.0), point, 3)
    assert len(found) > 480 and rejected.sum() <= 2


@pytest.mark.parametrize('snr, share', [(9.0, 0.5), (14.0, 0.8), (40.0, 0.95)])
def test_tracks_go(snr, share):
    found, rejected = judged(4.2, snr, track, 5)
    assert len(found) > 100 and rejected.mean() > share
