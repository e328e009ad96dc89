"""The README tells the truth: its two commands run, its other commands are understood, its links lead somewhere."""
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from raw_files import write_raw

from sediff.__main__ import main

REPOSITORY = Path(__file__).resolve().parents[2]
TEXT = (REPOSITORY / 'README.md').read_text()
BLOCKS = re.findall(r'```bash\n(.*?)```', TEXT, re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.strip().splitlines()]


def test_the_two_commands_come_first():
    assert BLOCKS[0].split('\n')[:2] == ['make demo', 'make test']


@pytest.mark.slow
def test_make_demo_finds_what_was_injected(tmp_path):
    """The first command, as a user types it, in a folder of its own."""
    run = subprocess.run(['make', 'demo', f'DEMO={tmp_path / "demo"}'], cwd=REPOSITORY, text=True, capture_output=True,
                         timeout=1500, check=False, env={key: value for key, value in os.environ.items()
                                                        if not key.startswith('SEDIFF_')})
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert 'kilonova' in run.stdout and 'injected / found' in run.stdout and 'MISSING' not in run.stdout
    page = Path(re.search(r'^page: (.*)$', run.stdout, re.MULTILINE)[1])
    assert page.suffix == '.html' and 'data:image/png' in page.read_text()


@pytest.mark.parametrize('command', [line for line in COMMANDS if line.startswith('scripts/')])
def test_driver_commands_are_accepted(command, tmp_path):
    """Each reaches Python with its flags; Python itself is a recorder here."""
    recorder = REPOSITORY / 'tests' / 'scripts' / 'helpers' / 'recorder'
    words = shlex.split(command)
    run = subprocess.run([str(REPOSITORY / words[0]), *words[1:]], cwd=tmp_path, text=True, capture_output=True, check=False,
                         env={**os.environ, 'SEDIFF_PYTHON': str(recorder), 'RECORD': str(tmp_path / 'record')})
    assert run.returncode == 0, run.stderr
    assert (tmp_path / 'record').read_text().startswith('-m\nsediff\n')


@pytest.mark.parametrize('command', [line for line in COMMANDS if line.startswith('sediff ')])
def test_stage_commands_are_understood(command, tmp_path, monkeypatch, capsys):
    """Without their data the commands must complain about the data (3), not about the flags (2)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('signal.signal', lambda number, handler: None)
    words = shlex.split(command.replace('"$SEDIFF_ROOT"', str(tmp_path)))
    assert main(words[1:]) == 3, capsys.readouterr().err


def test_ingest_comes_first_and_makes_the_list_and_the_registry(tmp_path, monkeypatch, capsys):
    """The README's first command on one's own files, run on made-up ones; a list written by hand is nowhere needed."""
    own = next(block for block in BLOCKS if 'ingest' in block).strip().splitlines()
    assert own[:2] == ['source .venv/bin/activate', 'export SEDIFF_ROOT=/data/decam']
    words = shlex.split(own[2].replace('/archive', str(tmp_path)))
    assert words[:2] == ['sediff', 'ingest']
    write_raw(Path(words[2]) / 'c4d_170818_022400_ori.fits')
    write_raw(Path(words[3]), EXPNUM=506432, MJD_OBS=57387.1)
    (tmp_path / 'root').mkdir()
    monkeypatch.setenv('SEDIFF_ROOT', str(tmp_path / 'root'))
    assert main(words[1:]) == 0
    listed = (tmp_path / 'root' / 'exposures.list').read_text().splitlines()
    assert [line.split()[0] for line in listed] == ['expnum', '506432', '668443']
    assert (tmp_path / 'root' / 'registry.sqlite3').is_file()
    assert (tmp_path / 'root' / 'dts' / '20170817' / 'DECam_00668443.fits.fz').is_symlink()
    assert main(['plan', '668443', '--show', 'data']) == 0 and 'dataRef' in capsys.readouterr().out


def test_links_and_named_files_exist():
    for target in re.findall(r'\]\(([^)]+)\)', TEXT):
        assert (REPOSITORY / target).exists(), target
    for name in ('scripts/README.md', 'rc/site/local.rc', 'python/sediff/instruments/decam/ccds.csv',
                 'python/sediff/steps.py', 'docs/desgw.md'):
        assert name in TEXT and (REPOSITORY / name).is_file()


@pytest.mark.parametrize('driver', ['SEdiff', 'SE_job_mod', 'verifySE', 'RUN_DIFFIMG_PIPELINE'])
def test_flag_table_names_every_flag_of_a_driver(driver):
    usage = subprocess.run([str(REPOSITORY / 'scripts' / f'{driver}.sh'), '-h'], text=True, capture_output=True,
                           check=True).stdout
    flags = set(re.findall(r'^  -(\w)', usage, re.MULTILINE))
    table = set(re.findall(r'-(\w)\b', ' '.join(line.split('|')[1] for line in TEXT.splitlines() if line.startswith('| '))))
    assert flags <= table, flags - table


def test_steps_page_is_what_the_table_of_steps_gives():
    made = subprocess.run([sys.executable, '-m', 'sediff', 'steps', '--drawing'], text=True, capture_output=True,
                          check=True).stdout
    assert (REPOSITORY / 'scripts' / 'README.md').read_text() == made, 'run make docs'
