"""One PSF over a coadd of unlike inputs: stars against the truth in each zone, at borders and in holes."""
import sys
from pathlib import Path

import numpy as np
import pytest

from sediff.template.correction import convolved
from sediff.template.homogenise import homogenise, set_of_cells

sys.path.insert(0, str(Path(__file__).parent))
from made_up_warps import moffat

SHAPE = (256, 420)
BORDERS = (140, 280)


def psf(fwhm, size=41):
    return moffat((size, size), [size // 2], [size // 2], [1.0], fwhm)


def sets_of(stars):
    """Bits of two inputs: the first alone, both, the second alone; holes of one in the middle of some stars, a gap."""
    members = np.full(SHAPE, 3, np.uint16)
    members[:, :BORDERS[0]], members[:, BORDERS[1]:] = 1, 2
    for number, (x, y) in enumerate(stars[::5]):
        hole = members[int(y) - 1:int(y) + 2, int(x) - 1:int(x) + 3]
        hole[hole == 3] = 1 + number % 2
    members[200:203, BORDERS[0]:BORDERS[1]] = 1
    return members


def scene(fwhms):
    """Stars of unit flux: their place, the sets, and the mean as a coadd has it, without noise."""
    rng = np.random.default_rng(5)
    stars = np.stack(np.meshgrid(np.arange(25, 420, 37), np.arange(20, 250, 36)), -1).reshape(-1, 2) \
        + rng.uniform(-4, 4, (77, 2))
    members = sets_of(stars)
    images = np.array([moffat(SHAPE, *stars.T, np.ones(len(stars)), fwhm) for fwhm in fwhms])
    used = np.array([members >> k & 1 for k in range(2)], float)
    return stars, members, ((images * used).sum(axis=0) / used.sum(axis=0)).astype(np.float32)


def misfits(image, wanted, stars):
    """Flux with the PSF of the wanted image, relative error of each star; largest pixel over the largest peak."""
    out = []
    for x, y in stars:
        part = np.s_[int(y) - 9:int(y) + 10, int(x) - 9:int(x) + 10]
        out.append(np.sum((image - wanted)[part] * wanted[part]) / np.sum(wanted[part] ** 2))
    return np.abs(out), np.abs(image - wanted).max() / wanted.max()


@pytest.mark.parametrize('fwhms', [(3.3, 3.5), (3.5, 3.3), (4.0, 4.3)])
def test_stars_are_those_of_the_mean_psf_everywhere(fwhms):
    stars, members, image = scene(fwhms)
    wanted = np.mean([moffat(SHAPE, *stars.T, np.ones(len(stars)), fwhm) for fwhm in fwhms], axis=0)
    before, _ = misfits(image, wanted, stars)
    stamps = np.array([np.broadcast_to(psf(fwhm), (3, 2, 41, 41)) for fwhm in fwhms])
    correction = homogenise(image, members, stamps, np.ones(2))
    after, pixel = misfits(image, wanted, stars)
    assert before.max() > 0.02
    assert correction.broadened == 0 and after.max() < 0.001 and pixel < 0.002


def test_where_sharpening_would_cost_too_much_noise_the_whole_becomes_broader():
    fwhms = (3.0, 3.8)
    stars, members, image = scene(fwhms)
    stamps = np.array([np.broadcast_to(psf(fwhm), (3, 2, 41, 41)) for fwhm in fwhms])
    correction = homogenise(image, members, stamps, np.ones(2))
    assert correction.broadened > 0 and max(np.sum(k.astype(float) ** 2) for k in correction.noise_kernels()) < 2.6
    mean = np.mean([moffat(SHAPE, *stars.T, np.ones(len(stars)), fwhm) for fwhm in fwhms], axis=0)
    wide = np.zeros((441, 441))
    wide[10:266, 10:430] = mean
    wanted = convolved(wide, correction.broadened)[10:266, 10:430] * mean.sum()
    inner = [np.abs(np.array(BORDERS) - x).min() > 12 and abs(y - 201) > 12 and len(np.unique(
        members[int(y) - 9:int(y) + 10, int(x) - 9:int(x) + 10])) == 1 for x, y in stars]
    after, _ = misfits(image, wanted, stars)
    assert sum(inner) > 20 and after[inner].max() < 0.003 and after.max() < 0.02


def test_psf_that_changes_over_the_ccd_and_unequal_weights():
    """The width of one input grows along x; the target is the weighted mean at each place."""
    rng = np.random.default_rng(6)
    xs, ys = np.arange(20, 400, 38.0) + rng.uniform(-3, 3, 10), np.full(10, 60.0)
    widths = 3.3 + 0.1 * xs / 420
    first = sum(moffat((120, 420), [x], [y], [1.0], width) for x, y, width in zip(xs, ys, widths))
    second = moffat((120, 420), xs, ys, np.ones(10), 3.5)
    members = np.full((120, 420), 1, np.uint16)
    members[100:] = 3
    nodes = np.linspace(0, 419, 5)
    stamps = np.array([[[psf(3.3 + 0.1 * x / 420) for x in nodes]] * 2, [[psf(3.5)] * 5] * 2])
    image, wanted = first.astype(np.float32), 0.25 * first + 0.75 * second
    before, _ = misfits(image, wanted, np.c_[xs, ys])
    homogenise(image, members, stamps, np.array([1.0, 3.0]))
    after, _ = misfits(image, wanted, np.c_[xs, ys])
    assert before.max() > before.min() + 0.015 and after.max() < 0.003


def test_noise_of_each_zone_is_that_of_its_kernel_and_keeps_its_power_at_low_frequencies():
    rng = np.random.default_rng(7)
    members = np.full((512, 768), 3, np.uint16)
    members[:, :256], members[:, 512:] = 1, 2
    image = rng.normal(size=members.shape).astype(np.float32)
    stamps = np.array([np.broadcast_to(psf(fwhm), (3, 2, 41, 41)) for fwhm in (3.3, 3.5)])
    correction = homogenise(image, members, stamps, np.ones(2))
    cells = set_of_cells(members, correction.sets.bits.astype(np.uint16))
    kernels = correction.noise_kernels()
    assert np.sum(kernels, axis=(1, 2)) == pytest.approx(1.0, abs=1e-4)
    for columns in (slice(0, 240), slice(270, 500), slice(530, 768)):
        kernel = kernels[cells[10, columns.start // 8 + 3]]
        part = image[:, columns]
        assert part.std() == pytest.approx(np.sqrt(np.sum(kernel**2)), rel=4 / np.sqrt(2 * part.size))


def test_nothing_is_changed_where_all_inputs_are_used_and_nothing_is_made_where_none_is():
    rng = np.random.default_rng(8)
    image = rng.normal(size=(128, 256)).astype(np.float32)
    members = np.full(image.shape, 3, np.uint16)
    members[:, 200:], image[:, 200:] = 0, 0.0
    members[:, :40] = 1
    lost = np.zeros(image.shape, bool)
    members[60:64, 10:14], lost[60:64, 10:14] = 0, True
    before = image.copy()
    homogenise(image, members, np.array([np.broadcast_to(psf(f), (2, 2, 41, 41)) for f in (3.3, 3.5)]), np.ones(2), lost)
    np.testing.assert_array_equal(image[:, 40:], before[:, 40:])
    np.testing.assert_array_equal(image[54:70, 4:20], before[54:70, 4:20])
    assert np.abs(image - before)[:50, :40].max() > 0.1
