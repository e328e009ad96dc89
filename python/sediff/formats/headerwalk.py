"""All headers of a FITS file in one pass, without its pixels: is it whole, and what stands for its content."""
from __future__ import annotations

import gzip
import hashlib
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sediff.cards import BLOCK, CARD, Cards
from sediff.errors import BadInput
from sediff.formats.checksum import word_sum

#: Most blocks of 2880 bytes of one header, and most HDUs.
MOST_BLOCKS, MOST_HDUS = 4000, 5000


@dataclass(frozen=True)
class Walk:
    """The headers of a file.

    Parameters
    ----------
    headers : list of Cards
        As they stand in the file.
    checksum : str
        `headers:` and the SHA-256 of all headers, where each HDU with data has a DATASUM that its CHECKSUM confirms; else
        `file:` and that of the whole file.
    """

    headers: list[Cards]
    checksum: str


def walk_headers(path: str | os.PathLike) -> Walk:
    """Read all headers of a FITS file (gzip, too).

    Raises
    ------
    BadInput
        It is missing, no FITS file, or cut short.
    """
    path = Path(path)
    try:
        with open(path, 'rb') as plain:
            packed = plain.read(2) == b'\x1f\x8b'
        with gzip.open(path) if packed else open(path, 'rb') as handle:
            headers, digest, trusted = _walk(path, handle, None if packed else path.stat().st_size)
        return Walk(headers, f'headers:{digest}' if trusted else f'file:{_of_file(path)}')
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f'{path}: what gzip holds is damaged ({error}); fetch it again') from error
    except OSError as error:
        raise BadInput(f'{path} cannot be read ({error.strerror or error})') from error


def _walk(path: Path, handle, size: int | None) -> tuple[list[Cards], str, bool]:
    headers: list[Cards] = []
    digest, trusted, place = hashlib.sha256(), True, 0
    while size is None or place < size:
        block = handle.read(BLOCK)
        if headers and (not block or block[:9] != b'XTENSION='):
            break
        raw = _header(path, handle, block, len(headers))
        cards = Cards([raw[k:k + CARD].decode('ascii', 'replace') for k in range(0, len(raw), CARD)])
        digest.update(raw)
        extent = _extent(path, cards, len(headers))
        trusted = trusted and (not extent or _confirmed(cards, raw))
        headers.append(cards)
        place += len(raw)
        _check_end(path, handle, place + extent, extent, size, len(headers) - 1)
        place += -(-extent // BLOCK) * BLOCK
        handle.seek(place)
        if len(headers) > MOST_HDUS:
            raise BadInput(f'{path} has more than {MOST_HDUS} HDUs')
    if not headers:
        raise BadInput(f'{path} is empty; fetch it again')
    return headers, digest.hexdigest(), trusted


def _header(path: Path, handle, block: bytes, number: int) -> bytes:
    """The blocks of a header, the first of which is read already."""
    if not number and not block.startswith(b'SIMPLE  ='):
        raise BadInput(f'{path} is no FITS file' + (' (it is empty)' if not block else ''))
    blocks = [block]
    while len(block) == BLOCK and not any(block[k:k + CARD].rstrip() == b'END' for k in range(0, BLOCK, CARD)):
        block = handle.read(BLOCK)
        blocks.append(block)
        if len(blocks) > MOST_BLOCKS:
            raise BadInput(f'{path}: the header of HDU {number} has no end')
    if len(block) < BLOCK:
        raise BadInput(f'{path} is cut short within the header of HDU {number}; fetch it again')
    return b''.join(blocks)


def _extent(path: Path, cards: Cards, number: int) -> int:
    """Bytes of an HDU's data, without their padding (FITS Standard 4.0, equation 2)."""
    count = int(cards.number('NAXIS') or 0)
    axes = [int(cards.number(f'NAXIS{k}') or 0) for k in range(1, min(count, 999) + 1)]
    if not axes:
        return 0
    if axes[0] == 0 and cards.get('GROUPS') is True:
        axes = axes[1:]
    sizes = [*axes, int(cards.number('PCOUNT') or 0), int(cards.number('GCOUNT') or 1)]
    if min(sizes) < 0:
        raise BadInput(f'{path}: HDU {number} has a negative size in its header; fetch it again')
    return abs(int(cards.number('BITPIX') or 0)) // 8 * sizes[-1] * (math.prod(axes) + sizes[-2])


def _check_end(path: Path, handle, end: int, extent: int, size: int | None, number: int) -> None:
    """Whether the file holds the data that a header speaks of, which end before byte `end`."""
    if size is not None:
        if end > size:
            raise BadInput(f'{path} is cut short: HDU {number} ends at byte {end}, the file at {size}; fetch it again')
    elif extent:
        handle.seek(end - 1)
        if handle.read(1) == b'':
            raise BadInput(f'{path} is cut short within the data of HDU {number}; fetch it again')


def _confirmed(cards: Cards, raw: bytes) -> bool:
    """Whether DATASUM belongs to this header: copied to other pixels, it does not fit the header's own CHECKSUM."""
    recorded = cards.number('DATASUM')
    if recorded is None or not 0 <= recorded <= 0xFFFFFFFF or 'CHECKSUM' not in cards:
        return False
    return (word_sum(np.frombuffer(raw, '>u4')) + int(recorded)) % 0xFFFFFFFF == 0


def _of_file(path: Path) -> str:
    with open(path, 'rb') as handle:
        return hashlib.file_digest(handle, 'sha256').hexdigest()
