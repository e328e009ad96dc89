"""Header cards as they stand in a file: what FITS allows is kept letter for letter, the rest becomes undefined."""
from __future__ import annotations

import gzip
import math
import os
import re
import warnings
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

BLOCK, CARD = 2880, 80
#: Keywords of the file's structure; whoever writes the file sets its own.
STRUCTURAL = re.compile(
    r'SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|GROUPS|TFIELDS|THEAP|BZERO|BSCALE|BLANK|CHECKSUM|DATASUM|'
    r'INHERIT|(TTYPE|TFORM|TUNIT|TDIM|TNULL|TSCAL|TZERO|TDISP)\d+|ZIMAGE|ZCMPTYPE|ZTENSION|ZBITPIX|ZPCOUNT|ZGCOUNT|ZQUANTIZ|'
    r'ZDITHER\d*|ZSIMPLE|ZEXTEND|ZBLANK|ZHECKSUM|ZDATASUM|ZSCALE|ZZERO|ZTABLE|ZHEAPPTR|ZTHEAP|ZBLOCKED|(ZTILE|ZNAXIS|ZNAME|ZVAL)\d*|END')
#: Keywords of one HDU that others do not inherit from it, besides.
OWN = re.compile(r'EXTNAME|EXTVER|EXTLEVEL|HDUNAME|HDUVER|NEXTEND|COMMENT|HISTORY|CONTINUE|')
#: Keywords of celestial coordinates: an HDU that has its own inherits none of them.
COORDINATES = re.compile(r'(CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA)\d|(CD|PC|PV)\d+_\d+|PC\d{6}|'
                         r'(A|B|AP|BP)_(ORDER|DMAX|\d+_\d+)|LONPOLE|LATPOLE|RADESYS|RADECSYS|EQUINOX|WCSAXES|WCSDIM|WAT\d_\d+')
_KEYWORD = re.compile(r'[A-Z0-9_-]* *(?<=^.{8})')
#: Control characters -> blanks.
_BLANKED = dict.fromkeys([*range(32), 127], ' ')
_NUMBER = r'[+-]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][+-]?\d+)?'
_VALUE = re.compile(rf"\s*('(?:[^']|'')*'|[TF](?=\s|/|$)|{_NUMBER}(?=\s|/|$)|\(\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\)|(?=/|$))"
                    r'\s*(/.*)?$')


class Cards:
    """Cards of a header, 80 characters each, CONTINUE cards behind the string that they continue.

    Parameters
    ----------
    texts : sequence of str
        As in the file, without END; a byte is a letter (Latin-1), those beyond ASCII too, which FITS does not allow.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)
        self._first: dict[str, int] = {}
        for number, text in enumerate(self.texts):
            self._first.setdefault(keyword_of(text), number)

    def __contains__(self, keyword: str) -> bool:
        return keyword in self._first

    def get(self, keyword: str, default=None):
        """Value of the first card of that name: str (UTF-8 where it is that), bool, int, float, complex; None where
        undefined."""
        if keyword not in self._first:
            return default
        at = self._first[keyword]
        value = value_of(self.texts[at])
        while isinstance(value, str) and value.endswith('&') and self.texts[at + 1:at + 2] \
                and keyword_of(self.texts[at + 1]) == 'CONTINUE':
            at += 1
            value = value[:-1] + str(value_of('        = ' + self.texts[at][8:]))
        return _as_utf8(value) if isinstance(value, str) else value

    def number(self, keyword: str) -> float | None:
        """Value as a finite number, also where it is written as text; else None."""
        return number_of(self.get(keyword))

    def own(self) -> Cards:
        """The cards without those of the file's structure."""
        return self.without(STRUCTURAL)

    def without(self, pattern: re.Pattern) -> Cards:
        """The cards whose keyword does not match a pattern in full."""
        kept, lost = [], False
        for text in self.texts:
            keyword = keyword_of(text)
            lost = lost if keyword == 'CONTINUE' else pattern.fullmatch(keyword) is not None
            if not lost:
                kept.append(text)
        return Cards(kept)

    def inheriting(self, primary: Cards) -> Cards:
        """These cards and, behind them, those of the primary header that they do not have (the INHERIT convention).

        Nothing is inherited where INHERIT is F; coordinates are not where there are any.
        """
        if self.get('INHERIT') is False:
            return self
        more = primary.own().without(OWN)
        if 'CTYPE1' in self:
            more = more.without(COORDINATES)
        names = '|'.join(re.escape(name) for name in self._first)
        return Cards(self.texts + more.without(re.compile(names or '$^')).texts)

    def bytes_of(self, texts: Sequence[str]) -> list[str]:
        """Cards with `?` for bytes beyond ASCII, as `header` gives them, with the bytes that they have here."""
        known = {plain(text): text for text in self.texts if not text.isascii()}
        return [known.get(text, text) for text in texts]

    def header(self):
        """The same as an astropy Header, which holds no bytes beyond ASCII: each becomes `?`."""
        from astropy.io.fits import Header
        return Header.fromstring(plain(''.join(self.texts)))


def read_cards(path: str, start: int) -> Cards:
    """All cards of the header at byte `start` of a file (of what gzip holds, where it is compressed as a whole)."""
    with open(path, 'rb') as plain:
        if plain.read(2) == b'\x1f\x8b':
            status = os.stat(path)
            try:
                return _cards_at(_unpacked(path, status.st_mtime_ns, status.st_size), start)
            except (EOFError, zlib.error) as error:
                raise OSError(f'what gzip holds is damaged: {error}') from error
        return _cards_at(plain, start)


def _cards_at(handle, start: int) -> Cards:
    texts: list[str] = []
    handle.seek(start)
    while len(block := handle.read(BLOCK)) == BLOCK:
        text = block.decode('latin-1')
        for k in range(0, BLOCK, CARD):
            card = text[k:k + CARD]
            if card.startswith('END') and card.rstrip() == 'END':
                return Cards(texts)
            texts.append(legal(card))
    raise OSError(f'the header at byte {start} has no end')


@lru_cache(maxsize=1)
def _unpacked(path: str, modified: int, size: int) -> gzip.GzipFile:
    """A gzip file kept open, so that headers one behind the other are reached in one pass."""
    return gzip.open(path)


def keyword_of(text: str) -> str:
    """Keyword of a card, HIERARCH ones in full."""
    if text.startswith('HIERARCH') and '=' in text:
        return text.split('=', 1)[0][9:].strip().upper()
    return text[:8].strip().upper()


def value_of(text: str):
    """Value of a card: str, bool, int, float or complex; None where it is undefined or the card has none."""
    head, equals, field = text.partition('=')
    found = _VALUE.match(field) if equals and (len(head) <= 8 or head.startswith('HIERARCH')) else None
    if found is None or not found[1]:
        return None
    word = found[1]
    if word.startswith("'"):
        return word[1:-1].replace("''", "'").rstrip()
    if word in 'TF':
        return word == 'T'
    if word.startswith('('):
        return complex(*(float(part.upper().replace('D', 'E')) for part in word[1:-1].split(',')))
    return int(word) if re.fullmatch(r'[+-]?\d{1,4000}', word) else float(word.upper().replace('D', 'E'))


@lru_cache(maxsize=8192)
def legal(text: str) -> str:
    """A card that FITS allows, but for bytes beyond ASCII: the same, or undefined with its old value in the comment; no
    control characters."""
    text = text if text.isascii() and text.isprintable() else text.translate(_BLANKED)
    if text[8:9] != '=' or text[:8] in ('COMMENT ', 'HISTORY ', 'CONTINUE', ' ' * 8):
        return text
    if _VALUE.match(text[9:]):
        return text if text[9] == ' ' else (text[:9] + ' ' + text[9:])[:CARD] if len(text.rstrip()) < CARD else text
    word = text[9:].strip()
    if word.startswith("'") and word.count("'") % 2:
        return f"{text[:8]}= {word[:CARD - 11]}'".ljust(CARD)
    return f"{text[:8]}= {'':20s} / was {word}".ljust(CARD)[:CARD]


def plain(text: str) -> str:
    """A text with `?` for what is beyond ASCII."""
    return text if text.isascii() else ''.join(letter if letter < '\x80' else '?' for letter in text)


def recordable(text: str) -> str:
    """A card that cfitsio writes: ASCII, and a comment where the keyword has other than capitals, digits, `-` and `_`."""
    text = plain(text)
    return text if _KEYWORD.match(text) else f'COMMENT {text}'[:CARD]


def _as_utf8(text: str) -> str:
    """A text of Latin-1 letters that are bytes of UTF-8, decoded; others as they are."""
    try:
        return text if text.isascii() else text.encode('latin-1').decode('utf-8')
    except UnicodeError:
        return text


def number_of(value) -> float | None:
    """A card's value as a finite number, also where it is written as text; else None."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value.replace('D', 'E').replace('d', 'e') if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def card_texts(keyword: str, value, comment: str = '') -> list[str]:
    """A card of a short string (ASCII), a number or a truth value, as a list of one."""
    if isinstance(value, str):
        field = "'" + plain(value).replace("'", "''").ljust(8) + "'"
    elif isinstance(value, bool):
        field = f'{"T" if value else "F":>20s}'
    else:
        field = f'{float(value)!r:>20s}'.upper() if isinstance(value, float) else f'{int(value):>20d}'
    return [f'{keyword:8s}= {field:20s}{" / " + comment if comment else ""}'.ljust(CARD)[:CARD]]


def header_texts(header) -> list[str]:
    """Cards of an astropy Header, 80 characters each, those of the file's structure and EXTNAME left out."""
    out: list[str] = []
    with warnings.catch_warnings():
        # comments that are too long are cut, which is no news
        warnings.simplefilter('ignore')
        for card in () if header is None else header.cards:
            if not STRUCTURAL.fullmatch(card.keyword) and card.keyword not in ('EXTNAME', ''):
                text = str(card)
                out += [legal(text[k:k + CARD].ljust(CARD)) for k in range(0, len(text), CARD)]
    return out


def write_cards(hdu, texts: Iterable[str]) -> None:
    """Add cards, 80 characters each, to an HDU that is being written; what cfitsio does not take is put back later."""
    for text in texts:
        hdu._FITS.write_record(hdu.get_extnum() + 1, recordable(text))
