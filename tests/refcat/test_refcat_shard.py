import shutil
import subprocess

import fitsio
import healpy
import numpy as np
import pytest
from astropy.io.fits import Header
from made_up_gaia import gaia_rows

from sediff.errors import BadData, BadInput
from sediff.refcat.lookup import corners_of, read_shards, reference_stars, write_shards
from sediff.refcat.motion import at_epoch
from sediff.refcat.regions import cells_for_polygon, cells_of, pixels_of
from sediff.refcat.shard import DamagedShard, is_shard, open_shard, read_shard, write_shard
from sediff.refcat.stars import shard_name
from sediff.sphere import inside_polygon, widened
from sediff.wcs.read import read_wcs

SHAPE, MJD = (4096, 2048), 57388.5
#: Across RA 0, at the pole, in the middle of a shard, at a corner of four shards.
PLACES = [(359.99, -10.0), (45.0, -89.9), (200.4, 9.59), (0.0, 0.0)]


def ccd_wcs(ra, dec):
    header = Header()
    for keyword, value in {'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': ra, 'CRVAL2': dec, 'CRPIX1': 1024.5,
                           'CRPIX2': 2048.5, 'CD1_1': 0.0, 'CD1_2': 7.3e-5, 'CD2_1': -7.3e-5, 'CD2_2': 0.0}.items():
        header[keyword] = value
    return read_wcs(header)


def write_all(folder, rows):
    """Compressed shards of all rows; their pixels."""
    folder.mkdir(exist_ok=True)
    pixels = pixels_of(rows['ra'], rows['dec'])
    for pixel in np.unique(pixels):
        write_shard(folder / shard_name(pixel), rows[pixels == pixel], pixel)
    return np.unique(pixels).tolist()


def test_what_is_written_is_read_and_lies_in_the_order_of_its_cells(tmp_path):
    rows = gaia_rows(200.4, 9.59, 0.6, 5000)
    rows = rows[pixels_of(rows['ra'], rows['dec']) == pixels_of(200.4, 9.59)]
    path, pixel = tmp_path / 'GAIA_05000.fits', int(pixels_of(200.4, 9.59))
    assert write_shard(path, rows, pixel) == path.stat().st_size
    back = read_shard(open_shard(path))
    assert (np.diff(cells_of(back['ra'], back['dec'])) >= 0).all()
    one, other = (table[np.argsort(table['source_id'])] for table in (rows, back))
    for name in rows.dtype.names:
        assert np.array_equal(one[name], other[name], equal_nan=name != 'source_id')
    wanted = np.array([3, 4, 5, 800])
    part = read_shard(open_shard(path), wanted)
    expected = back[np.isin(cells_of(back['ra'], back['dec']), wanted)]
    assert np.array_equal(part['source_id'], expected['source_id'])
    assert np.array_equal(part['ra'], expected['ra'])
    assert path.stat().st_size < 0.6 * rows.nbytes


def test_funpack_makes_a_plain_table_of_a_shard(tmp_path):
    if not shutil.which('funpack'):
        pytest.skip('no funpack here: apt-get install libcfitsio-bin')
    rows = gaia_rows(200.4, 9.59, 0.3, 3000)
    (pixel,) = write_all(tmp_path / 'a', rows)
    subprocess.run(['funpack', '-O', tmp_path / 'plain.fits', tmp_path / 'a' / shard_name(pixel)], check=True)
    plain = fitsio.read(str(tmp_path / 'plain.fits'), ext='STARS')
    ours = read_shard(open_shard(tmp_path / 'a' / shard_name(pixel)))
    for name in ours.dtype.names:
        assert np.array_equal(plain[name], ours[name], equal_nan=name != 'source_id')
    write_shards(tmp_path / 'b', plain)
    assert np.array_equal(read_shards(tmp_path / 'b', [pixel])[0]['ra'], ours['ra'])


@pytest.mark.parametrize(('ra', 'dec'), PLACES)
def test_the_stars_of_a_ccd_are_all_there_and_moved(tmp_path, ra, dec):
    rows = gaia_rows(ra, dec, 1.5, 20_000)
    rows['pmra'], rows['pmdec'] = 4000.0, -9000.0
    write_all(tmp_path, rows)
    wcs = ccd_wcs(ra, dec)
    found, missing = reference_stars(tmp_path, wcs, SHAPE, MJD, margin_deg=0.02)
    moved = at_epoch(rows, MJD)
    expected = moved[inside_polygon(moved['ra'], moved['dec'], widened(corners_of(wcs, SHAPE), 0.02))]
    assert missing == []
    assert expected.size > 100
    found, expected = (table[np.argsort(table['source_id'])] for table in (found, expected))
    for name in ('source_id', 'ra', 'dec', 'ra_error', 'phot_g_mean_mag', 'ref_epoch'):
        assert np.allclose(found[name], expected[name], rtol=0, atol=1e-9, equal_nan=True)


@pytest.mark.parametrize(('ra', 'dec'), [PLACES[1], PLACES[3]])
def test_with_shards_missing_for_half_the_ccd_the_others_serve_and_the_missing_are_told(tmp_path, ra, dec):
    rows = gaia_rows(ra, dec, 1.5, 20_000)
    write_all(tmp_path, rows)
    wcs = ccd_wcs(ra, dec)
    whole, _ = reference_stars(tmp_path, wcs, SHAPE, MJD, margin_deg=0.02)
    gone = sorted(cells_for_polygon(widened(corners_of(wcs, SHAPE), 0.02)))[::2]
    for pixel in gone:
        (tmp_path / shard_name(pixel)).unlink()
    half, missing = reference_stars(tmp_path, wcs, SHAPE, MJD, margin_deg=0.02)
    assert missing == gone
    assert 0 < half.size < whole.size
    assert set(half['source_id']) == set(whole['source_id'][~np.isin(pixels_of(whole['ra'], whole['dec']), gone)])


@pytest.mark.parametrize('harm', ['flip', 'cut', 'empty', 'text', 'index'])
def test_a_damaged_shard_is_rejected_by_name(tmp_path, harm):
    rows = gaia_rows(200.4, 9.59, 0.3, 3000)
    (pixel,) = write_all(tmp_path, rows)
    path = tmp_path / shard_name(pixel)
    shard, data = open_shard(path), bytearray(path.read_bytes())
    if harm == 'flip':
        data[shard.heap_at + 5000] ^= 0x10
    elif harm == 'cut':
        data = data[:len(data) // 2]
    elif harm == 'empty':
        data = b''
    elif harm == 'text':
        data = b'<html>Not Found</html>'
    else:
        data[-2880 - 2000] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(DamagedShard, match=shard_name(pixel)) as caught:
        reference_stars(tmp_path, ccd_wcs(200.4, 9.59), SHAPE, MJD)
        read_shards(tmp_path, [pixel])
    assert caught.value.exit_code == 3


def test_shards_of_other_columns_are_rejected(tmp_path):
    pixel = int(pixels_of(200.4, 9.59))
    with fitsio.FITS(str(tmp_path / shard_name(pixel)), 'rw') as handle:
        handle.write(np.zeros(5, [('alpha', 'f8'), ('delta', 'f8')]))
    with pytest.raises(BadData, match='lacks ra, dec'):
        reference_stars(tmp_path, ccd_wcs(200.4, 9.59), SHAPE, MJD)


def test_an_empty_shard_is_a_place_without_stars(tmp_path):
    pixel = int(pixels_of(200.4, 9.59))
    write_shard(tmp_path / shard_name(pixel), gaia_rows(200.4, 9.59, 0.3, 3)[:0], pixel)
    assert is_shard(tmp_path / shard_name(pixel))
    assert read_shard(open_shard(tmp_path / shard_name(pixel))).size == 0
    with pytest.raises(BadData, match='no reference star within'):
        reference_stars(tmp_path, ccd_wcs(200.4, 9.59), SHAPE, MJD)


def test_a_ccd_reads_few_of_the_rows_of_a_full_shard(tmp_path):
    pixel = 5000
    ra, dec = (float(value) for value in healpy.pix2ang(32, pixel, lonlat=True))
    rows = gaia_rows(ra, dec, 1.2, 60_000)
    rows = rows[pixels_of(rows['ra'], rows['dec']) == pixel]
    write_shard(tmp_path / shard_name(pixel), rows, pixel)
    area = widened(corners_of(ccd_wcs(ra, dec), SHAPE), 0.03)
    part = read_shard(open_shard(tmp_path / shard_name(pixel)), cells_for_polygon(area)[pixel])
    inside = inside_polygon(part['ra'], part['dec'], area).sum()
    assert inside == inside_polygon(rows['ra'], rows['dec'], area).sum()
    assert part.size < 2.0 * inside
    with pytest.raises(BadInput):
        open_shard(tmp_path / 'absent.fits')
