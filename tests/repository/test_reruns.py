"""Reruns: their names, their record, and what is read through them."""
import json

import pytest

from sediff.errors import BadInput, BadUsage
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.repository.reruns import names, open_rerun, parent_of, trees
from sediff.repository.table_sums import check_table, record_sums


def test_a_rerun_reads_the_work_tree_or_the_rerun_it_was_made_from(tmp_path):
    assert open_rerun(tmp_path, None) == '' and trees(tmp_path, '') == (tmp_path,)
    assert open_rerun(tmp_path, 'test1') == 'test1'
    assert open_rerun(tmp_path, 'test1:test2') == 'test2'
    assert trees(tmp_path, 'test2') == (tmp_path / 'rerun' / 'test2', tmp_path / 'rerun' / 'test1', tmp_path)
    assert names(tmp_path) == ['test1', 'test2']
    assert json.loads((tmp_path / 'rerun' / 'test2' / 'rerun.json').read_text()) == {'parent': 'test1'}


def test_a_chain_stays_as_it_was_made(tmp_path):
    for text in ('one', 'one:two', 'three', 'two', 'one:two'):
        open_rerun(tmp_path, text)
    assert parent_of(tmp_path, 'two') == 'one'
    with pytest.raises(BadUsage, match='two reads through one'):
        open_rerun(tmp_path, 'three:two')
    with pytest.raises(BadUsage, match=f'one reads through {tmp_path}'):
        open_rerun(tmp_path, 'three:one')
    assert parent_of(tmp_path, 'two') == 'one' and parent_of(tmp_path, 'one') == ''


def test_circles(tmp_path):
    for text in ('one', 'one:two', 'two:three'):
        open_rerun(tmp_path, text)
    for text in ('one:one', 'three:one', 'two:one'):
        with pytest.raises(BadUsage):
            open_rerun(tmp_path, text)
    (tmp_path / 'rerun' / 'one' / 'rerun.json').write_text('{"parent": "three"}')
    trees.__globals__['_trees'].cache_clear()
    with pytest.raises(BadUsage, match='circle'):
        open_rerun(tmp_path, 'two')


@pytest.mark.parametrize('text', ['', ':', 'a:', ':a', '..', '.', 'a/b', '/a', 'a:b:c', '../a:b', 'a b', 'a\nb', 'a\x00',
                                  '-a', 'é', 'a' * 101, '.hidden', '~', 'a:..', 'CON\x1b[2J'])
def test_bad_names(tmp_path, text):
    (tmp_path / 'rerun' / 'a').mkdir(parents=True)
    (tmp_path / 'rerun' / 'a' / 'rerun.json').write_text('{"parent": ""}')
    with pytest.raises(BadUsage, match='--rerun') as error:
        open_rerun(tmp_path, text)
    assert str(error.value).isprintable()
    assert names(tmp_path) == ['a']


def test_what_is_not_there_and_what_cannot_be_read(tmp_path):
    with pytest.raises(BadInput, match='no rerun base'):
        open_rerun(tmp_path, 'base:next')
    with pytest.raises(BadInput, match='no rerun next'):
        open_rerun(tmp_path, 'next', make=False)
    assert not (tmp_path / 'rerun').exists()
    for text in ('', '[]', '{"parent": 1}', '{"parent": "../x"}', '{"parents": ""}', '\xff'):
        (tmp_path / 'rerun' / 'bad').mkdir(parents=True, exist_ok=True)
        (tmp_path / 'rerun' / 'bad' / 'rerun.json').write_bytes(text.encode('latin-1'))
        with pytest.raises(BadInput, match=r'rerun\.json'):
            open_rerun(tmp_path, 'bad')


def test_products_are_read_through_the_chain_and_written_to_the_last(tmp_path):
    for text in ('one', 'one:two'):
        open_rerun(tmp_path, text)
    base = Exposure(tmp_path, 12345678, '20231115', 'r', ccd=33)
    one, two = (Exposure(tmp_path, 12345678, '20231115', 'r', ccd=33, rerun=name) for name in ('one', 'two'))
    Repository.of(base).put('quality', base, {'fwhm_arcsec': 1.0})
    assert Repository.of(two).get('quality', two) == {'fwhm_arcsec': 1.0}
    Repository.of(one).put('quality', one, {'fwhm_arcsec': 2.0})
    Repository.of(two).put('quality', two.with_ccd(34), {'fwhm_arcsec': 4.0})
    found = [Repository.of(each).get('quality', each)['fwhm_arcsec'] for each in (base, one, two)]
    assert found == [1.0, 2.0, 2.0]
    assert [each.ccd for each in Repository.of(two).where('quality', two)] == [33, 34]
    assert [each.ccd for each in Repository.of(one).where('quality', one)] == [33]
    assert Repository.of(two).where('quality', two)[0] == two
    Repository.of(two).remove('quality', two)
    assert Repository.of(two).exists('quality', two)
    assert Repository.of(two).target('quality', two).parent == tmp_path / 'rerun/two/persistent/gw/exp/20231115/12345678'


def test_what_is_not_kept_locks_and_the_database_are_those_of_the_run_alone(tmp_path):
    open_rerun(tmp_path, 'one')
    base = Exposure(tmp_path, 12345678, '20231115', 'r', ccd=33)
    one = Exposure(tmp_path, 12345678, '20231115', 'r', ccd=33, rerun='one')
    for product in ('crmasked', 'ccd_lock', 'database'):
        path = Repository.of(base).target(product, base)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('x')
        assert Repository.of(base).exists(product, base)
        assert not Repository.of(one).exists(product, one)
        assert Repository.of(one).path(product, one).is_relative_to(tmp_path / 'rerun' / 'one')
    raw = Repository.of(base).target('raw', base)
    raw.parent.mkdir(parents=True)
    raw.write_text('x')
    assert Repository.of(one).path('raw', one) == raw and Repository.of(one).exists('raw', one)


def test_the_last_stamp_is_that_of_the_first_tree_that_ran_the_step(tmp_path):
    open_rerun(tmp_path, 'one')
    base = Exposure(tmp_path, 12345678, '20231115', 'r', ccd=33)
    one = Exposure(tmp_path, 12345678, '20231115', 'r', ccd=33, rerun='one')
    repository = Repository.of(one)
    done, failed = (Repository.of(base).stamp(base, 'SE07_scamp', suffix) for suffix in ('DONE', 'FAIL'))
    failed.parent.mkdir(parents=True)
    failed.write_text('{}')
    assert repository.has_stamp(one, 'SE07_scamp', 'FAIL')
    own = repository.stamp(one, 'SE07_scamp', 'DONE')
    own.parent.mkdir(parents=True)
    own.write_text('{}')
    assert repository.has_stamp(one, 'SE07_scamp', 'DONE') and not repository.has_stamp(one, 'SE07_scamp', 'FAIL')
    own.rename(own.with_suffix('.FAIL'))
    failed.rename(done)
    assert repository.has_stamp(one, 'SE07_scamp', 'FAIL') and not repository.has_stamp(one, 'SE07_scamp', 'DONE')


def test_stamps_of_many_steps_are_those_of_each(tmp_path):
    open_rerun(tmp_path, 'one')
    base = Exposure(tmp_path, 12345678, '20231115', 'r', ccd=33)
    one = Exposure(tmp_path, 12345678, '20231115', 'r', ccd=33, rerun='one')
    repository, labels = Repository.of(one), ('SE01_a', 'SE02_b', 'RUN01_c', 'RUN02_d+e', 'RUN03_f')
    assert not repository.last_stamps(one, labels, 'FAIL')
    for of, label, suffix in ((base, 'SE01_a', 'FAIL'), (base, 'SE02_b', 'FAIL'), (one, 'SE02_b', 'DONE'),
                              (base, 'RUN01_c', 'DONE'), (one, 'RUN01_c', 'FAIL'), (base, 'RUN02_d+e', 'FAIL'),
                              (one, 'RUN03_f', 'LOG')):
        path = Repository.of(of).stamp(of, label, suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{}')
    for suffix in ('DONE', 'FAIL'):
        each = [repository.last_stamp(one, label, suffix) for label in labels]
        assert repository.last_stamps(one, labels, suffix) == [path for path in each if path.is_file()]
    assert [path.stem for path in repository.last_stamps(one, labels, 'FAIL')] == ['SE01_a', 'RUN01_c', 'RUN02_d+e']


def test_a_table_that_was_altered_above_is_rejected_below(tmp_path, monkeypatch):
    monkeypatch.setattr('sediff.repository.table_sums.PAUSE', 0.0)
    open_rerun(tmp_path, 'one')
    base = Exposure(tmp_path, 12345678, '20231115', 'r')
    one = Exposure(tmp_path, 12345678, '20231115', 'r', rerun='one')
    record_sums(base, [Repository.of(base).put('exposure_out', base, 'corners\n')])
    path = Repository.of(one).path('exposure_out', one)
    assert check_table(one, path) == path
    path.write_text('cornered\n')
    with pytest.raises(BadInput, match='altered'):
        check_table(one, path)
    mine = Repository.of(one).put('exposure_out', one, 'corners of its own\n')
    assert check_table(one, mine) == mine
