"""Every path is the repository's: products by name, data IDs by what exists; nobody else builds a path or asks for one."""
import ast
import itertools
from dataclasses import replace
from pathlib import Path

import pytest

import sediff
from sediff.errors import BadInput
from sediff.instruments.load import default_instrument
from sediff.repository.names import FILES, PRODUCTS, Exposure, product_path
from sediff.repository.repository import Repository

PACKAGE = Path(sediff.__file__).parent
FLOORS = ('flow', 'workflow', 'report', 'engine', 'candidates')
#: Functions of pathlib and os that ask what exists.
ASKING = {'is_file', 'is_dir', 'glob', 'rglob', 'iterdir', 'scandir', 'listdir', 'isfile', 'isdir', 'lexists'}
#: Names that only the repository may use.
PATHS = {'product_path', 'folder_of', 'raw_path', 'calib_path', 'se_folder', 'write_product'}
#: What deals with other paths: a database's URL, hashes of any file, the sources.
EXCEPTIONS = {('candidates/database.py', 'is_dir'),
              ('engine/fingerprints.py', 'isdir'), ('engine/fingerprints.py', 'is_file'),
              ('engine/closure.py', 'rglob'), ('engine/closure.py', 'is_file'), ('engine/closure.py', 'is_dir'),
              ('engine/closure.py', '/ name'),
              ('engine/code.py', 'scandir'), ('engine/code.py', 'is_dir'), ('engine/code.py', 'is_file'),
              ('engine/code.py', 'rglob'), ('engine/code.py', '/ name')}
BASE = Exposure(Path('/tree'), 12345678, '20231115', 'r', ccd=33, field='WS123-45')


def trespasses(source: str) -> list[str]:
    """Path building and questions about existence in a module."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ASKING or (node.func.attr == 'exists' and not node.args):
                found.append(node.func.attr)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            if isinstance(node.right, ast.JoinedStr) or isinstance(getattr(node.right, 'value', None), str):
                found.append('/ name')
        elif isinstance(node, (ast.Name, ast.Attribute, ast.alias)):
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else node.name
            if name in PATHS:
                found.append(name)
    return found


@pytest.mark.parametrize('floor', FLOORS)
def test_nobody_else_builds_a_path_or_asks_for_a_file(floor):
    for path in sorted((PACKAGE / floor).rglob('*.py')):
        name = path.relative_to(PACKAGE).as_posix()
        wrong = [what for what in trespasses(path.read_text(encoding='utf-8')) if (name, what) not in EXCEPTIONS]
        assert not wrong, f'{name}: {", ".join(wrong)}: ask sediff.repository.repository.Repository instead'


@pytest.mark.parametrize('source', ['a.is_file()', 'x = folder / "name"', 'x = folder / f"{y}"', 'import os\nos.scandir(a)',
                                    'from sediff.repository.names import product_path', 'list(exposure.se_folder.glob("*"))',
                                    'path.exists()'])
def test_the_watch_sees_them(source):
    assert trespasses(source)


def test_the_watch_lets_pass_what_is_right():
    assert not trespasses('Repository.of(a).exists("immask", a)\nx = a / 2\ny = a / b')


def test_every_file_has_a_name_of_its_own():
    paths = {name: product_path(BASE, name) for name in FILES}
    twice = [pair for pair in itertools.combinations(paths, 2) if paths[pair[0]] == paths[pair[1]]]
    assert not twice
    assert set(PRODUCTS) <= set(FILES)


@pytest.mark.parametrize('product', sorted(FILES))
def test_a_file_is_found_by_its_data_id(tmp_path, product):
    one = Exposure(tmp_path, 12345678, '20231115', 'r', ccd=33, field='WS123-45', season='dp7')
    path = product_path(one, product)
    path.parent.mkdir(parents=True)
    path.write_bytes(b'')
    repository = Repository(tmp_path)
    assert repository.exists(product, one) and repository.path(product, one) == path and repository.size(product, one) == 0
    found = repository.where(product)
    assert len(found) == 1 and product_path(found[0], product) == path
    assert len(repository.where(product, one)) == 1
    for key, value in (('expnum', 1234567), ('nite', '20231116'), ('band', 'i'), ('season', 'dp8')):
        there = repository.where(product, **{key: value})
        assert not there or getattr(there[0], key) == value     # a name that does not tell it agrees with any


def test_where_chooses_by_any_key(tmp_path):
    repository = Repository(tmp_path)
    every = [Exposure(tmp_path, expnum, nite, band, ccd=ccd) for (expnum, nite, band) in
             ((668443, '20170817', 'i'), (668444, '20170817', 'z'), (700000, '20180101', 'i')) for ccd in (3, 33)]
    for one in every:
        repository.put('quality', one, {})
        repository.put('qc', one.with_ccd(0), {})
    assert repository.where('quality') == every
    assert repository.where('quality', every[0]) == every[:2]
    assert repository.where('quality', nite='20170817', band='z') == every[2:4]
    assert repository.where('quality', ccd=33, band='i') == [every[1], every[5]]
    assert [one.expnum for one in repository.where('qc', nite='20170817')] == [668443, 668444]
    assert repository.where('quality', rnum='5', pnum='7') == []
    odd = Exposure(tmp_path, 5, '20180101', 'r', '4', '07', 'dp1', 'scratch', 'ws[1]', 7)
    repository.put('quality', odd, {})
    assert repository.where('quality', schema='ws[1]', season='dp1') == [odd]


def test_what_is_no_product_is_not_found(tmp_path):
    repository, one = Repository(tmp_path), Exposure(tmp_path, 668443, '20170817', 'i', ccd=33)
    path = repository.put('quality', one, {})
    for name in ('D00668444_i_33_r4p7_quality.json', 'D00668443_i_33_r4p7_quality.json~', '.tmp7_' + path.name,
                 'D0668443_i_33_r4p7_quality.json', 'D00668443_i_3_r4p7_quality.json', 'D00668443_i_xx_r4p7_quality.json'):
        (path.parent / name).write_text('{}')
    (path.parent / 'D00668443_i_34_r4p7_quality.json').mkdir()
    assert repository.where('quality') == [one]


def test_get_put_text_and_what_is_missing(tmp_path):
    repository, one = Repository(tmp_path), Exposure(tmp_path, 668443, '20170817', 'i', ccd=33)
    with pytest.raises(BadInput, match=r'quality\.json'):
        repository.get('quality', one)
    with pytest.raises(BadInput, match=r'quality\.json'):
        repository.changed('quality', one)
    assert repository.text('out', one) == '' and repository.size('out', one) is None
    repository.put('out', one, 'corners\n')
    assert repository.get('out', one) == repository.text('out', one) == 'corners\n' and repository.size('out', one) == 8
    assert repository.changed('out', one) > 0
    repository.remove('out', one)
    assert not repository.exists('out', one)


@pytest.mark.parametrize('links', [True, False])
def test_a_second_name_holds_the_same_and_neither_follows_the_other(tmp_path, monkeypatch, links):
    repository, one = Repository(tmp_path), replace(BASE, root=tmp_path)
    if not links:
        def none(*_, **__):
            raise OSError('no links on this disk')
        monkeypatch.setattr('os.link', none)
    repository.put('ingest', one, {'first': 1})
    path = repository.link('diff_info', 'ingest', one)
    assert path.samefile(repository.path('ingest', one)) == links and repository.get('diff_info', one) == {'first': 1}
    repository.put('ingest', one, {'second': 2})
    assert repository.get('diff_info', one) == {'first': 1}
    repository.remove('ingest', one)
    with pytest.raises(BadInput, match='ingest'):
        repository.link('diff_info', 'ingest', one)
    assert repository.get('diff_info', one) == {'first': 1} and len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize('name', ['twin{expnum:06d}.fits', '{detector}-{expnum:06d}.fits.fz',
                                  'raw_{nite}_{expnum}_{ccd:02d}.fits'])
def test_data_ids_keep_their_camera_whose_raw_files_have_its_names(tmp_path, name):
    camera = default_instrument()
    camera = replace(camera, facts={**camera.facts, 'raw_file': name})
    one = Exposure(tmp_path, 668443, '20170817', 'i', ccd=33, instrument=camera)
    repository = Repository.of(one)
    repository.put('quality', one, {})
    assert [each.instrument for each in repository.where('quality', one)] == [camera]
    assert [each.instrument for each in Repository(tmp_path, instrument=camera).where('quality')] == [camera]
    path = repository.target('raw', one)
    path.parent.mkdir(parents=True)
    path.write_bytes(b'')
    assert repository.raw_files(one) == [path] and repository.exists('raw', one.with_ccd(0))
    (found,) = repository.where('raw')
    assert (found.expnum, found.nite, found.instrument) == (668443, '20170817', camera)
    assert repository.target('raw', found) == path
