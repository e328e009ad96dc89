"""Sets of stamps to score: what RUN23 has packed, a folder of such stamps, or a FITS table with three images a row."""
from __future__ import annotations

import os
import re
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from sediff.errors import BadInput
from sediff.formats.opening import first_line
from sediff.formats.stamp_archive import read_stamp_archive
from sediff.formats.stamp_files import read_stamps

_NAME = re.compile(r'(?:temp|srch|diff)([0-9]{1,9})\.fits')
#: Kind of stamp -> what the name of its column in a table holds.
_COLUMNS = {'temp': ('TEMP', 'REF'), 'srch': ('SRCH', 'SEARCH', 'SCI'), 'diff': ('DIFF',)}


@dataclass(frozen=True)
class StampSet:
    """Stamps of one file.

    Parameters
    ----------
    path : Path
    numbers : list of int
        OBJID of each; the row (from 1) of a table.
    stamps : list of dict
        'temp', 'srch', 'diff' -> ndarray, (n, n) float32.
    one_psf : bool
        All are of one CCD, so that they share a PSF.
    """

    path: Path
    numbers: list[int]
    stamps: list[dict[str, np.ndarray]]
    one_psf: bool

    def beside(self, pattern: str) -> list[Path]:
        """Files that lie where the stamps do."""
        return sorted((self.path if self.path.is_dir() else self.path.parent).glob(pattern))


def read_stamp_set(path: str | os.PathLike) -> StampSet:
    """The stamps of a tar.gz of RUN23, of a folder, or of a FITS table (also .gz).

    A table is the first one with image cells in columns named after template (TEMP, REF), search (SRCH, SEARCH, SCI) and
    difference (DIFF).

    Raises
    ------
    BadInput
        It is missing, damaged, or has no stamps of odd square size, at least 21 px.
    """
    path = Path(path)
    if not path.exists():
        raise BadInput(f'no stamps {path}; give a stamps_*.tar.gz of RUN23, a folder of stamps or a FITS table')
    if path.is_dir():
        numbers = sorted({int(found[1]) for each in path.iterdir() if (found := _NAME.fullmatch(each.name))})
        return _checked(StampSet(path, numbers, [read_stamps(path, number) for number in numbers], True))
    if path.name.endswith(('.tar.gz', '.tgz', '.tar')):
        numbers = _archived(path)
        stamps = read_stamp_archive(path, numbers)
        return _checked(StampSet(path, numbers, [stamps[number] for number in numbers], True))
    return _checked(_table(path))


def _archived(path: Path) -> list[int]:
    try:
        with tarfile.open(path) as archive:
            return sorted({int(found[1]) for member in archive if (found := _NAME.fullmatch(member.name))})
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise BadInput(f'cannot read the stamps {path}: {first_line(error)}; run RUN23_combined_makeStamps again') from error


def _table(path: Path) -> StampSet:
    try:
        with fits.open(path, memmap=False) as handle:
            for hdu in handle[1:]:
                columns = _image_columns(hdu) if isinstance(hdu, fits.BinTableHDU) else None
                if columns is not None:
                    planes = {kind: np.asarray(hdu.data[name], np.float32) for kind, name in columns.items()}
                    rows = range(len(hdu.data))
                    return StampSet(path, [row + 1 for row in rows],
                                    [{kind: plane[row] for kind, plane in planes.items()} for row in rows], False)
    except (OSError, ValueError, TypeError, KeyError, IndexError, EOFError, zlib.error) as error:
        raise BadInput(f'cannot read the stamps {path}: {first_line(error)}; give a whole FITS table') from error
    raise BadInput(f'{path} has no table with images in columns named after TEMP, SCI (or SRCH) and DIFF')


def _image_columns(hdu: fits.BinTableHDU) -> dict[str, str] | None:
    """Kind of stamp -> column of images, None where one lacks."""
    images = [column.name for column in hdu.columns if column.dim and column.dim.count(',') == 1]
    found = {kind: [name for name in images if any(word in name.upper() for word in words)]
             for kind, words in _COLUMNS.items()}
    return {kind: names[0] for kind, names in found.items()} if all(found.values()) else None


def _checked(found: StampSet) -> StampSet:
    shapes = {plane.shape for triplet in found.stamps for plane in triplet.values()}
    if not shapes:
        raise BadInput(f'{found.path} has no stamps (temp, srch and diff of one OBJID)')
    wrong = [shape for shape in shapes if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 21 or shape[0] % 2 == 0]
    if wrong or any(len({plane.shape for plane in triplet.values()}) > 1 for triplet in found.stamps):
        raise BadInput(f'{found.path}: the three stamps of a detection must be squares of one odd size, 21 px or more; '
                       f'there are {sorted(shapes)}')
    return found
