"""The package as a wheel, installed into an environment of its own: the command, the tables, the drivers."""
from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from sediff import __version__
from sediff.formats.fits import read_image, write_images

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parents[2]


def run(*command, cwd, **environment):
    """A command outside of the checkout, with nothing of this one's environment that leads back to it."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith('SEDIFF_') and name not in ('PYTHONPATH', 'VIRTUAL_ENV', 'ROOT')}
    return subprocess.run([str(word) for word in command], cwd=cwd, env={**kept, **environment}, capture_output=True,
                          text=True)


@pytest.fixture(scope='module')
def installed(tmp_path_factory) -> Path:
    """`bin` of a new environment that has the wheel; what it depends on is taken from this one."""
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    listed = subprocess.run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], cwd=REPOSITORY,
                            check=True, capture_output=True).stdout.decode().split('\0')
    for name in filter(None, listed):
        if (REPOSITORY / name).is_file() and not name.startswith('tests/'):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((REPOSITORY / name).read_bytes())
            (source / name).chmod((REPOSITORY / name).stat().st_mode)
    built = run(sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--wheel-dir', folder, source, cwd=folder)
    if built.returncode and 'No matching distribution' in built.stderr:
        pytest.skip('no network: setuptools for the build is not to be had')
    assert not built.returncode, built.stderr
    subprocess.run([sys.executable, '-m', 'venv', folder / 'env'], check=True)
    packages = next((folder / 'env' / 'lib').glob('python*/site-packages'))
    (packages / 'dependencies.pth').write_text(sysconfig.get_paths()['purelib'] + '\n')
    wheel, = folder.glob('sediff-*.whl')
    done = run(folder / 'env' / 'bin' / 'pip', 'install', '--quiet', '--no-deps', wheel, cwd=folder)
    assert not done.returncode, done.stderr
    return folder / 'env' / 'bin'


def test_the_command_says_its_version_and_comes_from_the_wheel(installed, tmp_path):
    for command in ((installed / 'sediff',), (installed / 'python', '-m', 'sediff')):
        result = run(*command, '--version', cwd=tmp_path)
        assert (result.returncode, result.stdout) == (0, f'sediff {__version__}\n'), result.stderr
    where = run(installed / 'python', '-c', 'import sediff; print(sediff.__file__)', cwd=tmp_path).stdout
    assert where.startswith(str(installed.parent))


def test_two_images_are_subtracted(installed, tmp_path):
    generator = np.random.default_rng(5)
    y, x = np.mgrid[:300, :300]
    science = generator.normal(0, 5, (300, 300))
    template = generator.normal(0, 3, (300, 300))
    for row, column, flux in generator.uniform((20, 20, 2e4), (280, 280, 2e5), (40, 3)):
        r2 = (x - column)**2 + (y - row)**2
        science += flux / (2 * np.pi * 2.2**2) * np.exp(-r2 / (2 * 2.2**2))
        template += flux / (2 * np.pi * 1.8**2) * np.exp(-r2 / (2 * 1.8**2))
    for name, plane in (('science', science), ('template', template)):
        write_images(tmp_path / f'{name}.fits', [('SCI', plane.astype(np.float32), None)])
    result = run(installed / 'sediff', 'subtract', 'science.fits', 'template.fits', '-o', 'diff.fits', '--gain', '4',
                 cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    difference = read_image(tmp_path / 'diff.fits')[0]
    assert np.std(science - template) > 5 * np.nanstd(difference)


def test_a_night_is_simulated_and_a_driver_runs_on_it(installed, tmp_path):
    """The tables and rc files come from the wheel; the driver finds the Python that it was installed with."""
    night = run(installed / 'sediff', 'sim', tmp_path / 'night', '--small', '--ccds', '33', '--templates', '1',
                '--workers', '1', cwd=tmp_path)
    assert night.returncode == 0, night.stderr
    assert list((tmp_path / 'night' / 'dts').glob('*/DECam_*.fits.fz'))
    config = run(installed / 'sediff', 'config', cwd=tmp_path)
    assert config.returncode == 0 and 'SKY_BLOCK=' in config.stdout
    share = next(installed.parent.glob('lib/python*/site-packages/sediff/share'))
    result = run(share / 'scripts' / 'RUNMON.sh', '-E', '1', '-n', '20170817', '-r', 'r4p7', '-p', 'dp33', cwd=tmp_path,
                 ROOT=str(tmp_path / 'night'))
    assert result.returncode == 3 and '1' in result.stderr, result.stderr
