"""`.out` files: the corners of each CCD of an exposure on the sky."""
from __future__ import annotations

import os
from collections.abc import Container
from pathlib import Path

import numpy as np

from sediff.errors import BadInput
from sediff.formats.atomic import write_text

OUT_DTYPE = np.dtype([('expnum', 'i8'), ('band', 'U16'), ('ccdnum', 'i2'), ('corners', 'f8', (4, 2))])


def read_out(path: str | os.PathLike, ccds: Container[int] | None = None) -> np.ndarray:
    """Rows of a `.out` file.

    Parameters
    ----------
    ccds : container of int, optional
        CCDs that there are: a line of another is an error.

    Returns
    -------
    ndarray, structured
        expnum, band, ccdnum, corners (4, 2) in deg, in the file's order: x-low/y-low, x-low/y-high, x-high/y-low,
        x-high/y-high, which does not go around the CCD.

    Raises
    ------
    BadInput
        The file is missing, empty, or has a line that is no CCD.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f'cannot read the corners {path}: {error}; make it with getcorners.sh') from error
    rows = [_parse(line, f'{path}:{number}', ccds) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise BadInput(f'{path} holds no CCD; make it again with getcorners.sh')
    return np.array(rows, dtype=OUT_DTYPE)


def _parse(line: str, where: str, ccds: Container[int] | None) -> tuple:
    words = line.split()
    try:
        if len(words) != 11:
            raise ValueError(f'{len(words)} columns, not 11')
        corners = np.array(words[3:], float).reshape(4, 2)
        if not np.isfinite(corners).all() or np.abs(corners[:, 1]).max() > 90.0:
            raise ValueError('a corner is no RA and Dec in degrees')
        if int(words[2]) < 1 or (ccds is not None and int(words[2]) not in ccds):
            raise ValueError(f'CCD {words[2]} is none of the camera')
        return int(words[0]), words[1], int(words[2]), corners
    except ValueError as error:
        raise BadInput(f'{where}: not a line of exposure, band, CCD and four RA Dec pairs ({error}); '
                       'make it again with getcorners.sh') from None


def out_line(expnum: int, band: str, ccdnum: int, corners: np.ndarray) -> str:
    """One line of a `.out` file; RA is written within [0, 360)."""
    pairs = [f'{float(f"{ra % 360.0:.5f}") % 360.0:10.5f} {dec:10.5f}' for ra, dec in np.asarray(corners, float)]
    return f'{expnum:8d}  {band}  {ccdnum:2d}  ' + '  '.join(pairs) + '\n'


def write_out(path: str | os.PathLike, rows: np.ndarray) -> None:
    """Write a `.out` file in order of CCD, atomically.

    Parameters
    ----------
    rows : ndarray, structured
        As from `read_out`.
    """
    ordered = rows[np.argsort(rows['ccdnum'], kind='stable')]
    lines = [out_line(int(row['expnum']), str(row['band']), int(row['ccdnum']), row['corners']) for row in ordered]
    write_text(path, ''.join(lines))
