"""Residuals of bright stars stay quiet when the error of the stars' models is given; faint sources do not suffer."""
import numpy as np
import pytest

from sediff.candidates.painters import add_stamp, moffat_psf, noise_flux
from sediff.detect import detect, score_image
from sediff.detect.matched import add_to_systematic
from sediff.errors import BadInput
from sediff.subtract.trust import systematic_variance

SKY = 400.0
PSF = moffat_psf(4.2)
UNIT = noise_flux(SKY, PSF(0, 0, 27))
ERROR = 0.01


@pytest.fixture(scope='module')
def field():
    """Stars of S/N 2000 off by 0.03 px and 1 %, sources of S/N 9: science, difference, variance, positions."""
    rng = np.random.default_rng(3)
    science = rng.normal(0, np.sqrt(SKY), (600, 600))
    difference = science.copy()
    stars = [(x + rng.uniform(-0.4, 0.4), y + rng.uniform(-0.4, 0.4)) for x in (90, 250, 410) for y in (100, 300, 500)]
    sources = [(x, y) for x in (170, 330, 490) for y in (60, 200, 400, 540)]
    for x, y in stars:
        flux = 2000 * UNIT
        add_stamp(science, flux * PSF(x, y, 51), x, y)
        a, b = rng.normal(0, 0.02, 2)
        share = 1 + rng.normal(0, 0.004)
        add_stamp(difference, flux * (PSF(x, y, 51) - share * PSF(x + a, y + b, 51)), x, y)
    for x, y in sources:
        for image in (science, difference):
            add_stamp(image, 9 * UNIT * PSF(x, y, 51), x, y)
    return science.astype(np.float32), difference.astype(np.float32), stars, sources


def near(detections, positions, radius):
    xy = np.column_stack([detections['X_IMAGE'], detections['Y_IMAGE']]) - 1
    return [bool(len(xy)) and np.hypot(*(xy - p).T).min() < radius for p in positions]


def test_bright_residuals_are_quiet(field):
    science, difference, stars, sources = field
    variance, bad = np.full(science.shape, SKY, np.float32), np.zeros(science.shape, bool)
    loud = detect(difference, variance, bad, PSF)
    systematic = systematic_variance(science, difference, bad, ERROR, 4.2)
    quiet = detect(difference, variance, bad, PSF, systematic=systematic)
    assert sum(near(loud, stars, 8)) >= 6
    assert sum(near(quiet, stars, 8)) == 0
    assert sum(near(quiet, sources, 2)) == sum(near(loud, sources, 2)) >= 11


def test_noise_of_the_sky_is_not_changed(field):
    science, difference, _, _ = field
    variance, bad = np.full(science.shape, SKY, np.float32), np.zeros(science.shape, bool)
    systematic = systematic_variance(science, difference, bad, ERROR, 4.2)
    plain, with_error = (score_image(difference, variance, bad, PSF, systematic=s) for s in (None, systematic))
    assert with_error.noise_scale == pytest.approx(plain.noise_scale, rel=0.02)
    whole = systematic.copy()
    add_to_systematic(whole, variance, PSF)
    assert np.array_equal(score_image(difference, whole, bad, PSF).score, with_error.score)


def test_masked_pixels_have_no_systematic(field):
    science, difference, _, _ = field
    bad = np.zeros(science.shape, bool)
    bad[:, :300] = True
    plane = systematic_variance(np.where(bad, np.nan, science).astype(np.float32), difference, bad, ERROR, 4.2)
    assert np.isfinite(plane).all() and (plane[bad] == 0).all()
    with pytest.raises((BadInput, ValueError)):
        score_image(difference, np.full(science.shape, SKY, np.float32), bad, PSF, systematic=plane[:-1])


def test_fluxes_and_their_errors_are_of_the_photons(field):
    """A source on the skirt of a bright star keeps its S/N; only its score falls."""
    science, difference, stars, _ = field
    x, y = stars[4][0] + 9.0, stars[4][1]
    difference, science = difference.copy(), science.copy()
    for image in (science, difference):
        add_stamp(image, 40 * UNIT * PSF(x, y, 51), x, y)
    variance, bad = np.full(science.shape, SKY, np.float32), np.zeros(science.shape, bool)
    systematic = systematic_variance(science, difference, bad, ERROR, 4.2)
    rows = []
    for plane in (None, systematic):
        found = detect(difference, variance, bad, PSF, systematic=plane)
        rows.append(found[np.hypot(found['X_IMAGE'] - 1 - x, found['Y_IMAGE'] - 1 - y).argmin()])
    plain, quiet = rows
    assert quiet['SNR'] == pytest.approx(plain['SNR'], rel=0.05) and quiet['SCORE'] < 0.95 * plain['SCORE']
