"""Forced photometry in staged differences against painted truth: no bias, honest errors, from parts of compressed images."""
import numpy as np
import pytest
from painted_pairs import Band, paint, subtracted
from staged_season import exposure_of, gaussian_psf, stage

from sediff.candidates.epochs import joined
from sediff.candidates.painters import add_stamp
from sediff.flow.forced.measure import FEW, measure
from sediff.flow.forced.staged import Near, find_near
from sediff.wcs.read import pixel_to_sky

SKY = 900.0


def painted(rng, psf, side=1100, step=30, snr=(0.0, 15.0)):
    """A difference with a source every `step` px of S/N uniform in a range, its own photons drawn; truth and planes."""
    y, x = (grid.ravel() + rng.uniform(-0.5, 0.5, grid.size) for grid in np.mgrid[20:side - 20:step, 20:side - 20:step])
    unit = np.sqrt(SKY / (psf.image(0, 0, 31) ** 2).sum())
    flux, light = unit * rng.uniform(*snr, x.size), np.zeros((side, side))
    for a, b, value in zip(x, y, flux):
        add_stamp(light, value * psf.image(a, b, 31), a, b)
    noise = rng.normal(0.0, 1.0, light.shape)
    return x, y, flux, light + noise * np.sqrt(SKY + light), light + noise * np.sqrt(SKY)


def measured(root, scenes, psf):
    """Truth and rows of scenes, each staged as an exposure of its own and measured at the true places of its sources."""
    truth, rows = [], []
    for number, (x, y, flux, image, photons) in enumerate(scenes):
        exposure = exposure_of(root, 1250100 + number)
        wcs = stage(exposure, image, np.full(image.shape, SKY), psf, photons)
        ra, dec = pixel_to_sky(wcs, x, y)
        near = [one for one in find_near(exposure, ra, dec, {exposure.expnum}) if one.exposure.expnum == exposure.expnum]
        found = joined([measure(one, ra, dec) for one in near]).rows
        assert len(found) == len(x) and np.array_equal(found['place'], np.arange(len(x)))
        assert np.abs(found['x'] - x).max() < 1e-5 and np.abs(found['y'] - y).max() < 1e-5
        truth.append(flux)
        rows.append(found)
    return np.concatenate(truth), np.concatenate(rows)


def test_faint_sources_have_no_bias_and_honest_errors(tmp_path):
    """6400 and more: the mean of the pulls is known to 0.0125, their width to 0.009."""
    rng, psf = np.random.default_rng(2), gaussian_psf()
    truth, rows = measured(tmp_path, (painted(rng, psf) for _ in range(5)), psf)
    pull = (rows['flux'] - truth) / rows['error']
    assert len(pull) > 6400
    assert abs(pull.mean()) < 0.05
    assert pull.std() == pytest.approx(1.0, abs=0.05)
    assert (np.abs(pull) > 3.0).mean() < 2.0 * 0.0027


def test_bright_sources_are_right_to_three_parts_in_a_thousand(tmp_path):
    rng, psf = np.random.default_rng(3), gaussian_psf()
    truth, rows = measured(tmp_path, (painted(rng, psf, snr=(15.0, 200.0), step=36) for _ in range(2)), psf)
    weight = 1.0 / rows['error'].astype(float) ** 2 * truth**2
    assert abs(np.average(rows['flux'] / truth - 1.0, weights=weight)) < 0.003
    assert ((rows['flux'] - truth) / rows['error']).std() == pytest.approx(1.0, abs=0.05)


def test_parts_of_an_image_give_the_same_as_all_of_it(tmp_path):
    rng, psf = np.random.default_rng(4), gaussian_psf()
    x, y, _, image, photons = painted(rng, psf, side=300)
    wcs = stage(exposure_of(tmp_path), image, np.full(image.shape, SKY), psf, photons, rng.random(image.shape) < 0.03)
    ra, dec = pixel_to_sky(wcs, np.append(x, [-0.4, 299.4]), np.append(y, [150.0, 299.4]))
    near = find_near(exposure_of(tmp_path), ra, dec)[0]
    assert len(near.places) > FEW
    whole = measure(near, ra, dec).rows
    parts = np.concatenate([measure(Near(near.exposure, near.places[k:k + 9], near.inside[k:k + 9]), ra, dec).rows
                            for k in range(0, len(near.places), 9)])
    for name in ('flux', 'error', 'chi2', 'good', 'flags', 'gap'):
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-5, err_msg=name)
    assert np.isfinite(whole['flux'][-2:]).all() and (whole['good'][-2:] < 0.7).all()


def of_pairs(root, seeds, **scene):
    """Flux, error and true flux at the sources of painted pairs that were subtracted, whitened and staged."""
    out = []
    for seed in seeds:
        pair = subtracted(Band(5000.0), *paint(Band(5000.0), seed, **scene))
        exposure = exposure_of(root, 1250100 + seed)
        wcs = stage(exposure, pair.difference.image, pair.variance, pair.psf, pair.photons, pair.difference.mask)
        ra, dec = pixel_to_sky(wcs, pair.truth['x'], pair.truth['y'])
        rows = joined([measure(one, ra, dec) for one in find_near(exposure, ra, dec, {exposure.expnum})]).rows
        out.append(np.column_stack([rows['flux'], rows['error'], pair.truth['flux'][rows['place']]]))
    return np.concatenate(out).T


@pytest.mark.slow
def test_subtracted_pairs(tmp_path):
    """In the field, in galaxies and on nuclei, before a source is there and when it is bright.

    Bright sources stand 100 px apart: a crowd of them, all of one sign, is taken for background by the subtraction.
    """
    flux, error, truth = of_pairs(tmp_path, range(4), step=40, snr=(0.01, 0.011))
    pull = (flux - truth) / error
    print(f'nothing there: {len(pull)} places, mean pull {pull.mean():.3f}, width {pull.std():.3f}')
    assert abs(pull.mean()) < 0.05 and pull.std() == pytest.approx(1.0, abs=0.05)
    flux, error, truth = of_pairs(tmp_path, range(4, 8), step=100, snr=(30, 150))
    bias, width = np.average(flux / truth - 1.0, weights=(truth / error) ** 2), ((flux - truth) / error).std()
    print(f'bright: {len(flux)} sources, bias {bias:.4f}, width {width:.3f}')
    assert abs(bias) < 0.003 and width == pytest.approx(1.0, abs=0.05 + 2.5 / np.sqrt(2 * len(flux)))
