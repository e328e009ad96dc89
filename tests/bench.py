"""Seconds and peak memory of every step of one CCD, warm, one thread; then the benches of single packages (bench_*.py).

Run by `make bench`. Results are kept in bench_results/, as JSON with machine and versions and as a PNG.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import benchtable

from sediff import __version__, steps

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / 'bench_results'
EXPNUM, NITE = 1250100, '20231115'


def main() -> int:
    """Simulate a night of CCD 33, process it in one process, print the table of steps."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        started = time.time()
        run(root, 'sim', '.', '--seed', 1, '--ccds', 33, '--workers', 1)
        print(f'simulator: {(time.time() - started) / 10:.2f} s a CCD-exposure (10 of them)')
        for kind in ('build-bias', 'build-dflat', 'build-bpm'):
            run(root, 'calib', kind, '--root', '.', '--nite', NITE, '--ccds', 33,
                *([] if kind == 'build-bias' else ['--band', 'r']))
        run(root, 'plan', '--ccds', 33, EXPNUM)
        for line in (root / 'exposures.list').read_text().splitlines()[1:]:
            expnum, nite = line.split()[:2]
            if int(expnum) != EXPNUM:
                process(root, expnum, nite, '--template-only')
        started, before = time.time(), os.times()
        process(root, EXPNUM, NITE)
        after = os.times()
        rows = table_of(root / 'persistent' / 'gw' / 'exp' / NITE / str(EXPNUM))
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        rows.append(('whole command, imports included', time.time() - started, cpu, max(row[3] for row in rows)))
    report(rows)
    failed = parts()
    print(''.join(f'FAILED: {name}\n' for name in failed), end='')
    return 1 if failed else 0


def parts() -> list[str]:
    """Run the benches of single packages, then print their rows as one table and keep them; returns those that failed."""
    left = RESULTS / 'rows.jsonl'
    left.unlink(missing_ok=True)
    failed = []
    for path in sorted((REPOSITORY / 'tests').glob('bench_*.py')):
        print(f'\n== {path.stem}', flush=True)
        done = subprocess.run([sys.executable, str(path)], cwd=REPOSITORY, check=False,
                              env={**environment(Path.cwd()), benchtable.ROWS: str(left)})
        failed += [path.name] if done.returncode else []
    rows = benchtable.read_rows(left)
    left.unlink(missing_ok=True)
    print('\n' + benchtable.text_of(rows))
    facts = {'version': __version__, **benchtable.machine(), 'parts': rows}
    (RESULTS / 'bench.json').write_text(json.dumps(facts, indent=1) + '\n')
    benchtable.draw(rows, RESULTS / 'bench.png')
    print(f'kept: {RESULTS}/bench.json, bench.png')
    return failed


def process(root: Path, expnum: int | str, nite: str, *words) -> None:
    """Single epoch, and without --template-only difference imaging, of CCD 33 in one process."""
    run(root, 'sediff', '--expnum', expnum, '--nite', nite, '--band', 'r', '--rnum', 4, '--pnum', 7, '--season', 'dp33',
        '--ccds', 33, '--calibrate', '--serial', *words)


def environment(root: Path) -> dict:
    """One thread, this work tree, this Python."""
    return {**os.environ, 'SEDIFF_ROOT': str(root), 'SEDIFF_PYTHON': sys.executable, 'OMP_NUM_THREADS': '1',
            'OPENBLAS_NUM_THREADS': '1', 'NUMBA_NUM_THREADS': '1'}


def run(root: Path, stage: str, *words) -> None:
    """Run a stage; its output only when it fails."""
    done = subprocess.run([sys.executable, '-m', 'sediff', stage, *map(str, words)], cwd=root, env=environment(root),
                          text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f'{stage} failed ({done.returncode}): {done.stderr[-2000:]}')


def table_of(folder: Path) -> list[tuple[str, float, float, float]]:
    """(step, wall seconds, processor seconds, peak MB) from the stamps of CCD 33."""
    rows = []
    for step in (*steps.SE, *steps.CALIBRATION, *steps.DIFFIMG):
        place = folder / ('dp33/r_33' if step.id.startswith('RUN') else 'se_33')
        stamp = json.loads((place / f'{step.label}.DONE').read_text())
        rows.append((step.label, stamp['seconds'], stamp['cpu_seconds'], stamp['peak_mb']))
    return rows


def report(rows: list[tuple[str, float, float, float]]) -> None:
    """Print the table and keep it."""
    print(f'{"step (one CCD, one thread)":<42}{"wall s":>9}{"cpu s":>9}{"peak MB":>9}')
    for name, seconds, cpu, peak in rows:
        print(f'{name:<42}{seconds:9.2f}{cpu:9.2f}{peak:9.0f}')
    for phase, prefix in (('single epoch', 'SE'), ('difference imaging', 'RUN')):
        chosen = [row for row in rows if row[0].startswith(prefix)]
        print(f'{phase:<42}{sum(row[1] for row in chosen):9.2f}{sum(row[2] for row in chosen):9.2f}')
    RESULTS.mkdir(exist_ok=True)
    facts = {'version': __version__, **benchtable.machine(), 'steps': rows}
    (RESULTS / 'steps.json').write_text(json.dumps(facts, indent=1) + '\n')


if __name__ == '__main__':
    sys.exit(main())
