"""Seconds and peak memory of every step of one CCD, warm, one thread; what follows from them for 60 CCDs on many cores; then
the benches of single packages and of the customary programs (bench_*.py).

Run by `make bench`. Results are kept in bench_results/, as JSON with machine and versions and as a PNG.
"""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import benchtable
from tests.projection import Costs, disk_rate, efficiency, projected

from sediff import __version__, steps
from sediff.engine.pool import cores
from sediff.report.quality_picture import picture

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / 'bench_results'
EXPNUM, NITE = 1250100, '20231115'
#: Flags of the search exposure, and how many CCDs and cores are projected.
SEARCH = ('--expnum', EXPNUM, '--nite', NITE, '--band', 'r', '--season', 'dp33', '--rnum', 4, '--pnum', 7)
CCDS, CORES = 60, (2, 4, 16, 64)
#: Runs a stage and says at the end how many bytes it read and wrote.
COUNTED = """
import sys
from sediff.__main__ import main
code = main(sys.argv[1:])
print(sum(int(line.split()[1]) for line in open('/proc/self/io') if line.startswith(('rchar', 'wchar'))))
sys.exit(code)
"""


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
        (root / 'whole.json').write_text(json.dumps({'cpu': cpu, 'peak': rows[-1][3]}))
        failed = parts(root, costs(root, rows))
    print(''.join(f'FAILED: {name}\n' for name in failed), end='')
    return 1 if failed else 0


def costs(root: Path, rows: list[tuple[str, float, float, float]]) -> Costs:
    """What one CCD and its exposure need: from the table of steps, and the command once more, alone and twice at a time."""
    folder = root / 'persistent' / 'gw' / 'exp' / NITE / str(EXPNUM)
    single_epoch, difference = (sum(row[2] for row in rows if row[0].startswith(prefix)) for prefix in ('SE', 'RUN'))
    tables = sum(json.loads(path.read_text())['cpu_seconds'] for path in (folder / 'se_00').glob('*.DONE'))
    page, plane = page_costs(root), picture_cost(folder)
    slowdown, second = 1.0, root / 'second'
    if cores() > 1:
        shutil.copytree(root, second, ignore=shutil.ignore_patterns('second'))
        alone = cpu_of(root, 'sediff', *SEARCH, '--ccds', 33, '--calibrate', '--serial', '--overwrite')
        slowdown = max(cpu_of((root, second), 'sediff', *SEARCH, '--ccds', 33, '--calibrate', '--serial', '--overwrite')
                       / (2.0 * alone), 1.0)
        shutil.rmtree(second)
    start = rows[-1][2] - single_epoch - difference - tables - plane - sum(page.values())
    done = started(root, 'sediff', *SEARCH, '--ccds', 33, '--calibrate', '--serial', '--overwrite')
    size = int(done.communicate()[0].split()[-1]) / 2 ** 20 if Path('/proc/self/io').exists() else 0.0
    return Costs(start, single_epoch, difference, plane, tables, **page, megabytes=size, rate=disk_rate(root),
                 slowdown=slowdown)


def page_costs(root: Path) -> dict[str, float]:
    """What the pages of one CCD take: `page`, `page_ccd` and `draw` of `Costs`."""
    done = subprocess.run([sys.executable, str(REPOSITORY / 'tests' / 'page_costs.py'), *map(str, SEARCH)], cwd=root,
                          text=True, env=environment(root), capture_output=True, check=True)
    return json.loads(done.stdout)


def picture_cost(folder: Path) -> float:
    """CPU seconds of the picture of the exposure's quality, once all is loaded."""
    report = json.loads(next(folder.glob('qc_*.json')).read_text())
    picture(report)
    started = time.process_time()
    picture(report)
    return time.process_time() - started


def cpu_of(roots: Path | tuple[Path, ...], *words) -> float:
    """CPU seconds of a command, in several folders at the same time."""
    before = os.times()
    for process in [started(root, *words) for root in ((roots,) if isinstance(roots, Path) else roots)]:
        if process.communicate() and process.returncode:
            raise SystemExit(f'sediff {" ".join(map(str, words))} failed ({process.returncode})')
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def started(root: Path, *words) -> subprocess.Popen:
    """A command that has been started; the last that it says is how many bytes it moved."""
    return subprocess.Popen([sys.executable, '-c', COUNTED, *map(str, words)], cwd=root, env=environment(root), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def keep_projection(found: Costs) -> None:
    """A row for each number of cores."""
    print(f'projected from: {found}')
    for number in CORES:
        benchtable.keep(f'{CCDS} CCDs on {number} cores (projected)', projected(found, CCDS, number),
                        note=f'wall; efficiency {efficiency(found, CCDS, number):.2f}, the disk takes '
                             f'{CCDS * found.megabytes / found.rate:.0f} s of it')


def parts(night: Path, found: Costs) -> list[str]:
    """Run the benches of single packages, then print their rows as one table and keep them; returns those that failed."""
    left = RESULTS / 'rows.jsonl'
    left.unlink(missing_ok=True)
    failed = []
    os.environ[benchtable.ROWS] = str(left)
    keep_projection(found)
    for path in sorted((REPOSITORY / 'tests').glob('bench_*.py')):
        print(f'\n== {path.stem}', flush=True)
        done = subprocess.run([sys.executable, str(path)], cwd=REPOSITORY, check=False,
                              env={**environment(Path.cwd()), benchtable.NIGHT: str(night)})
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
