"""A night that is killed again and again ends in the products of one that was not, and nothing else."""
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest

from sediff.engine.pool import THREADS

from .conftest import EXPNUM, NITE, SCRIPTS, Night, done

#: How often a whole night is killed; `make bars` does it 20 times.
KILLS = int(os.environ.get('KILLS', '8'))
#: What says when and how long, and what names the work tree.
UNLIKE = re.compile(r'.*\.(DONE|LOG|lock)|copy_pairs_for_\d+\.sh')
#: What SQLite keeps beside a database that another test has open.
OPEN = ('-wal', '-shm')
#: Rows that tell one database from another, and one writing of rows from the next.
OWN = re.compile(r'INSERT INTO "?(database|entries)"? ')


def contents(root) -> dict:
    """Every file below `persistent`: its bytes, a database's rows, of the page what has neither date nor path."""
    found = {}
    for path in sorted((root / 'persistent').rglob('*')):
        name = str(path.relative_to(root))
        if path.name.endswith(OPEN):
            continue
        if path.suffix == '.sqlite':
            with closing(sqlite3.connect(path)) as base:
                found[name] = sorted(line for line in base.iterdump() if not OWN.match(line))
        elif path.suffix == '.html':
            found[name] = re.sub(r'\d{4}-\d\d-\d\d \d\d:\d\d UTC', '', path.read_text().replace(str(root), 'ROOT'))
        else:
            found[name] = path.read_bytes() if path.is_file() and not UNLIKE.fullmatch(path.name) else None
    return found


def kill(moments: random.Random, command, night: Night, most: int) -> None:
    """Start a command on a node with so many threads and send its process group a signal, some steps and a moment later."""
    number = moments.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    threads = dict.fromkeys(THREADS, moments.choice('124'))
    run = subprocess.Popen(command, cwd=night.root, env=night.environment(**threads), text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, start_new_session=True)
    steps, said = moments.randrange(most), []
    while steps and (line := run.stdout.readline()):
        said.append(line)
        steps -= ' done in ' in line
    time.sleep(moments.uniform(0.0, 1.5))
    if run.poll() is None:
        os.killpg(run.pid, number)
    said.append(run.communicate(timeout=120)[0])
    assert run.returncode in (0, -number, 128 + number) and 'Traceback' not in ''.join(said), ''.join(said)


@pytest.mark.slow
def test_kills_of_a_night(night, tmp_path):
    """Single epoch of two templates and the search exposure, difference imaging: killed at KILLS random moments."""
    other, moments = Night(tmp_path / 'night'), random.Random(KILLS)
    other.root.mkdir()
    for name in ('dts', 'calib', 'refcat', 'truth', 'exposures.list'):
        place = night.root / name
        shutil.copytree(place, other.root / name) if place.is_dir() else shutil.copy(place, other.root)
    done(other.run('DAGMaker.sh', '-c', 33, EXPNUM))
    told = tmp_path / 'told.sh'
    planned = (other.root / f'mytemp_{EXPNUM}' / f'desgw_pipeline_{EXPNUM}.sh').read_text()
    told.write_text(planned.replace(' -E ', ' --verbose -E '))
    script = ['bash', str(told)]
    for _ in range(KILLS):
        kill(moments, script, other, 14)
    done(subprocess.run(script, cwd=other.root, env=other.environment(), text=True, capture_output=True, check=False))
    assert unlike(contents(other.root), contents(night.root)) == []


@pytest.mark.slow
def test_kills_of_the_difference_imaging(night, tmp_path):
    """The same, killed three times, of the difference imaging of one CCD."""
    shutil.copytree(night.root, tmp_path / 'night', symlinks=True)
    other, moments = Night(tmp_path / 'night'), random.Random(3)
    for path in other.root.rglob('copy_pairs_for_*.sh'):
        path.write_text(path.read_text().replace(str(night.root), str(other.root)))
    shutil.rmtree(other.folder / 'dp33')
    command = [str(SCRIPTS / 'RUN_DIFFIMG_PIPELINE.sh'), '-E', str(EXPNUM), '-n', NITE, '-b', 'r', '-r', 'r4p7',
               '-p', 'dp33', '-c', '33', '-m', 'gw', '--verbose']
    for _ in range(3):
        kill(moments, command, other, 25)
    done(subprocess.run(command, cwd=other.root, env=other.environment(), text=True, capture_output=True, check=False))
    assert unlike(contents(other.root), contents(night.root)) == []


def unlike(found: dict, expected: dict) -> list[str]:
    """Names of the files that only one has, or that differ."""
    return sorted(name for name in found.keys() | expected.keys()
                  if name not in found or name not in expected or found[name] != expected[name])
