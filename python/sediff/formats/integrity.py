"""Whether what is read is what was written, by the checksums of FITS (Standard 4.0, 4.4.2.7 and appendix J)."""
from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import lru_cache

from sediff.cards import Cards, read_cards
from sediff.errors import BadInput
from sediff.formats.checksum import PLACEHOLDERS, sum_of

#: Kinds of files, see `check_sum`.
MADE, KEPT, RAW = 'made', 'kept', 'raw'
#: Sums are numbers modulo this: ones' complement has two zeros.
MODULUS = 0xFFFFFFFF
_OWN_COMMENTS = {keyword: f' / {comment}' for keyword, _, comment in PLACEHOLDERS}
_SAID: set[str] = set()


@dataclass(frozen=True)
class Finding:
    """What the checksums say against an HDU.

    Parameters
    ----------
    reason : str
        `... was altered ...`, to be put behind the file's name.
    certain : bool
        False where a program or a person may have changed the header on purpose and left its checksums as they were.
    """

    reason: str
    certain: bool


def check_sum(path: str | os.PathLike, hdu, use: str = MADE, once: bool = False) -> None:
    """Compare header and data of an HDU with its CHECKSUM and DATASUM, where it has them.

    Parameters
    ----------
    path : path
        Name for the message; the file that is read is the HDU's own.
    use : {'made', 'kept', 'raw'}
        What kind of file it is: a calibration or another that we or others made; a product, of which nobody makes others; a
        raw exposure or other file of an archive, whose header people mend.
    once : bool
        Look again only when the file has changed: for those who read an HDU in many parts.

    Raises
    ------
    BadInput
        It was altered. What may have been meant (a header edited by others) is reported on stderr, once a file.
    """
    _judge(path, hdu, (_compared if once else _compare)(_state(hdu), use))


def check_header(path: str | os.PathLike, hdu, use: str = MADE) -> None:
    """As `check_sum`, of the header alone: its data are taken to be what DATASUM says."""
    _judge(path, hdu, compare(hdu, use, data=False))


def check_all(path: str | os.PathLike, handle, data: bool = True) -> None:
    """Every HDU of a file, where a name that changed would make one be passed over."""
    for hdu in handle:
        if data:
            check_sum(path, hdu, KEPT)
        else:
            check_header(path, hdu)


def compare(hdu, use: str = MADE, data: bool = True) -> Finding | None:
    """What is wrong with an HDU by its checksums; None where they agree or it has none.

    Programs copy headers to other pixels, sums and all: where neither header nor data fit, neither counts. People edit
    headers and leave CHECKSUM as it was. One bit that flips changes the sum of the HDU by plus or minus a power of two,
    which such changes do by one chance in 10^8; and a length that flips moves the end of the data to where no HDU begins.
    """
    return _compare(_state(hdu), use, data)


def _compare(state: tuple, use: str, data: bool = True) -> Finding | None:
    file, start, middle, end, size = state[:5]
    with open(file, 'rb') as handle:
        # gzip has its own checksum; a file that was cut short fails when it is read
        if handle.read(2) == b'\x1f\x8b' or size < end:
            return None
    try:
        cards = read_cards(file, start)
    except OSError as error:
        return Finding(f'was altered since it was written: {error}', True)
    recorded, signed = cards.number('DATASUM'), 'CHECKSUM' in cards
    recorded = int(recorded) if recorded is not None and 0 <= recorded <= MODULUS else None
    if not signed:
        if recorded is None:
            return None
        if _is_own(cards, 'DATASUM'):
            return Finding('was altered since it was written: it has lost its CHECKSUM', True)
    header = sum_of(file, start, middle)
    if not data and recorded is not None:
        left = (header + recorded) % MODULUS if signed else 0
        return _of_header(cards, left, use) if left else None
    found = sum_of(file, middle, end)
    left = (header + found) % MODULUS if signed else 0
    if recorded is None or found % MODULUS == recorded % MODULUS:
        return _of_header(cards, left, use) if left else None
    if not signed or (header + recorded) % MODULUS == 0:
        return Finding(f'was altered since it was written: its data sum to {found}, its DATASUM says {recorded}', True)
    if _one_bit(left) or not _followed(file, end, size) or (use == KEPT and _is_own(cards)):
        return Finding('was altered since it was written: neither its header nor its data are what its checksums say', True)
    return None


_compared = lru_cache(maxsize=256)(_compare)


def _of_header(cards: Cards, left: int, use: str) -> Finding:
    certain = _one_bit(left) or (use != RAW and _is_own(cards))
    return Finding('was altered since it was written: its header does not fit its CHECKSUM', certain)


def _judge(path: str | os.PathLike, hdu, finding: Finding | None) -> None:
    if finding is None:
        return
    text = f'{path}[{hdu.get_extname() or hdu.get_extnum()}] {finding.reason}'
    if finding.certain:
        raise BadInput(f'{text}: fetch it or make it again')
    say_once(str(path), f'{text}; taken as it is')


def say_once(path: str, text: str) -> None:
    """A line on stderr, the first time in this process that something is said of a file."""
    if path not in _SAID:
        _SAID.add(path)
        print(text, file=sys.stderr)


def _state(hdu) -> tuple:
    """File, bytes where header and data begin and end, size of the file, time of its last change."""
    place, file = hdu.get_offsets(), hdu.get_filename()
    status = os.stat(file)
    return (file, place['header_start'], place['data_start'], place['data_end'], status.st_size, status.st_ino,
            status.st_mtime_ns)


def _one_bit(left: int) -> bool:
    """Whether a sum that should be zero is plus or minus a power of two."""
    return any(value & (value - 1) == 0 for value in (left, MODULUS - left))


def _is_own(cards: Cards, keyword: str = 'CHECKSUM') -> bool:
    """Whether a sum is of those that this program writes, by its comment, which has no date."""
    return any(text.startswith(keyword) and text.rstrip().endswith(_OWN_COMMENTS[keyword]) for text in cards.texts)


def _followed(file: str, end: int, size: int) -> bool:
    """Whether the file ends, or another HDU begins, where the data end."""
    with open(file, 'rb') as handle:
        handle.seek(end)
        return size == end or handle.read(8) == b'XTENSION'
