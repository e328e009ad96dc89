"""The shipped rc files are what the table of parameters gives; and no parameter is there that nothing reads."""
import ast

import pytest

from sediff.cli import config
from sediff.instruments.load import default_instrument
from sediff.instruments.settings import bands_of
from sediff.parameters.load import load
from sediff.parameters.model import rc_name
from sediff.parameters.rcfiles import FILES, rc_text
from sediff.parameters.table import TABLE

ANEW = 'is not what the table gives: sediff config --write-rc rc --overwrite -P INSTRUMENT=decam (make docs)'


@pytest.mark.parametrize('file', FILES)
def test_shipped_files_are_what_the_table_gives(repository, file):
    path = repository / rc_name(file)
    assert path.read_text() == rc_text(file, bands_of(default_instrument())), f'{path} {ANEW}'


def test_files_hold_every_parameter_once_and_no_value_but_defaults(tmp_path):
    config.main('config', ['--write-rc', str(tmp_path)])
    for path in [*tmp_path.glob('*.rc'), tmp_path / 'site' / 'local.rc']:
        path.write_text(''.join(line[1:] if line[0] == '#' and '=' in line.split()[0] else line
                                for line in path.read_text().splitlines(keepends=True)))
    parameters = load(tmp_path, bands_of=lambda name, root: bands_of(default_instrument()))
    for name, value in parameters.items():
        assert parameters.origin[name].startswith(str(tmp_path)) and value == parameters.table[name].default, name
    assert parameters['TEFF_CUT_I'] == 0.3


def test_a_file_with_own_values_is_kept_and_named(tmp_path, capsys):
    own, broken = tmp_path / 'se.rc', tmp_path / 'qc.rc'
    own.write_text('DETECT_THRESH=2\n')
    config.main('config', ['--write-rc', str(tmp_path), '--rc', str(tmp_path)])
    assert own.read_text() == 'DETECT_THRESH=2\n' and (tmp_path / 'site' / 'local.rc').is_file()
    assert f'{own} kept: it sets DETECT_THRESH; --overwrite replaces it' in capsys.readouterr().out
    broken.write_text('NO_SUCH=2\n')
    config.main('config', ['--write-rc', str(tmp_path)])
    assert 'unknown parameter NO_SUCH' in capsys.readouterr().out and broken.read_text() == 'NO_SUCH=2\n'
    config.main('config', ['--write-rc', str(tmp_path), '--overwrite'])
    assert own.read_text() == rc_text('se', {}) and broken.read_text() == rc_text('qc', {})


def texts_of(path) -> set[str]:
    """Texts in the code of a module, with what f-strings leave open as `*`; docstrings do not count."""
    tree = ast.parse(path.read_text())
    found = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    found |= {''.join(part.value if isinstance(part, ast.Constant) else '*' for part in node.values)
              for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)}
    return found - {ast.get_docstring(node, clean=False) for node in ast.walk(tree)
                    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)}


def test_every_parameter_is_read_and_those_that_are_not_say_so(repository):
    package = repository / 'python' / 'sediff'
    declared = {package / 'parameters' / 'table.py', package / 'steps.py'}
    read = set().union(*(texts_of(path) for path in package.rglob('*.py') if path not in declared))
    names = {parameter.name: parameter for parameter in TABLE}
    made = {'QC_': 'QC_*_GREEN', 'CUT_': 'CUT_*'}              # names put together from the settings that they belong to
    unread = {name for name in names
              if name not in read and not any(name.startswith(start) and text in read for start, text in made.items())}
    assert unread == {name for name, parameter in names.items() if parameter.ignored}
    assert all(names[name].meaning.startswith('accepted and ignored: ') for name in unread)
