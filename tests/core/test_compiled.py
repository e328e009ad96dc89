"""Compiled kernels: for the processors of a cluster, kept where they can be, never in an installation for reading."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from llvmlite.binding import get_host_cpu_name

from sediff import compiled

FLAGS = 'fpu sse4_2 avx avx2 bmi1 bmi2 f16c fma abm movbe popcnt cx16'
#: Compiles two small kernels or loads them, and says how many were compiled, what for, and where they are.
KERNELS = """
import sediff
from numba.core import config, event
with event.install_recorder('numba:compile') as heard:
    from sediff.refcat import planes
    planes.warm()
print(len(heard.buffer), config.CPU_NAME, config.CACHE_DIR)
"""


@pytest.mark.parametrize('facts, able', [
    (f'processor\t: 0\nflags\t\t: {FLAGS} avx512f\n', True), (f'flags\t\t: {FLAGS}\n'.replace(' fma', ''), False),
    (f'flags\t\t: {FLAGS}\n'.replace('avx2', 'avx2x'), False), ('processor : 0\nFeatures : fp asimd\n', False), ('', False)])
def test_the_baseline_is_chosen_by_what_the_processor_can_do(facts, able):
    assert compiled.has_baseline(facts) == able


def python(code: str, environment: dict, *before: str) -> list[str]:
    """Words of the last line that Python prints, without numba's variables of this process."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith('NUMBA_')}
    done = subprocess.run([*before, sys.executable, '-c', code], env={**clean, **environment}, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the package, without anything compiled."""
    copy = tmp_path / 'installed' / 'sediff'
    shutil.copytree(compiled.PACKAGE, copy, ignore=shutil.ignore_patterns('__pycache__'))
    return copy


def environment_of(package: Path, home: Path) -> dict:
    return {'PYTHONPATH': str(package.parent), 'HOME': str(home), 'XDG_CACHE_HOME': '', 'PYTHONDONTWRITEBYTECODE': '1'}


def contents(folder: Path) -> dict:
    return {path: path.stat().st_mtime_ns for path in folder.rglob('*')}


def read_only(folder: Path) -> list[str]:
    """Words before a command for which a folder cannot be written."""
    if os.getuid():
        subprocess.run(['chmod', '-R', 'a-w', str(folder)], check=True)
        return []
    words = ['unshare', '--mount', 'sh', '-c', f'mount --bind "{folder}" "{folder}" && mount -o remount,bind,ro "{folder}" '
             '&& exec "$@"', 'sh']
    if subprocess.run([*words, 'true'], capture_output=True, check=False).returncode:
        pytest.skip('no folder can be made read-only here: root, and no mount is allowed')
    return words


@pytest.mark.night
def test_a_read_only_installation_is_used_as_it_is(package, tmp_path):
    """Whoever installs compiles; another user compiles nothing, writes nothing there, and keeps a copy of his own."""
    home = tmp_path / 'home'
    environment = environment_of(package, home)
    count, cpu, place = python(KERNELS, environment)
    assert int(count) > 0 and Path(place) == package / '__pycache__' / 'kernels'
    compiled.mark_complete(Path(place))
    before, words = contents(package), read_only(package)
    for _ in range(2):
        count, same, own = python(KERNELS, environment, *words)
        assert (int(count), same) == (0, cpu) and Path(own).parent == home / '.cache' / 'sediff'
    assert contents(package) == before
    assert [path.name for path in Path(own).parent.iterdir()] == [Path(own).name], 'leftovers'


@pytest.mark.night
def test_kernels_that_were_not_compiled_there_are_kept_for_the_user(package, tmp_path):
    environment = environment_of(package, tmp_path / 'home')
    words = read_only(package)
    first, second = (python(KERNELS, environment, *words) for _ in range(2))
    assert int(first[0]) > 0 and second[0] == '0' and first[2] == second[2]


def test_what_the_user_says_to_numba_counts():
    code = "import sediff, os; print(*(os.environ.get(name) for name in ('NUMBA_CPU_NAME', 'NUMBA_CACHE_DIR')))"
    assert python(code, {'NUMBA_CPU_NAME': 'generic', 'NUMBA_CACHE_DIR': '/x'}) == ['generic', '/x']
    assert python(code, {'NUMBA_CPU_NAME': 'native', 'NUMBA_CACHE_DIR': '/x'}) == [get_host_cpu_name(), '/x']


def test_numba_that_is_there_already_is_left_alone():
    code = "import numba, sediff, os; print(*[name for name in os.environ if name.startswith('NUMBA_C')], 'none')"
    assert python(code, {}) == ['none']


def test_a_cache_among_temporary_files_is_never_that_of_others(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file' / 'no'))
    (tmp_path / 'file').touch()
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    mine = compiled._users_cache()
    assert mine == tmp_path / f'sediff-{os.getuid()}' == compiled._users_cache() and mine.stat().st_mode & 0o777 == 0o700
    mine.rmdir()
    mine.symlink_to(tmp_path)
    other = compiled._users_cache()
    assert other != mine and other.is_dir() and not other.is_symlink()


def test_kernels_are_loaded_before_they_are_called(tmp_path):
    """All that the cache holds of the modules imported so far, compiled by another process; nothing is compiled."""
    environment = {**environment_of(compiled.PACKAGE, tmp_path), 'NUMBA_CACHE_DIR': str(tmp_path / 'kernels')}
    assert int(python(KERNELS, environment)[0]) > 0
    loaded = python("""
import sediff
from numba.core import event
from sediff.compiled import load_kernels
from sediff.refcat import planes
with event.install_recorder('numba:compile') as heard:
    count = load_kernels()
    before = {name for name, value in vars(planes).items() if getattr(value, 'signatures', ())}
    planes.warm()
after = {name for name, value in vars(planes).items() if getattr(value, 'signatures', ())}
print(count, len(before), before <= after, len(heard.buffer))
""", environment)
    assert int(loaded[0]) >= int(loaded[1]) > 0 and loaded[2:] == ['True', '0']
