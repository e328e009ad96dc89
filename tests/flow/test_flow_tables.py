"""Tables of an exposure: lending, flags over CCDs, one writer at a time, quality file and picture."""
import io
import json
import multiprocessing

import numpy as np
import pandas as pd
import pytest
from made_up_exposure import CLEAR, make_ccd, make_exposure
from PIL import Image

from sediff.errors import BadData, Temporary
from sediff.flow.exposure.tables import exposure_lock, write_exposure_tables
from sediff.formats.locks import lock
from sediff.formats.tables import read_csv, read_table
from sediff.instruments.load import default_instrument
from sediff.instruments.settings import declared
from sediff.parameters.model import Parameters
from sediff.report.quality_picture import draw_quality
from sediff.repository.names import product_path

pytestmark = pytest.mark.busy

PARAMETERS = Parameters(declared(default_instrument()))
CCDS = (10, 27, 28, 33, 34, 35)


def test_a_ccd_with_too_few_stars_takes_the_zero_point_of_the_exposure(tmp_path):
    exposure = make_exposure(tmp_path, 1250064, CCDS[1:])
    poor = exposure.with_ccd(10)
    make_ccd(poor, zero_point=None)
    before = product_path(poor, 'zero').read_bytes()
    write_exposure_tables(exposure, CCDS, PARAMETERS)
    table = read_csv(product_path(poor, 'zp'))
    assert table['ZeroPoint'].to_numpy() == pytest.approx(CLEAR)
    assert (table['ZeroPoint_FLAGS'] == 1).all()
    assert read_csv(product_path(poor, 'zero_point'))['NewZP'][0] == pytest.approx(CLEAR)
    assert product_path(poor, 'zero').read_bytes() == before         # what SE12 stamped is as it was
    assert len(read_table(product_path(poor, 'zp_fits'))) == len(table)
    assert len(read_csv(product_path(exposure, 'exposure_zp'))) == 30 * len(CCDS)
    for name in ('exposure_std', 'exposure_match'):
        assert len(read_csv(product_path(exposure, name))) == 30 * len(CCDS)
    report = json.loads(product_path(exposure, 'qc').read_text())
    assert report['ccds']['10']['lent'] and not report['ccds']['27']['lent']
    assert report['ccds']['10']['depth_5sigma'] == pytest.approx(report['ccds']['27']['depth_5sigma'], abs=0.02)
    assert report['figures']['lent_fraction']['value'] == pytest.approx(1 / 6)
    assert report['figures']['lent_fraction']['colour'] == 'red'


def test_outliers_are_flagged_in_the_calibrated_catalogues(tmp_path):
    exposure = make_exposure(tmp_path, 1250064, CCDS[1:])
    make_ccd(exposure.with_ccd(10), zero_point=CLEAR - 0.3)
    write_exposure_tables(exposure, CCDS, PARAMETERS)
    flags = {ccd: read_csv(product_path(exposure.with_ccd(ccd), 'zp'))['ZeroPoint_FLAGS'].unique().tolist() for ccd in CCDS}
    assert flags == {10: [-1000], **{ccd: [0] for ccd in CCDS[1:]}}


def test_the_tables_are_a_step_with_stamp_and_log(tmp_path):
    exposure = make_exposure(tmp_path, 1250064, CCDS[:3])
    write_exposure_tables(exposure, CCDS[:3], PARAMETERS)
    done = exposure.with_ccd(0).se_folder / 'SE13_exposureTables.DONE'
    stamp = json.loads(done.read_text())
    assert stamp['parameters']['QC_TEFF_GREEN'] == 0.5
    assert {'exposure_zp', 'zp_27', 'zero_point_10', 'exposure_out'} <= set(stamp['products'])
    assert 'calibrated: 10,27-28' in done.with_suffix('.LOG').read_text()

    def ran() -> bool:
        before = done.stat().st_mtime_ns
        write_exposure_tables(exposure, CCDS[:3], PARAMETERS)
        return done.stat().st_mtime_ns != before
    assert not ran()
    path = product_path(exposure, 'exposure_zp')
    text = path.read_text()
    path.write_text(text.replace('1', '2', 1))
    assert ran() and path.read_text() == text and not ran()
    product_path(exposure, 'qc').unlink()
    assert ran() and not ran()
    make_ccd(exposure.with_ccd(28), zero_point=CLEAR - 0.02)
    assert ran() and not ran()


def test_nothing_is_written_again_when_nothing_changed(tmp_path):
    exposure = make_exposure(tmp_path, 1250064, CCDS[:3])
    make_ccd(exposure.with_ccd(33), zero_point=None)
    write_exposure_tables(exposure, CCDS[:3], PARAMETERS)
    watched = [product_path(exposure.with_ccd(ccd), name) for ccd in (10, 33) for name in ('zp', 'zp_fits', 'zero_point')]
    times = [path.stat().st_mtime_ns for path in watched]
    write_exposure_tables(exposure, CCDS[:3], PARAMETERS)
    assert [path.stat().st_mtime_ns for path in watched] == times
    make_ccd(exposure.with_ccd(28), zero_point=CLEAR - 0.02)
    write_exposure_tables(exposure, [28], PARAMETERS)
    changed = [path.stat().st_mtime_ns != before for path, before in zip(watched, times)]
    assert changed == [False] * 3 + [True] * 3                          # the one with the fallback alone


def test_no_zero_point_at_all_is_an_error_and_comes_right_later(tmp_path):
    exposure = make_exposure(tmp_path, 1250064, [10], zero_point=None)
    with pytest.raises(BadData, match='none of the 1 CCDs'):
        write_exposure_tables(exposure, [10], PARAMETERS)
    assert product_path(exposure, 'exposure_out').is_file()
    make_ccd(exposure.with_ccd(33))
    write_exposure_tables(exposure, [33], PARAMETERS)
    assert (read_csv(product_path(exposure.with_ccd(10), 'zp'))['ZeroPoint_FLAGS'] == 1).all()


def _job(exposure, ccd):
    make_ccd(exposure.with_ccd(ccd), zero_point=None if ccd == 10 else CLEAR + 0.001 * ccd)
    try:
        write_exposure_tables(exposure, [ccd], PARAMETERS)
    except BadData:
        assert ccd == 10                # the one with too few stars came first


def test_jobs_of_single_ccds_at_once_leave_what_one_writer_would(tmp_path):
    exposure = make_exposure(tmp_path / 'many', 1250064, [])
    context = multiprocessing.get_context('fork')
    jobs = [context.Process(target=_job, args=(exposure, ccd)) for ccd in CCDS]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0] * len(jobs)
    single = make_exposure(tmp_path / 'one', 1250064, [])
    for ccd in CCDS:
        make_ccd(single.with_ccd(ccd), zero_point=None if ccd == 10 else CLEAR + 0.001 * ccd)
    write_exposure_tables(single, CCDS, PARAMETERS)
    for name in ('exposure_out', 'all_zp', 'exposure_zp', 'red_catlist', 'exposure_std', 'exposure_match'):
        assert product_path(exposure, name).read_text() == product_path(single, name).read_text(), name
    for ccd in CCDS:
        for name in ('zp', 'zero_point'):
            mine, other = (product_path(each.with_ccd(ccd), name) for each in (exposure, single))
            assert mine.read_text() == other.read_text()
    assert not list(exposure.folder.glob('.tmp*'))


def test_who_holds_the_tables_too_long_is_named(tmp_path):
    exposure = make_exposure(tmp_path, 1250064, [])
    path = exposure.folder / 'locks' / '1250064_tables.lock'
    with lock(path, 'x'), pytest.raises(Temporary, match='1250064'), exposure_lock(exposure, 0.3):
        pass


def test_picture_and_completeness_by_name(tmp_path):
    exposure = make_exposure(tmp_path, 1250064, CCDS[:2])
    make_ccd(exposure.with_ccd(33), leave_out=('psf',))
    write_exposure_tables(exposure, CCDS[:3], PARAMETERS)
    report = json.loads(product_path(exposure, 'qc').read_text())
    assert report['missing']['33'] == ['psf']
    assert set(report['missing']) == {str(ccd) for ccd in range(1, 63)} - {'10', '27', '61'}
    assert report['figures']['completeness']['value'] == pytest.approx(2 / 61)
    assert report['verdict'] == 'red'
    draw_quality(exposure)
    picture = Image.open(io.BytesIO(product_path(exposure, 'qc_png').read_bytes()))
    assert picture.width > 1400 and np.asarray(picture.convert('L')).std() > 10


def test_calibrated_magnitudes_are_those_of_the_zero_point(tmp_path):
    exposure = make_exposure(tmp_path, 1250064, [33])
    write_exposure_tables(exposure, [33], PARAMETERS)
    table = pd.read_csv(product_path(exposure.with_ccd(33), 'zp'))
    assert table['MAG_PSF'].to_numpy() == pytest.approx(CLEAR - 2.5 * np.log10(table['FLUX_PSF']), abs=1e-5)
