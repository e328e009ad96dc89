"""Calibration images and tables as a user or the builder left them: read, checked, with the checksum that headers record."""
from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np

from sediff.csvtable import read_csv_rows
from sediff.errors import BadData, BadInput
from sediff.formats.fits import read_image


def read_calibration(path: str | os.PathLike, kind: str, ccdnum: int, band: str | None,
                     shape: tuple[int, int]) -> np.ndarray:
    """A calibration image, after a look at what its header says it is.

    Parameters
    ----------
    kind : str
        What it is, for messages: 'bias', 'flat', 'bpm', 'star flat'.
    ccdnum : int
        CCD it must belong to.
    band : str or None
        Band it must belong to; None: of no band.
    shape : (int, int)
        Rows and columns it must have.

    Returns
    -------
    ndarray, (ny, nx), float32 or integer as in the file

    Raises
    ------
    BadInput
        The file cannot be read.
    BadData
        Its CCDNUM, BAND (or the first word of FILTER) or shape is another.
    """
    image, header = read_image(path)
    if 'CCDNUM' in header and int(header['CCDNUM']) != ccdnum:
        raise BadData(f'{kind} {path} belongs to CCD {header["CCDNUM"]}, not {ccdnum}')
    words = str(header.get('BAND', header.get('FILTER', ''))).split()
    if band is not None and words and words[0] != band:
        raise BadData(f'{kind} {path} is of band {words[0]}, the exposure of {band}')
    if image.shape != shape:
        raise BadData(f'{kind} {path} has {image.ndim} axes and shape {image.shape}; the trimmed CCD has {shape}')
    return image if image.dtype.kind in 'iu' else image.astype(np.float32, copy=False)


def file_checksum(path: str | os.PathLike) -> str:
    """CRC-32 of a file's bytes, 8 hexadecimal digits (as `crc32` and `7z h` print it)."""
    value, buffer = 0, memoryview(bytearray(1 << 18))
    try:
        with open(path, 'rb', buffering=0) as handle:
            while count := handle.readinto(buffer):
                value = zlib.crc32(buffer[:count], value)
    except OSError as error:
        raise BadInput(f'{path} cannot be read: {error.strerror}') from error
    return f'{value:08x}'


def read_tape_bumps(path: str | os.PathLike, ccdnum: int) -> list[tuple[int, int, int, int]]:
    """Boxes of a CCD's tape bumps, 0-based first x, last x, first y, last y, from a CSV with ccdnum, x0, x1, y0, y1.

    Raises
    ------
    BadInput
        The file is missing or has other columns.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f'no table of tape bumps {path}')
    boxes = []
    for row in read_csv_rows(path, 'a table of ccdnum, x0, x1, y0, y1'):
        try:
            if int(row['ccdnum']) == ccdnum:
                boxes.append((int(row['x0']), int(row['x1']), int(row['y0']), int(row['y1'])))
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f'{path}: row {row} is not a tape bump ({error}); the columns are ccdnum, x0, x1, y0, '
                           'y1') from error
    return boxes
