"""A made-up camera, nothing but the tables in `twin/`: what is read from it, and a night of it through the drivers."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.candidates.schema import source_id, source_parts
from sediff.cli.arguments import listed_ccds
from sediff.errors import BadInput, BadUsage
from sediff.formats.raw import read_raw_parts, read_raw_primary, read_raw_rows, sampled_ccds, write_raw
from sediff.instruments.amplifiers import read_amplifiers, sampled, seams_of, trimmed_shape
from sediff.instruments.base import table_path
from sediff.instruments.ccds import ccd_table, parse_ccd_list
from sediff.instruments.focalplane import camera_model
from sediff.instruments.headers import band_of, nite_of, trimmed_header
from sediff.instruments.load import default_instrument, load_instrument
from sediff.instruments.rawcards import read_cards
from sediff.instruments.rawfiles import raw_files_of
from sediff.instruments.settings import load_parameters
from sediff.instruments.sky import sky_of
from sediff.instruments.translate import camera_cards, translated
from sediff.isr.edgebleed import mark_edge_bleeds
from sediff.isr.focal_plane import bin_rows
from sediff.isr.overscan import subtract_overscan
from sediff.isr.sky_bins import spread_bins
from sediff.maskbits import Bit
from sediff.repository.inventory import raw_ccds
from sediff.repository.names import Exposure, raw_inputs, raw_path
from sediff.wcs.read import pixel_to_sky, read_wcs
from sediff.wcs.tpv import tpv_cards

TABLES = Path(__file__).with_name('twin')
NITE, EXPNUM = '20231115', 4242


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """The camera's folder; its score model is that of the default instrument, as docs/camera.md advises."""
    path = tmp_path_factory.mktemp('cameras') / 'twin'
    shutil.copytree(TABLES, path)
    shutil.copy(table_path(default_instrument(), 'autoscan.npz'), path)
    return path


@pytest.fixture(scope='module')
def twin(folder):
    return load_instrument(str(folder))


@pytest.fixture(scope='module')
def detector_a_file(folder):
    """The same camera, each detector in a compressed file of its own."""
    path = folder.with_name('apart')
    shutil.copytree(folder, path)
    text = (path / 'camera.csv').read_text().replace('twin{expnum:06d}.fits', '{detector}-{expnum:06d}.fits.fz')
    (path / 'camera.csv').write_text(text)
    return load_instrument(str(path))


def primary() -> Header:
    """Primary header in the camera's own words."""
    return Header({'ITIME': 60000.0, 'JD': 2460264.966343, 'AM': 1.05, 'RADEG': 52.5, 'DECDEG': -10.25, 'FILT1': 'WD580',
                   'FRAMEID': EXPNUM, 'IMGTYPE': 'sky', 'TARGET': 'somewhere'})


def extension(first_gain: float = 1.61) -> Header:
    return Header({'EGAIN1': first_gain, 'EGAIN2': 1.55, 'EGAIN3': 1.70, 'EGAIN4': 1.66, 'RON1': 4.1, 'RON2': 4.4,
                   'RON3': 3.9, 'RON4': 4.6})


def raw_pixels(twin, trimmed: np.ndarray, levels=(1000, 1100, 1200, 1300)) -> np.ndarray:
    """A raw frame that holds a trimmed image above the level of each amplifier."""
    header = translated(Header(), twin, twin.detector(3))
    raw = np.zeros((1044, 1088), np.uint16)
    for each, level in zip(read_amplifiers(header), levels):
        raw[each.data], raw[each.bias] = trimmed[each.ccd] + level, level
    return raw


def scene() -> np.ndarray:
    """Numbers that tell every pixel from its neighbours: (1024, 1024) uint16."""
    y, x = np.mgrid[:1024, :1024]
    return (200 + (3 * x + 7 * y) % 977).astype(np.uint16)


@pytest.fixture(scope='module', params=['together', 'apart'])
def written(request, twin, detector_a_file, tmp_path_factory):
    """A raw exposure of each layout: (instrument, root)."""
    instrument, root = (twin if request.param == 'together' else detector_a_file), tmp_path_factory.mktemp('root')
    ccds = {ccd: (instrument.detector(ccd).name, raw_pixels(instrument, scene() + np.uint16(ccd)), extension())
            for ccd in instrument.ccds}
    for files in [list(ccds)] if request.param == 'together' else [[ccd] for ccd in ccds]:
        write_raw(raw_path(root, NITE, EXPNUM, instrument, files[0]), primary(), [ccds[ccd] for ccd in files])
    return instrument, root


def test_what_the_tables_say(twin):
    assert (twin.name, twin.ccds, twin.ccd_text, list(twin.bands)) == ('Twin', (3, 104), '3,104', ['wide', 'far9'])
    assert twin.detector(104).shape == (1024, 1024) and [each.name for each in twin.detector(3).amplifiers] == list('PQRS')
    assert twin.fringing == {'far9'} and twin.pixel_scale == 0.5 and twin.ccd_bits == 7
    assert twin.night_offset == pytest.approx(12.0 + 155.47 / 15.0)
    assert sky_of(twin, 'wide').edges == (0.48, 0.70) and sky_of(twin, 'wide').air.pressure == 460
    table = ccd_table(twin)
    assert table['detpos'].tolist() == ['west', 'east'] and table['width_mm'].tolist() == [18.432, 18.432]
    assert table['gain_s'].tolist() == [1.66, 1.60]


def test_an_instrument_is_found_by_name_and_by_path_and_loaded_once(folder, monkeypatch):
    twin = load_instrument(str(folder))
    assert load_instrument(f'./{folder.name}', folder.parent) is twin
    with pytest.raises(BadUsage, match=r'INSTRUMENT=twin: .*decam.*docs/camera\.md'):
        load_instrument('twin')
    monkeypatch.setenv('SEDIFF_INSTRUMENTS', f'/nowhere:{folder.parent}')
    assert load_instrument('twin') is twin
    import pickle
    assert pickle.loads(pickle.dumps(twin)) is twin


def test_a_changed_table_is_read_anew(folder, tmp_path):
    shutil.copytree(folder, tmp_path / 'mine')
    before = load_instrument(str(tmp_path / 'mine'))
    text = (tmp_path / 'mine/camera.csv').read_text()
    (tmp_path / 'mine/camera.csv').write_text(text.replace('pixel_scale,0.5,', 'pixel_scale,0.55,'))
    after = load_instrument(str(tmp_path / 'mine'))
    assert (before.pixel_scale, after.pixel_scale) == (0.5, 0.55) and before.digest != after.digest


@pytest.mark.parametrize('name, old, new, words', [
    ('bands.csv', 'wide,Wide', 'wi-de,Wide', 'letters and digits'), ('ccds.csv', '\n104,', '\n0,', 'numbers from 1'),
    ('ccds.csv', '1.61', 'much', 'gain_p'), ('amplifiers.csv', '*,P,', '*,left,', 'one capital letter'),
    ('camera.csv', 'nx,1024,px,\n', '', 'nx and ny'), ('bands.csv', 'band,', 'name,', 'no column band')])
def test_tables_that_cannot_be_are_named(folder, tmp_path, name, old, new, words):
    shutil.copytree(folder, tmp_path / 'mine')
    text = (tmp_path / 'mine' / name).read_text()
    assert old in text
    (tmp_path / 'mine' / name).write_text(text.replace(old, new))
    with pytest.raises(BadInput, match=words):
        load_instrument(str(tmp_path / 'mine'))


def test_a_missing_table_is_named(folder, tmp_path, twin):
    shutil.copytree(folder, tmp_path / 'mine')
    (tmp_path / 'mine/bands.csv').unlink()
    with pytest.raises(BadInput, match=r'bands\.csv'):
        load_instrument(str(tmp_path / 'mine'))
    with pytest.raises(BadInput, match=r'no table crosstalk\.csv of Twin'):
        table_path(twin, 'crosstalk.csv')


def test_ccd_lists_are_those_of_the_camera(twin):
    assert parse_ccd_list('all', '20200101', twin) == [3, 104] == parse_ccd_list('104,3', None, twin)[::-1]
    assert parse_ccd_list('3-104', None, twin) == [3, 104]
    with pytest.raises(BadUsage, match=r"--ccds \(-c\): '33' in the CCD list"):
        listed_ccds('33', NITE, twin)
    assert twin.detector(104).dead_amplifiers('20300115') == ('P', 'Q') and twin.detector(104).alive('20300115')


def test_parameters_of_the_bands(folder, tmp_path):
    (tmp_path / 'site').mkdir()
    (tmp_path / 'site/local.rc').write_text(f'INSTRUMENT={folder}\n')
    (tmp_path / 'dagmaker.rc').write_text('TEFF_CUT_g=0.4\nTEFF_CUT_far9=0.6\n')
    parameters = load_parameters(tmp_path)
    assert (parameters['TEFF_CUT_WIDE'], parameters['TEFF_CUT_FAR9']) == (0.15, 0.6) and 'TEFF_CUT_G' not in parameters
    (tmp_path / 'dagmaker.rc').write_text('TEFF_CUT_wider=0.4\n')
    with pytest.raises(BadUsage, match=r'dagmaker\.rc:1: unknown parameter TEFF_CUT_WIDER; did you mean TEFF_CUT_WIDE'):
        load_parameters(tmp_path)
    (tmp_path / 'dagmaker.rc').write_text('TEFF_CUT_g=0.4\n')
    assert load_parameters(tmp_path, ['INSTRUMENT=decam'])['TEFF_CUT_G'] == 0.4


def test_headers_in_the_cameras_words(twin):
    header = translated(primary(), twin)
    cards = read_cards(header, None, None, twin)
    assert not cards.problems and not cards.notes
    assert (cards.exptime, cards.band, cards.expnum, cards.object) == (60.0, 'wide', EXPNUM, 'somewhere')
    assert (cards.ra, cards.dec, cards.mjd) == pytest.approx((52.5, -10.25, 60264.466343), abs=1e-6)
    assert header['OBSTYPE'] == 'object' and 'FRAMEID' not in header and 'ITIME' not in header
    assert nite_of(header, twin.night_offset) == NITE
    whole = translated(primary() + extension(1.5), twin, twin.detector(104))
    assert (whole['CCDNUM'], whole['DETPOS'], whole['GAINP'], whole['SATURATS']) == (104, 'east', 1.5, 58200.0)
    trimmed = trimmed_header(whole, twin)
    assert (trimmed['BAND'], trimmed['CAMSYM'], trimmed['NITE']) == ('wide', 'T', NITE) and 'DATASECP' not in trimmed
    assert band_of(Header({'FILTER': 'Far 900'}), twin) == 'far9'
    back = camera_cards(header, twin)
    wanted = dict(primary()) | {'FILT1': 'wide'}
    assert all(back[name] == (pytest.approx(value, abs=1e-5) if isinstance(value, float) else value)
               for name, value in wanted.items())


def test_a_default_cameras_header_is_left_as_it_is():
    header = Header({'FILTER': 'g DECam SDSS c0001 4720.0 1520.0', 'GAINA': 4.0})
    assert translated(header, default_instrument(), default_instrument().detector(1)) is header


def test_raw_files_of_both_layouts(written):
    instrument, root = written
    path = raw_path(root, NITE, EXPNUM, instrument)
    assert path.is_file() and raw_files_of(path.parent, instrument) == [path]
    head, ccds = read_raw_primary(path, instrument)
    assert (sorted(ccds), head['EXPNUM'], head['FILTER']) == ([3, 104], EXPNUM, 'wide')
    assert raw_ccds(path, instrument) == {3, 104} and len(raw_inputs(path, instrument)) == len(list(path.parent.iterdir()))
    for ccd in instrument.ccds:
        pixels, header = read_raw_rows(path, ccd, instrument=instrument)
        image = subtract_overscan(pixels, read_amplifiers(header), trim=2)
        np.testing.assert_array_equal(image, scene() + ccd)
    assert [ccd for ccd, _, _ in sampled_ccds(path, instrument)] == [3, 104]
    with pytest.raises(BadUsage, match='CCD 33 does not exist'):
        read_raw_rows(path, 33, instrument=instrument)


def test_some_rows_of_quadrants(written):
    """Rows that cross from the lower to the upper amplifiers come in two parts, and land where they belong."""
    instrument, root = written
    path = raw_path(root, NITE, EXPNUM, instrument)
    amplifiers = read_amplifiers(read_raw_rows(path, 3, 0, 1, instrument=instrument)[1])
    assert trimmed_shape(amplifiers) == (1024, 1024) and seams_of(amplifiers) == ([512], [512])
    for first, last, step in ((500, 530, 1), (0, 1024, 8), (510, 514, 1), (0, 100, 3), (600, 700, 7)):
        parts, few = sampled(amplifiers, first, last, step)
        assert len(parts) == (2 if first < 512 < last else 1)
        rows, _ = read_raw_parts(path, 3, parts, instrument)
        image = subtract_overscan(rows, few, trim=2)
        np.testing.assert_array_equal(image, scene()[first:last:step] + 3)
    parts, _ = sampled(amplifiers, 0, 1024, 8)
    rows, _ = read_raw_parts(path, 3, parts, instrument)
    binned = bin_rows(rows, amplifiers, None, None, None)
    truth = np.median(scene()[::8].reshape(8, 16, 8, 128).transpose(0, 2, 1, 3).reshape(8, 8, -1), axis=2) + 3
    assert binned.shape == (8, 8) and np.abs(binned[0, 0] / truth[0, 0] / 1.61 - 1) < 0.05
    assert np.abs(binned[7, 7] / truth[7, 7] / 1.66 - 1) < 0.05


def test_steps_between_quadrants_stay_sharp():
    """Each quadrant's bins are spread alone: a step between amplifiers does not ring."""
    bins = np.ones((64, 64), np.float32)
    bins[32:], bins[:, 32:] = bins[32:] + 1.0, bins[:, 32:] + 2.0
    image = spread_bins(bins, ([128], [128]))
    wanted = bins.repeat(4, axis=0).repeat(4, axis=1)
    np.testing.assert_allclose(image, wanted, atol=1e-4)
    assert np.abs(spread_bins(bins) - wanted).max() > 0.05


@pytest.mark.parametrize('top', [False, True])
def test_edge_bleeds_at_both_registers(twin, top):
    """Quadrants are read out at both ends: a puddle at either is found."""
    rng = np.random.default_rng(3)
    image = rng.normal(500.0, 22.4, (1024, 1024)).astype(np.float32)
    mask = np.zeros(image.shape, np.uint16)
    rows = np.s_[:80] if not top else np.s_[-80:]
    mask[rows, 300:306] |= np.uint16(Bit.SATURATE | Bit.TRAIL)
    image[rows, 300:306] = 9e4
    puddle = np.s_[:12, 280:330] if not top else np.s_[-12:, 280:330]
    image[puddle] += 400.0
    header = translated(Header(), twin, twin.detector(3))
    found = (mark_edge_bleeds(image, mask, read_amplifiers(header), 22.4) & np.uint16(Bit.EDGEBLEED)) > 0
    assert found[puddle].mean() > 0.9
    other = np.s_[-200:] if not top else np.s_[:200]
    assert not found[other].any()


def test_the_camera_model_is_sip(twin):
    model = camera_model(104, 30.0, 12.0, twin)
    assert model['CTYPE1'] == 'RA---TAN-SIP' and model['A_ORDER'] == 3
    x, y = np.meshgrid(np.linspace(0, 1023, 4), np.linspace(0, 1023, 4))
    one, other = (pixel_to_sky(read_wcs(each), x.ravel(), y.ravel()) for each in (model, tpv_cards(model)))
    assert 3.6e6 * np.abs(np.subtract(one, other)).max() < 0.01


def test_ids_of_many_detectors(twin):
    number = source_id(33, 4242, 104, 300, twin.ccd_bits)
    assert source_parts(number, twin.ccd_bits) == (33, 4242, 104, 300) and 0 < number < 2 ** 63
    with pytest.raises(BadUsage):
        source_id(33, 4242, 104, 300)
    assert source_id(33, 4242, 62, 300) == source_id(33, 4242, 62, 300, default_instrument().ccd_bits)


def test_an_exposure_carries_its_instrument(twin, tmp_path):
    exposure = Exposure(tmp_path, EXPNUM, NITE, 'wide', instrument=twin)
    assert exposure.with_ccd(104).detector.name == 'east' and replace(exposure, field='x').instrument is twin
    assert Exposure(tmp_path, 1, NITE, 'r').instrument is default_instrument()


@pytest.mark.slow
def test_a_night_from_raw_to_the_candidate_page(folder, tmp_path, repository):
    """Simulated, calibrated, planned and searched by the same commands as any other camera's."""
    environment = os.environ | {'SEDIFF_INSTRUMENT': str(folder), 'SEDIFF_ROOT': str(tmp_path),
                                'SEDIFF_PYTHON': sys.executable, 'PYTHONPATH': str(repository / 'python')}

    def run(*words: str) -> str:
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f'{words}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}'
        return done.stdout

    sediff = (sys.executable, '-m', 'sediff')
    run(*sediff, 'sim', '.', '--seed', '5', '--small', '--stars', '1000', '--transients', '8', '--templates', '1',
        '--band', 'wide', '--ccds', '3,104', '--dec', '10', '--seeing', '1.6', '--exptime', '60', '--expnum', str(EXPNUM),
        '--nite', NITE, '--kilonova-distance', '60', '--workers', '1', '--no-streak')
    for action in (['build-bias'], ['build-dflat', '--band', 'wide'], ['build-bpm', '--band', 'wide']):
        run(*sediff, 'calib', *action, '--root', '.', '--nite', NITE, '--workers', '1')
    run(str(repository / 'scripts/DAGMaker.sh'), '-P', 'SEARCH_OPTS=-C -s -P FAKE_LIST=truth/transients.csv',
        '-P', 'TEMP_OPTS=-C -t -s', str(EXPNUM))
    run('bash', f'mytemp_{EXPNUM}/desgw_pipeline_{EXPNUM}.sh')
    page = tmp_path / f'persistent/gw/exp/{NITE}/{EXPNUM}/candidates_{EXPNUM}_dp33.html'
    assert page.is_file()
    said = run(*sediff, 'check', '--expnum', str(EXPNUM), '--nite', NITE, '--band', 'wide', '--season', 'dp33')
    counts = re.search(r'of the (\d+) that must be found (\d+); .* not injected sources: (\d+)', said)
    wanted, found, false = map(int, counts.groups())
    assert wanted == found >= 6 and false <= 1, said
