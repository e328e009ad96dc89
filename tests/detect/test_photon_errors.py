"""Errors of fluxes hold for faint and bright sources, in the field, in galaxies and on nuclei: painted pairs, subtracted."""
import numpy as np
import pytest
from painted_pairs import PLACES, Band, paint, subtracted

from sediff.candidates.forced import forced_photometry
from sediff.detect import detect_on_score, score_image

pytestmark = pytest.mark.busy

#: Sky of 90 s in i and in g.
BANDS = {'i': Band(5000.0), 'g': Band(350.0, nucleus=3e4)}


@pytest.fixture(scope='module', params=list(BANDS))
def measured(request):
    """Of two pairs of a band: their scenes, scores and forced photometry at the true positions."""
    out = []
    for seed in (0, 1):
        pair = subtracted(BANDS[request.param], *paint(BANDS[request.param], seed))
        planes = pair.difference.image, pair.variance + pair.hosts, pair.difference.mask, pair.psf.image
        scored = score_image(*planes)
        options = {'noise_scale': scored.noise_scale, 'photons': pair.photons - pair.hosts}
        out.append((pair, scored, forced_photometry(*planes, pair.truth['x'], pair.truth['y'], **options)))
    return out


def spread(pull):
    return np.sqrt(np.mean(pull**2))


def test_pulls_are_one_at_every_brightness_and_place(measured):
    truth = np.concatenate([pair.truth for pair, *_ in measured])
    forced = np.concatenate([table for *_, table in measured])
    pull = (forced['FLUX'] - truth['flux']) / forced['FLUXERR']
    for low, high in ((8, 20), (20, 60), (60, 150)):
        of_bin = (truth['snr'] > low) & (truth['snr'] < high)
        assert spread(pull[of_bin]) == pytest.approx(1.0, abs=0.05 + 2.5 / np.sqrt(2 * of_bin.sum()))
    for place in PLACES:
        here = truth['place'] == place
        assert spread(pull[here]) == pytest.approx(1.0, abs=0.05 + 2.5 / np.sqrt(2 * here.sum()))
    assert np.median(truth['flux'] / forced['FLUXERR'] / truth['snr']) == pytest.approx(1.0, abs=0.06)


def test_detections_carry_the_same_errors(measured):
    pair, scored, forced = measured[0]
    planes = pair.difference.image, pair.variance + pair.hosts, pair.difference.mask, pair.psf.image
    found = detect_on_score(scored, *planes, photons=pair.photons - pair.hosts)
    found = found[found['SIGN'] > 0]
    away = np.hypot(found['X_IMAGE'][:, None] - 1 - pair.truth['x'], found['Y_IMAGE'][:, None] - 1 - pair.truth['y'])
    nearest, clean = away.argmin(axis=0), away.min(axis=0) < 1.5
    assert clean.mean() > 0.99
    rows, truth = found[nearest[clean]], pair.truth[clean]
    assert np.median(rows['FLUXERR_PSF'] / forced['FLUXERR'][clean]) == pytest.approx(1.0, abs=0.02)
    bright = truth['snr'] > 30
    for column, error, true in (('X_IMAGE', 'ERRX_IMAGE', 'x'), ('Y_IMAGE', 'ERRY_IMAGE', 'y')):
        assert spread((rows[column] - 1 - truth[true])[bright] / rows[error][bright]) == pytest.approx(1.0, abs=0.25)
    assert np.median(rows['CHI2_PSF']) == pytest.approx(1.0, abs=0.06)


def test_score_of_the_sky_is_not_changed_and_hosts_are_quiet(measured):
    pair, scored, _ = measured[0]
    plain = score_image(pair.difference.image, pair.variance, pair.difference.mask, pair.psf.image)
    assert (pair.hosts > 0).mean() < 0.06
    assert scored.noise_scale == pytest.approx(plain.noise_scale, rel=0.01)
    sky = pair.hosts == 0
    assert np.median(np.abs(scored.score[sky] - plain.score[sky])) < 0.01


def test_noise_on_nuclei_is_that_of_their_photons():
    """Nuclei with nothing on them: the score has unit noise there, without their photons it has more."""
    band = Band(350.0, nucleus=2e5)
    pair = subtracted(band, *paint(band, 3, snr=(0.01, 0.011)))
    j, i = (np.rint(pair.truth[k]).astype(int)[pair.truth['place'] == 'nucleus'] for k in 'yx')
    scores = [score_image(pair.difference.image, variance, pair.difference.mask, pair.psf.image).score[j, i]
              for variance in (pair.variance, pair.variance + pair.hosts)]
    assert spread(scores[0]) > 1.8
    assert spread(scores[1]) == pytest.approx(1.0, abs=0.35)
