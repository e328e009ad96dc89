"""All cuts together on sources of S/N 8 to 300, in the field and on hosts, each with something bad beside it."""
import numpy as np
import pytest
from painted_pairs import Band, add, moffat, paint, subtracted

from sediff.candidates.cuts import apply_cuts, reject_names
from sediff.detect import detect_on_score, score_image

BAND = Band(350.0, nucleus=3e4)


def spoil(rng, truth, science, template):
    """Beside each source a misplaced star 14-24 px off, or a template cosmic ray, or a source that fades 2.5-5 FWHM off."""
    dipoles = []
    for number, row in enumerate(truth):
        angle, wide, narrow = rng.uniform(0, 2 * np.pi), *BAND.fwhm
        distance = (rng.uniform(14, 24), rng.uniform(10, 18), rng.uniform(2.5, 5) * wide)[number % 3]
        x, y = row['x'] + distance * np.cos(angle), row['y'] + distance * np.sin(angle)
        inside = x - round(x), y - round(y)
        if number % 3 == 0:
            flux, shift = 10 ** rng.uniform(4.5, 5.3), rng.uniform(0.2, 0.5)
            add(science, np.float32(flux * moffat(wide, *inside)), x, y)
            add(template, np.float32(flux * moffat(narrow, inside[0] + shift, inside[1])), x, y)
            dipoles.append((x, y))
        elif number % 3 == 1:
            for step in range(rng.integers(1, 8)):
                j, i = int(y), int(x) + step
                if np.hypot(j - row['y'], i - row['x']) > 1.8 * wide:
                    template[j, i] += 10 ** rng.uniform(2.5, 3.7)
        else:
            add(template, np.float32(rng.uniform(0.3, 3) * row['flux'] * moffat(narrow, *inside)), x, y)
    return np.array(dipoles)


@pytest.fixture(scope='module')
def judged():
    """Of a painted pair: true sources, misplaced stars, detections, what the cuts say."""
    truth, stars, science, template = paint(BAND, 101, snr=(8.5, 300))
    dipoles = spoil(np.random.default_rng(7), truth, science, template)
    pair = subtracted(BAND, truth, stars, science, template)
    planes = pair.difference.image, pair.variance + pair.hosts, pair.difference.mask, pair.psf.image
    scored = score_image(*planes)
    found = detect_on_score(scored, *planes, photons=pair.photons - pair.hosts)
    sigma = np.sqrt(scored.noise_scale**2 * pair.variance + np.maximum(pair.photons, 0))
    # the sources stand in rows: no lines
    result = apply_cuts(found, pair.difference.image, sigma, pair.difference.mask, scored.fwhm, cuts={'line_chance': 0})
    return truth, dipoles, found, result


def nearest(found, x, y):
    """Index of the nearest positive detection and its distance, px."""
    away = np.where(found['SIGN'] > 0, np.hypot(found['X_IMAGE'] - 1 - x, found['Y_IMAGE'] - 1 - y), np.inf)
    return away.argmin(), away.min()


def test_sources_pass_all_cuts(judged):
    truth, _, found, result = judged
    reasons = []
    for row in truth:
        index, distance = nearest(found, row['x'], row['y'])
        reasons.append(reject_names(int(result.reject[index])) if distance < 2 else 'lost')
    assert np.mean([reason == 'ok' for reason in reasons]) >= 0.995, sorted(set(reasons))


def test_misplaced_stars_fail(judged):
    _, dipoles, found, result = judged
    close = [nearest(found, *at) for at in dipoles]
    shown = [index for index, distance in close if distance < 5]
    assert len(shown) > 50
    assert np.mean(result.reject[shown] != 0) >= 0.95
