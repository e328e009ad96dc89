"""The generators of scenes paint what they say, and examples are labelled by what lies there."""
import numpy as np
import pytest

from sediff.candidates.examples import CLASSES, label, scene_examples
from sediff.candidates.independent import galaxy_ellipticity, galaxy_radius, independent_scene
from sediff.candidates.painters import PAINTERS, REAL, moffat_psf
from sediff.candidates.scenes import KINDS, simulate_scene
from sediff.candidates.training import training_scene

NONE = dict.fromkeys(KINDS, 0)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('generator', ['own', 'independent'])
def test_a_scene_of_one_kind_has_detections_of_that_kind_only(kind, generator):
    counts = {**NONE, kind: 8 if kind not in ('streak', 'ghost') else 2}
    make = {'own': lambda seed: simulate_scene(seed, (300, 300), counts=counts, n_stars=0),
            'independent': lambda seed: independent_scene(seed, (300, 300), counts)}[generator]
    found = np.concatenate([scene_examples(make(seed))[1] for seed in (1, 2)])
    expected = {'hot_pixel': 'cosmic_ray', 'edge': 'bleed'}.get(kind, kind)
    assert np.mean(found == expected) > 0.5 and set(found) <= {expected, 'noise', 'blend'}


def test_variables_and_nuclei_have_both_signs():
    scene = simulate_scene(3, counts={**NONE, 'variable': 40, 'nucleus': 40})
    for kind in ('variable', 'nucleus'):
        flux = scene.truth['flux'][scene.truth['kind'] == kind]
        assert (flux > 0).any() and (flux < 0).any()


def test_sources_near_masked_rows_are_examples_and_those_beside_artefacts_are_not():
    scene = simulate_scene(5, (200, 200), counts={**NONE, 'transient': 1}, n_stars=0)
    x, y = scene.truth['x'].copy(), scene.truth['y']
    column, row = round(x[0]), round(y[0])
    assert label(scene, x, y, 4.0).tolist() == ['transient'] and label(scene, x + 4, y, 4.0).tolist() == ['blend']
    scene.artefact[row + 3:row + 6], scene.bad[row + 3:row + 6] = KINDS.index('edge'), True
    assert label(scene, x, y, 4.0).tolist() == ['transient']
    scene.artefact[row, column + 2] = KINDS.index('cosmic_ray')
    assert label(scene, x, y, 4.0).tolist() == ['blend']
    scene.truth['x'] += 100
    assert label(scene, x, y, 4.0).tolist() == ['cosmic_ray']


def test_the_noise_is_what_the_variance_says():
    scene = simulate_scene(7, (400, 400), counts=NONE, n_stars=0)
    assert np.std(scene.difference / np.sqrt(scene.variance)) == pytest.approx(1.0, abs=4 / np.sqrt(2 * 400 ** 2))


def test_scenes_follow_from_their_seed():
    one, two, other = (training_scene(seed) for seed in (4, 4, 5))
    assert (one.difference == two.difference).all() and (one.difference != other.difference).any()
    assert set(PAINTERS) >= set(REAL) and set(CLASSES[:len(REAL)]) == set(REAL)


def test_moffat_has_its_width_and_flux():
    psf = moffat_psf(4.0, 3.5, 0.2, 0.5)(50.0, 50.0, 101)
    assert psf.sum() == pytest.approx(1.0, abs=0.01)
    assert np.sqrt(4 / np.pi * np.count_nonzero(psf > psf.max() / 2)) == pytest.approx(4.0, rel=0.1)


def test_galaxies_are_drawn_from_the_published_distributions():
    """Median scale length exp(-1.145) arcsec at i = 23, growing with brightness; ellipticities below 0.804, mean 0.25."""
    rng = np.random.default_rng(1)
    scale = np.median([galaxy_radius(rng, 23.0) for _ in range(4000)]) / 1.678
    assert scale == pytest.approx(np.exp(-1.145), rel=0.05)
    bright = np.median([galaxy_radius(rng, 20.0) for _ in range(4000)]) / 1.678
    assert bright / scale == pytest.approx(np.exp(0.807), rel=0.1)
    ellipticity = np.array([galaxy_ellipticity(rng) for _ in range(4000)])
    assert ellipticity.min() >= 0 and ellipticity.max() <= 0.804 and 0.15 < ellipticity.mean() < 0.35
