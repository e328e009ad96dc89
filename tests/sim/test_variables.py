from dataclasses import replace

import fitsio
import numpy as np
import pytest

from sediff.errors import BadUsage
from sediff.refcat.lookup import read_shards
from sediff.refcat.regions import pixels_of
from sediff.sim.gaia_columns import write_archive_shards
from sediff.sim.plan import make_plan
from sediff.sim.scene import make_scene, true_wcs, view_of
from sediff.sim.variables import BRIGHT, CHANGE, changes


def scene_of(options, facts):
    plan = make_plan(options)
    return plan, make_scene(options, plan, facts.tpv, facts.colour_term, facts.light_curve)


def test_a_tenth_of_the_stars_change_in_the_search_exposure_only(facts, options):
    plan, plain = scene_of(options, facts)
    _, scene = scene_of(replace(options, effects=('variables',)), facts)
    assert not plain.star_change.any() and np.array_equal(plain.star_mag, scene.star_mag)
    assert np.array_equal(plain.transients, scene.transients)
    views = {each.role: view_of(scene, each, true_wcs(facts.tpv[25], each.true), (4096, 2048)).stars for each in plan
             if each.role in ('search', 'template')}
    of_star = dict(zip(scene.stars['source_id'], scene.star_mag))
    change = dict(zip(scene.stars['source_id'], scene.star_change))
    for role, stars in views.items():
        expected = [of_star[number] + (change[number] if role == 'search' else 0.0) for number in stars['id']]
        assert stars['mag'] == pytest.approx(expected)


def test_changes_are_of_the_stated_size():
    magnitude = np.random.default_rng(1).uniform(13.0, 23.0, 20000)
    change = changes(3, magnitude, ('variables',))
    inside = (magnitude > 14.5) & (magnitude < 20.5)
    assert not change[~inside].any() and np.mean(change[inside] != 0.0) == pytest.approx(0.1, abs=0.01)
    size = np.abs(change[change != 0.0])
    assert CHANGE[0] <= size.min() and size.max() <= CHANGE[1]
    assert np.mean(change[change != 0.0] < 0.0) == pytest.approx(2 / 3, abs=0.05)


def test_bright_stars_are_in_the_sky_and_in_the_reference(facts, options):
    _, plain = scene_of(options, facts)
    _, scene = scene_of(replace(options, effects=('brightstars',)), facts)
    added = scene.stars[~np.isin(scene.stars['source_id'], plain.stars['source_id'])]
    assert added.size == BRIGHT * len(options.ccds)
    assert added['phot_g_mean_mag'].min() == 7.0 and added['phot_g_mean_mag'].max() == 15.0
    assert np.isin(added['source_id'], scene.gaia['source_id']).all()
    assert np.unique(scene.stars['source_id']).size == scene.stars.size


def test_other_columns_of_gaia(tmp_path, facts, options):
    """Plain tables with fluxes and their errors: the same stars and errors."""
    gaia = scene_of(options, facts)[1].gaia
    write_archive_shards(tmp_path, gaia, 'flux')
    pixels = np.unique(pixels_of(gaia['ra'], gaia['dec']))
    assert {'phot_bp_mean_flux_error', 'phot_bp_mean_mag'} < set(fitsio.read(str(next(tmp_path.iterdir()))).dtype.names)
    stars = np.sort(read_shards(tmp_path, pixels)[0], order='source_id')
    for name in ('phot_bp_mean_mag', 'phot_bp_mean_mag_error', 'phot_g_mean_mag_error'):
        assert stars[name] == pytest.approx(np.sort(gaia, order='source_id')[name])
    with pytest.raises(BadUsage, match='--gaia-columns'):
        replace(options, gaia_columns='fluxes')
