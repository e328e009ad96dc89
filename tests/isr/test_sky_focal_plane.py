"""The sky of the focal plane: binning, components, fit and templates, against skies that were put in."""
from __future__ import annotations

import fitsio
import numpy as np
import pytest
from astropy.io.fits import Header
from isr_scenes import corners, raw_frame

from sediff.ccdimage import CcdImage
from sediff.errors import BadData, BadInput
from sediff.formats.crosstalk import read_crosstalk
from sediff.formats.sky import (
    has_fringe,
    read_binned,
    read_components,
    read_templates,
    write_binned,
    write_components,
    write_templates,
)
from sediff.instruments.amplifiers import read_amplifiers
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.isr.crosstalk import CrosstalkTerm
from sediff.isr.focal_plane import ROW_STEP, BinnedSky, bin_rows, sky_crosstalk
from sediff.isr.linearity import LinearityCurve
from sediff.isr.sky_bins import bin_pixels, spread_bins
from sediff.isr.sky_detail import build_pattern, fit_left
from sediff.isr.sky_fit import fit_exposure, smooth_components, subtract_focal_plane_sky
from sediff.isr.sky_fringe import fringes_left, record_fringe
from sediff.isr.sky_pca import FEWEST_EXPOSURES, build_components
from sediff.isr.sky_templates import SkyTemplates, build_sky_templates

pytestmark = pytest.mark.busy

CCDS = tuple(range(1, 13))


def shapes(ccd, block=128, shape=(4096, 2048)):
    """Three skies of a CCD on its blocks: the mean, a gradient over the focal plane, a pupil ghost."""
    rows, columns = ((np.arange(length // block) + 0.5) * block for length in shape)
    y, x = np.meshgrid(rows, columns, indexing='ij')
    x, y = (x + 2048 * (ccd % 4)) / 8192 - 0.5, (y + 4096 * (ccd // 4)) / 16384 - 0.5
    return np.stack([1 + 0.03 * x - 0.02 * y ** 2 + 0.01 * (ccd % 3), x + 0.5 * y, np.exp(-8 * (x ** 2 + y ** 2))])


def exposure(rng, number, noise=0.001, stars=0.03, ccds=CCDS):
    """A binned exposure with noise, blocks raised by stars, and what it is made of."""
    level = rng.uniform(300, 3000)
    true = level * np.array([1.0, rng.normal(0, 0.03), rng.normal(0, 0.02)])
    values = np.stack([np.tensordot(true, shapes(ccd), axes=1) for ccd in ccds])
    clean = values.copy()
    values *= 1 + rng.normal(0, noise, values.shape)
    hit = rng.uniform(size=values.shape) < stars
    values[hit] *= 1 + rng.uniform(0.01, 1.0, np.count_nonzero(hit))
    values[rng.uniform(size=values.shape) < 0.01] = np.nan
    return BinnedSky(values.astype(np.float32), ccds, 'r', number), clean


@pytest.fixture(scope='module')
def components():
    rng = np.random.default_rng(2)
    return build_components([exposure(rng, number)[0] for number in range(25)], 3)


def sky_of(components, fit, ccd):
    """The sky of a CCD by its smooth components."""
    return spread_bins(np.tensordot(fit.coefficients, smooth_components(components, ccd, (4096, 2048)), axes=1))


def test_binning_a_raw_ccd():
    """Stars, saturated and bad pixels, and a dead column do not move the blocks; half S, whose sections start at row 51."""
    rng = np.random.default_rng(3)
    y, x = np.indices((4096, 2048), sparse=True)
    sky = 1500.0 + 0.02 * y + 0.05 * x
    electrons = rng.normal(sky, np.sqrt(sky)).astype(np.float32)
    for _ in range(300):
        j, i = rng.integers(20, 4076), rng.integers(20, 2028)
        electrons[j - 8:j + 9, i - 8:i + 9] += 10.0 ** rng.uniform(2, 5)
    flat = (1 + 0.1 * np.sin(x / 300.0) * np.ones((4096, 1))).astype(np.float32)
    raw, header = raw_frame('S', electrons * flat)
    bad = np.zeros((4096, 2048), np.uint8)
    bad[:, 700], raw[:, 57 + 700] = 1, 65000
    first = corners(header['DATASECA'])[0].start
    rows = [plane[::ROW_STEP] for plane in (np.zeros_like(flat), flat, bad)]
    binned = bin_rows(raw[first:first + 4096:ROW_STEP], read_amplifiers(header), *rows)
    truth = sky.reshape(32, 128, 16, 128).mean(axis=(1, 3))
    error = binned / truth - 1
    assert binned.shape == (32, 16) and np.isfinite(binned).all()
    assert abs(np.median(error)) < 0.002 and np.quantile(np.abs(error), 0.95) < 0.006


def test_binning_leaves_out_what_is_not_usable():
    raw, header = raw_frame('N', np.full((4096, 2048), 1000.0, np.float32))
    rows = raw[0:4096:ROW_STEP]
    binned = bin_rows(rows, read_amplifiers(header), None, None, None, dead=('B',))
    assert np.isnan(binned[:, 8:]).all() and np.abs(binned[:, :8] - 1000).max() < 5
    with pytest.raises(BadData, match='flat has'):
        bin_rows(rows, read_amplifiers(header), None, np.ones((4, 4), np.float32), None)


def test_components_reproduce_new_exposures(components):
    """With 3 % of the blocks under stars and 1 % missing the sky comes out to better than the noise of a block."""
    rng = np.random.default_rng(7)
    for number in range(5):
        binned, clean = exposure(rng, 100 + number)
        fit = fit_exposure(binned, components)
        model = np.tensordot(fit.coefficients, components.values, axes=1)
        assert np.sqrt(np.nanmean((model / clean - 1) ** 2)) < 7e-4 and fit.rms < 1.5e-3 and fit.used > 0.9
    assert components.rms < 1.5e-3 and np.median(components.values[0]) == pytest.approx(1, abs=1e-3)


def test_a_cloud_of_outliers_does_not_pull(components):
    """A galaxy that fills two CCDs."""
    binned, clean = exposure(np.random.default_rng(8), 1)
    binned.values[3:5] *= 1.2
    model = np.tensordot(fit_exposure(binned, components).coefficients, components.values, axes=1)
    assert np.abs(np.nanmedian(model / clean) - 1) < 1e-3


def test_one_ccd_alone(components):
    """What one CCD cannot tell stays undetermined, its own sky is right all the same."""
    whole, clean = exposure(np.random.default_rng(9), 1)
    alone = BinnedSky(whole.values[4:5], (CCDS[4],), 'r', 1)
    sky = sky_of(components, fit_exposure(alone, components), CCDS[4])
    means = sky.reshape(32, 128, 16, 128).mean(axis=(1, 3))
    assert np.abs(means / clean[4] - 1).max() < 3e-3


def test_missing_ccds_in_some_exposures():
    rng = np.random.default_rng(4)
    binned = [exposure(rng, number, ccds=CCDS[:8] if number % 3 == 0 else CCDS)[0] for number in range(20)]
    built = build_components(binned, 3)
    assert built.ccds == CCDS and built.rms < 1.5e-3


def test_components_that_are_noise_are_left_out():
    rng = np.random.default_rng(12)
    built = build_components([exposure(rng, number)[0] for number in range(12)], 6)
    assert len(built.values) == 3 and built.rms < 1.5e-3


def test_binning_with_linearity_and_crosstalk():
    """What SE01 and SE02 correct, the first pass corrects too; without it the sky would be wrong by these amounts."""
    raw, header = raw_frame('N', np.full((4096, 2048), 1200.0, np.float32))
    amplifiers, rows = read_amplifiers(header), raw[0:4096:ROW_STEP]
    plain = bin_rows(rows, amplifiers, None, None, None)
    curve = LinearityCurve(np.array([0.0, 100.0, 1000.0, 60000.0]), np.array([0.0, 1.0, 3.0, 3.0]))
    gain = {each.name: each.gain for each in amplifiers}
    bent = bin_rows(rows, amplifiers, None, None, None, linearity={'A': curve}, crosstalk={'B': 0.002})
    for part, name in ((np.s_[:, :8], 'A'), (np.s_[:, 8:], 'B')):
        name = name if amplifiers[0].ccd[1].start == 0 else {'A': 'B', 'B': 'A'}[name]
        level = 1200.0 / gain[name]
        wanted = float(np.interp(level, curve.level, curve.correction)) * gain[name] if name == 'A' else -0.002 * 1200
        assert np.median((bent - plain)[part]) == pytest.approx(wanted, abs=0.1)


def test_crosstalk_of_the_sky():
    """Sum of the coefficients of the sources that are there and alive; 0.1 % at most in the matrix of 2013."""
    term = CrosstalkTerm('ccd34A', 3e-4, 1e9, (0, 0, 0))
    table = {'ccd33A': [term, CrosstalkTerm('ccd35B', 1e-4, 1e9, (0, 0, 0)), CrosstalkTerm('ccd36B', 5e-4, 1e9, (0, 0, 0))]}
    assert sky_crosstalk(33, table, {33: (), 34: (), 35: ('B',)}) == {'A': 3e-4}
    matrix = read_crosstalk(table_path(default_instrument(), 'crosstalk.csv'))
    everything = dict.fromkeys(range(1, 63), ())
    sums = [abs(value) for ccd in everything for value in sky_crosstalk(ccd, matrix, everything).values()]
    assert 5e-4 < max(sums) < 1.1e-3


def test_templates_keep_what_is_known_and_no_noise():
    """A pattern and a step of the sky come out well below the noise of a pixel in all exposures, stars notwithstanding."""
    rng = np.random.default_rng(5)
    levels = rng.uniform(500, 2000, 30)
    x = np.indices((512, 512))[1]
    truth = 1 + 0.02 * np.sin(x / 7.0) + 0.01 * (x > 255)
    bins, weights = [], []
    for level in levels:
        image = rng.normal(level * truth, np.sqrt(level * truth)).astype(np.float32)
        for _ in range(15):
            j, i = rng.integers(4, 500), rng.integers(4, 500)
            image[j - 3:j + 4, i - 3:i + 4] += 3000
        means, counts = bin_pixels(image, np.ones(image.shape, bool), 5 * np.sqrt(level))
        bins.append(means - np.float32(level))
        weights.append(counts / np.float32(level))
    templates = build_sky_templates(bins, weights, levels, np.ones((1, 128, 128), np.float32), False, range(30))
    error = spread_bins(templates.planes[0], ((), (256,))) - truth
    error -= polynomial_part(error)
    noise = 1 / np.sqrt(levels.sum())
    assert np.std(error[:, 16:-16]) < 0.2 * noise and np.abs(error[:, 240:272]).max() < 2 * noise
    assert templates.expnums == tuple(range(30)) and np.allclose(templates.noises, np.sqrt(levels), rtol=1e-3)


def polynomial_part(image):
    """What each image's own polynomial takes up."""
    from sediff.isr.sky_bins import polynomial
    from sediff.isr.sky_detail import DEGREE
    means, counts = bin_pixels(image.astype(np.float32), np.ones(image.shape, bool), 1e9)
    return polynomial(fit_left(means, counts, rough=True).polynomial, image.shape, DEGREE)


def test_subtraction_sets_weights_and_cards(components):
    binned, _ = exposure(np.random.default_rng(6), 1)
    fit, ccd = fit_exposure(binned, components), CCDS[0]
    sky = sky_of(components, fit, ccd)
    header = Header()
    header['SKYBRITE'], header['RDNOISE'] = float(np.median(sky)), 6.0
    noisy = np.random.default_rng(1).normal(sky, np.sqrt(sky + 36)).astype(np.float32)
    weight = np.full(sky.shape, 1 / (np.median(sky) + 36), np.float32)
    result = subtract_focal_plane_sky(CcdImage(noisy, np.zeros(sky.shape, np.uint16), weight, header), sky, fit, 'file.fits')
    assert abs(np.mean(result.image)) < 0.1 and np.std(result.image * np.sqrt(result.weight)) == pytest.approx(1, abs=0.01)
    assert result.header['SKYMODEL'] == 'pca' and result.header['SKYFIL'] == 'file.fits'
    assert abs(result.header['SKYRES']) < 0.5 and result.header['SKYSIGMA'] == pytest.approx(np.std(result.image), rel=0.02)
    with pytest.raises(BadData, match='before'):
        subtract_focal_plane_sky(result, sky, fit, 'file.fits')


def test_fringes():
    """Strength to a few of its errors under stars; the pattern from ten exposures."""
    rng = np.random.default_rng(11)
    y, x = np.indices((400, 400))
    truth = np.sin(np.hypot(x - 500, y + 200) / 9.0)
    truth /= np.sqrt(np.mean(truth ** 2))
    strength = rng.uniform(5, 20, 10)

    def binned(image):
        means, counts = bin_pixels(image.astype(np.float32), np.ones(image.shape, bool), 150.0)
        return means, counts / np.float32(30.0 ** 2)
    images = [binned(each * truth + rng.normal(0, 30, truth.shape)) for each in strength]
    pattern, fits = build_pattern([each[0] for each in images], [each[1] for each in images], 100 * strength)
    assert np.corrcoef(spread_bins(pattern).ravel(), truth.ravel())[0, 1] > 0.99
    assert [fit.strength for fit in fits] == pytest.approx(list(strength), abs=5 * max(fit.error for fit in fits))
    image = 12.0 * truth + rng.normal(0, 30, truth.shape)
    image[100:140, 100:140] += 5000
    means, weight = binned(image)
    weight[50:75, 12] = 0
    left = fit_left(means, weight, binned(truth)[0])
    assert left.strength == pytest.approx(12.0, abs=5 * left.error) and left.error < 0.4
    header = Header()
    assert fringes_left(header) is None
    record_fringe(header, left.strength, left.error, 'fringe.fits')
    assert header['FRINGEA'] == left.strength and fringes_left(header) is False
    with pytest.raises(BadData, match='before'):
        record_fringe(header, 1.0, 0.1, 'fringe.fits')
    assert fringes_left({'FRINGFIL': 'none'}) is True
    with pytest.raises(BadData, match='usable'):
        fit_left(means, 0 * weight)


def test_files(components, tmp_path):
    binned, _ = exposure(np.random.default_rng(6), 77)
    write_binned(tmp_path / 'a.fits', binned, 'abc')
    again = read_binned(tmp_path / 'a.fits')
    assert np.array_equal(again.values, binned.values, equal_nan=True)
    assert (again.ccds, again.band, again.expnum) == (CCDS, 'r', 77)
    write_components(tmp_path / 'c.fits', components)
    assert np.array_equal(read_components(tmp_path / 'c.fits').values, components.values, equal_nan=True)
    assert read_components(tmp_path / 'c.fits').expnums == tuple(range(25))
    made = SkyTemplates(np.ones((2, 8, 6)), np.zeros((8, 6)), (7, 9), (30.0, 31.0), (12.0, 13.5))
    write_templates(tmp_path / 't.fits', made, 5, 'z')
    again = read_templates(tmp_path / 't.fits', 5, 'z')
    assert again.planes.shape == (2, 8, 6) and again.fringe.shape == (8, 6) and has_fringe(tmp_path / 't.fits')
    assert (again.expnums, again.noises, again.strengths) == ((7, 9), (30.0, 31.0), (12.0, 13.5))
    with fitsio.FITS(str(tmp_path / 'old.fits'), 'rw') as handle:
        handle.write(np.ones((2, 8, 6)), extname='TEMPLATES', header={'CCDNUM': 5, 'BAND': 'z'})
    with pytest.raises(BadData, match='build it again'):
        read_templates(tmp_path / 'old.fits', 5, 'z')
    with pytest.raises(BadData, match='CCD 5'):
        read_templates(tmp_path / 't.fits', 6, 'z')
    with pytest.raises(BadInput, match='COMPONENTS'):
        read_components(tmp_path / 'a.fits')


def test_wrong_input(components):
    rng = np.random.default_rng(1)
    some = [exposure(rng, number)[0] for number in range(6)]
    with pytest.raises(BadData, match=f'at least {FEWEST_EXPOSURES}'):
        build_components(some[:4], 4)
    bias = BinnedSky(0 * some[0].values, CCDS, 'r', 99)
    with pytest.raises(BadData, match='without sky: 99'):
        build_components([*some, bias], 3)
    other = BinnedSky(some[0].values, CCDS, 'z', 9)
    with pytest.raises(BadData, match='more than one band'):
        build_components([*some, other], 3)
    with pytest.raises(BadData, match='band z'):
        fit_exposure(other, components)
    with pytest.raises(BadData, match='blocks'):
        fit_exposure(BinnedSky(np.full((1, 32, 16), np.nan, np.float32), (1,), 'r', 9), components)
    with pytest.raises(BadData, match='no CCD 60'):
        smooth_components(components, 60, (4096, 2048))


def test_few_exposures_give_few_components():
    """Five exposures of a sky of three shapes: two components at most, or they would follow the exposures' own noise."""
    rng = np.random.default_rng(21)
    built = build_components([exposure(rng, number)[0] for number in range(FEWEST_EXPOSURES)], 4)
    assert len(built.values) <= 2 and built.expnums == tuple(range(FEWEST_EXPOSURES))
