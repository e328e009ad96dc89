"""The small simulated night of the flow tests: made once for all workers of a run, copied for those who change it."""
from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / 'scripts'
EXPNUM, NITE, BAND = 12345678, '20231115', 'r'
#: OBJECT of the search exposure: what an observer may type must stay text all the way to the page.
HOSTILE = '<b onclick=alert(1)>../../$(id)"&amp; it\'s %s {{7*7}}'
#: What the drivers only read. The program writes FITS files anew and never changes them in place: links serve for them.
READ_ONLY = ('dts', 'calib', 'refcat', 'truth')
LINKED = ('.fits', '.fz')


@dataclass
class Night:
    """A work tree with two template exposures and a search exposure of CCD 33."""

    root: Path

    def environment(self, **values) -> dict:
        """Environment of a command in this work tree."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith('SEDIFF_')}
        return clean | {'SEDIFF_ROOT': str(self.root), 'SEDIFF_PYTHON': sys.executable, **values}

    def run(self, command: str, *words, **values) -> subprocess.CompletedProcess:
        """Run a driver, or a stage of `sediff` where `command` is no script."""
        script = SCRIPTS / command
        start = [str(script)] if script.is_file() else [sys.executable, '-m', 'sediff', command]
        return subprocess.run([*start, *map(str, words)], cwd=self.root, env=self.environment(**values), text=True,
                              capture_output=True, timeout=600, check=False)

    def sediff(self, *words, **values) -> subprocess.CompletedProcess:
        """SEdiff.sh on the search exposure, CCD 33, in one process, with the flags of the plan and a line for each step."""
        return self.run('SEdiff.sh', '-E', EXPNUM, '-n', NITE, '-b', BAND, '-r', 4, '-p', 7, '-S', 'dp33', '-c', 33,
                        '-C', '-s', '-T', f'SNSTAR_{EXPNUM}_r4p7.LIST', '-V', f'SNVETO_{EXPNUM}_r4p7.LIST', '--verbose',
                        *words, **values)

    @property
    def folder(self) -> Path:
        """EXPDIR of the search exposure."""
        return self.root / 'persistent' / 'gw' / 'exp' / NITE / str(EXPNUM)


def done(result: subprocess.CompletedProcess) -> subprocess.CompletedProcess:
    """The result of a command that must have succeeded."""
    assert result.returncode == 0, result.stdout + result.stderr
    return result


def simulate(night: Night) -> None:
    """Raw exposures, calibration images and a plan; nothing processed."""
    done(night.run('sim', '.', '--seed', 5, '--small', '--ccds', 33, '--templates', 2, '--expnum', EXPNUM, '--nite', NITE,
                   '--band', BAND, '--workers', 1))
    for kind in ('build-bias', 'build-dflat', 'build-bpm'):
        band = [] if kind == 'build-bias' else ['--band', BAND]
        done(night.run('calib', kind, '--root', '.', '--nite', NITE, '--ccds', 33, *band))
    rewrite_raw(night, cards={'OBJECT': HOSTILE})
    done(night.run('DAGMaker.sh', '-c', 33, EXPNUM))


def raw(night: Night) -> Path:
    """Raw file of the search exposure."""
    return night.root / 'dts' / NITE / f'DECam_{EXPNUM:08d}.fits.fz'


def rewrite_raw(tree: Night, pixels=None, cards: dict | None = None, ccd: int = 33, nite: str = NITE
                ) -> None:
    """The raw exposure of CCD 33 anew, with other pixels (a function of the old ones), header cards or CCD number."""
    from sediff.formats.raw import read_raw_primary, read_raw_rows, write_raw
    from sediff.instruments.ccds import ccd_table, detpos
    from sediff.sim.cards import extension_header
    from sediff.sim.files import read_facts
    from sediff.sim.plan import Pointing
    old = raw(tree)
    image, header = read_raw_rows(old, 33)
    primary, _ = read_raw_primary(old)
    if ccd != 33:
        facts = read_facts(BAND)
        tpv = facts.tpv.get(ccd, facts.tpv[33])
        header = extension_header(facts.cards, ccd_table()[ccd - 1], tpv, Pointing(52.5, -28.0))
        header['CCDNUM'], header['DETPOS'] = ccd, detpos(ccd)
    for name, value in (cards or {}).items():
        if value is None:
            del header[name]
        else:
            header[name] = value
        if name in primary:
            primary[name] = value
    image = image if pixels is None else pixels(image).astype(np.uint16)
    path = old.parent.parent / nite / old.name
    old.unlink()
    path.parent.mkdir(exist_ok=True)
    write_raw(path, primary, [(detpos(ccd), image, header)])


def process(night: Night) -> None:
    """To candidates, by the plan's own script."""
    script = night.root / f'mytemp_{EXPNUM}' / f'desgw_pipeline_{EXPNUM}.sh'
    done(subprocess.run(['bash', str(script)], cwd=night.root, env=night.environment(), text=True, capture_output=True,
                        timeout=900, check=False))


def made_once(base: Path, name: str, make: Callable[[], None], root: Path, folders: tuple[str, ...]) -> dict:
    """What `root` holds (`contents`) after `make`, which the first process that comes here runs; the others wait for it.

    Raises
    ------
    pytest.fail.Exception
        Where the process that came first could not make it.
    """
    record = base / f'{name}.json'
    with (base / f'{name}.lock').open('w') as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not record.exists():
            record.touch()
            make()
            record.write_text(json.dumps(contents(root, folders)))
    if not record.stat().st_size:
        pytest.fail(f'the {name} could not be made: see the first error')
    return json.loads(record.read_text())


def contents(root: Path, folders: tuple[str, ...]) -> dict[str, list[int]]:
    """Size and time (ns) of every file in these folders of a work tree, less what SQLite needs to read a database."""
    files = (path for folder in folders for path in (root / folder).rglob('*')
             if path.is_file() and not path.name.endswith(('-wal', '-shm')))
    return {str(path.relative_to(root)): [path.stat().st_size, path.stat().st_mtime_ns] for path in sorted(files)}


def unchanged(root: Path, folders: tuple[str, ...], before: dict) -> None:
    """Fails where a test has changed what all share."""
    after = contents(root, folders)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    assert not changed, f'a test changed the shared night instead of a copy: {changed[:5]}'


def copy_of(night: Night, root: Path) -> Night:
    """A copy that a test may change: FITS files are links, everything else is a file of its own; plans name the copy."""
    def copy(source: str, target: str) -> None:
        if source.endswith(LINKED):
            os.link(source, target)
        else:
            shutil.copy2(source, target)
    shutil.copytree(night.root, root, symlinks=True, dirs_exist_ok=True, copy_function=copy)
    for path in root.rglob('copy_pairs_for_*.sh'):
        path.write_text(path.read_text().replace(str(night.root), str(root)))
    return Night(root)
