"""From a list of exposures and a work tree to the plan's files, through the `plan` stage."""
import argparse
import os
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from raw_files import write_triple
from sample_exposures import exposure_rows

from sediff.__main__ import main
from sediff.candidates.database import open_database, transaction
from sediff.cli.dagmaker import add_arguments, run
from sediff.errors import BadData, BadInput, BadUsage
from sediff.flow.exposure.database import database_url
from sediff.flow.exposure.inputs import community_files
from sediff.formats.plan_lists import drop_from_copy_pairs, parse_copy_pairs
from sediff.repository.inventory import CALIBRATION_PRODUCTS, SE_PRODUCTS
from sediff.repository.names import Exposure, product_path, raw_path

CCDS = (1, 3, 4)


def write_list(root, table):
    columns = ['expnum', 'nite', 'mjd_obs', 'radeg', 'decdeg', 'band', 'exptime', 'propid', 'obstype', 't_eff', 'object']
    (root / 'exposures.list').write_text(table[columns].to_string(index=False, na_rep='NaN') + '\n')


def write_raw(root, expnum, nite, ccds=CCDS):
    path = raw_path(root, nite, expnum)
    path.parent.mkdir(parents=True, exist_ok=True)
    hdus = [fits.PrimaryHDU()] + [fits.ImageHDU(np.zeros((2, 2), 'i2'), fits.Header({'CCDNUM': ccd})) for ccd in ccds]
    fits.HDUList(hdus).writeto(path, overwrite=True)


def write_products(root, expnum, nite, products, ccds=CCDS):
    for ccd in ccds:
        for product in products:
            path = product_path(Exposure(root, expnum, nite, 'i', ccd=ccd), product)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('something')


@pytest.fixture
def tree(tmp_path, monkeypatch, parameters):
    """A work tree with the search exposure's raw file; the current folder is elsewhere."""
    root, here = tmp_path / 'root', tmp_path / 'here'
    root.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    write_raw(root, 668443, '20170817')
    parameters.set('ROOT', str(root), 'test')
    return root


def plan(parameters, *words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(word) for word in words]), parameters)


def text(tree, name, expnum=668443):
    return (tree.parent / 'here' / f'mytemp_{expnum}' / name).read_text()


def verdicts(tree):
    lines = [line.split(None, 3) for line in text(tree, 'choices_668443.list').splitlines()[1:]]
    return {int(words[0]): (words[2], words[3]) for words in lines}


def complete_and_raw(tree):
    """Template 500001 complete, 500002 raw only, 500003 without calibration, 500004 nowhere, 500005 too shallow."""
    write_list(tree, exposure_rows({}, {}, {}, {}, {'t_eff': 0.1}))
    write_products(tree, 500001, '20170509', SE_PRODUCTS + CALIBRATION_PRODUCTS)
    write_raw(tree, 500002, '20170509', (1, 3, 4, 50))
    write_products(tree, 500003, '20170509', SE_PRODUCTS)
    write_raw(tree, 500003, '20170509')
    write_products(tree, 500001, '20170509', ('immask',))


def test_every_template_gets_its_verdict_and_job(tree, parameters, capsys):
    complete_and_raw(tree)
    assert plan(parameters, 668443, '--ccds', '1,3,4') == 0
    found = verdicts(tree)
    assert {expnum: verdict for expnum, (verdict, _) in found.items()} == {
        500001: 'kept', 500002: 'kept', 500003: 'kept', 500004: 'dropped', 500005: 'dropped'}
    assert found[500001][1].endswith('complete')
    assert found[500002][1].endswith('processing of CCD 1,3-4 queued')
    assert found[500003][1].endswith('calibration of CCD 1,3-4 queued')
    assert 'no raw file' in found[500004][1] and 'DECam_00500004.fits.fz' in found[500004][1]
    assert found[500005][1] == 't_eff 0.100 below 0.3'
    assert '3 templates of 5' in capsys.readouterr().out


def test_lists_hold_the_kept_templates_and_no_other(tree, parameters):
    complete_and_raw(tree)
    plan(parameters, 668443, '--ccds', '1,3,4')
    assert text(tree, 'WS_diff.list') == '4 i 668443 500001 500002 500003\n'
    assert text(tree, 'KH_diff.list1') == '6 i 668443 500001 500002 500003 500004 500005\n'
    folder = tree / 'persistent' / 'gw' / 'exp'
    assert (folder / '20170817/668443/WS_diff.list').read_text() == text(tree, 'WS_diff.list')
    copy = (folder / '20170817/668443/copy_pairs_for_668443.sh').read_text()
    assert copy.count('\n') == 1
    assert copy.split() == ['cp', '-p', '--', f'{folder}/20170817/668443/668443.out',
                            *(f'{folder}/20170509/{number}/{number}.out' for number in (500001, 500002, 500003)),
                            '$TOPDIR_WSTEMPLATES/pairs/']


def test_choice_by_seeing_is_made_where_seeing_is_known_and_goes_along_with_the_jobs(tree, parameters):
    complete_and_raw(tree)
    for number, seeing in ((500001, 1.2), (500003, 1.0)):
        for ccd in CCDS:
            path = product_path(Exposure(tree, number, '20170509', 'i', ccd=ccd), 'quality')
            path.write_text(f'{{"fwhm_arcsec": {seeing}}}')
    parameters.set('TEMPLATE_MODE', 'single', 'test')
    plan(parameters, 668443, '--ccds', '1,3,4')
    found = verdicts(tree)
    assert found[500001] == ('dropped', 'seeing 1.20 arcsec: rank 2 by seeing, 1 kept (TEMPLATE_MODE=single)')
    assert found[500003][0] == 'kept' and 'seeing 1.00 arcsec' in found[500003][1]
    assert found[500002][0] == 'kept' and 'seeing not known yet' in found[500002][1]
    folder = tree / 'persistent' / 'gw' / 'exp' / '20170817' / '668443'
    assert '(4 passed the cuts before the choice by seeing)' in (folder / 'choices_668443.list').read_text()
    script = text(tree, 'desgw_pipeline_668443.sh')
    assert '-P TEMPLATE_MODE=single' in script and 'TEMPLATE_BEST' not in script


def test_unknown_t_eff_waits_for_its_processing_and_is_then_chosen_or_dropped(tree, parameters):
    write_list(tree, exposure_rows(*[{'t_eff': np.nan}] * 4))
    for number in (500001, 500002, 500003, 500004):
        write_raw(tree, number, '20170509')
    for number, t_eff in ((500002, '0.45'), (500003, '0.12'), (500004, 'null')):
        write_products(tree, number, '20170509', SE_PRODUCTS + CALIBRATION_PRODUCTS)
        for ccd in CCDS:
            path = product_path(Exposure(tree, number, '20170509', 'i', ccd=ccd), 'quality')
            path.write_text(f'{{"fwhm_arcsec": 1.0, "t_eff": {t_eff}}}')
    assert plan(parameters, 668443, '--ccds', '1,3,4') == 0
    found = verdicts(tree)
    assert found[500001][0] == 'kept' and found[500001][1].startswith('t_eff not known yet, +100.0 d')
    assert 'processing of CCD 1,3-4 queued' in found[500001][1]
    assert found[500002][0] == 'kept' and found[500002][1].startswith('t_eff 0.450 (measured), +101.0 d')
    assert found[500003] == ('dropped', 't_eff 0.120 (measured) below 0.3')
    assert found[500004] == ('dropped', 't_eff unknown after its processing')
    parameters.set('TEMPLATE_UNKNOWN_TEFF', 'drop', 'test')
    with pytest.raises(BadData, match='no template'):
        plan(parameters, 668443, '--ccds', '1,3,4')
    assert set(verdicts(tree).values()) == {('dropped', 't_eff unknown')}


def test_community_products_are_planned_from_the_registry(tree, parameters, tmp_path):
    write_list(tree, exposure_rows({}, {}))
    raw_path(tree, '20170817', 668443).unlink()
    parameters.set('INPUT', 'community', 'test')
    with pytest.raises(BadInput, match='INPUT=community its ooi'):
        plan(parameters, 668443, '--ccds', '1,3,4')
    write_triple(tmp_path / 'cp', ccds=(1, 3))
    write_triple(tmp_path / 'cp', 'c4d_170510_010203', ccds=(3, 4), EXPNUM=500001, MJD_OBS=57883.1)
    assert main(['ingest', str(tmp_path / 'cp'), '--root', str(tree)]) == 0
    assert plan(parameters, 668443, '--ccds', '1,3,4') == 0
    found, script = verdicts(tree), text(tree, 'desgw_pipeline_668443.sh')
    assert 'processing of CCD 3-4 queued' in found[500001][1] and 'no raw file' in found[500002][1]
    assert '-E 668443' in script and '-c 1,3 ' in script
    exposure = Exposure(tree, 668443, '20170817', 'i', ccd=3)
    assert [path.name for path in community_files(exposure, parameters)] == [
        f'c4d_170818_022400_{kind}_i_v1.fits' for kind in ('ooi', 'oow', 'ood')]
    with pytest.raises(BadInput):
        community_files(exposure.with_ccd(4), parameters)


def test_the_cut_of_t_eff_goes_along_with_the_jobs(tree, parameters):
    complete_and_raw(tree)
    parameters.set('TEFF_CUT_I', '0.05', 'test')
    parameters.set('TEFF_CUT_Z', '0.07', 'test')
    plan(parameters, 668443, '--ccds', '1,3,4')
    script = text(tree, 'desgw_pipeline_668443.sh')
    assert '-P TEFF_CUT_I=0.05' in script and 'TEFF_CUT_Z' not in script


def test_copy_pairs_copies(tree, parameters, tmp_path):
    complete_and_raw(tree)
    plan(parameters, 668443, '--ccds', '1,3,4')
    folder = tree / 'persistent' / 'gw' / 'exp'
    for number, nite in ((668443, 20170817), (500001, 20170509), (500002, 20170509), (500003, 20170509)):
        (folder / f'{nite}/{number}').mkdir(parents=True, exist_ok=True)
        (folder / f'{nite}/{number}/{number}.out').write_text('corners\n')
    (tmp_path / 'pairs').mkdir()
    subprocess.run(['bash', str(folder / '20170817/668443/copy_pairs_for_668443.sh')], check=True,
                   env={**os.environ, 'TOPDIR_WSTEMPLATES': str(tmp_path)})
    assert sorted(path.name for path in (tmp_path / 'pairs').iterdir()) == ['500001.out', '500002.out', '500003.out',
                                                                            '668443.out']


def test_dag(tree, parameters):
    complete_and_raw(tree)
    plan(parameters, 668443, '--ccds', '1,3,4')
    lines = text(tree, 'desgw_pipeline_668443.dag').splitlines()
    marks = [line for line in lines if line.startswith('<')]
    assert marks == ['<parallel>', '</parallel>', '<parallel>', '</parallel>', '<serial>', '</serial>']
    templates, search = lines[1:lines.index('</parallel>')], lines[lines.index('</parallel>') + 2:-4]
    assert templates[0].endswith('file://dummyjob.sh')
    assert len(templates) == 1 + 3 + 3 and len(search) == 3
    assert templates[1].endswith('file://SEdiff.sh -r 4 -p 7 -E 500002 -v gw8 -b i -n 20170509 -d persistent -m gw -c 1 '
                                 '-t -C -S dp33')
    assert ' -j ' in templates[4] and all(' -j ' not in line for line in templates[1:4] + search)
    assert search[1].endswith(
        'file://SEdiff.sh -r 4 -p 7 -E 668443 -v gw8 -b i -n 20170817 -d persistent -m gw -c 3 -C -S dp33 '
        '-T SNSTAR_668443_3_r4p7.LIST -V SNVETO_668443_3_r4p7.LIST')
    assert lines[-2].endswith('file://RUNMON.sh -r r4p7 -p dp33 -E 668443 -n 20170817 -f WS1974-233 -d persistent -m gw')
    assert (tree.parent / 'here/mytemp_668443/dummyjob.sh').stat().st_mode & 0o111


def test_a_whole_template_is_one_line_of_many_processes(tree, parameters):
    write_list(tree, exposure_rows({}))
    for number, nite in ((668443, '20170817'), (500001, '20170509')):
        write_raw(tree, number, nite, range(1, 63))
    plan(parameters, 668443)
    lines = text(tree, 'desgw_pipeline_668443.dag').splitlines()
    assert ' -N 61 file://SEdiff.sh' in lines[2] and ' -c 0 -t ' in lines[2]
    search = [line.split(' -c ')[1].split()[0] for line in lines if ' -E 668443 ' in line and 'SEdiff' in line]
    assert search == [str(ccd) for ccd in range(1, 63) if ccd != 61]


def test_local_script_calls_the_drivers_with_flags_they_accept(tree, parameters, repository):
    """The script is run, with the real SEdiff.sh and a recorder in place of Python."""
    complete_and_raw(tree)
    plan(parameters, 668443, '--ccds', '1,3,4')
    here = tree.parent / 'here'
    record = here / 'record'
    recorder = here / 'python'
    recorder.write_text('#!/usr/bin/env bash\n[[ $1 == -c ]] && exit 0\necho "$*" >> "$RECORD"\n'
                        '[[ $* == *500002* ]] && exit 1\nexit "$LAST"\n')
    recorder.chmod(0o755)
    assert f'export SEDIFF_ROOT=${{SEDIFF_ROOT:-{tree}}}\n' in text(tree, 'desgw_pipeline_668443.sh')
    for last in (0, 4):
        record.unlink(missing_ok=True)
        done = subprocess.run(['bash', 'mytemp_668443/desgw_pipeline_668443.sh'], cwd=here, capture_output=True, text=True,
                              env={**os.environ, 'SEDIFF_PYTHON': str(recorder), 'RECORD': str(record), 'LAST': str(last)})
        assert done.returncode == last, done.stderr
        assert 'template 500002 failed, code 1' in done.stderr
        calls = [line.split(' --rc ')[0] for line in record.read_text().splitlines()]
        assert calls == [
            '-m sediff sediff --expnum 500002 --nite 20170509 --band i --rnum 4 --pnum 7 --season dp33 --ccds 1,3-4 '
            '--cache persistent --schema gw --diffimg-version gw8 --template-only --calibrate',
            '-m sediff sediff --expnum 500003 --nite 20170509 --band i --rnum 4 --pnum 7 --season dp33 --ccds 1,3-4 '
            '--cache persistent --schema gw --diffimg-version gw8 --template-only --calibrate --calibrate-only',
            '-m sediff sediff --expnum 668443 --nite 20170817 --band i --rnum 4 --pnum 7 --season dp33 --ccds 1,3-4 '
            '--cache persistent --schema gw --diffimg-version gw8 --calibrate --snveto SNVETO_668443_r4p7.LIST '
            '--snstar SNSTAR_668443_r4p7.LIST']


@pytest.mark.parametrize(('name', 'value', 'dropped', 'reason'), [
    ('SKIP_INCOMPLETE_SE', 'true', {500002, 500003, 500004, 500005}, 'SKIP_INCOMPLETE_SE'),
    ('IGNORECALIB', 'false', {500003, 500004, 500005}, 'calibration of CCD 1,3-4 missing'),
])
def test_rules_for_incomplete_templates(tree, parameters, name, value, dropped, reason):
    complete_and_raw(tree)
    parameters.set(name, value, 'test')
    plan(parameters, 668443, '--ccds', '1,3,4')
    found = verdicts(tree)
    assert {expnum for expnum, (verdict, _) in found.items() if verdict == 'dropped'} == dropped
    assert reason in found[500003][1]
    assert '-E 500003' not in text(tree, 'desgw_pipeline_668443.dag')


def test_archived_template_without_raw_file(tree, parameters):
    write_list(tree, exposure_rows({}))
    write_products(tree, 500001, '20170509', SE_PRODUCTS + CALIBRATION_PRODUCTS, (1, 3))
    with pytest.raises(BadData):
        plan(parameters, 668443, '--ccds', '1,3,4')
    assert 'CCD 4 incomplete and no raw file' in verdicts(tree)[500001][1]
    parameters.set('TEMPLATE_MIN_CCD_FRACTION', '0.6', 'test')
    assert plan(parameters, 668443, '--ccds', '1,3,4') == 0
    assert '2 of 3 CCDs complete, no raw file' in verdicts(tree)[500001][1]


def test_no_template_is_an_error_and_the_plan_stops_after_single_epoch(tree, parameters):
    write_list(tree, exposure_rows({'t_eff': float('nan')}))
    with pytest.raises(BadData, match='no template among 1 overlapping'):
        plan(parameters, 668443, '--ccds', '1,3,4')
    last = text(tree, 'desgw_pipeline_668443.sh').splitlines()[-1]
    assert ' -t ' in last and '-T' not in last
    assert 'RUNMON' not in text(tree, 'desgw_pipeline_668443.dag')


def test_several_exposures_are_planned_and_never_templates_of_each_other(tree, parameters):
    later = {'expnum': 668600, 'nite': '20170918', 'mjd_obs': 58015.0}
    write_list(tree, exposure_rows({}, later))
    for number, nite in ((668600, '20170918'), (500001, '20170509')):
        write_raw(tree, number, nite)
    assert plan(parameters, 668443, 668600, '--ccds', '1,3,4') == 0
    assert text(tree, 'WS_diff.list') == '2 i 668443 500001\n'
    assert text(tree, 'KH_diff.list1') == '3 i 668443 668600 500001\n'
    assert text(tree, 'WS_diff.list', 668600) == '2 i 668600 500001\n'


def test_one_bad_exposure_does_not_stop_the_others(tree, parameters):
    write_list(tree, exposure_rows({}))
    write_raw(tree, 500001, '20170509')
    with pytest.raises(BadInput, match='111 is not in the list'):
        plan(parameters, 111, 668443, '--ccds', '1,3,4')
    assert text(tree, 'WS_diff.list') == '2 i 668443 500001\n'


def test_blacklisted_template(tree, parameters):
    complete_and_raw(tree)
    (tree / 'SE_blacklist.txt').write_text('500001\n')
    parameters.set('BLACKLIST', 'SE_blacklist.txt', 'test')
    plan(parameters, 668443, '--ccds', '1,3,4')
    assert text(tree, 'WS_diff.list') == '3 i 668443 500002 500003\n'


def test_a_second_plan_replaces_the_first_and_leaves_other_files(tree, parameters):
    complete_and_raw(tree)
    folder = tree.parent / 'here' / 'mytemp_668443'
    folder.mkdir()
    (folder / 'notes').write_text('mine')
    (folder / 'desgw_pipeline_1.dag').write_text('old')
    plan(parameters, 668443, '--ccds', '1,3,4')
    assert (folder / 'notes').exists() and not (folder / 'desgw_pipeline_1.dag').exists()


@pytest.mark.parametrize(('spoil', 'error', 'words'), [
    (lambda tree: (tree / 'exposures.list').unlink(), BadInput, 'exposures.list'),
    (lambda tree: raw_path(tree, '20170817', 668443).unlink(), BadInput, 'no raw file'),
    (lambda tree: raw_path(tree, '20170817', 668443).write_text('no FITS'), BadInput, 'DECam_00668443'),
    (lambda tree: write_raw(tree, 668443, '20170817', (9,)), BadInput, 'none of the CCDs 1,3-4'),
])
def test_missing_inputs(tree, parameters, spoil, error, words):
    complete_and_raw(tree)
    spoil(tree)
    with pytest.raises(error, match=words):
        plan(parameters, 668443, '--ccds', '1,3,4')


@pytest.mark.parametrize(('words', 'error'), [(['66x'], "'66x'"), (['668443', '--ccds', '99'], '99')])
def test_bad_arguments(tree, parameters, words, error):
    complete_and_raw(tree)
    with pytest.raises(BadUsage, match=error):
        plan(parameters, *words)


@pytest.mark.parametrize(('name', 'value', 'words'), [
    ('COPY_COMMAND', 'cp', 'three words'), ('SEARCH_OPTS', '-C "', 'SEARCH_OPTS'),
])
def test_bad_parameters(tree, parameters, name, value, words):
    complete_and_raw(tree)
    parameters.set(name, value, 'test')
    with pytest.raises(BadUsage, match=words):
        plan(parameters, 668443, '--ccds', '1,3,4')


ODD = 'it\'s a "night" $HOME (2)[1]{a}%41 #?&+;`id` ~é'


def test_scripts_of_a_root_with_any_letters_are_run_as_they_stand(tree, parameters, tmp_path):
    complete_and_raw(tree)
    odd = tmp_path / ODD
    tree.rename(odd)
    parameters.set('ROOT', str(odd), 'test')
    plan(parameters, 668443, '--ccds', '1,3,4')
    folder, stub = tmp_path / 'here' / 'mytemp_668443', tmp_path / 'stub $x'
    stub.mkdir()
    (stub / 'SEdiff.sh').write_text('#!/usr/bin/env bash\nprintf "%s|" "$SEDIFF_ROOT" "$@"; printf "\\n"\n')
    (stub / 'SEdiff.sh').chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith('SEDIFF_')}
    ran = subprocess.run(['bash', str(folder / 'desgw_pipeline_668443.sh')], env=clean | {'SEDIFF_SCRIPTS': str(stub)},
                         text=True, capture_output=True, check=True)
    assert ran.stdout and all(line.startswith(f'{odd}|-r|') for line in ran.stdout.splitlines()) and not ran.stderr
    pairs = (folder / 'copy_pairs_for_668443.sh').read_text()
    paths = list(parse_copy_pairs(pairs).values())
    assert str(paths[0]) == str(odd / 'persistent/gw/exp/20170817/668443/668443.out')
    copied = subprocess.run(['bash', '-c', pairs.replace('cp -p --', "printf '%s|'")], text=True, capture_output=True,
                            check=True)
    assert copied.stdout.split('|')[:len(paths)] == [str(path) for path in paths]
    kept = parse_copy_pairs(drop_from_copy_pairs(pairs, list(parse_copy_pairs(pairs))[1:2]))
    assert list(kept.values()) == [paths[0], *paths[2:]]


def test_the_database_of_such_a_root_is_opened(tmp_path, parameters):
    exposure = Exposure(tmp_path / ODD, 668443, '20170817', 'i')
    with transaction(open_database(database_url(exposure, parameters))) as connection:
        assert not connection.closed
    assert product_path(exposure, 'database').is_file()


@pytest.mark.parametrize('name', [b'a\nb', b'a\tb', b'a\x7f', 'a\u2028'.encode(), b'a\xff'])
def test_a_root_that_cannot_stand_in_a_line_is_rejected(tree, parameters, tmp_path, monkeypatch, name):
    folder = os.fsencode(tmp_path) + b'/' + name
    os.mkdir(folder)
    monkeypatch.chdir(folder)
    parameters.set('ROOT', '.', 'test')
    with pytest.raises(BadUsage, match='control characters or bytes that are no UTF-8') as error:
        plan(parameters, 668443, '--ccds', '1,3,4')
    assert '\n' not in str(error.value)
    with pytest.raises(BadUsage, match='one printable line'):
        parameters.set('ROOT', os.fsdecode(folder), 'test')
