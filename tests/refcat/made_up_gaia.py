"""Made-up Gaia tables for the tests of the shards and of their building."""
import numpy as np

from sediff.refcat.catalogue import convert
from sediff.refcat.index import read_catalogue

RAW = ('source_id', 'ref_epoch', 'ra', 'ra_error', 'dec', 'dec_error', 'parallax', 'parallax_error', 'pmra', 'pmra_error',
       'pmdec', 'pmdec_error', 'phot_g_mean_flux_over_error', 'phot_g_mean_mag', 'phot_bp_mean_flux_over_error',
       'phot_bp_mean_mag', 'phot_rp_mean_flux_over_error', 'phot_rp_mean_mag')


def gaia_columns(ra, dec, radius, count, seed=1):
    """Columns as the archive has them, stars uniform in a disc (deg)."""
    rng = np.random.default_rng(seed)
    distance, angle = radius * np.sqrt(rng.uniform(0, 1, count)), rng.uniform(0, 2 * np.pi, count)
    x, y = np.radians(distance) * np.cos(angle), np.radians(distance) * np.sin(angle)
    a, d = np.radians(ra), np.radians(dec)
    east = np.array([-np.sin(a), np.cos(a), 0.0])
    north = np.array([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)])
    outward = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    vector = outward + x[:, None] * east + y[:, None] * north
    columns = {name: rng.uniform(0.05, 0.5, count) for name in RAW}
    columns['source_id'] = rng.permutation(np.arange(count)) * 1_000_003 + 4_000_000_000_000_000_000 + seed
    columns['ra'] = np.degrees(np.arctan2(vector[:, 1], vector[:, 0])) % 360.0
    columns['dec'] = np.degrees(np.arctan2(vector[:, 2], np.hypot(vector[:, 0], vector[:, 1])))
    columns['ref_epoch'] = np.full(count, 2016.0)
    columns['phot_g_mean_mag'] = rng.uniform(12.0, 20.5, count)
    columns['phot_bp_mean_mag'] = columns['phot_g_mean_mag'] + rng.uniform(0.2, 0.8, count)
    columns['phot_rp_mean_mag'] = columns['phot_g_mean_mag'] - rng.uniform(0.3, 0.9, count)
    columns['phot_bp_mean_mag'][::7] = np.nan
    for band in ('g', 'bp', 'rp'):
        columns[f'phot_{band}_mean_flux_over_error'] = rng.uniform(50.0, 2000.0, count)
    return columns


def gaia_rows(*args, **keywords):
    """The same as rows of a shard."""
    return convert(read_catalogue('gaia'), gaia_columns(*args, **keywords), 'a made-up table')[0]


def write_csv(path, columns, extra=0):
    """A Gaia archive CSV: ECSV comments first, `null` for missing values, `extra` more columns."""
    import gzip
    names = [*columns, *(f'extra_{number}' for number in range(extra))]
    opener = gzip.open if path.suffix == '.gz' else open
    with opener(path, 'wt', encoding='utf-8') as handle:
        handle.write('# %ECSV 1.0\n# ---\n' + ','.join(names) + '\n')
        filler = ''.join(',123456.789' for _ in range(extra))
        for row in zip(*columns.values()):
            handle.write(','.join('null' if value != value else repr(value.item()) for value in row) + filler + '\n')
    return path
