"""The floors of the package hold, and the check of them fails where they do not."""
from pathlib import Path

import pytest

from .layers import FLOORS, PACKAGE, problems


def made_up(folder: Path, **files: str) -> Path:
    """A package `sediff` of files, a__b for a/b.py."""
    for name, text in files.items():
        path = folder / 'sediff' / f'{name.replace("__", "/")}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        (path.parent / '__init__.py').touch()
    (folder / 'sediff' / '__init__.py').touch()
    return folder / 'sediff'


def test_the_package():
    assert problems() == []


def test_every_package_has_one_floor():
    names = [name for floor in FLOORS for name in floor]
    there = {path.stem for path in PACKAGE.iterdir() if (path.suffix == '.py' or (path / '__init__.py').is_file())}
    assert len(names) == len(set(names)) and there - {'__init__'} <= set(names)


@pytest.mark.parametrize(('files', 'words'), [
    ({'flow__a': 'from sediff.cli import b\n', 'cli__b': ''}, 'cli is above flow'),
    ({'flow__a': 'import sediff.cli.b\n', 'cli__b': ''}, 'cli is above flow'),
    ({'flow__a': 'from ..cli.b import f\n', 'cli__b': ''}, 'cli is above flow'),
    ({'flow__a': 'def f():\n    from sediff.cli.b import g\n', 'cli__b': ''}, 'cli is above flow'),
    ({'flow__a': 'from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from sediff.cli.b import C\n', 'cli__b': ''},
     'cli is above flow'),
    ({'wcs__a': 'from sediff import steps\n', 'steps': ''}, 'steps is above wcs'),
    ({'psf__a': 'from sediff.formats import fits\n', 'formats__fits': ''}, 'formats is above psf'),
    ({'psf__a': 'from sediff.repository.names import X\n', 'repository__names': ''}, 'repository is above psf'),
    ({'engine__a': 'from sediff.isr.b import f\n', 'isr__b': ''}, 'engine must not know isr'),
    ({'attic__a': ''}, 'attic is on no floor'),
    ({'psf__a': 'from sediff.psf import b\n', 'psf__b': 'def f():\n    from sediff.psf.c import x\n',
      'psf__c': 'from sediff.psf.a import y\n'}, 'circle of imports: sediff.psf.a, sediff.psf.b, sediff.psf.c'),
    ({'psf__a': 'from sediff.isr import b\n', 'isr__b': 'from sediff.psf import a\n'}, 'circle'),
])
def test_what_is_wrong_is_named(tmp_path, files, words):
    (problem,) = {line.partition(': ')[2] if 'floor' in line else line for line in problems(made_up(tmp_path, **files))}
    assert words in problem


def test_what_is_right(tmp_path):
    files = {'cli__a': 'from sediff.flow import b\n', 'flow__b': 'from sediff.psf.c import x\nimport numpy.linalg\n',
             'psf__c': 'from sediff.isr.d import x\nfrom . import e\n',
             'isr__d': 'from sediff import errors\n', 'psf__e': '', 'errors': ''}
    assert problems(made_up(tmp_path, **files)) == []
