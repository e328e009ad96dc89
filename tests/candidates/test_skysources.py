"""Sky sources give the noise that was put in, whatever the variance says; peaks of noise are as many as expected."""
import numpy as np
import pytest

from sediff.candidates.falsepeaks import THRESHOLDS, peak_counts, peak_density, peak_table
from sediff.candidates.painters import add_stamp, moffat_psf, noise_flux
from sediff.candidates.skysources import QuietPlaces, empty_places, far_from, quiet_sky, sky_figures, sky_sources
from sediff.detect import detect, score_image
from sediff.detect.finder import score_peaks
from sediff.errors import BadData

PSF, FWHM, SKY, SIDE = moffat_psf(4.2), 4.2, 400.0, 700
ERROR = noise_flux(SKY, PSF(0, 0, 51))


def scene(seed=1, noise=1.0, side=SIDE):
    """An empty difference, its variance as propagated, no bad pixel."""
    image = noise * np.random.default_rng(seed).normal(0, np.sqrt(SKY), (side, side))
    return image.astype(np.float32), np.full(image.shape, SKY, np.float32), np.zeros(image.shape, bool)


def figures(image, variance, bad, bright=None, number=500, seed=3):
    scored = score_image(image, variance, bad, PSF)
    quiet = quiet_sky(bad, np.zeros_like(bad) if bright is None else bright, scored.fwhm)
    found = detect(image, variance, bad, PSF)
    x, y = empty_places(quiet, found, scored.fwhm, number, seed)
    sources = sky_sources(scored, image, variance, bad, PSF, x, y)
    return scored, sources, sky_figures(sources, scored.noise_scale, 30.0)


@pytest.mark.parametrize('noise', [1.0, 1.2, 0.7])
def test_noise_and_depth_are_those_put_in(noise):
    _, sources, found = figures(*scene(noise=noise))
    assert found['places'] == len(sources) == 500
    assert found['noise_over_errors'] == pytest.approx(1.0, abs=4 * found['noise_over_errors_error'])
    assert found['noise_over_weights'] == pytest.approx(noise, abs=4 * noise * found['noise_over_errors_error'])
    assert abs(found['median']) < 4 * found['median_error']
    depth = 30.0 - 2.5 * np.log10(5 * noise * ERROR)
    assert found['depth_5sigma'] == pytest.approx(depth, abs=4 * found['depth_5sigma_error'])
    assert found['depth_5sigma_error'] == pytest.approx(1.0857 * 1.17 / np.sqrt(1000), rel=0.01)
    assert found['score_sigma'] == pytest.approx(1.0, abs=4 * found['noise_over_errors_error'])


def test_flux_over_error_is_the_score_at_the_place_and_that_of_a_detection():
    image, variance, bad = scene()
    add_stamp(image, 30 * ERROR * PSF(200, 300, 51), 200, 300)
    scored, sources, _ = figures(image, variance, bad)
    assert sources['FLUX'] / sources['FLUXERR'] == pytest.approx(sources['SCORE'], abs=0.02)
    at = detect(image, variance, bad, PSF)[0]
    here = sky_sources(scored, image, variance, bad, PSF, np.array([200]), np.array([300]))
    assert here['FLUX'][0] == pytest.approx(at['FLUX_PSF'], rel=0.01)
    assert here['FLUXERR'][0] == pytest.approx(at['FLUXERR_PSF'], rel=0.01)


def test_places_are_quiet_and_the_same_for_one_seed():
    image, variance, bad = scene()
    bad[:, 300:310], bright = True, np.zeros_like(bad)
    bright[100:140, 500:540] = True
    add_stamp(image, 60 * ERROR * PSF(150, 600, 51), 150, 600)
    _, sources, _ = figures(image, variance, bad, bright)
    x, y = sources['X_IMAGE'] - 1, sources['Y_IMAGE'] - 1
    assert not ((x > 300 - 2 * FWHM + 1) & (x < 309 + 2 * FWHM - 1)).any()
    assert not ((abs(x - 520) < 20 + FWHM) & (abs(y - 120) < 20 + FWHM)).any()
    assert np.hypot(x - 150, y - 600).min() > 3.5 * FWHM and min(x.min(), y.min()) > 1.5 * FWHM
    same, other = figures(image, variance, bad, bright)[1], figures(image, variance, bad, bright, seed=4)[1]
    assert (same == sources).all() and set(zip(other['X_IMAGE'], other['Y_IMAGE'])) != set(zip(x + 1, y + 1))


def test_too_little_room_is_said():
    image, variance, bad = scene(side=200)
    bad[:, 30:] = True
    with pytest.raises(BadData, match='fewer than 20'):
        figures(image, variance, bad)


def residuals(image, seed=5):
    """Stars subtracted with a shift of 0.1 px, and where their light is."""
    rng, bright = np.random.default_rng(seed), np.zeros(image.shape, bool)
    for x, y in rng.uniform(40, SIDE - 40, (40, 2)):
        flux, i, j = 400 * ERROR, round(x), round(y)
        add_stamp(image, flux * (PSF(x, y, 51) - PSF(x + 0.1, y, 51)), i, j)
        bright[max(j - 8, 0):j + 9, max(i - 8, 0):i + 9] = True
    return bright


def test_stars_that_are_left_are_in_the_peaks_not_in_the_noise():
    """Dipoles of stars: the noise of empty places stays, and negative peaks on the stars exceed the expectation."""
    image, variance, bad = scene()
    bright = residuals(image)
    scored, _, found = figures(image, variance, bad, bright)
    assert found['noise_over_errors'] == pytest.approx(1.0, abs=4 * found['noise_over_errors_error'])
    everywhere, quiet = (table(scored, area) for area in (~bad, quiet_sky(bad, bright, scored.fwhm)))
    five = THRESHOLDS.index(5.0)
    assert everywhere[five]['negative'] > 20 and everywhere[five]['expected'] < 1
    assert everywhere[five]['flipped_kept'] == everywhere[five]['negative'] // 2
    assert quiet[five]['negative'] <= 2 and quiet[five]['expected'] < everywhere[five]['expected']


def table(scored, area, thresholds=THRESHOLDS):
    y, x = score_peaks(scored, PSF, min(thresholds))
    score = scored.score[y, x]
    kept = np.zeros(len(x), bool)
    negative = np.flatnonzero((score <= -5.0) & area[y, x])
    kept[negative[::2][:len(negative) // 2]] = True
    return peak_table(score, x, y, kept, area, PSF(0, 0, scored.size), 0.263, thresholds)


@pytest.mark.parametrize('fwhm', [2.5, 4.2, 6.5])
def test_peaks_of_white_noise_are_as_many_as_expected(fwhm):
    """2.6 million pixels, against Poisson's error; the sigma of the score is off by 0.2 percent."""
    psf, thresholds = moffat_psf(fwhm), (2.5, 3.0, 3.5, 4.0)
    counts, pixels = np.zeros(len(thresholds)), 0
    for seed in range(2):
        image, variance, bad = scene(seed, side=1200)
        scored = score_image(image, variance, bad, psf)
        inside = scored.score[30:-30, 30:-30]
        peaks = np.ones((inside.shape[0] - 2, inside.shape[1] - 2), bool)
        for j in range(3):
            for i in range(3):
                if (j, i) != (1, 1):
                    peaks &= inside[1:-1, 1:-1] > inside[j:j + peaks.shape[0], i:i + peaks.shape[1]]
        values = inside[1:-1, 1:-1]
        counts += [np.sum(peaks & (values > threshold)) for threshold in thresholds]
        pixels += peaks.size
    expected = peak_density(psf(0, 0, scored.size), thresholds) * pixels
    assert counts == pytest.approx(expected, abs=1, rel=0.02) or (
        np.abs(counts - expected) < 4 * np.sqrt(expected) + 0.02 * expected).all()


def test_the_table_counts_by_sign_area_and_threshold():
    area = np.zeros((100, 100), bool)
    area[:50] = True
    x, y = np.array([10, 20, 30, 40]), np.array([10, 20, 30, 80])
    kept = np.array([True, True, False, True])
    rows = peak_table(np.array([6.2, -5.2, -7.0, -9.0]), x, y, kept, area, PSF(0, 0, 31), 3600.0, (5.0, 6.0))
    assert [(row['positive'], row['negative'], row['flipped_kept']) for row in rows] == [(1, 2, 1), (1, 1, 0)]
    assert rows[0]['negative_per_deg2'] == pytest.approx(2 / 5000)
    assert rows[0]['expected'] > 100 * rows[1]['expected'] > 0
    assert 500 < rows[0]['places'] < 5000            # more than areas of the PSF (5000 px / 20), fewer than pixels


def spoilt_scene():
    """Masked columns, light of a bright source, and detections."""
    image, variance, bad = scene()
    bad[:, 300:310], bright = True, np.zeros_like(bad)
    bright[100:140, 500:540] = True
    detections = np.zeros(2, [('X_IMAGE', 'f8'), ('Y_IMAGE', 'f8')])
    detections['X_IMAGE'], detections['Y_IMAGE'] = (151.0, 400.6), (601.0, 90.4)
    return image, variance, bad, bright, detections


def test_quiet_places_asked_one_by_one_are_those_of_the_plane():
    _, _, bad, bright, detections = spoilt_scene()
    quiet = quiet_sky(bad, bright, FWHM)
    places = QuietPlaces(bad, lambda cut: bright[cut], FWHM)
    x, y = np.random.default_rng(2).integers(0, SIDE, (2, 3000))
    assert (places.at(x, y) == quiet[y, x]).all() and 0.5 < quiet.mean() < 0.97
    x, y, share = places.drawn(400, seed=5)
    assert quiet[y, x].all() and 400 <= len(x) <= 800
    assert share == pytest.approx(quiet.mean(), abs=4 * np.sqrt(quiet.mean() * (1 - quiet.mean()) / 3200))
    chosen = far_from(x, y, detections, FWHM, 300)
    assert len(chosen) == 300
    reach = round(4.0 * FWHM)
    for row in detections:
        apart = np.maximum(abs(x - round(row['X_IMAGE']) + 1), abs(y - round(row['Y_IMAGE']) + 1))
        assert apart[chosen].min() > reach >= apart.min()
    cells = (y // round(2 * FWHM)) * 10000 + x // round(2 * FWHM)
    assert len(set(cells.tolist())) == len(x)
    again = places.drawn(400, seed=5)
    assert (again[0] == x).all() and not np.array_equal(places.drawn(400, seed=6)[0][:50], x[:50])


def test_there_are_no_places_where_all_is_masked():
    places = QuietPlaces(np.ones((100, 100), bool), lambda cut: np.zeros((1, 1), bool), FWHM)
    x, y, share = places.drawn(50)
    assert not len(x) and not len(y) and share == 0.0


def test_counts_of_peaks_are_those_of_the_table_of_the_whole_image():
    image, variance, bad = scene(4)
    scored = score_image(image, variance, bad, PSF)
    rows, columns = score_peaks(scored, PSF, 4.0)
    kept = np.zeros(len(rows), bool)
    whole = peak_table(scored.score[rows, columns], columns, rows, kept, ~bad, PSF(0, 0, 51), 0.26)
    counts = peak_counts(scored.score[rows, columns], float(SIDE ** 2), PSF(0, 0, 51), 0.26)
    for one, other in zip(whole, counts, strict=True):
        assert {name: value for name, value in one.items() if not name.startswith('flipped')} == other
