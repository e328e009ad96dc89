"""A small simulated night, processed once by the drivers, that the flow tests look at."""
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / 'scripts'
EXPNUM, NITE, BAND = 12345678, '20231115', 'r'


@dataclass
class Night:
    """A work tree with two template exposures and a search exposure of CCD 33."""

    root: Path

    def environment(self, **values) -> dict:
        """Environment of a command in this work tree."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith('SEDIFF_')}
        return clean | {'SEDIFF_ROOT': str(self.root), 'SEDIFF_PYTHON': sys.executable, **values}

    def run(self, command: str, *words, **values) -> subprocess.CompletedProcess:
        """Run a driver, or a stage of `python -m sediff` where `command` is no script."""
        script = SCRIPTS / command
        start = [str(script)] if script.is_file() else [sys.executable, '-m', 'sediff', command]
        return subprocess.run([*start, *map(str, words)], cwd=self.root, env=self.environment(**values), text=True,
                              capture_output=True, timeout=600, check=False)

    def sediff(self, *words, **values) -> subprocess.CompletedProcess:
        """SEdiff.sh on the search exposure, CCD 33, in one process, with the flags of the plan."""
        return self.run('SEdiff.sh', '-E', EXPNUM, '-n', NITE, '-b', BAND, '-r', 4, '-p', 7, '-S', 'dp33', '-c', 33,
                        '-C', '-s', '-T', f'SNSTAR_{EXPNUM}_r4p7.LIST', '-V', f'SNVETO_{EXPNUM}_r4p7.LIST', *words, **values)

    @property
    def folder(self) -> Path:
        """EXPDIR of the search exposure."""
        return self.root / 'persistent' / 'gw' / 'exp' / NITE / str(EXPNUM)


def done(result: subprocess.CompletedProcess) -> subprocess.CompletedProcess:
    """The result of a command that must have succeeded."""
    assert result.returncode == 0, result.stdout + result.stderr
    return result


@pytest.fixture(scope='session')
def raw_night(tmp_path_factory) -> Night:
    """Raw exposures, calibration images and a plan; nothing processed."""
    night = Night(tmp_path_factory.mktemp('night'))
    done(night.run('sim', '.', '--seed', 5, '--small', '--ccds', 33, '--templates', 2, '--expnum', EXPNUM, '--nite', NITE,
                   '--band', BAND, '--workers', 1))
    for kind in ('build-bias', 'build-dflat', 'build-bpm'):
        band = [] if kind == 'build-bias' else ['--band', BAND]
        done(night.run('calib', kind, '--root', '.', '--nite', NITE, '--ccds', 33, *band))
    done(night.run('DAGMaker.sh', '-c', 33, EXPNUM))
    return night


@pytest.fixture(scope='session')
def night(raw_night) -> Night:
    """The same, processed to candidates by the plan's own script."""
    script = raw_night.root / f'mytemp_{EXPNUM}' / f'desgw_pipeline_{EXPNUM}.sh'
    done(subprocess.run(['bash', str(script)], cwd=raw_night.root, env=raw_night.environment(), text=True,
                        capture_output=True, timeout=900, check=False))
    return raw_night
