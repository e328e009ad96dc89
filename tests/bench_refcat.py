"""How long the reference stars of one CCD take, from a synthetic catalogue on disk of any size.

python -m tests.bench_refcat [--stars 1e7] [--folder DIR] [--ccds 200]

The stars cover the whole sky, denser towards the galactic plane as Gaia's are, and one shard is as full as Baade's
window (0.27 million stars a deg2). A folder that holds such a catalogue already is used as it is.
"""
from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import healpy
import numpy as np
from astropy.wcs import WCS

from benchtable import keep
from sediff.refcat.catalogue import POSITION_ERRORS, convert
from sediff.refcat.index import Index, read_catalogue, read_index, write_index
from sediff.refcat.lookup import reference_stars
from sediff.refcat.shard import write_shard

SHARDS, FULL_SHARD, FULL_STARS = 12288, 8000, 900_000
SHAPE, MJD, LIMIT_MS = (4096, 2048), 58709.9, 50.0


def build(folder: Path, stars: int, seed: int = 1) -> None:
    """Write `stars` synthetic stars as shards of the whole sky."""
    rng, catalogue = np.random.default_rng(seed), read_catalogue('gaia')
    ra, dec = healpy.pix2ang(32, np.arange(SHARDS), lonlat=True)
    _, latitude = healpy.Rotator(coord=['C', 'G'])(ra, dec, lonlat=True)
    weight = 0.15 + np.exp(-np.abs(latitude) / 12.0)
    counts = rng.poisson(stars * weight / weight.sum())
    counts[FULL_SHARD] = max(counts[FULL_SHARD], min(FULL_STARS, stars // 10))
    pool = _pool(rng, 1_000_000)
    for pixel, count in enumerate(counts.tolist()):
        start = int(rng.integers(0, 1_000_000 - count))
        columns = {name: values[start:start + count] for name, values in pool.items()}
        nested, places = healpy.ring2nest(32, pixel), rng.integers(0, 4 ** 14, count)
        columns['ra'], columns['dec'] = healpy.pix2ang(2 ** 19, nested * 4 ** 14 + places, nest=True, lonlat=True)
        columns['source_id'] = (((nested << 14) + (places >> 14)) << 35) + rng.integers(0, 2 ** 35, count)
        rows, _ = convert(catalogue, columns, 'the synthetic catalogue')
        write_shard(folder / catalogue.shard_name(pixel), rows, pixel, {'CATALOG': 'gaia'})
        if pixel % 2000 == 1999:
            print(f'{pixel + 1} shards written', file=sys.stderr, flush=True)
    source = {'file': 'synthetic', 'key': str(stars), 'bytes': 0, 'plain_bytes': 0}
    write_index(folder, Index('gaia', sources=[source]), catalogue)


def _pool(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """Everything but places of stars with Gaia's errors."""
    magnitude = 20.8 - rng.exponential(1.6, count)
    error = 0.015 + 0.35 * 10.0 ** (0.28 * (magnitude - 20.0))
    columns = {name: error * rng.uniform(0.8, 1.3, count) for name in POSITION_ERRORS}
    columns |= {'ref_epoch': np.full(count, 2016.0), 'pmra': rng.normal(-2.0, 5.0, count),
                'pmdec': rng.normal(-3.0, 5.0, count), 'parallax': rng.normal(0.5, 0.5, count), 'phot_g_mean_mag': magnitude,
                'phot_bp_mean_mag': magnitude + rng.normal(0.5, 0.2, count),
                'phot_rp_mean_mag': magnitude - rng.normal(0.6, 0.2, count)}
    for band in ('g', 'bp', 'rp'):
        ratio = 900.0 * 10.0 ** (-0.3 * (magnitude - 18.0))
        columns[f'phot_{band}_mean_flux_over_error'] = rng.uniform(0.7, 1.3, count) * ratio
    return columns


def look_up(folder: Path, ra: float, dec: float) -> tuple[float, float, int]:
    """Wall and processor time (ms) of a second look at a CCD, and its stars."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ['RA---TAN', 'DEC--TAN'], [ra, dec], [1024.5, 2048.5]
    wcs.wcs.cd = [[0.0, 7.3e-5], [-7.3e-5, 0.0]]
    reference_stars(folder, wcs, SHAPE, MJD)
    wall, used = time.perf_counter(), time.process_time()
    stars, _ = reference_stars(folder, wcs, SHAPE, MJD)
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - used), stars.size


def metrics(folder: Path, ccds: int = 200, seed: int = 2) -> list[dict]:
    """Rows of the table: what, stars a CCD, median and largest processor time, median wall time (ms)."""
    rng = np.random.default_rng(seed)
    anywhere = list(zip(rng.uniform(0, 360, ccds), np.degrees(np.arcsin(rng.uniform(-1, 1, ccds)))))
    places = {'anywhere': anywhere, 'RA 359.99 and 0': [(359.99, d) for d in (-60.0, -30.0, 0.1, 30.0)],
              'poles': [(10.0, -89.9), (200.0, -89.99), (77.0, 89.95)],
              'fullest shard': [tuple(float(v) for v in healpy.pix2ang(32, FULL_SHARD, lonlat=True))] * 5}
    table = []
    for what, positions in places.items():
        times = np.array([look_up(folder, *position) for position in positions])
        table.append({'what': what, 'ccds': len(positions), 'stars': int(np.median(times[:, 2])),
                      'cpu_ms': float(np.median(times[:, 1])), 'cpu_ms_max': float(times[:, 1].max()),
                      'wall_ms': float(np.median(times[:, 0]))})
    return table


def main() -> int:
    """Build if need be, look up, print; 1 if a look-up takes longer than LIMIT_MS of processor time."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--stars', type=lambda text: int(float(text)), default=10_000_000)
    parser.add_argument('--folder', type=Path, default=None,
                        help='keep the catalogue here (default: a folder that is removed)')
    parser.add_argument('--ccds', type=int, default=200)
    args = parser.parse_args()
    folder = args.folder or Path(tempfile.mkdtemp(prefix='bench_refcat_'))
    try:
        if not (folder / 'refcat.json').is_file():
            start = time.process_time()
            build(folder, args.stars)
            print(f'written in {time.process_time() - start:.0f} s')
        index = read_index(folder)
        print(f'{index.rows:.3g} stars in {len(index.shards)} shards, {index.bytes_out / 1e9:.2f} GB, '
              f'{index.bytes_out / index.rows:.1f} bytes a star')
        table = metrics(folder, args.ccds)
        print(f'{"reference stars of a CCD":<26}{"CCDs":>6}{"stars":>8}{"ms, median":>12}{"largest":>9}{"wall":>7}')
        for row in table:
            print(f'{row["what"]:<26}{row["ccds"]:>6}{row["stars"]:>8}{row["cpu_ms"]:>12.1f}'
                  f'{row["cpu_ms_max"]:>9.1f}{row["wall_ms"]:>7.1f}')
            keep(f'reference stars, {row["what"]}', row['cpu_ms'] / 1e3, note=f'{row["stars"]} stars')
        return int(max(row['cpu_ms'] for row in table) > LIMIT_MS)
    finally:
        if args.folder is None:
            shutil.rmtree(folder)


if __name__ == '__main__':
    sys.exit(main())
