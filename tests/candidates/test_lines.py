"""Lines of detections: glints and faint streaks are found, chance and crowded fields make none."""
import numpy as np
import pytest

from sediff.candidates.cuts import apply_cuts, reason_table, reject_names
from sediff.candidates.lines import LineLimits, find_lines, line_chance
from sediff.detect.table import DETECTION_DTYPE

NX, NY = 2048, 4096
AREA = float(NX * NY)


def detections(x, y, sign=1):
    table = np.zeros(len(x), DETECTION_DTYPE)
    table['NUMBER'] = np.arange(len(x)) + 1
    table['X_IMAGE'], table['Y_IMAGE'], table['SIGN'] = np.asarray(x) + 1.0, np.asarray(y) + 1.0, sign
    table['SNR'], table['FLUX_PSF'], table['FLUXERR_PSF'] = 10.0, 1000.0 * sign, 100.0
    table['A_IMAGE'] = table['B_IMAGE'] = table['APSF_IMAGE'] = 2.0
    return table


def strewn(rng, count):
    return rng.uniform(0, NX, count), rng.uniform(0, NY, count)


def crowded(rng, count):
    """Half in clumps of 3 to 8 as bad stars leave them, a third in a cluster, the rest anywhere."""
    x, y = strewn(rng, count)
    half, third = count // 2, count // 3
    owner = np.repeat(np.arange(half), rng.integers(3, 9, half))[:half]
    x[:half], y[:half] = (centre[owner] + rng.uniform(-25, 25, half) for centre in strewn(rng, half))
    x[half:half + third], y[half:half + third] = rng.normal(1000, 250, third), rng.normal(2000, 250, third)
    return np.clip(x, 0, NX - 1), np.clip(y, 0, NY - 1)


def along(rng, count, gap=0.3, error=0.7):
    """Places on a line across the CCD that is 1200 px long at least, a third of it without any."""
    while True:
        angle, x0, y0 = rng.uniform(0, np.pi), rng.uniform(0.2, 0.8) * NX, rng.uniform(0.2, 0.8) * NY
        place = np.arange(-3000.0, 3000.0)
        inside = place[(np.abs(x0 + place * np.cos(angle) - NX / 2) < NX / 2)
                       & (np.abs(y0 + place * np.sin(angle) - NY / 2) < NY / 2)]
        if np.ptp(inside) > 1200:
            break
    place, middle, half = rng.uniform(inside[0], inside[-1], count), np.median(inside), 0.5 * gap * np.ptp(inside)
    place = np.where(np.abs(place - middle) < half, place + np.sign(place - middle) * half, place)
    off = rng.normal(0, error, count)
    return x0 + place * np.cos(angle) - off * np.sin(angle), y0 + place * np.sin(angle) + off * np.cos(angle)


@pytest.mark.parametrize('field', [strewn, crowded])
@pytest.mark.parametrize('count, fields', [(5, 1000), (20, 600), (60, 200), (150, 20), (400, 3)])
def test_chance_makes_no_lines(field, count, fields):
    """A CCD in a hundred at most; ten in a thousand have 2 sigma of 6."""
    rng = np.random.default_rng(count)
    alarms = sum(len(find_lines(detections(*field(rng, count)), AREA)) > 0 for _ in range(fields))
    assert alarms <= 0.01 * fields + 2.0 * np.sqrt(0.01 * fields)


@pytest.mark.parametrize('others, count, fields', [(5, 6, 60), (20, 8, 60), (60, 11, 40), (150, 14, 10), (300, 20, 3)])
def test_glints_with_gaps_are_found_among_others(others, count, fields):
    rng, found, lost = np.random.default_rng(others), [], 0
    for _ in range(fields):
        x, y = np.concatenate([strewn(rng, others), along(rng, count)], axis=1)
        table = detections(x, y)
        on = line_chance(table, find_lines(table, AREA)) < LineLimits().chance
        found.append(on[others:].mean())
        lost += on[:others].sum()
    assert np.mean(found) >= 0.9, np.mean(found)
    # others are lost where they lie in the strip by chance: 2 x 3 px of at most 4500 px
    assert lost <= 2 * fields * others * 6 * 4500 / AREA + 3


def test_a_faint_streak_in_many_pieces():
    rng, found = np.random.default_rng(1), []
    for _ in range(10):
        streak = along(rng, 60, gap=0.0, error=1.0)
        table = detections(*np.concatenate([strewn(rng, 40), streak], axis=1))
        found.append((line_chance(table, find_lines(table, AREA)) < 0.01)[40:].mean())
    assert np.mean(found) > 0.95


def test_two_bad_stars_make_no_line():
    """Clumps of any number of detections are one piece of a line each."""
    rng = np.random.default_rng(2)
    x, y = np.concatenate([rng.normal(where, 6.0, (12, 2)) for where in ((300, 500), (900, 2500), (1500, 3900))]).T
    assert not len(find_lines(detections(x, y), AREA))


def test_signs_are_apart_and_few_are_no_line():
    x, y = 100.0 + 150.0 * np.arange(8), 200.0 + 250.0 * np.arange(8)
    signs = np.where(np.arange(8) % 2, 1, -1)
    assert not len(find_lines(detections(x, y, signs), AREA))
    assert not len(find_lines(detections(x[:4], y[:4]), AREA)) and not len(find_lines(detections(x[:0], y[:0]), AREA))
    one = find_lines(detections(x, y), AREA)
    assert len(one) == 1 and one['SIGN'][0] == 1 and one['chance'][0] < 1e-6
    assert np.isinf(line_chance(detections(x[:1], y[:1], -1), one)).all()


def judged(table, cuts=None, others=None):
    plane = np.zeros((NY, NX), np.float32)
    return apply_cuts(table, plane, np.ones_like(plane), np.zeros(plane.shape, bool), 4.2, cuts=cuts, others=others)


def test_the_cut_says_its_figure_and_can_be_switched_off():
    rng = np.random.default_rng(3)
    table = detections(*np.concatenate([strewn(rng, 10), along(rng, 9)], axis=1))
    result = judged(table)
    assert [reject_names(int(code)) for code in result.reject[10:]] == ['line'] * 9
    reasons = reason_table(table, result)
    assert set(reasons['CUT']) == {'line'} and set(reasons['LIMIT']) == {0.01} and set(reasons['FAILS']) == {'below'}
    assert 0.0 < max(reasons['VALUE']) < 0.01
    assert not judged(table, {'line_chance': 0.0}).reject.any()


def test_sources_put_in_are_judged_by_the_lines_of_the_image():
    """A grid of fakes is no line; a fake on a line of the image is lost as a source there would be."""
    rng = np.random.default_rng(4)
    image = detections(100.0 + 150.0 * np.arange(9), 200.0 + 250.0 * np.arange(9))
    fakes = detections([400.0] + [1800.0] * 12, [700.0, *(300.0 * np.arange(12))])
    result = judged(fakes, others=image)
    assert reject_names(int(result.reject[0])) == 'line' and not result.reject[1:].any()
    assert judged(fakes).reject[1:].all()
    assert not judged(fakes, others=detections(*strewn(rng, 9))).reject.any()
