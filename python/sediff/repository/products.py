"""Reads and writes a step's product by its kind (`sediff.repository.names.Product.kind`)."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io.fits import Header

from sediff.errors import BadInput
from sediff.formats import tables
from sediff.formats.atomic import write_text
from sediff.formats.fits import read_ccd, read_image, write_ccd, write_images


def read_product(path: Path, kind: str):
    """A product as the object its step saved.

    Raises
    ------
    BadInput
        Missing or unreadable; the message names the file.
    """
    if not path.is_file():
        raise BadInput(f'no such file: {path}; run the step that makes it')
    try:
        return _READERS[kind](path)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise BadInput(f'{path} cannot be read ({type(error).__name__}: {str(error)[:200]}); remove it and start '
                       'again') from error


def write_product(path: Path, kind: str, value) -> None:
    """Write a product atomically."""
    _WRITERS[kind](path, value)


def header_text(header: Header) -> str:
    """A header as SCAMP writes its `.head`: one 80-character card a line, END."""
    return '\n'.join(str(card).rstrip() for card in header.cards) + '\nEND\n'


def headers_of(text: str) -> list[Header]:
    """The headers of a `.head` text."""
    blocks = text.split('\nEND\n')[:-1]
    return [Header.fromstring(block.strip('\n'), sep='\n') for block in blocks]


#: Kinds that are texts and have no checksum of their own: the stamp of the step keeps one.
UNSIGNED = ('text', 'json', 'csv', 'headers')


#: Kinds whose numbers are written as text, in headers or tables: reading gives other last digits than were written.
ROUNDED = ('psf', 'csv', 'headers')


class _Encoder(json.JSONEncoder):
    def default(self, o):
        """Numbers and arrays of numpy, and paths, as JSON has them."""
        if isinstance(o, np.generic):
            return o.item()
        if isinstance(o, np.ndarray):
            return o.tolist()
        return str(o) if isinstance(o, Path) else super().default(o)


def write_json(path: Path, value) -> None:
    """Write JSON atomically; numpy numbers and arrays are allowed, NaN becomes null."""
    write_text(path, json.dumps(_finite(value), indent=1, cls=_Encoder, allow_nan=False) + '\n')


def _finite(value):
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, np.ndarray):
        return _finite(value.tolist())
    return None if isinstance(value, (float, np.floating)) and not np.isfinite(value) else value


def _csv(path: Path):
    import pandas as pd
    return pd.read_csv(path)


def _ldac(path: Path):
    from sediff.formats.ldac import read_ldac
    return read_ldac(path)[0]


def _write_ldac(path: Path, value) -> None:
    from sediff.catalog.columns import UNITS
    from sediff.formats.ldac import write_ldac
    catalogue, header = value if isinstance(value, tuple) else (value, Header())
    write_ldac(path, catalogue, header, UNITS)


def _psf(path: Path):
    from sediff.formats.psfex import read_psf
    return read_psf(path)


def _write_psf(path: Path, value) -> None:
    from sediff.formats.psfex import write_psf
    write_psf(path, value)


def _zones(path: Path):
    from sediff.subtract.zones import Zones
    return Zones(read_image(path, 'LABELS')[0], read_image(path, 'KERNELS')[0])


def _write_stamps(path: Path, value) -> None:
    from sediff.formats.stamp_archive import write_stamp_archive
    write_stamp_archive(path, value)


_READERS: dict[str, Callable[[Path], Any]] = {
    'ccd': read_ccd,
    'ldac': _ldac,
    'psf': _psf,
    'kernel': lambda path: read_image(path)[0],
    'plane': lambda path: read_image(path)[0],
    'text': lambda path: path.read_text(encoding='utf-8'),
    'json': lambda path: json.loads(path.read_text(encoding='utf-8')),
    'csv': _csv,
    'table': tables.read_table,
    'headers': lambda path: headers_of(path.read_text(encoding='utf-8')),
    'stamps': lambda path: path,
    'zones': _zones,
}
_WRITERS: dict[str, Callable[[Path, Any], object]] = {
    'ccd': write_ccd,
    'ldac': _write_ldac,
    'psf': _write_psf,
    'kernel': lambda path, value: write_images(path, [('KERNEL', *value)]),
    'plane': lambda path, value: write_images(path, [('PLANE', *value)], str(path).endswith('.fz')),
    'stamps': _write_stamps,
    'zones': lambda path, value: write_images(path, [('LABELS', value.labels, None), ('KERNELS', value.kernels, None)]),
    'text': write_text,
    'json': write_json,
    'csv': tables.write_csv,
    'table': tables.write_table,
    'headers': lambda path, value: write_text(path, ''.join(header_text(header) for header in value)),
}
