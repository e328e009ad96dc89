"""The code that a step reaches is found in the sources, by definitions; what names cannot tell reaches the whole module."""
from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from sediff import steps
from sediff.engine.closure import Package
from sediff.engine.code import FOLDER, step_code, tables_of
from sediff.instruments.load import default_instrument

START = 'pack.flow:step'
FILES = {
    '__init__.py': '',
    'flow.py': '''
        from pack import tables
        from pack.helpers import mean as average, unused
        import pack.deep.maths as maths
        from .other import *

        LIMIT = 3
        FACTORS = {'a': 1}
        FACTORS.update(b=2)


        def step(context):
            """Words."""
            from pack.late import inside
            return average(LIMIT) + maths.root(2) + inside() + tables.load('weights.csv') + starred()


        def step_of_another(context):
            return FACTORS
        ''',
    'helpers.py': '''
        """Helpers."""
        OFFSET = 1.5


        def mean(x):
            return _sum(x) / OFFSET   # half of it


        def _sum(x):
            return x


        def unused():
            return 0
        ''',
    'late.py': '''
        def inside():
            return Shape().area()


        class Shape:
            def area(self):
                return 1


        def far():
            return 0
        ''',
    'other.py': 'def starred():\n    return 1\n\n\ndef not_starred():\n    return 1\n',
    'tables.py': 'def load(name, folder="data.json"):\n    return name\n\n\ndef store(name):\n    return name\n',
    'deep/__init__.py': '', 'deep/maths.py': 'def root(x):\n    return x\n\n\ndef power(x):\n    return x\n',
}


@pytest.fixture
def folder(tmp_path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / 'pack' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return tmp_path / 'pack'


def digest(folder: Path, start: str = START) -> str:
    return Package(folder).closure([start]).digest()


def edited(folder: Path, name: str, old: str, new: str) -> bool:
    """Whether an edit changes the code of the step."""
    before, path = digest(folder), folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return digest(folder) != before


def test_what_a_step_reaches(folder):
    found = Package(folder).closure([START])
    names = {f'{module}:{name}' for module, name in found.pieces}
    assert names == {'pack.flow:step', 'pack.flow:LIMIT', 'pack.helpers:mean', 'pack.helpers:_sum', 'pack.helpers:OFFSET',
                     'pack.late:inside', 'pack.late:Shape', 'pack.other:starred', 'pack.tables:load', 'pack.deep.maths:root'}
    assert {'weights.csv', 'data.json'} <= found.strings


@pytest.mark.parametrize('name, old, new', [
    ('helpers.py', 'OFFSET = 1.5', 'OFFSET = 1.6'), ('helpers.py', 'return x\n', 'return 2 * x\n'),
    ('late.py', 'return 1', 'return 2'), ('other.py', 'def starred():\n    return 1', 'def starred():\n    return 2'),
    ('deep/maths.py', 'def root(x):\n    return x', 'def root(x):\n    return -x'), ('flow.py', 'LIMIT = 3', 'LIMIT = 4'),
    ('tables.py', 'data.json', 'more.json')])
def test_an_edit_of_what_it_reaches_counts(folder, name, old, new):
    assert edited(folder, name, old, new)


@pytest.mark.parametrize('name, old, new', [
    ('helpers.py', 'return 0', 'return 1'), ('helpers.py', '   # half of it', '   # not half of it'),
    ('helpers.py', '"""Helpers."""', '"""Other words."""'), ('flow.py', '"""Words."""', '"""More\n\n    words."""'),
    ('late.py', 'def far():', '\n\ndef far(x=2):'),
    ('other.py', 'def not_starred():\n    return 1', 'def no():\n    return 0'),
    ('flow.py', 'b=2', 'b=3'), ('tables.py', 'def store(name)', 'def store(name, more=1)'),
    ('deep/maths.py', 'def power', 'def powers')])
def test_an_edit_of_anything_else_and_of_words_does_not(folder, name, old, new):
    assert not edited(folder, name, old, new)


def test_a_table_that_a_statement_fills_counts_with_it(folder):
    start = 'pack.flow:step_of_another'
    before = digest(folder, start)
    path = folder / 'flow.py'
    path.write_text(path.read_text().replace('b=2', 'b=3'))
    assert digest(folder, start) != before


@pytest.mark.parametrize('body', ['return tables', 'return getattr(tables, name)', 'return list(map(vars, [tables]))',
                                  'import pack.tables as t\n    return t'])
def test_a_module_as_a_value_is_reached_as_a_whole(folder, body):
    path = folder / 'flow.py'
    path.write_text(path.read_text() + f'\n\ndef sly(name):\n    {body}\n')
    names = {f'{module}:{name}' for module, name in Package(folder).closure(['pack.flow:sly']).pieces}
    assert {'pack.tables:load', 'pack.tables:store'} <= names


@pytest.mark.parametrize('body, least, more', [
    ("return import_module('pack.tables').load", {'pack.tables:load', 'pack.tables:store'}, False),
    ("return import_module(f'pack.{name}')", {'pack.tables:store', 'pack.late:far', 'pack.deep.maths:power'}, True)])
def test_a_module_imported_by_a_string(folder, body, least, more):
    path = folder / 'flow.py'
    path.write_text(path.read_text() + f'\n\ndef sly(name):\n    from importlib import import_module\n    {body}\n')
    names = {f'{module}:{name}' for module, name in Package(folder).closure(['pack.flow:sly']).pieces}
    assert least <= names and ('pack.late:far' in names) == more


def test_signs_in_strings_are_no_comments(folder):
    path = folder / 'helpers.py'
    path.write_text(path.read_text().replace('return x\n', "return f'# {x} #' + '''\n# line\n'''   # comment\n"))
    assert edited(folder, 'helpers.py', '# line', '# another')
    assert edited(folder, 'helpers.py', "f'# {x} #'", "f'# {x} #!'")
    assert not edited(folder, 'helpers.py', '   # comment', '   # remark')


def test_every_step_s_code_is_found_in_its_modules_and_tables():
    for step in steps.ALL + steps.COMMUNITY:
        found = step_code(step)
        assert 'sediff.flow.' + step.function.split(':')[0] in found.modules, step.label
        assert not [name for name in found.modules if name.startswith(('sediff.engine', 'sediff.cli', 'sediff.sim'))]
    by_id = {step.id: step for step in steps.ALL}
    modules = {name: set(step_code(by_id[name]).modules) for name in by_id}
    assert 'sediff.flow.single_epoch.stars' in modules['SE09'] & modules['RUN17']
    assert 'sediff.refcat.cascade' in modules['SE12'] and 'sediff.subtract.trust' in modules['RUN20']
    assert 'sediff.candidates.scoremodel' in modules['RUN24'] and 'sediff.subtract.subtract' not in modules['SE09']
    tables = {name: set(tables_of(step, [default_instrument().folder])) for name, step in by_id.items()}
    camera = {'camera.csv', 'bands.csv', 'ccds.csv'}
    assert tables['RUN24'] <= {'autoscan.npz', *camera} and 'autoscan.npz' in tables['RUN24']
    assert {'teff.csv', 'colour_terms.json'} <= tables['SE12']
    assert tables['SE03'] <= camera


def test_no_step_passes_the_check_of_its_parameters_by():
    """A step sees the parameters that it declares; the whole table is read by none."""
    for path in sorted((FOLDER / 'flow').rglob('*.py')):
        assert 'context._parameters' not in path.read_text(), path


def test_the_class_behind_a_known_attribute_is_reached_where_it_is_read(folder):
    path = folder / 'flow.py'
    more = 'def reads(exposure):\n    return exposure.camera.bits\n\n\ndef other(exposure):\n    return exposure.cameras\n'
    path.write_text(f'{path.read_text()}\n\n{more}')
    package = Package(folder, attributes={'camera': 'pack.late:Shape'})
    reached = {start: {name for _, name in package.closure([f'pack.flow:{start}']).pieces} for start in ('reads', 'other')}
    assert 'Shape' in reached['reads'] and 'Shape' not in reached['other']
