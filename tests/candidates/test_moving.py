"""Stars that moved between template and search image are named so; new sources beside galaxies and fading stars are kept."""
import numpy as np
import pytest

from sediff.candidates.cuts import apply_cuts, reject_names
from sediff.candidates.moving import moving_stars
from sediff.candidates.painters import add_stamp, moffat_psf, noise_flux
from sediff.detect import detect

PSF = moffat_psf(4.2)
SKY, SIZE = 400.0, 200
UNIT = noise_flux(SKY, PSF(0, 0, 27))


def paint(image, x, y, snr):
    add_stamp(image, snr * UNIT * PSF(x, y, 51), x, y)


def judged(template, search, seed=1):
    """Names of the failed cuts of the positive detections above S/N 5, by place."""
    rng = np.random.default_rng(seed)
    template = (template + rng.normal(0, 0.5 * np.sqrt(SKY), template.shape)).astype(np.float32)
    search = (search + rng.normal(0, np.sqrt(SKY), template.shape)).astype(np.float32)
    difference, bad = search - template, np.zeros(template.shape, bool)
    variance = np.full(template.shape, 1.25 * SKY, np.float32)
    found = detect(difference, variance, bad, PSF)
    result = apply_cuts(found, difference, np.sqrt(variance), bad, 4.2, moving=moving_stars(found, template, search, 4.2))
    return [(row['X_IMAGE'] - 1, row['Y_IMAGE'] - 1, float(row['SNR']), set(reject_names(int(code)).split(',')))
            for row, code in zip(found, result.reject) if row['SIGN'] > 0]


@pytest.mark.parametrize('shift', [0.8, 2.0, 3.5, 5.0, 6.5, 8.0, 11.0])
@pytest.mark.parametrize('snr', [30, 100, 400])
def test_a_star_that_moved_is_no_candidate(shift, snr):
    template, search = np.zeros((2, SIZE, SIZE))
    for k, (x, y) in enumerate(np.stack(np.meshgrid([50, 100, 150], [50, 100, 150]), -1).reshape(-1, 2)):
        paint(template, x, y, snr)
        paint(search, x + shift * np.cos(k), y + shift * np.sin(k), snr)
    found = judged(template, search)
    assert all(names != {'ok'} for *_, snr_found, names in found if snr_found > 8)
    if shift >= 3.5:
        assert sum('moving_star' in names for *_, names in found) == 9


@pytest.mark.parametrize('epochs', [((0.0, 3.0)), ((0.0, 5.0)), ((0.0, 8.0))])
def test_a_star_at_two_places_of_the_template(epochs):
    """Half of its light at each of two epochs of the template, all of it where it went on to."""
    template, search = np.zeros((2, SIZE, SIZE))
    for x, y in ((60, 60), (140, 60), (60, 140), (140, 140)):
        for place in epochs:
            paint(template, x + place, y, 50)
        paint(search, x + 0.5 * sum(epochs), y + 0.7 * max(epochs), 100)
    assert all(names != {'ok'} for *_, snr_found, names in judged(template, search) if snr_found > 8)


def test_new_sources_stay():
    """On a galaxy, beside a star that faded, beside a constant star, and beside a weaker negative source."""
    template, search = np.zeros((2, SIZE, SIZE))
    y, x = np.mgrid[:SIZE, :SIZE]
    for image in (template, search):
        image += 300.0 * np.exp(-np.hypot(x - 50, y - 50) / 5.0)
        paint(image, 150, 50, 60)
    paint(search, 55, 52, 40)
    paint(search, 156, 54, 40)
    paint(template, 50, 150, 100)
    paint(search, 50, 150, 60)
    paint(search, 58, 154, 40)
    paint(template, 150, 150, 15)
    paint(search, 158, 154, 40)
    found = judged(template, search)
    for u, v in ((55, 52), (156, 54), (58, 154), (158, 154)):
        near = [names for i, j, _, names in found if np.hypot(i - u, j - v) < 2]
        assert near and 'moving_star' not in near[0], (u, v)


def test_no_detections():
    nothing = detect(np.random.default_rng(1).normal(size=(60, 60)).astype(np.float32), np.ones((60, 60), np.float32),
                     np.zeros((60, 60), bool), PSF, threshold=9.0)
    assert moving_stars(nothing, np.zeros((60, 60)), np.zeros((60, 60)), 4.2).shape == (0,)


def test_the_figure_of_a_star_that_moved_is_the_difference_of_its_fluxes():
    """Over what it may be, 30 % and three errors: nothing where the star is as bright, above 1 where half is lost."""
    ratios = []
    for left in (1.0, 0.5):
        template, search = np.zeros((2, SIZE, SIZE))
        paint(template, 100, 100, 400)
        paint(search, 106, 103, 400 * left)
        template, search = template.astype(np.float32), search.astype(np.float32)
        noise = np.random.default_rng(5).normal(0, np.sqrt(SKY), template.shape).astype(np.float32)
        variance, bad = np.full(template.shape, SKY, np.float32), np.zeros(template.shape, bool)
        found = detect(search + noise - template, variance, bad, PSF)
        near = np.hypot(found['X_IMAGE'] - 107, found['Y_IMAGE'] - 104) < 2
        ratios.append(float(moving_stars(found, template, search, 4.2)[near & (found['SIGN'] > 0)][0]))
        assert np.isinf(moving_stars(found, template, search, 4.2)[found['SIGN'] < 0]).all()
    assert ratios[0] < 0.1 and ratios[1] > 1.0, ratios
