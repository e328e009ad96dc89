"""The one table of all benches: rows that each leaves behind, printed together, kept as JSON, drawn as PNG."""
from __future__ import annotations

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

#: File that the rows of a run go to; set by bench.py. Without it a bench only prints.
ROWS = 'SEDIFF_BENCH_ROWS'
#: Folder of the night that bench.py has processed; set by it for the benches that look at one.
NIGHT = 'SEDIFF_BENCH_NIGHT'
PACKAGES = ('numpy', 'numba', 'scipy', 'astropy', 'fitsio', 'sep', 'astroscrappy')


def keep(part: str, seconds: float, *, peer: str = '', peer_seconds: float | None = None, peak_mb: float | None = None,
         note: str = '') -> None:
    """Leave a row: a part with its seconds of CPU, its peer in the same run, peak memory, and what else was measured."""
    if os.environ.get(ROWS):
        row = {'part': part, 'seconds': seconds, 'peer': peer, 'peer_seconds': peer_seconds, 'peak_mb': peak_mb,
               'note': note}
        with open(os.environ[ROWS], 'a', encoding='utf-8') as handle:
            handle.write(json.dumps(row) + '\n')


def read_rows(path: Path) -> list[dict]:
    """All rows that were left."""
    return [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()] if path.exists() else []


def text_of(rows: list[dict]) -> str:
    """The table."""
    lines = [f'{"part (one CCD, one thread)":<40}{"cpu s":>8}{"peer s":>9}{"peer/ours":>10}{"peak MB":>9}  peer; metrics']
    for row in rows:
        ratio = f'{row["peer_seconds"] / row["seconds"]:.2f}' if row['peer_seconds'] else '-'
        peer = f'{row["peer_seconds"]:.2f}' if row['peer_seconds'] else '-'
        peak = f'{row["peak_mb"]:.0f}' if row['peak_mb'] else '-'
        rest = '; '.join(text for text in (row['peer'], row['note']) if text)
        lines.append(f'{row["part"]:<40}{row["seconds"]:8.3f}{peer:>9}{ratio:>10}{peak:>9}  {rest}')
    return '\n'.join(lines)


def machine() -> dict:
    """What the metrics were measured on and with."""
    packages = {}
    for package in PACKAGES:
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            continue
    return {'machine': platform.platform(), 'processor': _processor(), 'python': platform.python_version(),
            'packages': packages}


def _processor() -> str:
    cpuinfo = Path('/proc/cpuinfo')
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding='utf-8').splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor()


def draw(rows: list[dict], path: Path) -> None:
    """Ratios to the peers, and seconds of all parts, as bars."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    with_peer = [row for row in rows if row['peer_seconds']]
    figure, axes = pyplot.subplots(1, 2, figsize=(13, 0.32 * len(rows) + 1.2), layout='constrained')
    axes[0].barh([row['part'] for row in rows], [row['seconds'] for row in rows], color='#4477aa')
    axes[0].set_title('CPU seconds')
    axes[1].barh([f'{row["part"]} ({row["peer"]})' for row in with_peer],
                 [row['peer_seconds'] / row['seconds'] for row in with_peer], color='#66aa55')
    axes[1].axvline(1.0, color='black', linewidth=0.8)
    axes[1].set_title('times faster than the peer')
    for axis in axes:
        axis.set_xscale('log')
        axis.invert_yaxis()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)
