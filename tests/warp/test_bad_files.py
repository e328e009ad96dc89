"""Bad input of `subtract` and `warp`: what is given, the exit code, the words that must be said; nothing is left behind."""
from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits as afits

from sediff.__main__ import main

sys.path.insert(0, str(Path(__file__).parents[1] / 'formats'))
from any_fits import sky, tan_cards, with_card, write_planes

IMAGE = sky()
GAIN = {'GAIN': 4.0}
TNX = {'CTYPE1': 'RA---TNX', 'CTYPE2': 'DEC--TNX'}


def plain(path, image=IMAGE, drop=(), **cards):
    """An image with a TAN header and GAIN, some cards changed or dropped."""
    header = tan_cards()
    header.update(GAIN | cards)
    for name in drop:
        del header[name]
    afits.PrimaryHDU(image, header).writeto(path, overwrite=True, output_verify='silentfix')
    return path


def cut(path, share):
    """A file cut off."""
    data = plain(path).read_bytes()
    path.write_bytes(data[:int(share * len(data))])


def packed(path, share):
    """A file that gzip compressed as a whole, cut off."""
    data = gzip.compress(plain(path).read_bytes())
    path.write_bytes(data[:int(share * len(data))])


def raw(path, keyword, field):
    """A card as it stands."""
    with_card(plain(path, **{keyword: 1}), keyword, field)


def planes(path, *names, image=IMAGE, **cards):
    """Planes of these names, all the same pixels."""
    write_planes(path, *((name, image) for name in names), primary=GAIN | cards, header=tan_cards())


def table(path):
    """A table and no image."""
    afits.HDUList([afits.PrimaryHDU(), afits.BinTableHDU(np.zeros(3, [('a', 'f4')]))]).writeto(path)


W, S = ('warp', 'x.fits', '--like', 'good.fits'), ('subtract', 'x.fits', 'good.fits')
L = ('warp', 'good.fits', '--like', 'x.fits')
ALIGN = ('subtract', 'good.fits', 'x.fits', '--align')
#: What x.fits is (a function of its path, or None), the command, the exit code, the words.
TABLE = [
    # the file
    (None, W, 3, ['no such file', 'x.fits']), (None, S, 3, ['no such file', 'x.fits']),
    (None, L, 3, ['no such file', 'x.fits']),
    (lambda p: p.mkdir(), W, 3, ['no such file']), (lambda p: p.write_bytes(b''), W, 3, ['cannot be read as FITS']),
    (lambda p: p.write_text('SIMPLE'), S, 3, ['cannot be read as FITS', 'fetch it again']),
    (lambda p: p.write_bytes(bytes(5760)), W, 3, ['cannot be read as FITS']),
    (lambda p: cut(p, 0.05), W, 3, ['x.fits']), (lambda p: cut(p, 0.5), W, 3, ['x.fits', 'fetch it again']),
    (lambda p: cut(p, 0.5), S, 3, ['x.fits', 'fetch it again']),
    (lambda p: afits.PrimaryHDU().writeto(p), W, 3, ['has no image']),
    (lambda p: afits.PrimaryHDU().writeto(p), L, 3, ['no image']),
    (table, S, 3, ['no image']),
    (lambda p: packed(p, 0.4), W, 3, ['x.fits']), (lambda p: packed(p, 0.4), S, 3, ['x.fits']),
    # its planes
    (lambda p: planes(p, 'N1', 'N2'), W, 3, ['2 image planes', '1 N1', '2 N2', '--ext']),
    (lambda p: planes(p, 'N1', 'N2'), L, 3, ['2 image planes', '1 N1']),
    (lambda p: planes(p, 'N1', 'N2'), S, 3, ['2 image planes', '[1]']),
    (lambda p: planes(p, '', '', ''), S, 3, ['3 image planes', 'no name']),
    (lambda p: planes(p, 'SCI', 'EXTRA'), W, 3, ['EXTRA', 'not known', 'MSK', 'WGT']),
    (lambda p: planes(p, 'SCI', 'SCI'), S, 3, ['cannot be told']),
    (lambda p: planes(p, 'DQ', 'WGT'), W, 3, ['cannot be told']),
    (lambda p: planes(p, 'SCI', 'DQ'), (*W, '--ext', 'ERR'), 3, ['no image ERR', '1 SCI', '2 DQ']),
    (lambda p: planes(p, 'SCI', 'DQ'), (*S, '--ext', '5'), 3, ['no image 5']),
    (plain, ('warp', 'x.fits[1]', '--like', 'good.fits'), 3, ['no image 1', '0 (no name)']),
    (plain, ('warp', 'x.fits[]', '--like', 'good.fits'), 3, ['no such file']),
    (plain, ('warp', 'x.fits[-1]', '--like', 'good.fits'), 3, ['no image -1']),
    (plain, ('warp', 'good.fits', '--like', 'x.fits[SCI]'), 3, ['no image SCI']),
    (plain, ('subtract', 'good.fits[0]', 'x.fits[9]'), 3, ['no image 9']),
    (lambda p: plain(p, np.zeros((3, 9, 8), np.float32)), W, 2, ['3 axes']),
    (lambda p: plain(p, np.zeros((3, 9, 8), np.float32)), L, 3, ['3 axes']),
    (lambda p: plain(p, np.zeros(99, np.float32)), S, 2, ['1 axes']),
    # its pixels
    (lambda p: plain(p, np.full((40, 40), np.nan, np.float32)), W, 4, ['all pixels are masked']),
    (lambda p: plain(p, np.zeros((40, 40), np.float32)), S, 4, ['all pixels are masked, missing']),
    (lambda p: plain(p, np.full((40, 40), np.inf, np.float32)), W, 4, ['all pixels']),
    (lambda p: plain(p, np.full((40, 40), -1, np.int16), BLANK=-1), W, 4, ['all pixels']),
    (lambda p: plain(p, SATURATE=5.0), S, 4, ['out of range', 'limits']),
    (lambda p: plain(p, SATURATE='5'), W, 4, ['out of range']),
    (lambda p: plain(p, IMAGE[:50]), S, 2, ['must be aligned', '--align']),
    (lambda p: plain(p, IMAGE[:2, :2]), W, 4, ['noise']),
    (lambda p: planes(p, 'SCI', 'VAR', image=-IMAGE), W, 4, ['no pixel has a noise', 'VAR']),
    # gain, weights, masks
    (lambda p: plain(p, drop=('GAIN',)), W, 2, ['no weight', 'no GAIN']),
    (lambda p: plain(p, GAIN='unknown'), S, 2, ['no GAIN']),
    (lambda p: plain(p, GAIN=0.0), W, 2, ['gain must be positive']),
    (lambda p: plain(p, GAIN=-4), S, 2, ['gain must be positive']),
    (lambda p: raw(p, 'GAIN', ' NaN'), W, 2, ['no GAIN']), (plain, (*W, '--gain', '0'), 2, ['gain must be positive']),
    (plain, (*W, '--gain', 'nan'), 2, ['gain must be positive']),
    (plain, (*W, '--gain', 'inf'), 2, ['positive and finite']), (plain, (*S, '--gain', '1e400'), 2, ['positive and finite']),
    (plain, (*W, '--saturate', 'nan'), 2, ['--saturate', 'not a number']),
    (plain, (*S, '--template-saturate', 'inf'), 2, ['--template-saturate', 'not a number']),
    (plain, (*S, '--saturate', '9e999'), 2, ['--saturate', 'not a finite number']),
    (plain, ('warp', '.', '--like', 'good.fits'), 3, ['it is a folder']),
    (plain, (*S, '--template-gain', '-1'), 2, ['gain must be positive']),
    (plain, (*W, '--weight', 'none.fits'), 3, ['no such file', 'none.fits']),
    (plain, (*W, '--weight', 'small.fits'), 2, ['small.fits has shape']),
    (plain, (*W, '--mask', 'small.fits'), 2, ['has shape']),
    (plain, (*S, '--science-mask', 'noises.fits'), 3, ['called a mask', '1 VAR', '2 ERR']),
    (plain, (*S, '--template-weight', 'masks.fits'), 3, ['weight or noise', '1 DQ', '2 MASK']),
    (plain, (*W, '--weight', 'good.fits[SCI]'), 3, ['no image SCI']), (plain, (*W, '--flux-scale', '0'), 2, ['flux scale']),
    (plain, (*W, '--flux-scale', 'nan'), 2, ['flux scale']), (plain, (*S, '--order', '9'), 2, ['order']),
    # world coordinates
    (lambda p: plain(p, CTYPE1='RA---XXX'), W, 4, ['RA---XXX']),
    (lambda p: plain(p, CRVAL2=95.0), ALIGN, 4, ['Ill-conditioned']), (lambda p: plain(p, CUNIT1='hour'), W, 4, ['hour']),
    (lambda p: plain(p, CTYPE1='LINEAR', CTYPE2='LINEAR'), L, 4, ['LINEAR']),
    (lambda p: plain(p, drop=('CTYPE1', 'CTYPE2')), W, 4, ['WCS', 'missing']),
    (lambda p: plain(p, **TNX), W, 4, ['TNX', 'WAT1_001']),
    (lambda p: plain(p, **TNX, WAT1_001='wtype=tnx lngcor = "3. 3. 3. 2. 0 1"'), W, 4, ['lngcor', 'numbers']),
    (lambda p: plain(p, CTYPE1='ELON-TAN', CTYPE2='ELAT-TAN'), ALIGN, 4, ['ELON-TAN']),
    (lambda p: plain(p, CTYPE1='GLON-TAN'), W, 4, ['GLON-TAN', 'DEC--TAN']),
    (lambda p: plain(p, RADESYS='GAPPT'), L, 4, ['GAPPT']),
    (lambda p: plain(p, drop=('CRVAL1',)), W, 4, ['CRVAL1 missing']),
    (lambda p: plain(p, drop=('CRPIX2',)), ALIGN, 4, ['CRPIX2']),
    (lambda p: plain(p, CRVAL1='ten'), W, 4, ['CRVAL1', "'ten'"]), (lambda p: raw(p, 'CRVAL2', ' NaN'), W, 4, ['CRVAL2']),
    (lambda p: raw(p, 'CD1_1', ' INF'), L, 4, ['CD1_1']), (lambda p: plain(p, CD1_1=0.0), W, 4, ['singular']),
    (lambda p: plain(p, CD1_1=0.0, CD2_2=0.0), ALIGN, 4, ['WCS']),
    (lambda p: plain(p, drop=('CD1_1', 'CD1_2', 'CD2_1', 'CD2_2')), W, 4, ['CD1_1 (or CDELT1) missing']),
    (lambda p: plain(p, CRVAL1=220.0), W, 4, ['no good pixel', 'centred on RA 220.0', 'check the world coordinates']),
    (lambda p: plain(p, CRVAL2=30.0), ALIGN, 4, ['no good pixel', 'Dec +30.0']),
    (lambda p: plain(p, CRVAL1=40.5), L, 4, ['no good pixel', 'good.fits']),
    # flags
    (plain, W[:2], 2, []), (plain, (*S, '--gain', 'four'), 2, []), (plain, (*S, '--convolve', 'sideways'), 2, []),
    (plain, (*S, '--stars', '12'), 2, ['--stars']), (plain, (*W, '--saturate', 'much'), 2, []),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain(tmp_path / 'good.fits')
    plain(tmp_path / 'small.fits', IMAGE[:30])
    write_planes(tmp_path / 'noises.fits', ('VAR', IMAGE), ('ERR', IMAGE))
    write_planes(tmp_path / 'masks.fits', ('DQ', IMAGE.astype(np.int16)), ('MASK', IMAGE.astype(np.int16)))
    return tmp_path


@pytest.mark.parametrize('number', range(len(TABLE)))
def test_table(folder, capsys, number):
    make, words, code, said = TABLE[number]
    if make is not None:
        make(folder / 'x.fits')
    before = sorted(folder.iterdir())
    try:
        found = main([*words, '-o', 'out.fits'])
    except SystemExit as stop:              # argparse
        found = stop.code
    text = capsys.readouterr().err
    assert found == code, text
    assert all(word in text for word in said), text
    assert 'Traceback' not in text and 'wcslib' not in text and len(text.strip()) > 10
    assert sorted(folder.iterdir()) == before


def test_the_table_is_long():
    assert len(TABLE) >= 80
