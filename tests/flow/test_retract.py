"""`sediff retract`: an exposure is withdrawn from candidates, pages, light curves and templates, and all comes back."""
import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from sediff.candidates.database import (
    associate,
    candidates_of,
    open_database,
    replace_detections,
    replace_image,
    transaction,
)
from sediff.errors import BadData, BadInput
from sediff.flow.exposure.verify import planned_templates
from sediff.flow.exposure.withdrawn import check_counts, mark, unmark, withdrawn
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.repository.reruns import open_rerun

from .shared_night import BAND, EXPNUM, NITE, Night
from .staged_season import exposure_of, gaussian_psf, stage

DIFFIMG = ('diffimg', '--rpnum', 'r4p7', '--expnum', EXPNUM, '--band', BAND, '--nite', NITE, '--schema', 'gw',
           '--season', 'dp33', '--ccds', 33, '--serial',
           '--snstar', f'SNSTAR_{EXPNUM}_r4p7.LIST', '--snveto', f'SNVETO_{EXPNUM}_r4p7.LIST')


@pytest.fixture
def raw_alone(tmp_path) -> Night:
    """A tree with one raw file."""
    path = Repository.of(exposure := Exposure(tmp_path, 99, '20200101', '')).path('raw', exposure)
    path.parent.mkdir(parents=True)
    path.write_bytes(b'')
    return Night(tmp_path)


def test_bad_calls(raw_alone, in_process):
    for words, code, said in ((('98', '--why', 'clouds'), 3, '98: no such exposure below'), (('99',), 2, '--why'),
                              (('99', '--why', ' \n '), 2, '--why must be'), (('99', '--why', 'x' * 201), 2, 'not 201'),
                              (('99', '--why', 'x', '--undo'), 2, 'not allowed with'), (('x', '--undo'), 2, 'EXPNUM')):
        result = in_process(raw_alone, 'retract', *words)
        assert result.returncode == code and said in result.stderr, (words, result.stderr)
    assert not list(raw_alone.root.rglob('withdrawn*'))


def test_an_exposure_that_is_not_processed_can_be_withdrawn(raw_alone, in_process):
    exposure = Exposure(raw_alone.root, 99, '20200101', 'r')
    for why in ('clouds', 'clouds\nand <b>a</b> plane'):
        assert in_process(raw_alone, 'retract', 99, '--why', why).stdout == f'99: withdrawn: {" ".join(why.split())}\n'
    assert withdrawn(exposure).endswith(': clouds and <b>a</b> plane')
    with pytest.raises(BadData, match='retract 99 --undo'):
        check_counts(exposure)
    for _ in range(2):
        assert in_process(raw_alone, 'retract', 99, '--undo').stdout == '99: counts again\n'
    assert withdrawn(exposure) == ''


def test_the_first_time_stays_and_a_torn_file_withdraws(tmp_path):
    exposure = Exposure(tmp_path, 99, '20200101', 'r')
    mark(exposure, 'clouds')
    path = Repository.of(exposure).path('withdrawn', exposure)
    path.write_text(path.read_text().replace(json.loads(path.read_text())['when'], '2020-01-02T03:04:05Z'))
    mark(exposure, 'a plane')
    assert withdrawn(exposure) == 'withdrawn 2020-01-02: a plane'
    path.write_text('{"when"')
    assert 'cannot be read' in withdrawn(exposure)


def test_a_rerun_sees_what_is_withdrawn_above_it_and_leaves_it(tmp_path):
    exposure = Exposure(tmp_path, 99, '20200101', 'r')
    rerun = replace(exposure, rerun=open_rerun(tmp_path, 'other'))
    mark(rerun, 'a plane')
    assert withdrawn(rerun) and not withdrawn(exposure)
    mark(exposure, 'clouds')
    with pytest.raises(BadInput, match='take it back there'):
        unmark(rerun)
    assert withdrawn(rerun).endswith('clouds')


def test_light_curves_leave_it_out(tmp_path, in_process):
    image = np.zeros((60, 60), np.float32)
    for number in (1250100, 1250101):
        stage(exposure_of(tmp_path, number), image, image + 400.0, gaussian_psf(), image)
    for visits in (['1250100', '1250101'], ['1250100']):
        told = in_process(Night(tmp_path), 'force', '52.5', '-28.0', '-S', 'dp33')
        assert told.returncode == 0, told.stderr
        assert sorted(row['EXPNUM'] for row in csv.DictReader(io.StringIO(told.stdout))) == visits
        mark(exposure_of(tmp_path, 1250101), 'clouds')


def outputs(night: Night) -> dict:
    """Pages and tables less what tells when they were made."""
    paths = [night.folder / f'candidates_{EXPNUM}.csv', *sorted((night.folder / f'candidates_{EXPNUM}_dp33').glob('*'))]
    return {path.name: path.read_bytes() for path in paths if path.suffix in ('.csv', '.png')}


def test_a_search_exposure_goes_and_comes_back(copy, in_process, no_picture):
    before, index = outputs(copy), copy.folder / f'candidates_{EXPNUM}_dp33.html'
    count = len(before[f'candidates_{EXPNUM}.csv'].splitlines()) - 1
    told = in_process(copy, 'retract', EXPNUM, '--why', 'a <b>plane</b>')
    assert told.returncode == 0, told.stderr
    assert f'{count} candidates brought up to date, {count} of them removed' in told.stdout and count > 5
    assert 'a &lt;b&gt;plane&lt;/b&gt;. None of its detections' in index.read_text()
    assert 'a &lt;b&gt;plane' in (copy.folder.parent / f'night_{NITE}_dp33.html').read_text()
    assert len((copy.folder / f'candidates_{EXPNUM}.csv').read_text().splitlines()) == 1 and len(outputs(copy)) == 1
    refused = in_process(copy, *DIFFIMG)
    assert refused.returncode == 4 and f'sediff retract {EXPNUM} --undo' in refused.stderr
    assert in_process(copy, 'plan', EXPNUM, '--ccds', 33).returncode == 4
    curves = in_process(copy, 'postproc', '-S', 'dp33', '--serial')
    assert curves.returncode == 0 and '0 candidates, 0 light curves' in curves.stdout
    assert in_process(copy, 'retract', EXPNUM, '--undo').returncode == 0
    assert outputs(copy) == before and 'None of its detections' not in index.read_text()
    again = in_process(copy, *DIFFIMG)
    assert again.returncode == 0 and '0 steps' in again.stdout + again.stderr


def test_pages_of_exposures_that_share_candidates_follow(copy, in_process, no_picture):
    """An exposure 99 has detected one of the candidates, too: its epochs go from 2 to 1 when 99 is withdrawn, and back."""
    search, other = Exposure(copy.root, EXPNUM, NITE, BAND), Exposure(copy.root, 99, '20200101', BAND)
    repository = Repository.of(search)
    for path in (repository.path('raw', other), repository.folder(other) / 'dp33' / 'x'):
        path.parent.mkdir(parents=True)
        path.touch()
    engine = open_database(f'sqlite:///{repository.path("database", search)}')
    with transaction(engine) as connection:
        shared = candidates_of(connection, 33)[0]
        replace_image(connection, 33, 99, 33, {'nite': 20200101, 'band': BAND})
        replace_detections(connection, 99, 33, 33, [{'number': 1, 'ra': shared['ra'], 'dec': shared['dec'], 'snr': 5.0,
                                                     'reject': 0, 'nite': 20200101}])
        assert associate(connection, 99, 33, 33)[0]['diaObjectId'] == shared['diaObjectId']
    engine.dispose()

    def epochs() -> str:
        with (copy.folder / f'candidates_{EXPNUM}.csv').open() as handle:
            return next(row['nDiaSources'] for row in csv.DictReader(handle)
                        if row['diaObjectId'] == str(shared['diaObjectId']))
    for words, count in ((('--why', 'clouds'), '1'), (('--undo',), '2')):
        told = in_process(copy, 'retract', 99, *words)
        assert told.returncode == 0 and f'candidates_{EXPNUM}_dp33.html' in told.stdout, told.stderr
        assert epochs() == count


def test_what_was_made_with_a_template_is_listed_and_redone_without_it(copy, in_process, no_picture):
    search = Exposure(copy.root, EXPNUM, NITE, BAND)
    gone, left = planned_templates(search)
    told = in_process(copy, 'retract', gone.expnum, '--why', 'clouds')
    assert told.returncode == 0, told.stderr
    assert f'a template of {EXPNUM}, {NITE} {BAND} dp33 CCD 33: without it' in told.stdout
    redone = copy.run(*told.stdout.partition('from the next run on: ')[2].split(), '-s')
    assert redone.returncode == 0 and f'template {gone.expnum} dropped: withdrawn' in redone.stderr, redone.stderr
    pairs = next((copy.folder / 'dp33').glob('*/*_pairs.out')).read_text()
    assert str(left.expnum) in pairs and str(gone.expnum) not in pairs
    assert f'templates {left.expnum} ' in (copy.folder / f'candidates_{EXPNUM}_dp33.html').read_text().replace('<', ' ')
    assert 'without it' not in in_process(copy, 'retract', gone.expnum, '--why', 'clouds').stdout
    assert in_process(copy, 'plan', EXPNUM, '--ccds', 33).returncode == 0
    choices = (copy.root / f'mytemp_{EXPNUM}' / f'choices_{EXPNUM}.list').read_text()
    assert [line for line in choices.splitlines() if str(gone.expnum) in line and 'withdrawn' in line]
