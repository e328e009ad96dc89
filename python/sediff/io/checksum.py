"""The checksums of FITS: written into every HDU, and compared when it is read."""
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sediff.errors import BadInput
from sediff.io.cards import CARD, read_cards

#: Comments without a date, so that the same product has the same bytes.
PLACEHOLDERS = (('CHECKSUM', '0' * 16, 'HDU checksum'), ('DATASUM', '0', 'data unit checksum'))
#: Bytes summed at a time.
CHUNK = 1 << 21
_EXCLUDED = (*range(0x3a, 0x41), *range(0x5b, 0x61))


def word_sum(*parts: np.ndarray) -> int:
    """32-bit ones' complement sum of arrays of big-endian words (FITS Standard 4.0, appendix J)."""
    total = sum(int(part.sum(dtype=np.uint64)) for part in parts)
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def encode(value: int) -> str:
    """The 16 letters whose own sum makes that of the HDU zero (FITS Standard 4.0, J.3)."""
    value, letters = 0xFFFFFFFF - value, [0] * 16
    for i in range(4):
        byte = value >> (24 - 8 * i) & 0xFF
        group = [byte // 4 + 0x30 + (byte % 4 if j == 0 else 0) for j in range(4)]
        while any(letter in _EXCLUDED for letter in group):
            for j in (0, 2):
                if group[j] in _EXCLUDED or group[j + 1] in _EXCLUDED:
                    group[j] += 1
                    group[j + 1] -= 1
        for j in range(4):
            letters[4 * j + i] = group[j]
    return ''.join(chr(letter) for letter in letters[-1:] + letters[:-1])


def reserve(handle) -> list[dict]:
    """Put empty checksum cards into every HDU of a file that is being written; where its headers and data lie."""
    for hdu in handle:
        for keyword, value, comment in PLACEHOLDERS:
            hdu.write_key(keyword, value, comment)
    return [hdu.get_offsets() for hdu in handle]


def fill_in(path: Path, offsets: list[dict]) -> None:
    """Write the sums into the cards that `reserve` made."""
    for place in offsets:
        start, middle, end = (place[key] for key in ('header_start', 'data_start', 'data_end'))
        data = word_sum(*_words(path, middle, end))
        with open(path, 'r+b') as handle:
            handle.seek(start)
            header = bytearray(handle.read(middle - start))
            _put(header, 'DATASUM', str(data))
            total = word_sum(np.frombuffer(header, '>u4')) + data
            _put(header, 'CHECKSUM', encode((total & 0xFFFFFFFF) + (total >> 32)))
            handle.seek(start)
            handle.write(header)


def check_sum(path: str, hdu, name: str | None = None) -> None:
    """Compare the data of an HDU with its DATASUM, where it has one.

    Parameters
    ----------
    path : path
        Name for the message; the file that is read is the HDU's own.

    Raises
    ------
    BadInput
        They differ.
    """
    reason = altered(hdu)
    if reason:
        raise BadInput(f'{path}[{name or hdu.get_extname() or hdu.get_extnum()}] {reason}: fetch it or make it again')


def altered(hdu) -> str | None:
    """What is wrong with the data of an HDU by its DATASUM card; None where they agree or nothing trustworthy says so.

    Programs copy headers to other pixels, DATASUM and all. Such a header does not fit its own CHECKSUM; then neither counts.
    """
    place, file = hdu.get_offsets(), hdu.get_filename()
    start, middle, end = (place[key] for key in ('header_start', 'data_start', 'data_end'))
    with open(file, 'rb') as handle:
        # gzip has its own checksum; a file that was cut short fails when it is read
        if handle.read(2) == b'\x1f\x8b' or os.fstat(handle.fileno()).st_size < end:
            return None
    cards = read_cards(file, start)
    recorded = cards.number('DATASUM')
    if recorded is None or not 0 <= recorded <= 0xFFFFFFFF:
        return None
    found = word_sum(*_words(file, middle, end))
    # ones' complement has two zeros
    if found % 0xFFFFFFFF == recorded % 0xFFFFFFFF:
        return None
    if 'CHECKSUM' in cards and (word_sum(*_words(file, start, middle)) + int(recorded)) % 0xFFFFFFFF:
        return None
    return f'was altered since it was written: its data sum to {found}, its DATASUM says {recorded:.0f}'


def _words(path, start: int, end: int) -> Iterator[np.ndarray]:
    """The words of a part of a file, some MB at a time."""
    with open(path, 'rb') as handle:
        handle.seek(start)
        for first in range(start, end, CHUNK):
            yield np.fromfile(handle, '>u4', (min(first + CHUNK, end) - first) // 4)


def _put(header: bytearray, keyword: str, value: str) -> None:
    """Replace the value of a string card, its comment kept."""
    at = next(k for k in range(0, len(header), CARD) if header[k:k + 8] == keyword.ljust(8).encode())
    comment = header[at:at + CARD].decode().partition(' / ')[2].rstrip()
    header[at:at + CARD] = f"{keyword:8s}= '{value:8s}'".ljust(30).encode().ljust(30) + f' / {comment}'.encode().ljust(50)
