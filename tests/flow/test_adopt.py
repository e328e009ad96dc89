"""Products of an earlier version are taken over where they are what their stamps say, and named where they are not."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sediff import steps
from sediff.cli.adopt import main
from sediff.engine.provenance import digest, read_stamp
from sediff.flow.exposure.adopt import old_fingerprint
from sediff.flow.exposure.job import prepare
from sediff.repository.names import calib_path, product_path

from .conftest import BAND, EXPNUM, NITE, SCRIPTS, Night
from .season import Season, linked, replace_bytes

#: A version whose stamps hold hashes of samples.
EARLIER = '68fcb49'


def make_old(tree: Season) -> None:
    """Stamps of the search exposure as earlier versions wrote them."""
    for phase in ('se', 'diffimg'):
        phases, context = prepare(tree.job(phase))
        keys: dict[str, str] = {}
        for step in [step for each in phases for step in each]:
            path = context.stamp_path(step, 'DONE')
            stamp = read_stamp(path)
            inputs = {need: keys[need] if need in keys else digest([old_fingerprint(file) for file in context.files(need)])
                      for need in step.needs if need != 'binned_sky'}
            key = digest([step.label, inputs])
            keys |= dict.fromkeys(step.makes, key)
            old = {'step': step.label, 'key': key, 'inputs': inputs, 'parameters': stamp['parameters'], 'code': 'earlier',
                   'version': '0.0.9', 'seconds': 1.0, 'finished': stamp['finished'],
                   'products': {name: record['size'] for name, record in stamp['products'].items()}}
            path.unlink()
            path.write_text(json.dumps(old))


@pytest.fixture
def tree(night: Night, tmp_path) -> Season:
    """The processed night with old stamps; its database is a copy that knows no marks."""
    season = Season(linked(night.root, tmp_path / 'tree'))
    make_old(season)
    return season


def adopt(tree: Season, capsys, *words: str) -> tuple[int, str]:
    code = main('adopt', [str(tree.root), '--expnum', str(EXPNUM), *words])
    return code, capsys.readouterr().out


def test_all_is_adopted_and_nothing_is_left_to_do(tree, capsys):
    assert len(tree.todo()) == 40
    assert adopt(tree, capsys, '--dry-run')[0] == 0 and len(tree.todo()) == 40
    code, text = adopt(tree, capsys)
    assert code == 0 and '12345678 c33 se: 12 steps adopted\n' in text and 'diffimg: 28 steps adopted\n' in text, text
    assert tree.todo() == []
    _, context = prepare(tree.job('se'))
    stamp = read_stamp(context.stamp_path(steps.SE[1], 'DONE'))
    assert stamp['version'] == '0.0.9' and stamp['packages'] == {} and 'adopted' in stamp
    assert adopt(tree, capsys) == (0, '12345678 c33 se: 0 steps adopted\n12345678 c33 diffimg: 0 steps adopted\n')


@pytest.mark.parametrize('what, label, words', [
    ('size', 'SE09_psfex', 'PSFEX.psf has'), ('pixels', 'SE08_immask', 'immask.fits.fz'),
    ('lost', 'SE10_fullcat', 'not there'),
    ('flat', 'SE02_pixcorrect', 'was changed after'),
    ('parameter', 'SE06_sextractor', 'BRIGHT_THRESHOLD=10.0, now 11.0'),
    ('input', 'SE02_pixcorrect', 'is not what its stamp names')])
def test_what_is_not_as_its_stamp_says_is_named_and_left(tree, capsys, what, label, words):
    one, more = tree.exposure, ()
    flat, path = calib_path(tree.root, 'norm-dflatcor', NITE, 33, BAND), product_path(one, 'immask')
    if what == 'size':
        path = product_path(one, 'psf')
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content + bytes(2880))
    elif what == 'pixels':
        stat = path.stat()
        replace_bytes(path, path.stat().st_size // 2, b'\x01\x02\x03')
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elif what == 'lost':
        product_path(one, 'fullcat').unlink()
    elif what == 'flat':
        replace_bytes(flat, flat.stat().st_size // 2, b'\x01\x02\x03')
    elif what == 'input':
        stat = flat.stat()
        replace_bytes(flat, flat.stat().st_size - 1, b'\x01')
        os.utime(flat, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    else:
        more = ('-P', 'BRIGHT_THRESHOLD=11')
    code, text = adopt(tree, capsys, '--verbose', *more)
    assert code == 1
    line = next(line for line in text.splitlines() if label in line)
    assert words in line, text
    rests = [line.split(':')[0].strip() for line in text.splitlines() if 'it rests on' in line]
    assert ('SE03_bleedmask' in rests) == (label == 'SE02_pixcorrect')
    assert {step.id for step in steps.SE if step.label == label or step.label in rests} <= set(tree.todo())


def test_rows_that_the_database_lacks_are_filled_in(tree, capsys):
    product_path(tree.exposure, 'database').unlink()
    assert adopt(tree, capsys)[0] == 0
    assert tree.todo() == ['RUN15', 'RUN25', 'RUN26', 'RUN27']
    assert tree.run('diffimg') == ['RUN15', 'RUN25', 'RUN26', 'RUN27'] and tree.todo() == []


@pytest.mark.slow
@pytest.mark.long
def test_a_season_of_an_earlier_commit(tmp_path):
    """A tiny night made by that commit itself, then adopted: single epoch whole, and what differences have in common."""
    checkout = SCRIPTS.parent
    if subprocess.run(['git', 'cat-file', '-e', f'{EARLIER}^{{commit}}'], cwd=checkout, capture_output=True,
                      check=False).returncode:
        pytest.skip(f'the history of {checkout} lacks {EARLIER} (a shallow clone?): no season of it is made')
    earlier = tmp_path / 'earlier'
    added = subprocess.run(['git', 'worktree', 'add', '--detach', str(earlier), EARLIER], cwd=checkout, text=True,
                           capture_output=True, check=False)
    if added.returncode:
        pytest.skip(f'no work tree of {EARLIER} can be made: {added.stderr.strip()[-200:]}')
    try:
        root = tmp_path / 'night'
        root.mkdir()
        _process(earlier, root)
    finally:
        subprocess.run(['git', 'worktree', 'remove', '--force', str(earlier)], cwd=checkout, capture_output=True,
                       check=False)
    night = Night(root)
    result = night.run('adopt', str(root))
    assert '12345652 c33 se: 12 steps adopted\n' in result.stdout, result.stdout + result.stderr
    assert '12345678 c33 se: 12 steps adopted\n' in result.stdout and result.returncode == 1
    assert 'RUN18_combined+expose_hotpants: ' in result.stdout and 'starShifts.csv is not there' in result.stdout
    again = night.sediff('-t')
    assert again.returncode == 0 and 'nothing to do: all 12 steps are done' in again.stderr, again.stderr


def _process(checkout: Path, root: Path) -> None:
    """Simulate and process a night with the code of a checkout."""
    environment = Night(root).environment(PYTHONPATH=str(checkout / 'python'))
    words = ['--root', '.', '--nite', NITE, '--ccds', '33']
    stages = [['sim', '.', '--seed', '5', '--small', '--ccds', '33', '--templates', '2', '--expnum', str(EXPNUM),
               '--nite', NITE, '--band', BAND, '--workers', '1'], ['calib', 'build-bias', *words],
              ['calib', 'build-dflat', *words, '--band', BAND], ['calib', 'build-bpm', *words, '--band', BAND]]
    commands = [*([sys.executable, '-m', 'sediff', *stage] for stage in stages),
                [str(checkout / 'scripts' / 'DAGMaker.sh'), '-c', '33', str(EXPNUM)],
                ['bash', f'mytemp_{EXPNUM}/desgw_pipeline_{EXPNUM}.sh']]
    for command in commands:
        result = subprocess.run(command, cwd=root, env=environment, text=True, capture_output=True, check=False)
        assert result.returncode == 0, (command, result.stdout[-2000:], result.stderr[-2000:])
