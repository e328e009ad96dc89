"""The sky of the focal plane as a user gets it: components from exposures of a night, then SE04 of another exposure."""
from __future__ import annotations

import re

import numpy as np
import pytest

from sediff.flow.single_epoch.sky import binned_sky
from sediff.formats.fits import read_ccd
from sediff.instruments.settings import load_parameters as load
from sediff.maskbits import UNUSABLE, Bit
from sediff.repository.names import Exposure, calib_path, product_path
from sediff.repository.products import read_product
from sediff.sim.files import read_facts
from sediff.sim.focal_sky import fringe_pattern
from sediff.sim.night import make_tasks
from sediff.sim.options import NightOptions
from sediff.sim.plan import make_plan
from sediff.sim.scene import make_scene

from .conftest import Night, done
from .season import replace_bytes

CCDS, NITE, EXPNUM, SEED = (33, 34), '20231115', 1250100, 6
pytestmark = [pytest.mark.slow, pytest.mark.long]


@pytest.fixture(scope='module')
def tree(tmp_path_factory) -> Night:
    """Nine exposures in Y under skies that differ, with fringes, and the components that the builder makes of them.

    They are built with an rc file of the user's, as the drivers would be.
    """
    night = Night(tmp_path_factory.mktemp('sky'))
    done(night.run('sim', '.', '--small', '--seed', SEED, '--band', 'Y', '--ccds', '33,34', '--templates', 0, '--skies', 9,
                   '--effects', 'sky,fringes', '--workers', 1))
    for kind in ('build-bias', 'build-dflat', 'build-bpm'):
        band = [] if kind == 'build-bias' else ['--band', 'Y']
        done(night.run('calib', kind, '--root', '.', '--nite', NITE, '--ccds', '33,34', '--workers', 1, *band))
    built = done(night.run('calib', 'build-skypca', '--root', '.', '--nite', NITE, '--ccds', '33,34', '--band', 'Y',
                           '--exclude', EXPNUM, '-P', 'OVERSCAN=median'))
    assert len(built.stdout.split()) == 3 and calib_path(night.root, 'sky_components', NITE, 0, 'Y').is_file()
    return night


def process(night: Night, *words) -> list:
    """SE of the exposure that took no part in the components; the CCDs as the product has them."""
    done(night.run('SEdiff.sh', '-E', EXPNUM, '-n', NITE, '-b', 'Y', '-r', 4, '-p', 7, '-S', 'dp33', '-c', '33,34', '-t',
                   '-s', '-O', *words))
    return [read_ccd(product_path(of(night, ccd), 'immask')) for ccd in CCDS]


def of(night: Night, ccd: int = 33) -> Exposure:
    return Exposure(night.root, EXPNUM, NITE, 'Y', 4, 7, 'dp33').with_ccd(ccd)


def sky_level() -> float:
    """Electrons of the plain sky of the exposure."""
    return next(each.sky for each in make_plan(OPTIONS) if each.role == 'search')


OPTIONS = NightOptions(seed=SEED, ccds=CCDS, band='Y', stars=400, galaxies=150, transients=8, templates=0, skies=9,
                       effects=('sky', 'fringes'))


def blank(ccd, true_light: np.ndarray) -> np.ndarray:
    """The image where there is only sky, NaN elsewhere."""
    usable = ((ccd.mask & np.uint16(UNUSABLE | Bit.STAR)) == 0) & (true_light < 0.5)
    return np.where(usable, ccd.image, np.nan)


#: Rows and columns of a trimmed DECam CCD.
CCD_SHAPE = (4096, 2048)


@pytest.fixture(scope='module')
def light() -> dict[int, np.ndarray]:
    """Light of stars and galaxies on each CCD."""
    from sediff.sim.cards import wcs_header
    from sediff.sim.light import add_light
    from sediff.sim.optics import draw_psf
    from sediff.sim.options import OPTICS, generator
    from sediff.wcs.read import read_wcs
    facts, plan = read_facts('Y'), make_plan(OPTIONS)
    scene = make_scene(OPTIONS, plan, facts.tpv, facts.colour_term, facts.light_curve)
    search = next(each for each in plan if each.role == 'search')
    images = {}
    for task in make_tasks(OPTIONS, facts, scene, search):
        images[task.ccdnum] = np.zeros(CCD_SHAPE, np.float32)
        psf = draw_psf(generator(SEED, OPTICS, EXPNUM, task.ccdnum), search.seeing, CCD_SHAPE, 0.2637)
        add_light(images[task.ccdnum], task.view, read_wcs(wcs_header(task.tpv, search.true)), search, task.ccdnum, psf)
    return images


def test_components_take_the_sky_to_truth(tree, light):
    """Blocks of 128 px: what is left is the noise of a block and 0.03 % of the sky; the fringes go, the header says so."""
    level = sky_level()
    for number, ccd in zip(CCDS, process(tree)):
        header = ccd.header
        assert header['SKYMODEL'] == 'pca' and header['SKYFIL'] == f'D_n{NITE}_Y_c{number:02d}_skypca-tmpl.fits'
        assert re.fullmatch('[0-9a-f]{8}', header['SKYSUM']) and header['FRINGFIL'] == header['SKYFIL']
        sky = blank(ccd, light[number])
        cells = sky.reshape(32, 128, 16, 128)
        count = np.isfinite(cells).sum(axis=(1, 3))
        left = (np.nansum(cells, axis=(1, 3)) / np.maximum(count, 1))[count > 3000]
        noise = header['SKYSIGMA'] / np.sqrt(count[count > 3000])
        assert np.abs(np.median(left)) < 5e-4 * level
        assert np.sqrt(np.mean(left ** 2)) < np.hypot(1.2 * np.sqrt(np.mean(noise ** 2)), 5e-4 * level)
        pattern = fringe_pattern(SEED, number, (4096, 2048))
        seen = np.isfinite(sky)
        assert header['FRINGEA'] == pytest.approx(0.0032 * level, rel=0.1)
        assert abs((sky[seen] * pattern[seen]).mean()) < 0.15 * 0.003 * level
    log = (of(tree).se_folder / 'SE04_skysub.LOG').read_text()
    assert 'components of' in log and re.search(r'binned 2 CCDs in [0-9.]+ s', log)


def test_the_first_pass_is_made_once_and_anew_when_a_flat_changes(tree):
    exposure, parameters, lines = of(tree), load(None, [f'ROOT={tree.root}']), []
    binned = binned_sky(exposure, parameters, lines.append)
    assert binned.ccds == CCDS and binned.band == 'Y'
    path = product_path(exposure, 'binned_sky')
    made = path.stat().st_mtime_ns
    lines.clear()
    binned_sky(exposure, parameters, lines.append)
    assert lines == [] and path.stat().st_mtime_ns == made
    flat = calib_path(tree.root, 'norm-dflatcor', NITE, 34, 'Y')     # that of another CCD counts too
    before = flat.read_bytes()
    replace_bytes(flat, len(before) // 2, b'\x3f\x80\x01\x02')
    binned_sky(exposure, parameters, lines.append)
    assert lines and path.stat().st_mtime_ns != made
    flat.write_bytes(before)
    binned_sky(exposure, parameters)
    lines.clear()
    binned_sky(exposure, parameters, lines.append)
    assert lines == []
    assert (exposure.with_ccd(0).se_folder / 'SE00_binSky.DONE').is_file()


def test_without_components_the_sky_is_local_and_the_header_says_so(tree):
    folder = calib_path(tree.root, 'sky_components', NITE, 0, 'Y').parent
    hidden = folder.rename(folder.with_name('hidden'))
    try:
        for ccd in process(tree):
            assert ccd.header['SKYMODEL'] == 'local' and 'SKYFIL' not in ccd.header
            assert ccd.header['FRINGFIL'] == 'none' and 'NSTREAK' not in ccd.header
        log = (of(tree).se_folder / 'SE04_skysub.LOG').read_text()
        assert 'local sky: no sky components for this band and time' in log
        for model in ('components', 'pca'):
            rejected = tree.run('SEdiff.sh', '-E', EXPNUM, '-n', NITE, '-b', 'Y', '-r', 4, '-p', 7, '-S', 'dp33', '-c', 33,
                               '-t', '-s', '-O', '-P', f'SKY_MODEL={model}')
            assert rejected.returncode == 3 and 'calib build-skypca' in rejected.stderr
        run = tree.run('SEdiff.sh', '-E', EXPNUM, '-n', NITE, '-b', 'Y', '-r', 4, '-p', 7, '-S', 'dp33', '-c', '33', '-t',
                       '-s', '-O', '-C')
        told = run.stderr.splitlines()
        assert [line for line in told if 'WARNING' in line] == [told[0]] and 'fringes' in told[0]
        quality = read_product(product_path(of(tree), 'qc'), 'json')
        assert quality['verdict'] == 'red' and quality['figures']['fringed_fraction']['colour'] == 'red'
    finally:
        hidden.rename(folder)
