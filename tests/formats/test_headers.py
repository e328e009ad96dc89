"""Headers whole: what comes in goes out unchanged, what FITS does not allow is undefined, text may be a number."""
from __future__ import annotations

import gzip
import re

import numpy as np
import pytest
from any_fits import sky, tan_cards, with_card, write_planes
from astropy.io import fits as afits

from sediff.cards import Cards, card_texts, legal, number_of
from sediff.cli.warp import run_argv as warp
from sediff.formats.fits import read_ccd, read_image, write_ccd, write_images
from sediff.formats.image_source import ImageSource, load_planes
from sediff.formats.integrity import compare
from sediff.formats.opening import open_fits
from sediff.formats.planes import read_planes, write_plane

LONG = ("It's a survey of nearby galaxies with a name that does not end where a card of eighty characters does, nor "
        "the next one either")
VALUES = {'TEXT': 'a / b', 'QUOTE': "O'Neill", 'EMPTY': '', 'LONGTEXT': LONG, 'YES': True, 'NO': False, 'SMALL': -3,
          'BIG': 2**63 + 12345, 'HUGE': 10**30 + 7, 'TINY': 1.25e-300, 'EXACT': 0.1234567890123456, 'COMPLEX': 1.5 - 2.5j,
          'NOTHING': None, 'HIERARCH ESO DET OUT1 CONAD': 2.5}


@pytest.fixture
def like(tmp_path):
    afits.PrimaryHDU(sky(), tan_cards()).writeto(tmp_path / 'like.fits')
    return str(tmp_path / 'like.fits')


def header():
    out = tan_cards()
    out['GAIN'], out['WORDS'] = 4.0, 'x'
    for name, value in VALUES.items():
        out[name] = (value, 'comment' if name != 'LONGTEXT' else '')
    out['HISTORY'] = 'done twice'
    return out


def undefined(value):
    return value is None or isinstance(value, afits.card.Undefined)


def check(found: afits.Header):
    for name, value in VALUES.items():
        name = name.removeprefix('HIERARCH ')
        assert (undefined(found[name]) if value is None else found[name] == value), name
    assert found['GAIN'] == 4.0 and found.comments['SMALL'] == 'comment' and 'done twice' in str(found['HISTORY'])


@pytest.mark.parametrize('compressed', [False, True])
def test_what_comes_in_goes_out(tmp_path, like, compressed, recwarn):
    """Through warp, through the writers of the pipeline (immask), and through the difference's."""
    afits.PrimaryHDU(sky(), header()).writeto(tmp_path / 'in.fits')
    assert warp([str(tmp_path / 'in.fits'), '--like', like, '-o', str(tmp_path / 'w.fits')]) == 0
    name = tmp_path / ('again.fits.fz' if compressed else 'again.fits')
    write_ccd(name, read_ccd(tmp_path / 'w.fits'))
    write_plane(tmp_path / 'd.fits', 'DIFF', sky(), read_planes(name).cards,
                {'KERNSUM': (1.5, 'scale'), 'SMALL': (-4, 'new')})
    check(afits.getheader(tmp_path / 'w.fits'))
    check(afits.getheader(name, 1 if compressed else 0))
    last = afits.getheader(tmp_path / 'd.fits')
    assert last['SMALL'] == -4 and last['KERNSUM'] == 1.5 and last['LONGTEXT'] == LONG and last['HUGE'] == VALUES['HUGE']
    assert not [each for each in recwarn if 'FITS' in type(each.message).__name__ or 'Verify' in type(each.message).__name__]


@pytest.mark.parametrize('field, value', [
    (' NaN', None), ('                 -NAN / no value', None), (' INF', None), ('   / only a comment', None), ('', None),
    (' some words', None), (' 12 34', None), (' 0x1F', None), ('12', 12), (' 1.5D+03', 1500.0), (' 1.E2', 100.0),
    (' .5', 0.5),
    (' +7', 7), (" 'open", 'open'), (' T', True), ("'close'", 'close'),
    (f' {10**29 + 7}', 10**29 + 7),
    (' ( 1.5 , -2 )', 1.5 - 2j), (" 'tab\there'", 'tab here')])
def test_odd_cards_are_read_and_written(tmp_path, like, field, value):
    afits.PrimaryHDU(sky(), header()).writeto(tmp_path / 'in.fits')
    path = with_card(tmp_path / 'in.fits', 'WORDS', field)
    assert read_planes(path).cards.get('WORDS') == value
    assert warp([str(path), '--like', like, '-o', str(tmp_path / 'w.fits')]) == 0
    image, head = read_image(path)
    write_images(tmp_path / 'p.fits', [('SCI', image, head)])
    for name in ('w.fits', 'p.fits'):
        found = afits.getheader(tmp_path / name)['WORDS']
        assert undefined(found) if value is None else found == value
        afits.open(tmp_path / name).verify('exception')


@pytest.mark.parametrize('word, shown', [(b"'Ca\xf1on?' / \xe9t\xe9", 'Ca\xf1on?'), ("'Peña Ñandú'".encode(), 'Peña Ñandú'),
                                         (b"'\x80\xff'", '\x80\xff')])
def test_bytes_beyond_ascii_go_out_as_they_came_in(tmp_path, like, word, shown):
    """Through warp and the difference's writer; astropy's Header, which the pipeline's products use, holds none of them."""
    afits.PrimaryHDU(sky(), header()).writeto(tmp_path / 'in.fits')
    path = with_card(tmp_path / 'in.fits', 'WORDS', ' ' + word.decode('latin-1'))
    card = b'WORDS   = ' + word.ljust(70)
    read = read_planes(path).cards
    assert read.get('WORDS') == shown
    assert warp([str(path), '--like', like, '-o', str(tmp_path / 'w.fits')]) == 0
    write_plane(tmp_path / 'd.fits', 'DIFF', sky(), read_planes(tmp_path / 'w.fits').cards, {'KERNSUM': (1.5, 'scale')})
    for name in ('w.fits', 'd.fits'):
        assert card in (tmp_path / name).read_bytes(), name
        with open_fits(tmp_path / name) as handle:
            assert [compare(hdu) for hdu in handle] == [None] * len(handle)
    image, head = read_image(path)
    write_images(tmp_path / 'p.fits', [('SCI', image, head)])
    plain = bytes(letter if letter < 128 else ord('?') for letter in word)
    assert b'WORDS   = ' + plain in (tmp_path / 'p.fits').read_bytes()


@pytest.mark.parametrize('keyword', [b'G\xc3\x84IN   ', b'A.B     ', b'gain 2  ', b'\xe9       '])
def test_keywords_that_fits_does_not_have_go_out_as_they_came_in(tmp_path, keyword):
    afits.PrimaryHDU(sky(), header()).writeto(tmp_path / 'in.fits')
    data = with_card(tmp_path / 'in.fits', 'WORDS', " 'some'").read_bytes()
    (tmp_path / 'in.fits').write_bytes(data.replace(b'WORDS   =', keyword + b'='))
    write_plane(tmp_path / 'd.fits', 'DIFF', sky(), read_planes(tmp_path / 'in.fits').cards, {'KERNSUM': (1.5, 'scale')})
    assert keyword + b"= 'some'" in (tmp_path / 'd.fits').read_bytes()
    assert (read_planes(tmp_path / 'd.fits').image.values == sky()).all()


@pytest.mark.parametrize('text, number', [('40000', 40000.0), (' 4.0E4 ', 4e4), ('4D4', 4e4), (4, 4.0), ('many', None),
(True, None),
                                          (None, None), ('nan', None), ('inf', None), (10**400, None), ('', None),
                                          (1 + 2j, None)])
def test_numbers_written_as_text(text, number):
    assert number_of(text) == number


def test_limits_and_gains_as_text_in_the_primary_or_both(tmp_path):
    image = sky()
    image[20, 30:33] = 50000.0
    variants = [({}, {'SATURATE': 40000.0, 'GAIN': 4.0}), ({}, {'SATURATE': '40000', 'GAIN': '4.0'}),
                ({'SATURATE': 40000, 'GAIN': 4.0}, {}), ({'SATURATE': 40000.0, 'GAIN': 2.0}, {'INHERIT': True, 'GAIN': 4.0}),
                ({'SATURATE': '4.E4', 'GAINA': 4.5, 'GAINB': 3.5}, {})]
    for primary, cards in variants:
        path = write_planes(tmp_path / 'a.fits', ('SCI', image, cards), primary=primary | {'MJD-OBS': 57000.1},
                            header=tan_cards())
        loaded = load_planes(ImageSource(str(path)))
        assert loaded.bad[20, 30:33].all() and loaded.bad.sum() == 3, (primary, cards)
        assert loaded.header.number('MJD-OBS') == 57000.1 and not loaded.notes


def test_what_is_not_inherited(tmp_path):
    """Nothing with INHERIT = F; coordinates only where the extension has none; no comments, no names."""
    primary = {'SATURATE': 9.0, 'CRVAL1': 1.0, 'PV1_1': 0.5, 'NEXTEND': 3, 'COMMENT': 'of the primary'}
    path = write_planes(tmp_path / 'a.fits', ('SCI', sky(), {'INHERIT': False}), primary=primary)
    assert read_planes(path).cards.get('SATURATE') is None
    path = write_planes(tmp_path / 'b.fits', ('SCI', sky()), primary=primary, header=tan_cards())
    cards = read_planes(path).cards
    names = {text[:8].strip() for text in cards.texts}
    assert cards.get('CRVAL1') == 40.0 and not {'PV1_1', 'NEXTEND', 'COMMENT', 'EXTEND', 'NAXIS'} & names
    path = write_planes(tmp_path / 'c.fits', ('SCI', sky()), primary=primary)
    assert read_planes(path).cards.get('PV1_1') == 0.5


def test_saturation_that_is_no_limit_is_none(tmp_path):
    for value in (0.0, -1, 'unknown', None):
        cards = tan_cards()
        cards['GAIN'], cards['SATURATE'] = 4.0, value
        afits.PrimaryHDU(sky(), cards).writeto(tmp_path / 'a.fits', overwrite=True)
        assert not load_planes(ImageSource(str(tmp_path / 'a.fits'))).bad.any()


def test_files_compressed_as_a_whole_keep_their_headers(tmp_path):
    afits.PrimaryHDU(sky(), header()).writeto(tmp_path / 'in.fits')
    (tmp_path / 'in.fits.gz').write_bytes(gzip.compress((tmp_path / 'in.fits').read_bytes()))
    found = read_planes(tmp_path / 'in.fits.gz')
    assert found.cards.get('LONGTEXT') == LONG and (found.image.values == sky()).all()


def test_cards_on_their_own():
    assert legal('A       = NaN'.ljust(80)) == 'A       =                      / was NaN'.ljust(80)
    assert Cards(card_texts('A', "it's", 'b')).get('A') == "it's" and Cards(card_texts('A', True)).get('A') is True
    assert Cards(card_texts('A', 1e-20)).get('A') == 1e-20 and Cards([]).get('A', 3) == 3
    assert legal("A       = 'a\x00b\tc\x7f\xe9'".ljust(80)) == "A       = 'a b c \xe9'".ljust(80)
    kept = Cards(["A       = 'one&'".ljust(80), "CONTINUE  ' two'".ljust(80), 'B       = 1'.ljust(80)])
    assert kept.get('A') == 'one two' and [text[0] for text in kept.without(re.compile('A')).texts] == ['B']
    with pytest.raises(TypeError):
        card_texts('A', None)


def test_a_header_without_end_is_damage(tmp_path):
    from sediff.errors import BadInput
    afits.PrimaryHDU(np.ones((9, 9), np.float32)).writeto(tmp_path / 'a.fits')
    data = (tmp_path / 'a.fits').read_bytes()
    (tmp_path / 'a.fits').write_bytes(data.replace(b'END     ', b'COMMENT ', 1))
    with pytest.raises(BadInput, match=r'a\.fits cannot be read'):
        read_planes(tmp_path / 'a.fits')
