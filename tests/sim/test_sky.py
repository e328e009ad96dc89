"""Stars, galaxies, the kilonova and the transients."""
from dataclasses import replace

import numpy as np
import pytest

from sediff.errors import BadData, BadUsage
from sediff.kilonova import DARK, distance_modulus, kilonova_magnitude
from sediff.sim.mixtures import noise_pixels
from sediff.sim.options import NightOptions, generator
from sediff.sim.plan import make_plan
from sediff.sim.scene import make_scene, true_wcs, view_of
from sediff.sim.sky import (
    GALAXY_DTYPE,
    Region,
    draw_galaxies,
    draw_stars,
    from_plane,
    gaia_catalogue,
    star_magnitudes,
    to_plane,
)
from sediff.sim.transients import flux_for_snr, place_transients
from sediff.wcs.read import sky_to_pixel

CCD_AREA = 4096 * 2048 * (0.2637 / 3600.0) ** 2

REGION = Region(10.0, -60.0, (-0.5, 0.5, -0.4, 0.4))


def test_plane_and_back():
    xi, eta = to_plane(np.array([359.8, 0.3]), np.array([-60.1, -59.9]), 0.0, -60.0)
    ra, dec = from_plane(xi, eta, 0.0, -60.0)
    assert ra == pytest.approx([359.8, 0.3]) and dec == pytest.approx([-60.1, -59.9])
    assert xi[0] == pytest.approx(-0.2 * np.cos(np.radians(60.1)), rel=1e-3)


def test_region_across_zero_hours():
    region = Region.around(np.array([359.9, 0.1]), np.array([5.0, 5.2]), 0.1)
    assert region.area == pytest.approx(0.4 * 0.4, rel=0.02)
    ra, _ = region.draw(generator(1), 500)
    assert ((ra < 0.25) | (ra > 359.75)).all()


def test_stars_number_and_gaia_errors():
    options = NightOptions(stars=2000)
    stars = draw_stars(generator(1), options, REGION)
    expected = 2000 * REGION.area / CCD_AREA
    assert abs(stars.size - expected) < 5 * np.sqrt(expected)
    gaia = gaia_catalogue(generator(2), stars)
    assert gaia['phot_g_mean_mag'].max() < 21.0 and (gaia['ref_epoch'] == 2016.0).all()
    truth = stars[:gaia.size]
    assert np.array_equal(truth['source_id'], gaia['source_id'])
    for name, unit in (('dec', 3.6e6), ('pmra', 1.0), ('parallax', 1.0)):
        pull = (gaia[name] - truth[name]) * unit / gaia[f'{name}_error']
        assert pull.std() == pytest.approx(1.0, abs=5 / np.sqrt(2 * gaia.size))
    pull = (gaia['ra'] - truth['ra']) * 3.6e6 * np.cos(np.radians(-60.0)) / gaia['ra_error']
    assert pull.std() == pytest.approx(1.0, rel=0.05)


def test_colour_term(facts):
    stars = draw_stars(generator(1), NightOptions(stars=50), REGION)
    colour = stars['phot_bp_mean_mag'] - stars['phot_rp_mean_mag']
    r_minus_g = star_magnitudes(stars, facts.colour_term) - stars['phot_g_mean_mag']
    # stars like the Sun (BP - RP = 0.8) have r near G, very red ones are fainter in r than in G
    assert np.abs(r_minus_g[np.abs(colour - 0.8) < 0.1]).max() < 0.15
    assert r_minus_g[colour > 2.5].min() > 0.15


def test_galaxies():
    galaxies = draw_galaxies(generator(3), NightOptions(galaxies=1500), REGION)
    assert abs(galaxies.size - 1500 * REGION.area / CCD_AREA) < 5 * np.sqrt(galaxies.size)
    assert set(galaxies['sersic']) == {1.0, 4.0} and galaxies['axis_ratio'].min() >= 0.3


def test_kilonova_light_curve(facts):
    curve = facts.light_curve
    # observed: r = 17.99 at 1.43 d and 40.7 Mpc
    assert kilonova_magnitude(curve, 'r', 1.43, 40.7) == pytest.approx(17.99, abs=0.01)
    assert kilonova_magnitude(curve, 'r', 1.43, 407.0) == pytest.approx(22.99, abs=0.01)
    assert kilonova_magnitude(curve, 'g', -0.1, 40.7) == DARK
    assert kilonova_magnitude(curve, 'r', 30.0, 40.7) > kilonova_magnitude(curve, 'r', 11.0, 40.7) + 1.0
    assert distance_modulus(1e-5) == pytest.approx(0.0)
    with pytest.raises(BadUsage, match='band u'):
        kilonova_magnitude(curve, 'u', 1.0, 40.0)


def test_flux_for_snr():
    flux = flux_for_snr(np.array([5.0, 100.0]), noise_pixels(4.0), 1500.0)
    assert flux / np.sqrt(noise_pixels(4.0) * 1500.0 + flux) == pytest.approx([5.0, 100.0])


def test_transients_keep_apart(facts, options):
    plan = make_plan(options)
    scene = make_scene(options, plan, facts.tpv, facts.colour_term, facts.light_curve)
    assert list(scene.transients['kind']).count('kilonova') == 1 and scene.transients.size == 13
    for ccd in options.ccds:
        mine = scene.transients[scene.transients['ccdnum'] == ccd]
        x, y = sky_to_pixel(true_wcs(facts.tpv[ccd], plan[-1].true), mine['ra'], mine['dec'])
        distance = np.hypot(x[:, None] - x, y[:, None] - y) + 1e9 * np.eye(x.size)
        assert distance.min() > 25 and x.min() > 30 and y.min() > 30 and x.max() < 2018 and y.max() < 4066
    host = scene.galaxies[scene.galaxies['id'] == scene.transients['host_id'][0]]
    assert host.size == 1 and np.hypot(*to_plane(host['ra'], host['dec'], *scene.transients[['ra', 'dec']][0]))[0] * 3600 < 5


def test_transients_shine_only_in_the_search_exposure(facts, options):
    plan = make_plan(options)
    scene = make_scene(options, plan, facts.tpv, facts.colour_term, facts.light_curve)
    views = {each.role: view_of(scene, each, true_wcs(facts.tpv[25], each.true), (4096, 2048))
             for each in plan if each.on_sky}
    assert views['template'].transients.size == 0 and views['search'].transients.size >= 6
    assert views['template'].streak is None and views['search'].streak is not None


def test_transients_on_nuclei(facts, options):
    options = replace(options, effects=('nuclei',))
    plan = make_plan(options)
    scene = make_scene(options, plan, facts.tpv, facts.colour_term, facts.light_curve)
    drawn = scene.transients[(scene.transients['kind'] == 'transient') & (scene.transients['host_id'] > 0)]
    hosts = scene.galaxies[[int(np.flatnonzero(scene.galaxies['id'] == each)[0]) for each in drawn['host_id']]]
    assert len(drawn) >= 1
    assert 3600 * np.abs([drawn['ra'] - hosts['ra'], drawn['dec'] - hosts['dec']]).max() < 0.01


def test_too_many_transients(facts, options):
    search = make_plan(options)[-1]
    taken = np.stack(np.meshgrid(np.arange(0, 2048, 30), np.arange(0, 4096, 30)), axis=-1).reshape(-1, 2)
    with pytest.raises(BadData, match='fewer'):
        place_transients(generator(1), options, search, 25, true_wcs(facts.tpv[25], search.true), np.zeros(0, GALAXY_DTYPE),
                         taken)


def test_movers_are_where_they_were_at_the_search_exposure_and_half_are_in_no_catalogue():
    from sediff.refcat.motion import at_epoch
    from sediff.sim.movers import with_movers
    options = NightOptions(stars=3000)
    rng = np.random.default_rng(1)
    stars = draw_stars(rng, options, Region(52.5, -28.0, (-0.2, 0.2, -0.2, 0.2)))
    gaia = gaia_catalogue(rng, stars)
    mjd = 60263.0
    moved, listed = with_movers(stars, gaia, np.random.default_rng(2), 2000.0 + (mjd - 51544.5) / 365.25)
    fast = np.hypot(moved['pmra'], moved['pmdec']) > 1500
    assert 30 < fast.sum() < 0.1 * len(stars) and len(listed) < len(gaia)
    now, before = at_epoch(moved[fast], mjd), at_epoch(stars[fast], mjd)
    assert np.abs(now['dec'] - before['dec']).max() * 3600 < 0.1
    assert np.abs(now['ra'] - before['ra']).max() * 3600 * 0.88 < 0.1
    earlier = at_epoch(moved[fast], mjd - 40.0)
    shift = np.hypot((earlier['ra'] - now['ra']) * np.cos(np.radians(28.0)), earlier['dec'] - now['dec']) * 3600
    assert shift.min() > 0.1 and shift.max() < 1.2
    known = np.isin(moved['source_id'][fast], listed['source_id'])
    assert 0.3 < known.mean() < 0.55
    same = at_epoch(listed[np.isin(listed['source_id'], moved['source_id'][fast])], mjd)
    truth = now[np.isin(now['source_id'], same['source_id'])]
    assert np.abs(np.sort(same['dec']) - np.sort(truth['dec'])).max() * 3600 < 0.1
