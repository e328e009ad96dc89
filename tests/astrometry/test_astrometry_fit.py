import numpy as np
import pytest
from astropy.io.fits import Header
from star_field import SCALE, ccd_header, mispointed, star_field, wcs_error

from sediff.astrometry.adjust import adjust_wcs, offsets, wcs_cards
from sediff.astrometry.fit import solve
from sediff.astrometry.solution import AstrometryOptions
from sediff.errors import BadData
from sediff.formats.fits import read_header
from sediff.wcs.read import pixel_to_sky, read_wcs

COUNTS = (30, 50, 100, 300, 1000, 3000)


def solved(field, header, **changes):
    return solve(field['x'], field['y'], field['flux'], field['sigma'], header, field['ra'], field['dec'], field['mag'],
                 options=AstrometryOptions(**changes))


@pytest.mark.parametrize('trial', range(40))
def test_random_fields_are_solved(trial):
    rng = np.random.default_rng(trial)
    truth = ccd_header(rng.choice([0.0, 359.95, rng.uniform(0, 360)]), rng.uniform(-85, 30))
    field = star_field(truth, COUNTS[trial % len(COUNTS)], trial)
    angle, size = rng.uniform(0, 2 * np.pi), rng.uniform(0, 60)
    turn = rng.uniform(-0.1, 0.1)
    # The rotation is about the optical axis; the shift is given where the CCD is.
    start = mispointed(truth, 0.0, 0.0, turn)
    ra0, dec0 = pixel_to_sky(read_wcs(start), 1000.0, 2000.0)
    ra1, dec1 = pixel_to_sky(read_wcs(truth), 1000.0, 2000.0)
    back = np.remainder(ra1 - ra0 + 180, 360) - 180
    start = mispointed(start, 3600 * back * np.cos(np.radians(dec1)) + 0.95 * size * np.cos(angle),
                       3600 * (dec1 - dec0) + 0.95 * size * np.sin(angle), 0.0)
    solution = solved(field, start)
    n = solution.n_matched
    # Each of six parameters adds about sigma/sqrt(n); the corners have four times the mean variance of the middle.
    noise = max(solution.rms_ra, solution.rms_dec)
    assert wcs_error(solution.header, truth) < 6.0 * noise * np.sqrt(6.0 / n) + 1.0
    assert 0.5 < solution.chi2 < 2.0
    assert solution.rms_ra == pytest.approx(solution.rms_dec, rel=1.0)
    assert solution.rotation_deg == pytest.approx(-turn, abs=0.01 + 0.02 * np.sqrt(30 / n) / 3)
    assert solution.contrast > 2.0


@pytest.mark.parametrize('trial', range(36))
def test_no_wrong_field_is_accepted(trial):
    header = ccd_header(10.0, -30.0)
    ours = star_field(header, COUNTS[trial % 6], 1000 + trial)
    other = star_field(header, COUNTS[trial // 6], 2000 + trial)
    field = ours | {name: other[name] for name in ('ra', 'dec', 'mag')}
    with pytest.raises(BadData, match=r'votes|matched|residuals|chance|telescope'):
        solved(field, header)


def test_a_flipped_or_shifted_field_is_rejected():
    header = ccd_header(10.0, -30.0)
    field = star_field(header, 500, 7)
    with pytest.raises(BadData):
        solved(field | {'x': 2047.0 - field['x']}, header)
    with pytest.raises(BadData):
        solved(field, mispointed(header, 200.0, 0.0, 0.0))
    with pytest.raises(BadData):
        solved(field, mispointed(header, 0.0, 0.0, 1.0))


def test_bad_centroids_are_rejected_by_their_residuals():
    header = ccd_header(10.0, -30.0)
    field = star_field(header, 300, 8, false=0.0)
    rng = np.random.default_rng(2)
    noisy = field | {name: field[name] + rng.normal(0.0, 0.9, len(field['x'])) for name in ('x', 'y')}
    with pytest.raises(BadData, match='mas'):
        solved(noisy | {'sigma': np.full(len(field['x']), 0.9)}, header, max_rms=100.0)


def test_the_solution_keeps_the_distortion():
    header = ccd_header(10.0, -30.0)
    solution = solved(star_field(header, 300, 3), mispointed(header, 20.0, 5.0, 0.03))
    assert all(solution.header[key] == header[key] for key in header if key.startswith(('PV', 'CRPIX', 'CTYPE')))
    assert solution.offset_arcsec == pytest.approx(np.hypot(20.0, 5.0), abs=3.5)


def test_reference_errors_enter_the_weights():
    header = ccd_header(10.0, -30.0)
    field = star_field(header, 300, 3)
    arguments = [field[name] for name in ('x', 'y', 'flux', 'sigma')] + [header]
    arguments += [field[name] for name in ('ra', 'dec', 'mag')]
    small = solve(*arguments).chi2
    large = solve(*arguments, ref_sigma=np.full(len(field['ra']), 100.0)).chi2
    assert large < 0.5 * small


@pytest.mark.parametrize(('count', 'words'), [(0, 'detections'), (5, 'detections')])
def test_too_few_detections(count, words):
    header = ccd_header()
    field = star_field(header, 100, 3)
    cut = field | {name: field[name][:count] for name in ('x', 'y', 'flux', 'sigma')}
    with pytest.raises(BadData, match=words):
        solved(cut, header)


def test_too_few_reference_stars_and_stars_elsewhere():
    header = ccd_header()
    field = star_field(header, 100, 3)
    with pytest.raises(BadData, match='reference stars'):
        solved(field | {name: field[name][:4] for name in ('ra', 'dec', 'mag')}, header)
    with pytest.raises(BadData, match='lie on the CCD'):
        solved(field | {'dec': field['dec'] + 3.0}, header)


def test_detections_that_are_not_finite_are_left_out():
    header = ccd_header()
    field = star_field(header, 100, 3)
    field['x'][:10], field['flux'][10:15] = np.nan, np.nan
    assert solved(field, header).n_matched > 40


def test_headers_without_a_usable_wcs():
    with pytest.raises(BadData):
        wcs_cards(Header())
    swapped = ccd_header()
    swapped['CTYPE1'], swapped['CTYPE2'] = 'DEC--TPV', 'RA---TPV'
    with pytest.raises(BadData, match='CTYPE'):
        wcs_cards(swapped)


def test_adjust_recovers_an_exact_change():
    truth = ccd_header(0.0, -70.0)
    rng = np.random.default_rng(4)
    x, y = rng.uniform(0, 2047, 20), rng.uniform(0, 4095, 20)
    ra, dec = pixel_to_sky(read_wcs(truth), x, y)
    fitted = adjust_wcs(wcs_cards(mispointed(truth, 30.0, -40.0, 0.1)), x, y, ra, dec, np.full(20, 0.03))
    assert np.abs(offsets(fitted, x, y, ra, dec)).max() < 1e-6
    shifted = adjust_wcs(wcs_cards(mispointed(truth, 0.4, -0.3, 0.0)), x, y, ra, dec, np.full(20, 0.03), linear=False)
    assert np.abs(offsets(shifted, x, y, ra, dec)).max() < 0.01


def test_adjust_rejects_stars_on_a_line():
    cards = wcs_cards(ccd_header())
    x = np.arange(10.0)
    ra, dec = pixel_to_sky(read_wcs(cards), x, x)
    with pytest.raises(BadData, match='line'):
        adjust_wcs(cards, x, x, ra, dec, np.full(10, 0.1))
    with pytest.raises(BadData, match='3 stars'):
        adjust_wcs(cards, x[:3], x[:3], ra[:3], dec[:3], np.full(3, 0.1))


def test_a_plain_tan_header_is_solved_as_tpv():
    header = ccd_header(10.0, -30.0)
    for keyword in [key for key in header if key.startswith('PV')]:
        del header[keyword]
    header['CTYPE1'], header['CTYPE2'] = 'RA---TAN', 'DEC--TAN'
    before = header.tostring()
    solution = solved(star_field(header, 200, 3), header)
    assert solution.header['CTYPE1'] == 'RA---TPV'
    assert header.tostring() == before
    assert wcs_error(solution.header, header) < 0.3 * 1e3 * SCALE


@pytest.mark.parametrize('extension', [1, 17, 35, 61])
def test_real_distortions_are_kept(realdata, extension):
    """The Community Pipeline's TPV headers of exposure 663766."""
    truth = read_header(realdata / 'calib/decam_tpv_headers_all_62ccds.decam.wcs.fits', extension)
    field = star_field(truth, 150, extension)
    solution = solved(field, mispointed(truth, 12.0, -20.0, 0.02))
    assert wcs_error(solution.header, truth) < 6.0 * solution.rms_ra * np.sqrt(6.0 / solution.n_matched) + 1.0
