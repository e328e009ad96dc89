"""Every effect of the camera at once, put in by the simulator and taken out again: noise, flat, star fluxes."""
from __future__ import annotations

import argparse

import numpy as np
import pytest

from sediff.cli.calib import add_arguments, run
from sediff.formats.brighterfatter import read_border_shifts
from sediff.formats.calibration import read_calibration, read_tape_bumps
from sediff.formats.linearity import read_linearity
from sediff.formats.raw import read_raw_rows
from sediff.instruments.load import default_instrument
from sediff.isr import detrend
from sediff.maskbits import UNUSABLE, Bit
from sediff.repository.names import calib_path, raw_path
from sediff.sim.cards import wcs_header
from sediff.sim.detector import detector_of
from sediff.sim.effects import effects_of, tape_bump_response
from sediff.sim.files import read_facts
from sediff.sim.light import add_light
from sediff.sim.night import make_tasks, simulate_night
from sediff.sim.optics import draw_psf
from sediff.sim.options import EFFECTS, OPTICS, NightOptions, generator
from sediff.sim.plan import make_plan
from sediff.sim.scene import make_scene
from sediff.wcs.read import read_wcs

CCD_SHAPE = (4096, 2048)

OPTIONS = NightOptions(seed=3, ccds=(33,), stars=1500, galaxies=100, transients=4, templates=0, zeros=5, flats=5, ramp=14,
                       effects=EFFECTS)
pytestmark = [pytest.mark.slow, pytest.mark.long]


class Truth:
    """Light of the search exposure without noise, its stars, and the CCD's response to the dome lamp."""

    def __init__(self) -> None:
        facts, plan = read_facts(OPTIONS.band), make_plan(OPTIONS)
        scene = make_scene(OPTIONS, plan, facts.tpv, facts.colour_term, facts.light_curve)
        self.exposure = next(each for each in plan if each.role == 'search')
        self.table = facts.crosstalk
        task = make_tasks(OPTIONS, facts, scene, self.exposure)[0]
        self.light = np.zeros(CCD_SHAPE, np.float32)
        psf = draw_psf(generator(OPTIONS.seed, OPTICS, self.exposure.expnum, 33), self.exposure.seeing, CCD_SHAPE, 0.2637)
        wcs = read_wcs(wcs_header(task.tpv, self.exposure.true))
        self.stars, _, _ = add_light(self.light, task.view, wcs, self.exposure, 33, psf)
        self.detector = detector_of(OPTIONS.seed, 33, CCD_SHAPE)
        self.effects = effects_of(OPTIONS.seed, default_instrument().detector(33), EFFECTS)
        bumps = tape_bump_response(self.effects.tape_bumps, CCD_SHAPE)
        self.response = self.detector.flat * bumps * self.effects.illumination


@pytest.fixture(scope='module')
def truth() -> Truth:
    return Truth()


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """The night with the calibrations that the builder makes of it."""
    folder = tmp_path_factory.mktemp('effects')
    simulate_night(folder, OPTIONS)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    for action in ('build-bias', 'build-linearity', 'build-dflat', 'build-bpm'):
        words = [action, '--root', str(folder), '--nite', OPTIONS.nite, '--ccds', '33', '--workers', '1']
        assert run(parser.parse_args(words)) == 0
    return folder


def correct(root, truth, linear=True, borders=True, star_flat=True):
    """The search exposure with the built calibrations; brighter-fatter and star flat are those of the truth."""
    def read(kind, band=None):
        return read_calibration(calib_path(root, kind, OPTIONS.nite, 33, band), kind, 33, band, CCD_SHAPE)
    raw, header = read_raw_rows(raw_path(root, OPTIONS.nite, OPTIONS.expnum), 33)
    curves = read_linearity(root / 'calib' / 'linearity' / f'D_n{OPTIONS.nite}_c33_linearity.csv', 33)
    more = detrend.Corrections(curves if linear else {},
                               read_border_shifts(root / 'truth' / 'brighter_fatter.csv') if borders else None,
                               read_tape_bumps(root / 'truth' / 'tape_bumps.csv', 33))
    ccd = detrend.crosstalk_stage(raw, header, {}, truth.table, 'crosstalk.csv')
    ccd = detrend.pixcorrect(ccd, read('biascor'), read('norm-dflatcor', 'r'), read('bpm'), more=more)
    ccd = detrend.mask_cosmic_rays(detrend.subtract_sky(detrend.mask_bleeds(ccd, 20, 0.5, True)), 4.2)
    if not star_flat:
        return ccd
    flat = read_calibration(root / 'truth' / 'starflat_c33.fits', 'star flat', 33, None, CCD_SHAPE)
    return detrend.apply_star_flat(ccd, flat)


@pytest.fixture(scope='module')
def corrected(root, truth):
    return correct(root, truth)


def star_residuals(ccd, truth, radius=12.0):
    """Magnitude, corrected less true magnitude, and S/N in apertures of stars that nothing masked touches."""
    rows = []
    for star in truth.stars[truth.stars['mag'] < 19.0]:
        x, y = round(float(star['x'])), round(float(star['y']))
        if not (40 < x < 2008 and 40 < y < 4056):
            continue
        box = np.s_[y - 13:y + 14, x - 13:x + 14]
        v, u = np.mgrid[y - 13:y + 14, x - 13:x + 14]
        inside = np.hypot(u - star['x'], v - star['y']) < radius
        light = truth.light[box][inside].sum(dtype=float)
        if (ccd.mask[box][inside] & np.uint16(UNUSABLE)).any() or light > 1.15 * star['flux_e']:
            continue
        error = np.sqrt((1.0 / ccd.weight[box][inside]).sum() + light)
        rows.append((star['mag'], -2.5 * np.log10(ccd.image[box][inside].sum(dtype=float) / light), light / error))
    table = np.array(rows)
    table[:, 1] -= np.median(table[table[:, 2] > 300, 1])
    return table


def test_chi_of_the_sky(corrected, truth):
    """1.00 +- 0.02 against the weight map."""
    sky = ((corrected.mask & np.uint16(UNUSABLE)) == 0) & (truth.light < 0.3)
    pull = corrected.image[sky] * np.sqrt(corrected.weight[sky])
    pull -= np.median(pull)
    assert np.sqrt(np.mean(pull[np.abs(pull) < 4.5] ** 2)) == pytest.approx(1.0, abs=0.02)


def test_flat(root, truth):
    """At most 0.1 % rms on blocks of 32 pixels."""
    flat = read_calibration(calib_path(root, 'norm-dflatcor', OPTIONS.nite, 33, 'r'), 'flat', 33, 'r', CCD_SHAPE)
    ratio = np.where(truth.detector.bad, np.nan, flat / truth.response)
    blocks = np.nanmean(ratio.reshape(128, 32, 64, 32), axis=(1, 3))
    assert np.nanstd(blocks / np.nanmedian(blocks)) < 1e-3


def test_star_fluxes(corrected, truth):
    """At most 3 mmag of scatter at S/N > 300, 2 mmag of trend from V = 16 to saturation."""
    table = star_residuals(corrected, truth)
    good = table[table[:, 2] > 300]
    assert len(good) > 20
    assert 1.4826 * np.median(np.abs(good[:, 1])) < 0.003
    for low, high in ((13.0, 15.7), (15.7, 16.5), (16.5, 17.3)):
        part = good[(good[:, 0] >= low) & (good[:, 0] < high)]
        if len(part):
            noise = 1.0857 * np.median(1.0 / part[:, 2]) / np.sqrt(len(part))
            assert abs(part[:, 1].mean()) < 0.002 + 2.0 * noise


def test_each_correction_is_needed(root, truth, corrected):
    """Without linearity or star flat the stars are off by more than with all; the tape bumps are marked."""
    best = star_residuals(corrected, truth)
    for left_out in ('linear', 'star_flat'):
        table = star_residuals(correct(root, truth, **{left_out: False}), truth)
        good, rest = table[table[:, 2] > 300, 1], best[best[:, 2] > 300, 1]
        assert np.std(good) > 1.5 * np.std(rest)
    assert len(truth.effects.tape_bumps) > 0
    for x0, x1, y0, y1 in truth.effects.tape_bumps:
        assert ((corrected.mask[y0:y1 + 1, x0:x1 + 1] & np.uint16(Bit.TAPEBUMP)) != 0).all()


def test_brighter_fatter_of_the_stars(root, truth, corrected):
    """Widths of bright stars are those of the faint ones only when the effect is taken out."""
    def width(ccd):
        values = []
        for star in truth.stars[(truth.stars['mag'] < 17.0)]:
            x, y = round(float(star['x'])), round(float(star['y']))
            if not (40 < x < 2008 and 40 < y < 4056):
                continue
            box = np.s_[y - 6:y + 7, x - 6:x + 7]
            if (ccd.mask[box] & np.uint16(UNUSABLE)).any() or truth.light[box].sum() > 1.02 * star['flux_e']:
                continue
            v, u = np.mgrid[y - 6:y + 7, x - 6:x + 7]
            square = (u - star['x']) ** 2 + (v - star['y']) ** 2
            seen, true = (float((image[box] * square).sum() / image[box].sum()) for image in (ccd.image, truth.light))
            values.append((seen / true - 1.0, truth.light[box].max()))
        table = np.array(values)
        return np.average(table[:, 0], weights=table[:, 1] ** 2)
    without = width(correct(root, truth, borders=False))
    assert without > 8e-4 and abs(width(corrected)) < 0.4 * without
