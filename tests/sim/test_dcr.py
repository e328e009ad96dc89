"""Refraction by colour: where light of a colour falls, and how far it is drawn out."""
from dataclasses import replace

import numpy as np
import pytest

from sediff.astrometry.refraction import chromatic_refraction, zenith_vector
from sediff.sim.cards import wcs_header
from sediff.sim.dcr import MEAN_COLOUR, displaced, drawn_out
from sediff.sim.options import NightOptions
from sediff.sim.plan import make_plan
from sediff.sim.scene import SOURCE_DTYPE, make_scene, view_of
from sediff.wcs.read import read_wcs

OPTIONS = NightOptions(seed=7, ccds=(33,), band='g', stars=60, galaxies=10, transients=2, templates=0, zeros=0, flats=0,
                       hour_angle=60.0)


@pytest.fixture(scope='module')
def exposure():
    return make_plan(OPTIONS)[-1]


def offsets(table, moved):
    """Arcsec to the east and to the north."""
    east = (moved['ra'] - table['ra']) * np.cos(np.radians(table['dec']))
    return 3600 * np.stack([east, moved['dec'] - table['dec']], axis=1)


def test_light_is_displaced_along_the_vertical(exposure):
    table = np.zeros(3, SOURCE_DTYPE)
    table['ra'], table['dec'] = 52.5, [-28.0, -27.9, -28.1]
    colour = np.array([MEAN_COLOUR, 0.4, 2.5])
    shift = offsets(table, displaced(table, colour, exposure))
    vertical = zenith_vector(exposure.hour_angle, exposure.true.dec, -30.16606)
    assert np.hypot(*shift[0]) < 1e-6
    assert shift[1] @ vertical > 0 > shift[2] @ vertical
    np.testing.assert_allclose(shift @ np.array([-vertical[1], vertical[0]]), 0.0, atol=1e-6)
    # a red and a blue star in g at airmass 1.6: 0.1 to 0.2 arcsec apart
    assert 0.05 < np.hypot(*(shift[1] - shift[2])) < 0.25


def test_light_is_drawn_out_by_the_spread_of_its_colours(exposure):
    """Sum 1, mean 0, and the variance that of the refraction within the band."""
    table = np.zeros(1, SOURCE_DTYPE)
    table['ra'], table['dec'] = 52.5, -28.0
    parts = drawn_out(table, np.array([1.0]), exposure)
    share = np.array([part[1] for part in parts])
    along = np.array([offsets(table, part[0])[0] for part in parts])
    vertical = zenith_vector(exposure.hour_angle, exposure.true.dec, -30.16606)
    rms = chromatic_refraction(np.array([1.0]), (0.400, 0.550))[1][0] * np.hypot(*vertical)
    assert share.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(share @ along, 0.0, atol=1e-6)
    assert share @ (along**2).sum(axis=1) == pytest.approx(rms**2, rel=1e-4)


def test_only_asked_for(facts, exposure):
    wcs = read_wcs(wcs_header(facts.tpv[33], exposure.true))
    views = []
    for effects in ((), ('dcr',)):
        options = replace(OPTIONS, effects=effects)
        scene = make_scene(options, [exposure], facts.tpv, facts.colour_term, facts.light_curve)
        views.append(view_of(scene, exposure, wcs, (4096, 2048)))
    plain, refracted = views
    assert plain.colours is None and set(refracted.colours) == {'stars', 'galaxies', 'transients'}
    shift = offsets(plain.stars, refracted.stars)
    assert 0.01 < np.median(np.hypot(*shift.T)) < 0.2
    assert all(len(refracted.colours[name]) == len(getattr(refracted, name)) for name in refracted.colours)


def test_ages_and_hour_angles_of_templates():
    options = NightOptions(seed=5, template_days=(700, 1800), hour_angle=55.0, template_hour_angle=-40.0)
    *templates, search = [each for each in make_plan(options) if each.on_sky]
    assert search.hour_angle == pytest.approx(55.0, abs=0.1) and search.airmass > 1.4
    for each in templates:
        assert 700 <= search.mjd - each.mjd <= 1801 and each.hour_angle == pytest.approx(-40.0, abs=1.0)
