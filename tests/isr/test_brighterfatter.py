"""Brighter-fatter: charge is conserved, the correction undoes the effect, wrong tables are rejected."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import moffat

from sediff.errors import BadData, BadInput
from sediff.formats.brighterfatter import read_border_shifts, write_border_shifts
from sediff.isr.brighterfatter import BorderShifts, correct_brighter_fatter, displaced_charge, power_law_shifts
from sediff.sim.effects import collect_charge

SHIFTS = power_law_shifts(2, 1.5e-7)


def star(peak: float) -> np.ndarray:
    light = moffat(30, 3.6, 0.2, -0.3)
    return (light / light.max() * peak + 800.0).astype(np.float32)


def second_moment(image: np.ndarray) -> float:
    axis = np.arange(-12, 13)
    core = image[18:43, 18:43] - 800.0
    return float((core * (axis[:, None] ** 2 + axis[None] ** 2)).sum() / core.sum())


def test_charge_is_conserved_and_a_flat_stays_flat():
    lost = displaced_charge(star(1e5), SHIFTS)
    assert abs(lost.sum(dtype=float)) < 0.5 and lost[30, 30] > 100
    flat = displaced_charge(np.full((32, 32), 5e4, np.float32), SHIFTS)
    assert np.abs(flat[4:-4, 4:-4]).max() < 0.02


@pytest.mark.parametrize('peak', [1e4, 5e4, 1.4e5])
def test_correction_undoes_the_effect(peak):
    light = star(peak)
    seen = collect_charge(light, SHIFTS)
    wider = second_moment(seen) / second_moment(light) - 1.0
    assert wider > 1.5e-8 * peak
    for passes, left in ((1, 0.06), (3, 0.02)):
        corrected = correct_brighter_fatter(seen, SHIFTS, passes)
        assert abs(second_moment(corrected) / second_moment(light) - 1.0) < left * wider
        assert np.abs(corrected - light).max() < left * np.abs(seen - light).max() + 0.5


def test_shifts_by_hand():
    """A border moves by the table's shift per electron; half of that counts while the charge grows."""
    right = np.zeros((2, 2))
    right[0, 0], right[0, 1] = -1e-6, 1e-6
    image = np.zeros((3, 4), np.float32)
    image[1, 1] = 1000.0
    lost = displaced_charge(image, BorderShifts(right, np.zeros((2, 2))))
    # the border of columns 1 and 2 moves left by 1e-3 px, that of 0 and 1 right; each strip holds half of the mean charge
    assert lost[1].tolist() == pytest.approx([-0.25, 0.5, -0.25, 0.0])


def test_files(tmp_path):
    write_border_shifts(tmp_path / 'bf.csv', SHIFTS, 'made up')
    found = read_border_shifts(tmp_path / 'bf.csv')
    np.testing.assert_allclose(found.right, SHIFTS.right, rtol=1e-5)
    np.testing.assert_allclose(found.up, SHIFTS.up, rtol=1e-5)
    with pytest.raises(BadInput, match='no brighter-fatter table'):
        read_border_shifts(tmp_path / 'none.csv')
    (tmp_path / 'odd.csv').write_text('border,dy,dx,shift\nleft,0,0,1e-7\n')
    with pytest.raises(BadInput, match='left'):
        read_border_shifts(tmp_path / 'odd.csv')


def test_wrong_tables():
    with pytest.raises(BadData, match='even side'):
        BorderShifts(np.zeros((3, 3)), np.zeros((3, 3)))
    with pytest.raises(BadData, match='pixels per electron'):
        BorderShifts(np.full((4, 4), 1e-3), np.zeros((4, 4)))
    with pytest.raises(BadData, match='finite'):
        BorderShifts(np.full((4, 4), np.nan), np.zeros((4, 4)))
