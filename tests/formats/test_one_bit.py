"""One bit flipped at random places of each kind of file that is read: rejected with a sentence, or without effect."""
import csv
import dataclasses
import random

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits as afits
from astropy.io.fits import Header
from made_up_gaia import gaia_rows

from sediff.ccdimage import CcdImage
from sediff.errors import SediffError
from sediff.formats import integrity
from sediff.formats.ccdrows import CcdRows
from sediff.formats.fits import read_ccd, read_header, read_image, write_ccd, write_images
from sediff.formats.ldac import read_ldac, write_ldac
from sediff.formats.linearity import read_linearity, write_linearity
from sediff.formats.opening import open_fits
from sediff.formats.psfex import read_psf, write_psf
from sediff.formats.raw import read_raw_cards, read_raw_rows, write_raw
from sediff.formats.sky import read_components, read_rows, read_templates, write_components, write_templates
from sediff.formats.stamp_archive import read_stamp_archive, write_stamp_archive
from sediff.formats.tables import read_table, write_table
from sediff.isr.linearity import LinearityCurve
from sediff.isr.sky_pca import SkyComponents
from sediff.isr.sky_templates import SkyTemplates
from sediff.psf.model import PsfModel
from sediff.psf.zoned import ZonedPsf
from sediff.refcat.lookup import read_rows as read_shard_rows
from sediff.refcat.lookup import write_shards
from sediff.refcat.regions import pixels_of
from sediff.refcat.shard import write_shard

SEED = '1'
RNG = np.random.default_rng(11)
CCD = CcdImage(RNG.normal(100, 10, (120, 90)).astype(np.float32), RNG.integers(0, 9, (120, 90)).astype(np.uint16),
               np.full((120, 90), 0.01, np.float32), Header({'EXPNUM': 7, 'OBJECT': 'field', 'CCDNUM': 1}))
PSF = PsfModel(RNG.normal(size=(3, 9, 9)).astype(np.float32), 1, (45.0, 60.0), (90.0, 120.0), 0.9, 4.1, 1.05, 300, 280)


def curves():
    return {1: {'A': LinearityCurve(np.array([0.0, 1000.0, 30000.0]), np.array([0.0, 1.5, -20.25]))}}


def stars():
    rows = gaia_rows(200.4, 9.59, 0.3, 3000)
    return rows[pixels_of(rows['ra'], rows['dec']) == pixels_of(200.4, 9.59)]


def make_raw(path):
    pixels = RNG.integers(900, 1100, (64, 2160)).astype(np.uint16)
    write_raw(path, Header({'EXPNUM': 1, 'EXPTIME': 30.0}), [('S29', pixels, Header({'CCDNUM': 1, 'GAINA': 4.0})),
                                                           ('S30', pixels + 1, Header({'CCDNUM': 2, 'GAINA': 3.0}))])


def ccd_rows(path):
    file = CcdRows(path)
    try:
        return file.read(30, 50)
    finally:
        file.close()


def raw_ccd(path):
    pixels, header = read_raw_rows(path, 2)
    return pixels, header.tostring()


def planes(ccd):
    return ccd.image, ccd.mask, ccd.weight, ccd.header.tostring()


def text(header):
    return header.tostring()


def noise(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def templates():
    return SkyTemplates(noise(2, 30, 22), noise(30, 22), (5, 6), (1.0, 2.0), (3.0, 4.0))


def components():
    return SkyComponents(noise(2, 2, 8, 4), (1, 2), 'r', 128, 5, 0.01, (5, 6, 7, 8, 9))


def stamps():
    return {number: {kind: noise(21, 21) for kind in ('temp', 'srch', 'diff')} for number in (1, 2)}


#: What it is: (name of the file, writer of a path, reader of a path).
KINDS = {
    'product': ('a.fits', lambda path: write_ccd(path, CCD), lambda path: planes(read_ccd(path))),
    'compressed product': ('a.fits.fz', lambda path: write_ccd(path, CCD), lambda path: planes(read_ccd(path))),
    'rows of a product': ('a.fits.fz', lambda path: write_ccd(path, CCD), ccd_rows),
    'header of a product': ('a.fits.fz', lambda path: write_ccd(path, CCD), lambda path: text(read_header(path, 'SCI'))),
    'calibration': ('flat.fits', lambda path: write_images(path, [('SCI', CCD.image, CCD.header)]),
                    lambda path: (read_image(path)[0], text(read_image(path)[1]))),
    'rows of a calibration': ('flat.fits', lambda path: write_images(path, [('SCI', CCD.image, CCD.header)]),
                              lambda path: read_rows(path, 8)),
    'raw': ('DECam_00000001.fits.fz', make_raw, raw_ccd),
    'rows of raw': ('DECam_00000001.fits.fz', make_raw, lambda path: read_raw_rows(path, 1, 10, 40, 3)[0]),
    'cards of raw': ('DECam_00000001.fits.fz', make_raw, lambda path: text(read_raw_cards(path))),
    'catalogue': ('cat.fits', lambda path: write_ldac(path, np.arange(50.0).astype([('X_IMAGE', 'f8')]), CCD.header),
                  lambda path: (read_ldac(path)[0], text(read_ldac(path)[1]))),
    'table': ('t.fits', lambda path: write_table(path, pd.DataFrame({'name': ['a', 'bc'], 'mag': [1.5, 2.5]})),
              lambda path: read_table(path).to_csv()),
    'PSF': ('a.psf', lambda path: write_psf(path, PSF), lambda path: tuple(dataclasses.asdict(read_psf(path)).values())),
    'PSF of zones': ('a.psf', lambda path: write_psf(path, ZonedPsf((PSF, PSF), np.eye(4, dtype=np.uint8), 30)),
                     lambda path: (read_psf(path).labels, read_psf(path).models[1].mask)),
    'sky templates': ('s.fits', lambda path: write_templates(path, templates(), 1, 'r'),
                      lambda path: tuple(dataclasses.asdict(read_templates(path, 1, 'r')).values())),
    'sky components': ('s.fits', lambda path: write_components(path, components()),
                       lambda path: tuple(dataclasses.asdict(read_components(path)).values())),
    'reference stars': ('GAIA_05000.fits', lambda path: write_shard(path, stars(), int(pixels_of(200.4, 9.59))),
                        read_shard_rows),
    'plain reference stars': ('GAIA_05000.fits', lambda path: write_shards(path.parent, stars())[0].rename(path),
                              read_shard_rows),
    'linearity': ('linearity.csv', lambda path: write_linearity(path, curves(), 'made up'),
                  lambda path: [(name, curve.level, curve.correction) for name, curve in read_linearity(path, 1).items()]),
    'stamps': ('stamps.tar.gz', lambda path: write_stamp_archive(path, stamps()),
               lambda path: [list(triplet.values()) for triplet in read_stamp_archive(path, (1, 2)).values()]),
}


def same(one, other) -> bool:
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and (one.dtype, one.shape) == (other.dtype, other.shape) \
            and one.tobytes() == other.tobytes()
    return one == other


def spans(path) -> list[tuple[int, int]]:
    """Headers and data of the HDUs; of other files the whole."""
    if '.fits' not in path.name and path.suffix != '.psf':
        return [(0, path.stat().st_size)]
    with open_fits(path) as handle:
        places = [hdu.get_offsets() for hdu in handle]
    out = [(place['header_start'], place['data_start']) for place in places]
    return out + [(place['data_start'], place['data_end']) for place in places if place['data_end'] > place['data_start']]


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('kind', KINDS)
def test_a_flipped_bit_is_noticed_or_changes_nothing(tmp_path, kind):
    name, write, read = KINDS[kind]
    path = tmp_path / name
    write(path)
    data, before, places, moments = path.read_bytes(), read(path), spans(path), random.Random(SEED + kind)
    noticed = 0
    for _ in range(60):
        first, last = moments.choice(places)
        # most of a header are blanks and zeros
        where = max((moments.randrange(first, last) for _ in range(4)), key=lambda place: data[place] not in b' \0')
        flipped = bytearray(data)
        flipped[where] ^= 1 << moments.randrange(8)
        path.write_bytes(flipped)
        integrity._compared.cache_clear()
        what = f'{kind}: byte {where} of {len(data)}, {bytes(data[max(0, where - 20):where + 20])}'
        try:
            found = read(path)
        except SediffError as error:
            assert error.exit_code in (3, 4) and '\n' not in str(error) and str(path) in str(error), f'{what}: {error}'
            noticed += 1
        else:
            assert same(found, before), what
    assert noticed > 5


def edit(path, keyword, value):
    """Change a card as an editor does, the checksums left as they are."""
    data = path.read_bytes()
    at = data.index(keyword.ljust(8).encode() + b'=')
    path.write_bytes(data[:at + 10] + value.ljust(70).encode() + data[at + 80:])


def test_an_edited_header_is_rejected_in_what_this_program_wrote_and_said_of_others_files(tmp_path, capsys):
    flat = tmp_path / 'flat.fits'
    write_images(flat, [('SCI', CCD.image, CCD.header)])
    edit(flat, 'OBJECT', "'quite another'")
    with pytest.raises(SediffError, match='its header does not fit its CHECKSUM'):
        read_image(flat)
    other = tmp_path / 'other.fits'
    afits.PrimaryHDU(CCD.image, CCD.header).writeto(other, checksum=True)
    edit(other, 'OBJECT', "'quite another'")
    for _ in range(3):
        assert (read_image(other)[0] == CCD.image).all()
    said = capsys.readouterr().err
    assert said.count('does not fit its CHECKSUM') == 1 and str(other) in said


def test_raw_files_with_edited_headers_are_read_and_said(tmp_path, capsys):
    raw = tmp_path / 'DECam_00000001.fits.fz'
    make_raw(raw)
    edit(raw, 'EXPTIME', '45.5')
    assert read_raw_cards(raw)['EXPTIME'] == 45.5
    assert capsys.readouterr().err.count('does not fit its CHECKSUM') == 1


def test_strips_of_a_ccd_are_summed_once(tmp_path, monkeypatch):
    raw = tmp_path / 'DECam_00000001.fits.fz'
    make_raw(raw)
    integrity._compared.cache_clear()
    for first in range(0, 60, 4):
        read_raw_rows(raw, 1, first, first + 4)
    assert integrity._compared.cache_info().misses == 1


def test_a_table_of_linearity_without_its_line_is_read(tmp_path):
    path = tmp_path / 'linearity.csv'
    write_linearity(path, curves(), 'made up')
    lines = path.read_text().splitlines()
    path.write_text('\n'.join(line for line in lines if 'CRC-32' not in line))
    assert read_linearity(path, 1)['A'].correction[2] == -20.25
    assert [row['correction'] for row in csv.DictReader(line for line in lines if not line.startswith('#'))]


def test_stamps_of_the_same_pixels_have_the_same_bytes(tmp_path):
    triplets = stamps()
    for name in ('a', 'b'):
        write_stamp_archive(tmp_path / name / 'stamps.tar.gz', triplets)
    assert (tmp_path / 'a' / 'stamps.tar.gz').read_bytes() == (tmp_path / 'b' / 'stamps.tar.gz').read_bytes()
