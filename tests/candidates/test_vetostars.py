"""Detections near stars, on painted differences: variables and transients are kept, residuals are not."""
import numpy as np
import pytest

from sediff.candidates.cuts import VARIABLE_STAR, apply_cuts, filter_table_text, reason_table, reject_names
from sediff.candidates.painters import add_stamp, moffat_psf
from sediff.candidates.texttable import parse_table
from sediff.candidates.vetostars import Surroundings, local_score
from sediff.detect import detect
from sediff.detect.matched import noise_area

pytestmark = pytest.mark.busy

FWHM, SKY, ZERO_POINT, SIDE = 4.2, 2000.0, 31.5, 1200
PSF = moffat_psf(FWHM)
UNIT = np.sqrt(SKY / np.sum(PSF(0, 0, 27).astype(float) ** 2))      # electrons of S/N 1 against the sky
STARS = np.dtype([('x', 'f8'), ('y', 'f8'), ('mag', 'f4'), ('radius', 'f4')])


def flux_of(mag):
    return 10.0 ** (0.4 * (ZERO_POINT - mag))


class Field:
    """Stars of 15 to 19.5 on a grid of 60 px, whose subtraction errs by `error` of their light, and the photons' noise."""

    def __init__(self, seed=1, error=0.004, width_error=0.0):
        self.rng = rng = np.random.default_rng(seed)
        y, x = (grid.ravel() + rng.uniform(-4, 4, 361) for grid in np.mgrid[60:1150:60, 60:1150:60])
        self.stars = np.zeros(x.size, STARS)
        self.stars['x'], self.stars['y'], self.stars['mag'] = x, y, rng.uniform(15.0, 19.5, x.size)
        self.stars['radius'] = 2.0 * FWHM
        mean, image = np.full((SIDE, SIDE), SKY, np.float32), np.zeros((SIDE, SIDE), np.float32)
        wide = moffat_psf(FWHM * 1.1)
        for star in self.stars:
            place, flux = (star['x'], star['y']), flux_of(star['mag'])
            add_stamp(mean, 2.0 * flux * PSF(*place, 51), *place)
            add_stamp(image, rng.normal(0.0, error) * flux * PSF(*place, 51), *place)
            if width_error:
                add_stamp(image, width_error * flux * (PSF(*place, 51) - wide(*place, 51)), *place)
        self.image = image + (np.sqrt(mean) * rng.standard_normal(mean.shape)).astype(np.float32)
        self.variance = np.full(mean.shape, SKY, np.float32)
        self.light, light = mean - SKY, (mean - SKY) / 2.0
        # as the difference's score has it: errors of the stars' models, and their photons
        self.systematic = (error * light) ** 2 + 2.0 * light / noise_area(FWHM)
        self.bad = np.zeros(mean.shape, bool)

    def add(self, flux, x, y):
        add_stamp(self.image, flux * PSF(x, y, 51), x, y)

    def judge(self, photons=False, **cuts):
        """Detections and cuts; with `photons` as in the pipeline, where errors of fluxes and the cuts' noise hold them."""
        light = self.light if photons else None
        found = detect(self.image, self.variance, self.bad, PSF, systematic=self.systematic, photons=light)
        sigma = np.sqrt(self.variance)
        planes = Surroundings(self.image, sigma, self.bad, PSF, FWHM, ZERO_POINT)
        full = np.sqrt(self.variance + light) if photons else sigma
        return found, apply_cuts(found, self.image, full, self.bad, FWHM, self.stars, cuts, planes=planes)

    def outcome(self, x, y, **cuts):
        """Reasons and class of the detection at a place; None where nothing was detected."""
        found, result = self.judge(**cuts)
        return at_place(found, result, x, y)


def at_place(found, result, x, y):
    near = np.flatnonzero(np.hypot(found['X_IMAGE'] - 1 - x, found['Y_IMAGE'] - 1 - y) < 2.0)
    return (reject_names(int(result.reject[near[0]])), str(result.classes[near[0]])) if near.size else None


def test_the_score_around_a_place_is_in_units_of_the_noise():
    rng = np.random.default_rng(2)
    image = rng.normal(0.0, 3.0, (300, 300)).astype(np.float32)
    add_stamp(image, 30 * 3.0 / np.sqrt(SKY) * UNIT * PSF(150.3, 140.6, 51), 150.3, 140.6)
    bad = rng.uniform(size=image.shape) < 0.02
    planes = Surroundings(image, np.full(image.shape, 3.0, np.float32), bad, PSF, FWHM, ZERO_POINT)
    score, usable, (x0, y0) = local_score(planes, 150.3, 140.6, 100.0)
    assert np.std(score[:60, :60][usable[:60, :60]]) == pytest.approx(1.0, abs=0.1)
    assert score[round(140.6) - y0, round(150.3) - x0] == pytest.approx(30.0, rel=0.15)


def test_variations_of_clean_stars_are_kept_with_their_class_and_residuals_are_not():
    field = Field()
    field.systematic = None     # a score that knows of no error of the stars finds most of their residuals
    changed = field.rng.permutation(361)[:60]
    share = field.rng.uniform(0.1, 1.0, 60) * np.where(np.arange(60) % 3, 1.0, -0.5)
    flux = share * flux_of(field.stars['mag'][changed])
    for star, extra in zip(field.stars[changed], flux):
        field.add(extra, star['x'], star['y'])
    found, result = field.judge(positive_only=0)
    error = np.hypot(UNIT, np.sqrt(2.0 * flux_of(field.stars['mag'][changed])))
    clear = np.abs(flux) > 8.0 * error
    kept = [at_place(found, result, star['x'], star['y']) == ('ok', VARIABLE_STAR) for star in field.stars[changed]]
    assert clear.sum() > 40 and np.mean(np.array(kept)[clear]) >= 0.95
    others = np.delete(np.arange(361), changed)
    distance = np.hypot(field.stars['x'][others] - (found['X_IMAGE'] - 1.0)[:, None],
                        field.stars['y'][others] - (found['Y_IMAGE'] - 1.0)[:, None]).min(axis=1)
    residual = distance < FWHM
    assert residual.sum() > 20 and np.mean(result.reject[residual] == 0) <= 0.01
    table = parse_table(filter_table_text(found, result))
    assert set(table['CLASS']) == {VARIABLE_STAR, '-'}


def test_variable_stars_can_be_rejected():
    field = Field()
    star = field.stars[100]
    field.add(0.5 * flux_of(star['mag']), star['x'], star['y'])
    assert field.outcome(star['x'], star['y']) == ('ok', VARIABLE_STAR)
    assert field.outcome(star['x'], star['y'], veto_variables=1) == ('variable_star', VARIABLE_STAR)


@pytest.mark.parametrize('photons', [False, True])
@pytest.mark.parametrize('distance', [1.5, 2.0, 3.0, 5.0])
def test_transients_beside_clean_stars_are_kept(distance, photons):
    """60 transients of S/N 8 to 40, the star's photons counted, at so many FWHM: the discs of 20 to 30 px hid them all."""
    field = Field(seed=3)
    chosen, angle = field.rng.permutation(361)[:60], field.rng.uniform(0.0, 2.0 * np.pi, 60)
    x = field.stars['x'][chosen] + distance * FWHM * np.cos(angle)
    y = field.stars['y'][chosen] + distance * FWHM * np.sin(angle)
    noise2 = 8.0 / 3.0 * flux_of(field.stars['mag'][chosen]) * np.exp(-(2.3548 * distance) ** 2 / 3.0)
    for place, flux in zip(zip(x, y), field.rng.uniform(8.0, 40.0, 60) * np.sqrt(UNIT ** 2 + noise2)):
        field.add(flux, *place)
    found, result = field.judge(photons)
    near = [at_place(found, result, *place) for place in zip(x, y)]
    vetoed = [outcome is not None and 'veto_star' in outcome[0] for outcome in near]
    assert sum(outcome is not None for outcome in near) > 50
    assert np.mean(vetoed) <= 0.05
    assert all(outcome is None or not outcome[1] for outcome in near)


@pytest.mark.parametrize('photons', [False, True])
def test_variable_stars_are_known_from_five_times_the_noise_on(photons):
    """Errors of fluxes with the stars' photons (as the pipeline has them) or without: the threshold is the same, at
    5 sqrt(sky^2 + 8/3 F + (e F)^2). Of 33 stars that change by 6.5 of that 27 are known (16 when their photons counted
    twice), of as many by 3.5 hardly one, of 600 constant ones none."""
    known = {0.0: [], 3.5: [], 6.5: []}
    for seed in (11, 12):
        field = Field(seed=seed, error=0.002)
        field.systematic = None
        flux = flux_of(field.stars['mag'])
        sigma = np.sqrt(UNIT ** 2 + 8.0 / 3.0 * flux + (0.002 * flux) ** 2)
        times = np.where(np.arange(361) % 12 == 0, field.rng.choice([3.5, 6.5], 361), 0.0)
        for star, extra in zip(field.stars, times * sigma):
            field.add(extra, star['x'], star['y'])
        found, result = field.judge(photons)
        for star, change in zip(field.stars, times):
            known[change].append(at_place(found, result, star['x'], star['y']) == ('ok', VARIABLE_STAR))
    assert np.mean(known[6.5]) > 0.7 and len(known[6.5]) > 25, np.mean(known[6.5])
    assert np.mean(known[3.5]) < 0.15 and np.mean(known[0.0]) == 0.0


@pytest.mark.parametrize('kind', ['ring', 'dipole'])
def test_residuals_of_bad_subtraction_are_vetoed(kind):
    """PSFs of widths 10 % apart, or places 0.15 px apart: nothing at a star is kept, and no star is called variable."""
    field = Field(seed=4, width_error=0.3 if kind == 'ring' else 0.0)
    if kind == 'dipole':
        for star in field.stars:
            field.add(flux_of(star['mag']), star['x'] + 0.15, star['y'])
            field.add(-flux_of(star['mag']), star['x'], star['y'])
    found, result = field.judge()
    positive = found['SIGN'] > 0
    assert positive.sum() > 50
    assert np.mean(result.reject[positive] == 0) <= 0.01
    assert np.mean(result.classes[positive] != '') <= 0.01


class BrightStar(Field):
    """A saturated star in the middle: its core is masked, its wings leave a mottled residual that falls with radius."""

    def __init__(self, mag, core, residual):
        super().__init__(seed=5, error=0.0)
        self.stars = np.array([(600.0, 600.0, mag, 15.0)], STARS)
        self.image = (np.sqrt(SKY) * self.rng.standard_normal((SIDE, SIDE))).astype(np.float32)
        self.systematic = None
        y, x = np.indices(self.image.shape) - 600
        radius, angle = np.hypot(x, y), np.arctan2(y, x)
        mottle = residual * np.sqrt(SKY) * np.exp(-radius / 20.0) * np.sin(6.0 * angle + radius / 3.0)
        self.image += mottle.astype(np.float32)
        self.bad[radius < core] = True
        self.bad[:, 597:604] = True


def test_false_light_around_a_saturated_star_is_vetoed_and_a_bright_source_in_it_kept():
    field = BrightStar(11.9, 25.0, 8.0)
    found, result = field.judge()
    radius = np.hypot(found['X_IMAGE'] - 601.0, found['Y_IMAGE'] - 601.0)
    false = (radius < 80.0) & (found['SIGN'] > 0)
    assert false.sum() >= 5 and (result.reject[false] > 0).all()
    assert np.mean(result.reject[false] & (1 << 13) > 0) > 0.8
    field.add(200.0 * UNIT, 650.0, 560.0)
    outcome = field.outcome(650.0, 560.0)
    assert outcome is not None and 'veto_star' not in outcome[0]


def test_a_kilonova_ten_arcsec_from_a_star_of_9_is_kept_where_the_pixels_are_good():
    field = BrightStar(9.3, 22.0, 3.0)
    field.add(20.0 * UNIT, 634.0, 617.0)        # 38 px
    assert field.outcome(634.0, 617.0) == ('ok', '')


def test_faint_stars_do_not_veto_and_a_list_without_planes_works_as_before():
    field = Field(seed=6)
    field.stars['mag'] = 20.5
    found, result = field.judge()
    assert 'veto_star' not in {name for code in result.reject for name in reject_names(int(code)).split(',')}
    field.stars['mag'], field.stars['radius'] = 17.0, 2000.0
    old = apply_cuts(found, field.image, np.sqrt(field.variance), field.bad, FWHM, field.stars)
    assert old.counts['veto_star'] == len(found) and not (old.classes != '').any()


@pytest.mark.parametrize('count', [1, 12])
def test_a_variable_among_few_stars_is_known_by_the_error_that_is_the_worst_of_a_usable_subtraction(count):
    """Alone it cannot tell its own error: 0.15 mag are more than five times 2 %, 0.05 mag are not; among twelve they are."""
    known, unknown = ('ok', VARIABLE_STAR), ('veto_star', '')
    for change, expected in ((0.15, known), (0.05, known if count > 5 else unknown)):
        field = Field(seed=7)
        field.stars = field.stars[np.argsort(field.stars['mag'])[:count]]
        star = field.stars[0]
        field.add(change * flux_of(star['mag']), star['x'], star['y'])
        assert field.outcome(star['x'], star['y']) == expected


def test_wide_seeing_is_no_misshape():
    """FWHM 9 px: the aperture of 5 px holds half of the flux."""
    from sediff.candidates.vetostars import psf_shaped
    psf = moffat_psf(9.0)
    image = np.random.default_rng(8).normal(0.0, np.sqrt(SKY), (300, 300)).astype(np.float32)
    add_stamp(image, 3e5 * psf(150.2, 150.4, 101), 150.2, 150.4)
    found = detect(image, np.full(image.shape, SKY, np.float32), np.zeros(image.shape, bool), psf)
    assert psf_shaped(found[:1], 9.0).all() and abs(found['FLUX_APER'][0] / found['FLUX_PSF'][0] - 1.0) > 0.4


def figures(field, name):
    """(value, limit, side) of every detection that fails a cut, and how many the reject codes know."""
    found, result = field.judge(veto_variables=1)
    table = reason_table(found, result)
    rows = [row[1:] for row in zip(table['CUT'], table['VALUE'], table['LIMIT'], table['FAILS']) if row[0] == name]
    assert len(rows) == sum(name in reject_names(int(code)).split(',') for code in result.reject)
    return rows, result


def test_residuals_are_told_by_their_size():
    rows, _ = figures(Field(seed=8, width_error=0.3), 'veto_star')
    assert len({value for value, *_ in rows}) > 10
    assert all(0.0 <= value <= limit == 5.0 and side == 'up to' for value, limit, side in rows)


def test_variable_stars_are_told_by_their_variation():
    """Two stars that vary by 12 and 24 times their error; a list of stars as quiet as these says so within a third."""
    field = Field(seed=9, error=0.0)
    for star, times in ((field.stars[100], 12.0), (field.stars[220], 24.0)):
        flux = flux_of(star['mag'])
        field.add(times * np.sqrt(UNIT ** 2 + 8.0 / 3.0 * flux + (0.002 * flux) ** 2), star['x'], star['y'])
    rows, result = figures(field, 'variable_star')
    assert sorted(value for value, *_ in rows) == pytest.approx([12.0, 24.0], rel=0.33)
    assert all(limit == 5.0 and side == 'from' for _, limit, side in rows)
    assert np.count_nonzero(result.classes == VARIABLE_STAR) == 2
