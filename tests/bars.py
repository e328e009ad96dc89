"""Long bars: whole simulated nights through the drivers, against their truth. Run by `make bars`, outside CI.

    python -m tests.bars --seeds 5-9 --ccds 12,13,19,20,26,27,33,34 --workers 2

For each seed a night is simulated, calibrated, planned and processed; what the candidates' database holds is compared with
the truth. The metrics go to docs/bars.md with the date, the command and the version.
"""
from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.table import Table
from scipy.spatial import cKDTree
from scipy.stats import norm

from sediff import __version__
from sediff.candidates.cuts import LOW_SCORE
from sediff.cli.check import MUST_FIND_SNR

CCD_AREA = 4096 * 2048 * (0.2637 / 3600.0) ** 2
PIXEL_SCALE = 0.2637

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = REPOSITORY / 'scripts'
EXPNUM, NITE, RNUM, SEASON = 1250100, '20231115', 'r4p7', 'dp33'
#: Detections score at least this to count as kept; a source is found within so many arcsec.
SCORE, RADIUS = 0.3, 1.0
#: Sigma from which RUN20 detects.
THRESHOLD = 5.0
READ_NOISE = 7.0
PULL_BINS = ((8.0, 20.0), (20.0, 60.0), (60.0, 150.0))


@dataclass
class Night:
    """A work tree, and where its commands' output goes."""

    root: Path
    ccds: str
    band: str
    workers: int
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.log = self.root / 'bars.log'

    def run(self, *words, check: bool = True) -> int:
        """A command in the work tree, its output in bars.log."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith('SEDIFF_')}
        environment = {**clean, 'SEDIFF_ROOT': str(self.root), 'SEDIFF_PYTHON': sys.executable, 'OMP_NUM_THREADS': '1',
                       'OPENBLAS_NUM_THREADS': '1', 'NUMBA_NUM_THREADS': '1'}
        with open(self.log, 'a', encoding='utf-8') as handle:
            code = subprocess.run([str(word) for word in words], cwd=self.root, env=environment, stdout=handle,
                                  stderr=subprocess.STDOUT, check=False).returncode
        if code and check:
            raise SystemExit(f'{" ".join(map(str, words[:4]))} ended with {code}; see {self.log}')
        return code

    def sediff(self, *words, check: bool = True) -> int:
        """A stage of `sediff`."""
        return self.run(sys.executable, '-m', 'sediff', *words, check=check)


def make_night(night: Night, seed: int, templates: int, extra: list[str]) -> None:
    """Simulate, calibrate, plan."""
    night.sediff('sim', '.', '--seed', seed, '--ccds', night.ccds, '--templates', templates, '--expnum', EXPNUM, '--nite',
                 NITE, '--band', night.band, '--workers', night.workers, *extra)
    for kind in ('build-bias', 'build-dflat', 'build-bpm'):
        band = [] if kind == 'build-bias' else ['--band', night.band]
        night.sediff('calib', kind, '--root', '.', '--nite', NITE, '--ccds', night.ccds, *band)


def process(night: Night) -> None:
    """The plan's own script, every job with this many workers."""
    night.run(SCRIPTS / 'DAGMaker.sh', '-c', night.ccds, '-P', f'SEARCH_OPTS=-C -w {night.workers}', '-P',
              f'TEMP_OPTS=-C -t -w {night.workers}', EXPNUM)
    night.run('bash', f'mytemp_{EXPNUM}/desgw_pipeline_{EXPNUM}.sh', check=False)


def figures_of(night: Night, seed: int) -> tuple[dict, pd.DataFrame, pd.DataFrame]:
    """Counts of a night; its injected sources with what was found of them; its false detections."""
    truth = pd.read_csv(night.root / 'truth' / 'transients.csv')
    database = night.root / 'persistent' / 'gw' / 'db' / f'{SEASON}.sqlite'
    with sqlite3.connect(database) as connection:
        found = pd.read_sql('select * from detections where isNegative = 0', connection)
        images = pd.read_sql('select * from images', connection)
    kept = found[((found['reject'] & ~LOW_SCORE) == 0) & (found['reliability'] >= SCORE)]
    sources = truth.assign(seed=seed, ideal=difference_snr(truth, night.root), detected=near(truth, found),
                           kept=near(truth, kept), **measured(truth, found, images))
    false = kept[~near(kept, known_sources(night.root, truth))].assign(seed=seed)
    sources['must'] = must = (sources['kind'] == 'kilonova') | (sources['good'] & (sources['snr_ideal'] > MUST_FIND_SNR))
    row = {'seed': seed, 'CCDs': len(images), 'must be found': int(must.sum()),
           'found': int((must & sources['kept']).sum()), 'false': len(false),
           'false a deg2': len(false) / (len(images) * CCD_AREA),
           'noise peaks expected': noise_peaks(night.root), 'false S/N > 6': int((false['snr'] > 6.0).sum()),
           'most on a CCD, S/N > 6': int(false['detector'][false['snr'] > 6.0].value_counts().max() if
                                         (false['snr'] > 6.0).any() else 0),
           'check': night.sediff('check', '--expnum', EXPNUM, '--nite', NITE, '--band', night.band, '--season', SEASON,
                                 check=False)}
    return row, sources, false


def known_sources(root: Path, truth: pd.DataFrame) -> pd.DataFrame:
    """Everything that really changed: transients, and the stars that did with the effect `variables`."""
    stars = Table.read(root / 'truth' / 'stars.fits')
    if 'change' not in stars.colnames:
        return truth[['ra', 'dec']]
    return pd.concat([truth[['ra', 'dec']], stars[stars['change'] != 0]['ra', 'dec'].to_pandas()], ignore_index=True)


def noise_peaks(root: Path) -> float:
    """Peaks above the threshold of detection, of one sign, that Gaussian noise gives on the CCDs' usable pixels."""
    tables = (json.loads(path.read_text())['peaks'] for path in root.glob('**/*_diff_sky.json'))
    return float(sum(row['expected'] for table in tables for row in table if row['threshold'] == THRESHOLD))


def vectors(table: pd.DataFrame) -> np.ndarray:
    """Unit vectors (n, 3) of ra, dec (deg)."""
    ra, dec = np.radians(table['ra'].to_numpy(float)), np.radians(table['dec'].to_numpy(float))
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)


def nearest(table: pd.DataFrame, others: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Distance (arcsec) to and row of the nearest of the others: inf where there is none."""
    if not len(others) or not len(table):
        return np.full(len(table), np.inf), np.zeros(len(table), int)
    distance, row = cKDTree(vectors(others)).query(vectors(table))
    return np.degrees(distance) * 3600.0, row


def near(table: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """Which rows have one of the others within RADIUS."""
    return nearest(table, others)[0] <= RADIUS


def measured(truth: pd.DataFrame, found: pd.DataFrame, images: pd.DataFrame) -> dict[str, np.ndarray]:
    """Pull of the measured flux (nJy), its S/N and the cuts that failed, where it was detected."""
    distance, row = nearest(truth, found)
    there = distance <= RADIUS
    flux = 10 ** (0.4 * (31.4 - truth['mag'].to_numpy()))
    out = {name: np.full(len(truth), np.nan) for name in ('pull', 'ratio', 'snr_found', 'reject', 'score')}
    if len(found):
        mine = found.iloc[row[there]]
        out['pull'][there] = (mine['psfFlux'].to_numpy() - flux[there]) / mine['psfFluxErr'].to_numpy()
        out['ratio'][there] = mine['psfFlux'].to_numpy() / flux[there] - 1.0
        out['snr_found'][there], out['reject'][there] = mine['snr'], mine['reject']
        out['score'][there] = mine['reliability']
    return out


def difference_snr(truth: pd.DataFrame, root: Path) -> np.ndarray:
    """Best S/N in a difference: that of the search exposure with the noise of the templates that cover each source added.

    S^2 = F^2 int |P_s|^2 / (v_s + v_t |P_s / P_t|^2) d2k for Gaussian PSFs (Zackay+ 2016, ApJ 830, 27, eq. 16, background
    noise), the source's own photons as in snr_ideal.
    """
    exposures = pd.read_csv(root / 'truth' / 'exposures.csv').set_index('expnum')
    epochs = pd.read_csv(root / 'truth' / 'transient_epochs.csv')
    search = exposures.loc[EXPNUM]
    k = np.linspace(0.0, 0.5, 400)
    sigma = exposures['seeing_arcsec'] / PIXEL_SCALE / 2.3548
    v_s = search['sky_e'] + READ_NOISE**2
    p_s = np.exp(-2.0 * (np.pi * sigma[EXPNUM] * k) ** 2)

    def information(v_t: float, width: float) -> float:
        ratio = np.exp(-4.0 * np.pi**2 * (sigma[EXPNUM] ** 2 - width**2) * k**2) if v_t else np.zeros_like(k)
        return float(np.trapezoid(2.0 * np.pi * k * p_s**2 / (v_s + v_t * ratio), k))
    alone, out = information(0.0, 0.0), []
    for row in truth.itertuples():
        covering = epochs[(epochs['id'] == row.id) & (epochs['expnum'] != EXPNUM)]['expnum'].unique()
        if not len(covering):
            out.append(np.nan)
            continue
        scale = 10 ** (0.4 * (search['zero_point'] - exposures.loc[covering, 'zero_point']))
        weight = 1.0 / (scale**2 * (exposures.loc[covering, 'sky_e'] + READ_NOISE**2))
        width = float(np.sum(weight * sigma[covering]) / weight.sum())
        lost = (1.0 / information(1.0 / weight.sum(), width) - 1.0 / alone) / row.flux_e**2
        out.append(1.0 / np.sqrt(1.0 / row.snr_ideal**2 + lost))
    return np.array(out)


def half_point(snr: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """S/N at which half is found of what is not lost for other reasons, and its error.

    Maximum likelihood of p = c Phi(S - m): noise of 1 sigma about a threshold m, c the share found above S/N 10.
    """
    bright = found[snr > 10.0]
    share = float(np.clip(bright.mean(), 0.5, 1.0 - 1e-3)) if bright.size >= 20 else 1.0 - 1e-3
    grid = np.arange(3.0, 9.0, 0.01)
    chance = np.clip(share * norm.cdf(snr[:, None] - grid), 1e-6, 1.0 - 1e-6)
    likelihood = np.where(found[:, None], np.log(chance), np.log1p(-chance)).sum(axis=0)
    inside = grid[likelihood > likelihood.max() - 0.5]
    return float(grid[likelihood.argmax()]), float(0.5 * (inside[-1] - inside[0]))


def summary(rows: pd.DataFrame, sources: pd.DataFrame, false: pd.DataFrame) -> list[tuple[str, str]]:
    """Figures of all nights together."""
    good = sources[sources['good'] & np.isfinite(sources['ideal'])]
    ccds, area = rows['CCDs'].sum(), rows['CCDs'].sum() * CCD_AREA
    noise = rows['noise peaks expected'].sum()
    lines = [('found of those that must be', f'{rows["found"].sum()} of {rows["must be found"].sum()}'),
             ('false detections a deg2', f'{len(false) / area:.1f} ({len(false)} on {ccds} CCDs)'),
             ('noise peaks expected a deg2', f'{noise / area:.1f} ({noise:.1f}); false over expected '
              f'{len(false) / noise:.2f} +- {np.sqrt(len(false)) / noise:.2f}'),
             ('false beyond the expected a deg2', f'{(len(false) - noise) / area:+.1f} +- {np.sqrt(len(false)) / area:.1f}'),
             ('false above S/N 6', f'{(false["snr"] > 6.0).sum()}')]
    for name in ('detected', 'kept'):
        lines.append((f'50 % {name} at S/N', '{:.2f} +- {:.2f}'.format(*half_point(good['ideal'].to_numpy(),
                                                                                 good[name].to_numpy(bool)))))
    bright = good[good['ideal'] > 8.0]
    lines.append(('kept above S/N 8 on good pixels',
                  f'{bright["kept"].sum()} of {len(bright)} ({bright["kept"].mean():.2%})'))
    for low, high in PULL_BINS:
        pull = good.loc[(good['snr_found'] > low) & (good['snr_found'] <= high), 'pull'].dropna()
        if len(pull) > 3:
            lines.append((f'pull rms, S/N {low:.0f}-{high:.0f}', f'{np.sqrt(np.mean(pull**2)):.2f} (robust '
                          f'{1.4826 * np.median(np.abs(pull)):.2f}, mean {pull.mean():+.2f}, {len(pull)} sources)'))
    return lines


def markdown(args, rows: pd.DataFrame, lines: list[tuple[str, str]], seconds: float) -> str:
    """The page of metrics."""
    head = [f'# Long bars, {datetime.date.today()}', '',
            f'`python -m tests.bars --seeds {args.seeds} --ccds {args.ccds} --band {args.band} --templates {args.templates}'
            f'{" --sim " + repr(args.sim) if args.sim else ""}`, sediff {__version__}, {seconds / 60:.0f} min with '
            f'{args.workers} workers. S/N is the best that a difference can have, noise of the templates included.', '',
            '| figure | value |', '|---|---|', *(f'| {name} | {value} |' for name, value in lines), '',
            '| ' + ' | '.join(rows.columns) + ' |', '|' + '---|' * len(rows.columns)]
    body = ['| ' + ' | '.join(f'{value:.1f}' if isinstance(value, float) else str(value) for value in row) + ' |'
            for row in rows.itertuples(index=False)]
    return '\n'.join(head + body) + '\n'


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seeds', default='5-9')
    parser.add_argument('--ccds', default='12,13,19,20,26,27,33,34')
    parser.add_argument('--band', default='r')
    parser.add_argument('--templates', type=int, default=2)
    parser.add_argument('--workers', type=int, default=os.cpu_count() or 1)
    parser.add_argument('--sim', default='', help='more options of the simulator, in one word')
    parser.add_argument('--keep', type=Path, help='folder that the nights are kept in')
    parser.add_argument('--output', type=Path, default=REPOSITORY / 'docs' / 'bars.md')
    return parser.parse_args(argv)


def seeds_of(text: str) -> list[int]:
    """`5-9` or `5,7`."""
    first, _, last = text.partition('-')
    return list(range(int(first), int(last) + 1)) if last else [int(word) for word in text.split(',')]


def one_night(args: argparse.Namespace, seed: int, folder: Path) -> tuple[dict, pd.DataFrame, pd.DataFrame]:
    """All of one seed; the work tree goes away unless --keep."""
    night = Night(folder / f'seed{seed}', args.ccds, args.band, args.workers)
    started = time.time()
    if not (night.root / 'truth').is_dir():
        make_night(night, seed, args.templates, args.sim.split())
    process(night)
    row, sources, false = figures_of(night, seed)
    print(row, f'{time.time() - started:.0f} s', flush=True)
    for table, name in ((sources, 'sources'), (false, 'false')):
        table.to_csv(night.root / f'bars_{name}.csv', index=False)
    if not args.keep:
        shutil.rmtree(night.root)
    return row, sources, false


def main(argv: list[str] | None = None) -> int:
    """Measure and write; 1 when something that must be found is missing."""
    args = parse(argv)
    started = time.time()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        results = [one_night(args, seed, args.keep or Path(folder)) for seed in seeds_of(args.seeds)]
    rows = pd.DataFrame([row for row, _, _ in results])
    sources, false = (pd.concat([result[k] for result in results], ignore_index=True) for k in (1, 2))
    lines = summary(rows, sources, false)
    text = markdown(args, rows, lines, time.time() - started)
    args.output.write_text(text, encoding='utf-8')
    print(text)
    return int(rows['found'].sum() < rows['must be found'].sum())


if __name__ == '__main__':
    sys.exit(main())
