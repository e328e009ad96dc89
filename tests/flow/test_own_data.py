"""What a new user does: files from somewhere, ingest, calibrations, plan, and on to the candidate page."""
import os
import subprocess

import pytest

from sediff.repository.exposures import read_exposures
from sediff.repository.names import raw_path

from .conftest import BAND, EXPNUM, NITE, Night, done


@pytest.fixture(scope='module')
def taken_in(raw_night, tmp_path_factory) -> Night:
    """A tree of its own into which the raw files of a night were taken; calibrations and reference stars are there."""
    night = Night(tmp_path_factory.mktemp('own'))
    for name in ('calib', 'refcat'):
        (night.root / name).symlink_to(raw_night.root / name)
    done(night.run('ingest', raw_night.root / 'dts'))
    return night


def test_fresh_exposures_are_listed_without_t_eff_and_can_be_templates(taken_in):
    listed = read_exposures(taken_in.root / 'exposures.list')
    assert EXPNUM in set(listed['expnum']) and len(listed) == 3 and listed['t_eff'].isna().all()
    plan = done(taken_in.run('DAGMaker.sh', '--id', f'visit={EXPNUM}', 'ccdnum=33'))
    assert '2 templates of 2 overlapping exposures' in plan.stdout
    choices = (taken_in.root / f'mytemp_{EXPNUM}' / f'choices_{EXPNUM}.list').read_text()
    assert choices.count('kept    t_eff not known yet') == 2


def test_drivers_find_night_and_band(taken_in):
    shown = done(taken_in.run('SEdiff.sh', '-E', EXPNUM, '-r', 4, '-p', 7, '-S', 'dp33', '--show', 'data'))
    assert shown.stdout.startswith(f"id dataRef.dataId = {{'visit': {EXPNUM}, 'ccdnum': 33, 'filter': '{BAND}', "
                                   f"'nite': '{NITE}'") and shown.stdout.count('dataRef') == 1
    assert taken_in.run('SEdiff.sh', '-E', EXPNUM, '-b', 'z', '-r', 4, '-p', 7, '-S', 'dp33').returncode == 2


@pytest.mark.slow
def test_from_the_files_to_the_candidate_page(taken_in):
    """Templates of unknown t_eff are processed, measured and used; the next plan knows what they are."""
    done(taken_in.run('DAGMaker.sh', '-c', 33, EXPNUM))
    script = taken_in.root / f'mytemp_{EXPNUM}' / f'desgw_pipeline_{EXPNUM}.sh'
    done(subprocess.run(['bash', str(script)], cwd=taken_in.root, env=taken_in.environment(), text=True, capture_output=True,
                        timeout=900, check=False))
    assert (taken_in.folder / f'candidates_{EXPNUM}_dp33.html').is_file()
    again = done(taken_in.run('DAGMaker.sh', '-c', 33, EXPNUM))
    assert '2 templates' in again.stdout and '0 still to process' in again.stdout
    assert (taken_in.root / f'mytemp_{EXPNUM}' / f'choices_{EXPNUM}.list').read_text().count('(measured)') == 2
    done(taken_in.run('SEdiff.sh', '--id', f'visit={EXPNUM}', 'ccdnum=33', '-r', 4, '-p', 7, '-S', 'dp33', '-C', '-s',
                      '-T', f'SNSTAR_{EXPNUM}_r4p7.LIST', '-V', f'SNVETO_{EXPNUM}_r4p7.LIST'))
    bad = taken_in.run('DAGMaker.sh', '-c', 33, '-P', 'TEFF_CUT_r=9.9', EXPNUM)
    assert bad.returncode == 4 and 'no template' in bad.stderr


def test_a_raw_file_that_was_left_where_it_is_is_found(raw_night, tmp_path):
    night = Night(tmp_path)
    done(night.run('ingest', '--mode', 'skip', raw_path(raw_night.root, NITE, EXPNUM)))
    assert not os.path.lexists(raw_path(tmp_path, NITE, EXPNUM))
    failed = night.run('DAGMaker.sh', '-c', 33, EXPNUM)
    assert failed.returncode == 3 and 'biascor' in failed.stderr and 'no raw file' not in failed.stderr
