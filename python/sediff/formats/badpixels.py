"""A user's own bad pixels: an image as the builder writes it, or a table of pixels or boxes."""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sediff.csvtable import numbered_lines
from sediff.errors import BadData, BadInput
from sediff.formats.calibration import read_calibration
from sediff.formats.sky import read_rows
from sediff.values import shown

#: What a table of bad pixels may look like: its columns, each row a pixel or a box.
LAYOUTS = (('x', 'y'), ('x0', 'x1', 'y0', 'y1'), ('x0', 'y0', 'width', 'height'))
FORMAT = ('a FITS image of the CCD (0 is good), or a table with a line of column names, one of '
          + '; '.join(f'[ccdnum,] {", ".join(names)} [, bits]' for names in LAYOUTS)
          + ' (pixels of the trimmed CCD, the first is 0; separated by commas or blanks; # starts a comment)')
_CCD_NAMES = ('ccdnum', 'ccd')


def read_bad_pixels(paths: Sequence[str | os.PathLike], ccdnum: int, shape: tuple[int, int],
                    step: int = 1) -> np.ndarray:
    """The bits of all files together.

    Parameters
    ----------
    paths : sequence of path
        The built mask, a user's own file, or both.
    ccdnum : int
        CCD they must belong to; rows of a table that name another are ignored.
    shape : (int, int)
        Rows and columns of the CCD.
    step : int
        Give every `step`th row only; an image is then not read whole, nor checked.

    Returns
    -------
    ndarray, (ny / step, nx) integer
        0 is good; bits as in `sediff.isr.badpixels.Defect`.

    Raises
    ------
    BadInput
        A file is missing, or is neither an image nor such a table; the message has the line.
    BadData
        An image of another CCD or shape; a pixel outside the CCD.
    """
    planes = []
    for path in map(Path, paths):
        if not _is_fits(path):
            planes.append(_table(path, ccdnum, shape)[::step])
        else:
            planes.append(_image(path, ccdnum, shape) if step == 1 else read_rows(path, step))
    if len(planes) == 1:
        return planes[0]
    bits = planes[0].astype(np.int32)
    for plane in planes[1:]:
        bits |= plane.astype(np.int32)
    return bits


def _is_fits(path: Path) -> bool:
    try:
        with open(path, 'rb') as handle:
            return handle.read(6).startswith((b'SIMPLE', b'\x1f\x8b'))
    except OSError as error:
        raise BadInput(f'{path} cannot be read: {error.strerror}') from error


def _image(path: Path, ccdnum: int, shape: tuple[int, int]) -> np.ndarray:
    image = read_calibration(path, 'bpm', ccdnum, None, shape)
    if image.dtype.kind == 'f' and not np.array_equal(image, np.rint(image)):
        raise BadData(f'bad-pixel mask {path} holds values that are not whole numbers; 0 for a good pixel and bits for a '
                      'bad one are needed')
    return image if image.dtype.kind in 'iu' else image.astype(np.int32)


def _table(path: Path, ccdnum: int, shape: tuple[int, int]) -> np.ndarray:
    bits, columns = np.zeros(shape, np.int16), None
    for number, words in _lines(path):
        where = f'{path}:{number}'
        if columns is None:
            columns = _columns(words, where)
            continue
        row = _row(words, columns, where)
        if row.get('ccdnum', ccdnum) == ccdnum:
            x0, x1, y0, y1 = _box(row)
            if not (0 <= x0 <= x1 < shape[1] and 0 <= y0 <= y1 < shape[0]):
                raise BadData(f'{where}: columns {x0} to {x1}, rows {y0} to {y1} do not lie on a CCD of {shape[1]} x '
                              f'{shape[0]} pixels, counted from 0')
            bits[y0:y1 + 1, x0:x1 + 1] |= row.get('bits', 1)
    if columns is None:
        raise BadInput(f'{path} is empty; {FORMAT} is needed')
    return bits


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Line numbers and words, comments and empty lines left out."""
    split = ((number, line.replace(',', ' ').replace(';', ' ').split())
             for number, line in numbered_lines(path, FORMAT, 'neither FITS nor text'))
    return [(number, words) for number, words in split if words]


def _columns(words: list[str], where: str) -> list[str]:
    names = ['ccdnum' if word.lower() in _CCD_NAMES else word.lower() for word in words]
    places = tuple(name for name in names if name not in ('ccdnum', 'bits'))
    if len(set(names)) != len(names) or sorted(places) not in [sorted(layout) for layout in LAYOUTS]:
        raise BadInput(f'{where}: found {shown(" ".join(words))}; a bad-pixel file is {FORMAT}')
    return names


def _row(words: list[str], columns: list[str], where: str) -> dict[str, int]:
    try:
        if len(words) != len(columns):
            raise ValueError(f'{len(words)} values for {len(columns)} columns')
        row = {name: int(word) for name, word in zip(columns, words)}
        if row.get('bits', 1) < 1 or row.get('bits', 1) > 32767:
            raise ValueError(f'bits {row["bits"]} are not within 1 and 32767')
    except ValueError as error:
        raise BadInput(f'{where}: found {shown(" ".join(words))} ({shown(str(error))[1:-1]}); whole numbers for '
                       f'{", ".join(columns)} are needed') from None
    return row


def _box(row: dict[str, int]) -> tuple[int, int, int, int]:
    """First and last column, first and last row."""
    if 'x' in row:
        return row['x'], row['x'], row['y'], row['y']
    if 'width' in row:
        return row['x0'], row['x0'] + row['width'] - 1, row['y0'], row['y0'] + row['height'] - 1
    return row['x0'], row['x1'], row['y0'], row['y1']
