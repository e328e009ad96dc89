"""Artefacts of single warps go, star cores of unlike seeing stay: simulated warps against their truth."""
import sys
from pathlib import Path

import numpy as np
import pytest

from sediff.errors import BadUsage
from sediff.maskbits import Bit
from sediff.template.coadd import Source, coadd, stack

sys.path.insert(0, str(Path(__file__).parent))
from made_up_warps import SKY, field

SEEING = [(3.5, 3.7, 4.0), (3.0, 6.0), (3.0, 4.0, 6.0), (4.0, 4.2), (6.0, 3.0, 6.0), (3.5, 3.8, 4.1, 4.4, 5.0)]


def stacked(made, strip=None):
    sources = [Source(lambda a, b, w=warp: type(w)(w.image[a:b], w.mask[a:b], w.weight[a:b]), warp.header['FWHM'], 1.0)
               for warp in made.warps]
    return stack(sources, made.truth.shape, strip=strip)


@pytest.mark.parametrize('beta', [3.5, 2.5])
@pytest.mark.parametrize('fwhms', SEEING)
def test_clean_inputs_lose_next_to_nothing_and_bright_stars_keep_their_flux(fwhms, beta):
    made = field(fwhms, beta=beta, artefacts=False)
    found = stacked(made)
    assert max(found.rejected) < 1e-3
    for x, y, flux in made.stars[made.stars[:, 2] > 3e4]:
        if 10 < x < 500 and 10 < y < 500:
            box = np.s_[int(y) - 8:int(y) + 9, int(x) - 8:int(x) + 9]
            assert abs(found.image.image[box].sum() - made.plain[box].sum()) < 1e-3 * made.truth[box].sum(), (x, y, flux)


@pytest.mark.parametrize('fwhms', SEEING)
def test_artefacts_leave_less_than_a_sigma_of_the_coadd(fwhms):
    made = field(fwhms)
    found = stacked(made)
    sigma = np.sqrt(SKY / len(fwhms))
    left, before = (found.image.image - made.truth) / sigma, (made.plain - made.truth) / sigma
    empty = made.truth < 0.3 * np.sqrt(SKY)
    for extra in made.added:
        bright = empty & (extra > 5 * np.sqrt(SKY))
        faint = empty & (extra > 0.5 * np.sqrt(SKY)) & (extra < 2 * np.sqrt(SKY))
        assert before[bright].mean() > 8 and abs(left[bright].mean()) < 1
        assert before[faint].mean() > 0.4 and abs(left[faint].mean()) < 0.4
    assert np.mean(found.rejected) < 0.1


def test_strips_give_what_the_whole_gives():
    made = field((3.5, 4.0, 4.5), seed=3)
    whole, strips = stacked(made, 512), stacked(made, 128)
    assert np.mean(whole.image.image != strips.image.image) < 1e-3
    assert strips.rejected == pytest.approx(whole.rejected, rel=0.05)


def test_of_two_the_larger_value_is_the_artefact_and_one_alone_cannot_be_judged():
    made = field((3.5, 4.0), artefacts=False)
    made.warps[0].image[200:203, 300] += 900.0
    made.warps[1].weight[:, 400:] = 0
    made.warps[0].image[100, 450] += 900.0
    found = stacked(made)
    assert (found.coverage[200:203, 300] == 1).all() and found.image.image[201, 300] == made.warps[1].image[201, 300]
    assert found.coverage[100, 450] == 1 and found.image.image[100, 450] > 600
    assert found.unchecked == pytest.approx(112 / 512, abs=1e-3) and found.good[1] == pytest.approx(400 / 512)
    assert stacked(field((4.0,))).rejected == [0.0]


def test_a_ghost_goes():
    made = field((3.5, 3.8, 4.1), artefacts=False, count=40)
    y, x = np.mgrid[:512, :512]
    ghost = np.hypot(x - 250, y - 250) < 60
    made.warps[1].image[ghost] += 0.8 * np.sqrt(SKY)
    inner = np.hypot(x - 250, y - 250) < 50
    assert (stacked(made).coverage[inner] == 2).mean() > 0.8


def test_masked_pixels_next_to_stars_do_not_make_artefacts():
    made = field((3.5, 4.0, 4.5), artefacts=False)
    for warp, (x, y, flux) in zip(made.warps * 20, made.stars):
        if flux > 1e4:
            warp.mask[int(y) - 1:int(y) + 2, int(x) - 1:int(x) + 2] = Bit.CRAY
    found = stacked(made)
    assert max(found.rejected) < 1e-3


def test_strip_of_another_shape():
    made = field((4.0,), shape=(64, 64), count=3)
    with pytest.raises(BadUsage, match='rows'):
        stack([Source(lambda a, b: made.warps[0])], (128, 64), strip=64)
    assert coadd(made.warps)[0].header['NCOMBINE'] == 1


def test_picture_of_the_documentation_can_be_drawn(tmp_path):
    from picture import draw
    draw(str(tmp_path / 'picture.png'))
    assert 10_000 < (tmp_path / 'picture.png').stat().st_size < 300_000
