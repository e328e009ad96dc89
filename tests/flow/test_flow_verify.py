"""Verification of templates: cloud, completeness, one writer of the lists; star lists with the veto radius of the user."""
import shutil
from dataclasses import replace

import pytest
from made_up_exposure import CLEAR, make_ccd, make_exposure

from sediff.errors import BadInput, BadUsage
from sediff.flow.exposure.starcat import write_star_lists
from sediff.flow.exposure.tables import write_exposure_tables
from sediff.flow.exposure.verify import exposure_quality, planned_templates, verified_templates
from sediff.instruments.load import default_instrument
from sediff.instruments.settings import declared
from sediff.parameters.model import Parameters
from sediff.repository.names import product_path

SEARCH, CLEAN, CLOUDY = 1250100, 1250064, 1250074
CCDS = (33, 34)


@pytest.fixture
def parameters():
    return Parameters(declared(default_instrument()))


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """A search exposure with a clean template and one with 1.5 mag of cloud."""
    tmp_path, parameters = tmp_path_factory.mktemp('night'), Parameters(declared(default_instrument()))
    search = make_exposure(tmp_path, SEARCH, CCDS)
    templates = [make_exposure(tmp_path, CLEAN, CCDS), make_exposure(tmp_path, CLOUDY, CCDS, zero_point=CLEAR - 1.5)]
    for exposure in (search, *templates):
        write_exposure_tables(exposure, CCDS, parameters)
    numbers = ' '.join(str(template.expnum) for template in templates)
    (search.folder / 'WS_diff.list').write_text(f'3 r {SEARCH} {numbers}\n')
    paths = ' '.join(str(product_path(exposure, 'exposure_out')) for exposure in (search, *templates))
    (search.folder / f'copy_pairs_for_{SEARCH}.sh').write_text(f'cp -p -- {paths} $TOPDIR_WSTEMPLATES/pairs/\n')
    return search


@pytest.fixture
def night(written, tmp_path):
    """A copy of it for one test."""
    shutil.copytree(written.root, tmp_path, dirs_exist_ok=True)
    return replace(written, root=tmp_path)


def lists(search):
    return (search.folder / 'WS_diff.list').read_text(), (search.folder / f'copy_pairs_for_{SEARCH}.sh').read_text()


def test_a_cloudy_exposure_is_no_template_and_the_message_says_why(night, parameters, capsys):
    kept = verified_templates(night, parameters, CCDS, calibrated=True)
    assert [template.expnum for template in kept] == [CLEAN]
    said = capsys.readouterr()
    line = next(line for line in said.err.splitlines() if str(CLOUDY) in line)
    assert 'dropped: t_eff 0.1' in line and '1.50 mag of cloud' in line and 'needs 0.3 (TEFF_CUT_R)' in line
    assert 'transparency 0.09' in line
    assert f'{CLOUDY} quality: red' in said.out and 'cloud 1.50 mag is red' in said.out
    assert lists(night)[0] == f'2 r {SEARCH} {CLEAN}\n'
    assert str(CLOUDY) not in lists(night)[1]


def test_a_job_keeps_its_verdict_to_itself(night, parameters, capsys):
    before = lists(night)
    kept = verified_templates(night, parameters, [33], calibrated=True, rewrite=False)
    assert [template.expnum for template in kept] == [CLEAN]
    assert lists(night) == before
    assert len(planned_templates(night)) == 2


def test_a_job_looks_at_the_template_ccds_that_overlap_its_own(night, parameters, capsys):
    """CCD 34 of the template is broken: that does not matter to CCD 28's job, it does to CCD 34's."""
    make_ccd(night.with_ccd(10))
    template = make_exposure(night.root, CLEAN, [10])
    write_exposure_tables(template, [10], parameters)
    for exposure in (night,):
        write_exposure_tables(exposure, [10], parameters)
    for path in template.folder.glob('D*_34_*psf'):
        path.unlink()
    assert [one.expnum for one in verified_templates(night, parameters, [10], True, rewrite=False)] == [CLEAN]
    assert verified_templates(night, parameters, [34], True, rewrite=False) == []
    assert 'no psf of CCD 34' in capsys.readouterr().err


def test_without_calibration_t_eff_is_judged_where_it_is_known(night, parameters, capsys):
    bare = make_exposure(night.root, CLEAN, CCDS, leave_out=('quality', 'zero'))
    for pattern in ('qc_*', '*quality.json'):
        for path in bare.folder.glob(pattern):
            path.unlink()
    assert exposure_quality(bare) == {}
    assert [one.expnum for one in verified_templates(night, parameters, CCDS, False, rewrite=False)] == [CLEAN]
    assert verified_templates(night, parameters, CCDS, True, rewrite=False) == []
    assert 't_eff unknown' in capsys.readouterr().err


def test_the_choice_by_seeing_is_made_after_processing_and_leaves_the_lists(night, parameters, capsys):
    sharp = make_exposure(night.root, CLOUDY, CCDS, fwhm=0.8)
    write_exposure_tables(sharp, CCDS, parameters)
    parameters.set('TEMPLATE_MODE', 'single', 'test')
    before = lists(night)
    for rewrite in (False, True):
        assert [one.expnum for one in verified_templates(night, parameters, CCDS, True, rewrite=rewrite)] == [CLOUDY]
        said = capsys.readouterr().err
        assert f'template {CLEAN} not chosen: seeing 1.00 arcsec: rank 2 by seeing, 1 kept (TEMPLATE_MODE=single)' in said
    assert lists(night) == before
    parameters.set('TEMPLATE_MODE', 'coadd', 'test')
    parameters.set('TEMPLATE_QUANTILE', '0.5', 'test')
    (night.folder / f'choices_{SEARCH}.list').write_text('# expnum nite (4 passed the cuts before the choice by seeing)\n')
    assert len(verified_templates(night, parameters, CCDS, True, rewrite=False)) == 2


def test_no_plan(night, parameters):
    (night.folder / 'WS_diff.list').unlink()
    with pytest.raises(BadInput, match='DAGMaker'):
        verified_templates(night, parameters, CCDS, calibrated=True)


def test_star_lists_follow_the_veto_radius_of_the_user(night, parameters):
    templates = planned_templates(night)[:1]
    for name, value in (('STAR_MAX_MAGERR', '0.5'), ('VETO_RADIUS', '10'), ('VETO_RADIUS_SLOPE', '0')):
        parameters.set(name, value, 'test')
    star, veto = write_star_lists(night, parameters, templates, 'SNSTAR_x.LIST', 'SNVETO_x.LIST')
    rows = [line.split('\t') for line in veto.read_text().splitlines() if not line.startswith('#')]
    assert len(rows) > 20 and {(row[5], row[6]) for row in rows} == {('10.000000', '6')}
    assert [row[:5] for row in rows] == [line.split('\t') for line in star.read_text().splitlines()[4:]]
    with pytest.raises(BadUsage, match='-V'):
        write_star_lists(night, parameters, templates, None, '../x')


def test_no_name_no_list_and_no_star_a_header_alone(night, parameters):
    assert write_star_lists(night, parameters, planned_templates(night), None, None) == []
    parameters.set('STAR_MAG_MAX', '12.5', 'test')
    (path,) = write_star_lists(night, parameters, planned_templates(night), 'SNSTAR_x.LIST', None)
    assert path.read_text().splitlines()[-1] == '# VARNAMES:\tOBJID\tRA\tDEC\tmag_r\tmagerr_r'
