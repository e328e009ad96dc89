"""What is injected: places, magnitudes, light curves, the same every time."""
import numpy as np
import pytest
from astropy.table import Table

from sediff.catalogs import catalog_path
from sediff.errors import BadInput, BadUsage
from sediff.fakes.draw import (
    APART,
    NO_LIGHT,
    Galaxies,
    Recipe,
    draw,
    generator,
    host_places,
    keep_apart,
    light_curve_magnitudes,
    surface_brightness,
)
from sediff.flow.diffimg.fakes import read_light_curve

SHAPE = (1500, 1000)


@pytest.fixture(scope='module')
def galaxies():
    """Two exponential discs, one round and one three times as long as wide at 30 degrees, and one without light."""
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    light = 500.0 * np.exp(-np.hypot(x - 300.3, y - 400.6) / 4.0)
    u, v = x - 700.0, y - 1000.0
    turn = np.radians(30.0)
    along, across = u * np.cos(turn) + v * np.sin(turn), v * np.cos(turn) - u * np.sin(turn)
    light += 200.0 * np.exp(-np.hypot(along / 9.0, across / 3.0))
    return Galaxies(np.array([7, 8, 9]), np.array([300.3, 700.0, 100.0]), np.array([400.6, 1000.0, 1400.0]),
                    np.array([8.0, 15.0, 4.0]), np.array([8.0, 5.0, 4.0]), np.array([0.0, 30.0, 0.0]),
                    light.astype(np.float32))


def test_places_on_galaxies_follow_their_light(galaxies):
    places, hosts = host_places(generator(1, 5, 33), galaxies, 4000)
    assert set(hosts) == {7, 8}                                 # 9 has no light
    for number, x, y in ((7, 300.3, 400.6), (8, 700.0, 1000.0)):
        mine = places[hosts == number] - (x, y)
        k = list(galaxies.number).index(number)
        v, u = np.mgrid[-60:61, -60:61] + np.array([round(y) - y, round(x) - x])[:, None, None]
        turn = np.radians(galaxies.theta[k])
        along, across = u * np.cos(turn) + v * np.sin(turn), v * np.cos(turn) - u * np.sin(turn)
        inside = np.hypot(along / galaxies.a[k], across / galaxies.b[k]) <= 3.0
        light = galaxies.light[round(y) - 60:round(y) + 61, round(x) - 60:round(x) + 61] * inside
        # second moments of the places are those of the light, and of a pixel
        for one, two, part in ((u, u, 1 / 12), (v, v, 1 / 12), (u, v, 0.0)):
            wanted = np.average(one * two, weights=light) + part
            size = np.average(u * u + v * v, weights=light)
            found = np.mean(mine[:, 0 if one is u else 1] * mine[:, 0 if two is u else 1])
            assert found == pytest.approx(wanted, abs=4.0 * 1.5 * size / np.sqrt(len(mine)))
    assert not len(host_places(generator(1, 5, 33), Galaxies(*[np.zeros(0)] * 6, galaxies.light), 50)[0])


def test_fakes_are_as_many_as_wanted_and_apart(galaxies):
    recipe = Recipe(count=80, hosts=0.3, negative=0.25)
    truth = draw(recipe, generator(3, 12, 1), SHAPE, galaxies)
    assert len(truth) == 80 and list(truth['ID']) == list(range(1, 81))
    places = np.column_stack([truth['X_IMAGE'], truth['Y_IMAGE']])
    distances = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)) + 1e9 * np.eye(80)
    assert distances.min() >= APART
    assert places.min() >= 0.5 and (places <= np.array(SHAPE[::-1]) + 0.5).all()
    on = truth['KIND'] == 'host'
    assert 2 <= on.sum() <= 24 and set(truth['HOST'][on]) == {7, 8} and not truth['HOST'][~on].any()
    assert truth['MAG'].min() >= 17 and truth['MAG'].max() <= 25
    assert np.mean(truth['SIGN'] < 0) == pytest.approx(0.25, abs=3.5 * np.sqrt(0.25 * 0.75 / 80))


def test_magnitudes_and_places_are_uniform():
    parts = [draw(Recipe(count=100), generator(1, 7, 3, part), SHAPE) for part in range(20)]
    truth = np.concatenate(parts)
    counts = np.histogram(truth['MAG'], np.arange(17, 25.1))[0]
    wanted = len(truth) / 8
    assert counts.sum() == len(truth) and ((counts - wanted) ** 2 / wanted).sum() < 24.3      # 99.9 %, 7 dof
    halves = [np.mean(truth['X_IMAGE'] < SHAPE[1] / 2), np.mean(truth['Y_IMAGE'] < SHAPE[0] / 2)]
    assert halves == pytest.approx([0.5, 0.5], abs=3.5 / np.sqrt(4 * len(truth)))
    assert (draw(Recipe(bright=20.0, faint=20.0), generator(1, 7, 3), SHAPE)['MAG'] == 20.0).all()


def test_the_same_ccd_has_the_same_fakes_and_others_have_others():
    first, again = (draw(Recipe(), generator(1, 668443, 33), SHAPE) for _ in range(2))
    assert np.array_equal(first, again)
    for other in ((2, 668443, 33), (1, 668444, 33), (1, 668443, 34), (1, 668443, 33, 1)):
        assert not np.isin(draw(Recipe(), generator(*other), SHAPE)['MAG'], first['MAG']).any()


def test_chosen_places_are_taken_as_they_are():
    truth = draw(Recipe(count=1), generator(1, 1, 1), SHAPE, chosen=np.array([[10.5, 20.0], [12.0, 20.0]]))
    assert list(truth['X_IMAGE']) == [11.5, 13.0] and set(truth['KIND']) == {'place'} and not truth['HOST'].any()


def test_a_kilonova_has_its_published_magnitude():
    """AT2017gfo at its own distance, 40.7 Mpc: r = 17.99 +- 0.01, 1.43 days after the merger; fainter farther away."""
    curve = read_light_curve(catalog_path('at2017gfo.csv'))
    near, far = light_curve_magnitudes(np.array([40.7, 407.0]), 1.43, (curve, 'r'))
    assert near == pytest.approx(17.99, abs=0.01) and far - near == pytest.approx(5.0)
    truth = draw(Recipe(distances=(40.7, 407.0), days=1.43), generator(1, 1, 1), SHAPE, curve=(curve, 'r'))
    assert {(round(float(d), 1), round(float(m), 2)) for d, m in zip(truth['DISTANCE'], truth['MAG'])} == {
        (40.7, round(near, 2)), (407.0, round(far, 2))}
    with pytest.raises(BadUsage, match='before it the light curve is dark'):
        light_curve_magnitudes(np.array([40.0]), -0.1, (curve, 'r'))


def test_light_curves_agree_with_the_photometry_they_are_from(realdata):
    """Every row of the table is in the public compilation: the same day, band and magnitude."""
    path = realdata / 'catalogs' / 'at2017gfo' / 'AT2017gfo_phot.dat'
    rows = [line.split() for line in path.read_text().splitlines()[1:]]
    column = {'g': 4, 'r': 6, 'i': 8, 'z': 10, 'Y': 12}
    published = {(band, round(float(row[1]), 2)): float(row[at]) for row in rows for band, at in column.items()}
    curve = read_light_curve(catalog_path('at2017gfo.csv'))
    for row in curve:
        apparent = float(row['abs_mag']) + 33.048
        assert apparent == pytest.approx(published[str(row['band']), round(float(row['days']), 2)], abs=0.002)


@pytest.mark.parametrize('name, file', [('kasen_blue', 'Kasen_0.025_0.3_1e-4.0.dat'),
                                        ('kasen_red', 'Kasen_0.05_0.15_1e-2.0.dat')])
def test_models_of_kilonovae_are_those_they_are_from(realdata, name, file):
    """Within what drawing lines between 12 points costs, wherever the models, of photon packets, are not faint and noisy."""
    model, curve = Table.read(realdata / 'gw' / file, format='ascii.ecsv'), read_light_curve(catalog_path(f'{name}.csv'))
    for band in 'gri':
        rows = curve[curve['band'] == band]
        days = np.asarray(model['time'])[(model['time'] >= rows['days'][0]) & (model['time'] <= rows['days'][-1])]
        off = [light_curve_magnitudes(np.array([1e-5]), day, (curve, band))[0] for day in days]
        off -= np.interp(days, model['time'], model[f'sdss_{band}'])
        off = off[np.interp(days, model['time'], model[f'sdss_{band}']) < -10.0]
        assert len(off) >= 10 and np.sqrt(np.mean(off**2)) < 0.1 and np.abs(off).max() < 0.35


@pytest.mark.parametrize('text, said', [('band,days\nr,1\n', 'abs_mag'), ('band,days,abs_mag\nr,one,3\n', 'one'),
                                        ('band,days,abs_mag\n', 'no rows'), ('band,days,abs_mag\nr,nan,3\n', 'not finite')])
def test_a_table_that_is_no_light_curve_is_named(tmp_path, text, said):
    path = tmp_path / 'mine.csv'
    path.write_text(text)
    with pytest.raises(BadInput, match=said) as error:
        read_light_curve(path)
    assert str(path) in str(error.value)


def test_surface_brightness_of_a_flat_sky():
    light = np.full((50, 50), 40.0, np.float32)
    light[:, 25:] = -1.0
    found = surface_brightness(light, np.array([10.0, 40.0, -300.0]), np.array([10.0, 10.0, 0.0]), 30.0, 0.25)
    assert found[0] == pytest.approx(30.0 - 2.5 * np.log10(40.0 * 16.0), abs=1e-4)
    assert list(found[1:]) == [NO_LIGHT, NO_LIGHT]


def test_the_earlier_of_two_near_places_stays():
    places = np.array([[0.0, 0.0], [30.0, 0.0], [60.0, 0.0], [200.0, 0.0]])
    assert list(keep_apart(places, 45.0)) == [True, False, True, True]


@pytest.mark.parametrize('wrong', [{'count': 0}, {'bright': 25.0, 'faint': 17.0}, {'hosts': 1.5}, {'negative': -0.1},
                                   {'distances': (0.0,)}, {'bright': float('nan')}])
def test_a_recipe_out_of_range_is_refused(wrong):
    with pytest.raises(BadUsage):
        Recipe(**wrong)
