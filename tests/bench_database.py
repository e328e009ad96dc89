"""How long a CCD's detections take to find their candidates among a million of a season, in SQLite and PostgreSQL.

    python tests/bench_database.py [CANDIDATES [sqlite | postgresql]]

500 detections of a CCD, half of them at known candidates, in 100 deg2 of candidates. `matched` is what finds their
candidates: those around are read, pairs formed, the likeliest chosen. `rows written` puts the detections into the database,
`associated` matches them there and writes the candidates.
"""
from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))
from tests.candidates.postgres import BINARIES, running_server  # noqa: E402

from sediff.candidates.database import associate, open_database, replace_detections, transaction  # noqa: E402
from sediff.candidates.makecand import match  # noqa: E402
from sediff.candidates.skymatch import healpix_index  # noqa: E402

SEASON, DETECTIONS, CCDS = 33, 500, 9


def sky(count: int) -> tuple[np.ndarray, np.ndarray]:
    """RA and Dec (deg) of candidates over 10 x 10 deg about RA 5, Dec -25; cells of 14 arcmin one after the other."""
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0.0, 10.0, count), rng.uniform(-30.0, -20.0, count)
    order = np.argsort(healpix_index(ra, dec) >> 14, kind='stable')
    return ra[order], dec[order]


def fill(engine, ra: np.ndarray, dec: np.ndarray) -> None:
    """Candidates of a season, numbered; the statistics that a server keeps by itself are brought up to date."""
    names = ('diaObjectId', 'season', 'healpix', 'ra', 'dec', 'nDiaSources', 'nNites', 'fakeId', 'raErr', 'decErr')
    quoted, pixels = ', '.join(f'"{name}"' for name in names), healpix_index(ra, dec)
    for start in range(0, len(ra), 500000):
        part = slice(start, start + 500000)
        rows = [(start + k + 1, SEASON, *each, 1, 1, 0, 2e-5, 2e-5) for k, each in enumerate(
            zip(pixels[part].tolist(), ra[part].tolist(), dec[part].tolist()))]
        with transaction(engine) as connection:
            driver = connection.connection.cursor()
            if engine.dialect.name == 'postgresql':
                with driver.copy(f'COPY candidates ({quoted}) FROM STDIN') as copy:
                    for row in rows:
                        copy.write_row(row)
            else:
                driver.executemany(f'INSERT INTO candidates ({quoted}) VALUES ({", ".join("?" * len(names))})', rows)
    with transaction(engine) as connection:
        connection.exec_driver_sql('ANALYZE')


def detections(ra: np.ndarray, dec: np.ndarray, ccd: int) -> list[dict]:
    """Half of them within 0.1" of candidates, half of them anywhere on a CCD of 18' x 9'."""
    rng = np.random.default_rng(ccd)
    inside = np.flatnonzero((abs(ra - ccd) < 0.16) & (abs(dec + 25.0) < 0.075))
    inside = rng.permutation(inside)[:DETECTIONS // 2]
    x = np.concatenate([ra[inside] + rng.normal(0.0, 3e-5, len(inside)), rng.uniform(ccd - 0.16, ccd + 0.16, DETECTIONS)])
    y = np.concatenate([dec[inside], rng.uniform(-25.075, -24.925, DETECTIONS)])
    return [{'number': k + 1, 'ra': float(x[k]), 'dec': float(y[k]), 'snr': 10.0, 'reject': 0, 'raErr': 2e-5, 'decErr': 2e-5,
             'season': SEASON, 'visit': 1000 + ccd, 'detector': ccd} for k in range(DETECTIONS)]


def match_and_write(engine, ra: np.ndarray, dec: np.ndarray) -> str:
    """ms of each stage, the smallest and the median of the CCDs."""
    times: dict[str, list[float]] = {'matched': [], 'rows written': [], 'associated': [], 'all with commit': []}
    for ccd in range(1, CCDS + 1):
        rows = detections(ra, dec, ccd)
        group = [{**row, 'diaObjectId': None, 'diaSourceId': k, 'fakeId': 0} for k, row in enumerate(rows)]
        with transaction(engine, writes=False) as connection:
            times['matched'].append(timed(lambda: match(connection, group)))   # noqa: B023 -- called at once
        started = time.perf_counter()
        with transaction(engine) as connection:
            times['rows written'].append(timed(lambda: replace_detections(connection, 1000 + ccd, ccd, SEASON, rows)))  # noqa: B023
            times['associated'].append(timed(lambda: associate(connection, 1000 + ccd, ccd, SEASON)))   # noqa: B023
        times['all with commit'].append(1000.0 * (time.perf_counter() - started))
    return ', '.join(f'{name} {min(each):.0f} to {np.median(each):.0f}' for name, each in times.items())


def timed(work: Callable[[], object]) -> float:
    """ms that it takes."""
    started = time.perf_counter()
    work()
    return 1000.0 * (time.perf_counter() - started)


def main() -> None:
    """Both databases, one line each."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    ra, dec = sky(count)

    def measure(name: str, url: str) -> None:
        engine = open_database(url)
        fill(engine, ra, dec)
        print(f'{name:<11} {count} candidates, {DETECTIONS} detections; ms (least to median of {CCDS} CCDs): '
              + match_and_write(engine, ra, dec), flush=True)
        engine.dispose()
    only = sys.argv[2] if len(sys.argv) > 2 else ''
    if only != 'postgresql':
        with tempfile.TemporaryDirectory() as folder:
            measure('SQLite', f'sqlite:///{folder}/base.sqlite')
    if BINARIES and only != 'sqlite':
        with running_server() as server:
            measure('PostgreSQL', server.url)


if __name__ == '__main__':
    main()
