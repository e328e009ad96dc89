"""The checksums of FITS, written into every HDU; `sediff.formats.integrity` compares them when it is read."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from sediff.cards import CARD, recordable

#: Comments without a date, so that the same product has the same bytes.
PLACEHOLDERS = (('CHECKSUM', '0' * 16, 'HDU checksum'), ('DATASUM', '0', 'data unit checksum'))
#: Bytes summed at a time.
CHUNK = 1 << 20
_EXCLUDED = (*range(0x3a, 0x41), *range(0x5b, 0x61))


def word_sum(*parts: np.ndarray) -> int:
    """32-bit ones' complement sum of arrays of big-endian words (FITS Standard 4.0, appendix J)."""
    return folded(sum(int(part.sum(dtype=np.uint64)) for part in parts))


def folded(total: int) -> int:
    """A sum of 32-bit words as their ones' complement sum."""
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


def put_back(path: Path, offsets: list[dict], texts: dict[int, list[str]]) -> None:
    """Write cards that cfitsio does not take (bytes beyond ASCII, other keywords) over what was written in their place.

    Parameters
    ----------
    offsets : list of dict
        Where the headers lie, as from `reserve`.
    texts : dict
        Number of an HDU -> its cards in the order in which they were written.
    """
    for number, cards in texts.items():
        start, end = (offsets[number][key] for key in ('header_start', 'data_start'))
        waiting: dict[str, list[str]] = {}
        for text in cards:
            waiting.setdefault(recordable(text).ljust(CARD), []).append(text.ljust(CARD))
        with open(path, 'r+b') as handle:
            handle.seek(start)
            header = handle.read(end - start).decode('latin-1')
            found = [header[k:k + CARD] for k in range(0, len(header), CARD)]
            handle.seek(start)
            handle.write(''.join(waiting[card].pop(0) if waiting.get(card) else card for card in found).encode('latin-1'))


def fill_in(path: Path, offsets: list[dict]) -> None:
    """Write the sums into the cards that `reserve` made."""
    for place in offsets:
        start, middle, end = (place[key] for key in ('header_start', 'data_start', 'data_end'))
        data = sum_of(path, middle, end)
        with open(path, 'r+b') as handle:
            handle.seek(start)
            header = signed(bytearray(handle.read(middle - start)), data)
            handle.seek(start)
            handle.write(header)


def signed(header: bytearray, data: int) -> bytearray:
    """A header with the sums of an HDU, whose data have the sum `data`, in the cards that were made for them."""
    _put(header, 'DATASUM', str(data))
    _put(header, 'CHECKSUM', encode(folded(word_sum(np.frombuffer(header, '>u4')) + data)))
    return header


def sum_of(path, start: int, end: int) -> int:
    """The sum of a part of a file, read piece by piece into the same memory."""
    words, total = np.empty(min(CHUNK, max(end - start, 0)) // 4, '>u4'), 0
    buffer = words.view(np.uint8).data
    with open(path, 'rb') as handle:
        handle.seek(start)
        for first in range(start, end, CHUNK):
            count = handle.readinto(buffer[:end - first])
            total += int(words[:count // 4].sum(dtype=np.uint64))
    return folded(total)


def _put(header: bytearray, keyword: str, value: str) -> None:
    """Replace the value of a string card, its comment kept."""
    at = next(k for k in range(0, len(header), CARD) if header[k:k + 8] == keyword.ljust(8).encode())
    comment = header[at:at + CARD].decode('latin-1').partition(' / ')[2].rstrip()
    header[at:at + CARD] = f"{keyword:8s}= '{value:8s}'".ljust(30).encode().ljust(30) + f' / {comment}'.encode().ljust(50)
