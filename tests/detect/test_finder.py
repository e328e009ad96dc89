"""Detection against simulated truth: completeness, purity, positions, fluxes, flags."""
import numpy as np
import pytest
from astropy.wcs import WCS
from scipy.spatial import cKDTree
from scipy.stats import norm

from sediff.candidates.painters import add_stamp, moffat_psf, noise_flux
from sediff.detect import detect, score_image, with_sky
from sediff.detect.dipole import fit_dipole
from sediff.detect.table import DETECTION_DTYPE, Flag
from sediff.errors import BadData

SKY = 400.0
PSF = moffat_psf(4.2, ellipticity=0.05)
UNIT = noise_flux(SKY, PSF(0, 0, 27))


def image_with(positions, fluxes, shape=(800, 800), seed=0):
    image = np.random.default_rng(seed).normal(0, np.sqrt(SKY), shape)
    for (x, y), flux in zip(positions, fluxes):
        add_stamp(image, flux * PSF(x, y, 51), x, y)
    return image.astype(np.float32), np.full(shape, SKY, np.float32), np.zeros(shape, bool)


def grid(shape, step, rng):
    y, x = np.mgrid[step // 2:shape[0] - step // 4:step, step // 2:shape[1] - step // 4:step]
    return np.column_stack([x.ravel(), y.ravel()]) + rng.uniform(-3, 3, (x.size, 2))


def match(detections, positions, radius=3.0):
    distance, index = cKDTree(np.column_stack([detections['X_IMAGE'] - 1, detections['Y_IMAGE'] - 1])).query(positions)
    return np.where(distance < radius, index, -1)


@pytest.fixture(scope='module')
def many():
    """About 370 sources of S/N 8 to 12 and both signs with the detections of their image."""
    rng = np.random.default_rng(8)
    positions = grid((800, 800), 41, rng)
    fluxes = UNIT * rng.uniform(8.5, 12, len(positions)) * rng.choice((-1, 1), len(positions))
    image, variance, bad = image_with(positions, fluxes)
    return positions, fluxes, detect(image, variance, bad, PSF)


def test_complete_at_eight_sigma(many):
    positions, _, detections = many
    assert np.mean(match(detections, positions) >= 0) >= 0.99


def test_fluxes_signs_and_errors(many):
    positions, fluxes, detections = many
    index = match(detections, positions)
    found, true = detections[index[index >= 0]], fluxes[index >= 0]
    np.testing.assert_array_equal(found['SIGN'], np.sign(true))
    pull = (found['FLUX_PSF'] - true) / found['FLUXERR_PSF']
    n = len(found)
    # A flux at its best-fit position is high by about 1/SNR of its error; sign it like the source.
    assert np.mean(pull * np.sign(true)) == pytest.approx(0.1, abs=4 / np.sqrt(n))
    assert np.std(pull) == pytest.approx(1.0, abs=5 / np.sqrt(2 * n))


def test_positions_have_their_errors(many):
    positions, _, detections = many
    index = match(detections, positions)
    found, true = detections[index[index >= 0]], positions[index >= 0]
    for column, error, axis in (('X_IMAGE', 'ERRX_IMAGE', 0), ('Y_IMAGE', 'ERRY_IMAGE', 1)):
        pull = (found[column] - 1 - true[:, axis]) / found[error]
        assert abs(np.mean(pull)) < 4 / np.sqrt(len(found))
        assert np.std(pull) == pytest.approx(1.0, abs=0.2)


def test_point_sources_look_like_points(many):
    _, _, detections = many
    clean = detections[(detections['FLAGS'] == 0) & (detections['SNR'] > 8)]
    assert np.median(clean['A_IMAGE'] / clean['APSF_IMAGE']) == pytest.approx(1.05, abs=0.12)
    pull = clean['SPREAD_MODEL'] / clean['SPREADERR_MODEL']
    assert abs(np.mean(pull)) < 0.5 and np.std(pull) < 1.5
    assert np.median(clean['CHI2_PSF']) == pytest.approx(1.0, abs=0.1)


def test_false_rate_is_gaussian():
    """Peaks above 4 sigma in empty noise, against the expectation for a smooth Gaussian field."""
    image, variance, bad = image_with([], [], shape=(1600, 1600), seed=5)
    scored = score_image(image, variance, bad, PSF)
    detections = detect(image, variance, bad, PSF, threshold=4.0)
    # Peaks of a smooth Gaussian field above u (Adler 1981): N = A det(L)^1/2 (2 pi)^-3/2 u exp(-u^2/2), both signs;
    # L from the score's own slopes.
    dy, dx = np.gradient(scored.score[30:-30, 30:-30].astype(float))
    slopes = np.sqrt(np.var(dx) * np.var(dy) - np.mean(dx * dy) ** 2)
    expected = 2 * image.size * slopes * (2 * np.pi) ** -1.5 * 4.0 * np.exp(-8.0)
    assert expected > 10
    assert abs(len(detections) - expected) < 4 * np.sqrt(expected) + 0.2 * expected
    assert len(detect(image, variance, bad, PSF, threshold=5.0)) <= 5
    assert norm.sf(5.0) * 2 * image.size < 5


def test_dipoles_are_flagged_and_pairs_of_far_sources_are_not():
    positions, fluxes = [(100.3, 100), (104.5, 101), (200, 200), (225, 200)], UNIT * np.array([30, -28, 20, -20])
    image, variance, bad = image_with(positions, fluxes, shape=(300, 300))
    detections = detect(image, variance, bad, PSF)
    index = match(detections, positions)
    dipole = (detections['FLAGS'][index] & Flag.DIPOLE) > 0
    assert dipole.tolist() == [True, True, False, False]
    assert detections['DIPOLE_RATIO'][index[0]] == pytest.approx(1, abs=0.3)
    assert 2 < detections['DIPOLE_SEP'][index[0]] < 8


def test_dipole_fit_finds_both_lobes():
    """A dipole of net flux 6 and one of none: separation, direction and net flux of the fit, chi^2 of noise."""
    places, lobes = [((80.3, 100.2), (83.1, 102.0)), ((200.0, 150.4), (196.0, 150.0))], [(40, -34), (30, -30)]
    positions = [place for pair in places for place in pair]
    image, variance, bad = image_with(positions, UNIT * np.array(lobes).ravel(), shape=(300, 300))
    detections = detect(image, variance, bad, PSF)
    for (one, two), fluxes in zip(places, lobes):
        near = detections[np.hypot(detections['X_IMAGE'] - 1 - one[0], detections['Y_IMAGE'] - 1 - one[1]) < 4]
        found = near[near['DIPOLE_CHI2'] > 0][0]
        assert found['DIPOLE_CHI2'] == pytest.approx(1.0, abs=0.25) and found['DIPOLE_CHI2'] < found['CHI2_PSF']
        assert found['DIPOLE_DX'] == pytest.approx(one[0] - two[0], abs=0.6)
        assert found['DIPOLE_DY'] == pytest.approx(one[1] - two[1], abs=0.6)
        assert found['DIPOLE_FLUX'] == pytest.approx(UNIT * sum(fluxes), abs=4 * UNIT)


def test_two_lobes_of_one_sign_are_no_dipole():
    def psf(x, y):
        return np.exp(-0.5 * ((np.arange(31) - x) ** 2 + (np.arange(31)[:, None] - y) ** 2) / 4) / (8 * np.pi)

    both = 1000 * (psf(13, 15) + psf(17, 15))
    weight = np.ones((31, 31))
    assert fit_dipole(both, weight, psf, (13, 15), (17, 15)) is None
    assert fit_dipole(both, 0 * weight, psf, (13, 15), (17, 15)) is None
    found, errors, chi2 = fit_dipole(1000 * (psf(13.2, 15) - psf(17, 15.4)), weight, psf, (13, 15), (17, 15))
    assert found == pytest.approx([1000, 13.2, 15, -1000, 17, 15.4], rel=1e-3) and chi2 < 1e-6 and (errors > 0).all()


def test_masked_core_edge_and_mask_bits():
    positions, fluxes = [(100, 100), (200, 8), (50, 200)], UNIT * np.array([40, 40, 40])
    image, variance, bad = image_with(positions, fluxes, shape=(300, 300))
    bad[100, 101] = True
    bad[190:211, 40:50] = True
    mask = np.where(bad, 16, 0).astype(np.uint16)
    mask[103, 100] = 2048
    detections = detect(image, variance, bad, PSF, mask=mask)
    first, second, third = detections[match(detections, positions)]
    assert first['FLAGS'] & Flag.MASKED_CORE and first['NMASK_CORE'] == 1 and first['NMASK_NEAR'] == 1
    assert first['IMAFLAGS_ISO'] == 16 | 2048
    assert first['FLUX_PSF'] == pytest.approx(fluxes[0], abs=5 * float(first['FLUXERR_PSF']))
    assert second['FLAGS'] & Flag.EDGE and not second['FLAGS'] & Flag.MASKED_CORE
    assert third['NMASK_NEAR'] > 20


def test_cosmic_ray_is_sharp_and_galaxy_residual_broad():
    image, variance, bad = image_with([], [], shape=(200, 200))
    image[50, 50] += 25 * UNIT * 0.4
    broad = moffat_psf(9.0)
    add_stamp(image, 60 * UNIT * broad(150, 150, 51), 150, 150)
    detections = detect(image, variance, bad, PSF)
    sharp, wide = detections[match(detections, [(50, 50), (150, 150)], radius=5)]
    assert sharp['A_IMAGE'] < 0.6 * sharp['APSF_IMAGE'] and sharp['SPREAD_MODEL'] < -5 * sharp['SPREADERR_MODEL']
    assert wide['A_IMAGE'] > 1.4 * wide['APSF_IMAGE'] and wide['SPREAD_MODEL'] > 5 * wide['SPREADERR_MODEL']


def test_nothing_found_gives_an_empty_table_with_sky_columns():
    image, variance, bad = image_with([], [], shape=(100, 100))
    detections = detect(image, variance, bad, PSF, threshold=8.0)
    assert len(detections) == 0 and detections.dtype == DETECTION_DTYPE
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = ['RA---TAN', 'DEC--TAN'], [0, -30], [50, 50], [-1e-4, 1e-4]
    assert 'ALPHAWIN_J2000' in with_sky(detections, wcs).dtype.names
    one, *_ = image_with([(49.0, 49.0)], [UNIT * 50], shape=(100, 100))
    sky = with_sky(detect(one, variance, bad, PSF), wcs)
    assert sky['DELTAWIN_J2000'][0] == pytest.approx(-30, abs=2e-5)
    assert (sky['ALPHAWIN_J2000'][0] + 180) % 360 - 180 == pytest.approx(0, abs=2e-5)


def test_a_failed_subtraction_is_rejected():
    image, variance, bad = image_with([], [], shape=(200, 200))
    with pytest.raises(BadData, match='subtraction'):
        detect(image, variance, bad, PSF, threshold=1.0, max_detections=20)
