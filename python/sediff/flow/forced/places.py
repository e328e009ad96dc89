"""Places on the sky that a user names: degrees, sexagesimal text, or the rows of a table."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sediff.csvtable import read_csv_rows
from sediff.errors import BadInput, BadUsage
from sediff.formats.tables import read_table
from sediff.values import sky_position

#: Names of columns, lower case, the first that is there counts.
RA_NAMES = ('ra', 'raj2000', 'alpha_j2000', 'alphawin_j2000', 'ra_deg')
DEC_NAMES = ('dec', 'decl', 'dej2000', 'decj2000', 'delta_j2000', 'deltawin_j2000', 'dec_deg')
ID_NAMES = ('id', 'name', 'snid', 'diaobjectid', 'objid')


@dataclass(frozen=True)
class Places:
    """Names and positions (deg, ICRS), (n,) each."""

    names: tuple[str, ...]
    ra: np.ndarray
    dec: np.ndarray

    def __add__(self, other: Places) -> Places:
        return Places(self.names + other.names, np.append(self.ra, other.ra), np.append(self.dec, other.dec))


def place_of(ra: str, dec: str, name: str = '1') -> Places:
    """A place of two texts: degrees, or RA as hours (`12:34:56.7`, `12h34m56.7s`) and Dec as `-12:34:56` or `-12d34m56s`.

    Raises
    ------
    BadUsage
        They are no place on the sky.
    """
    alpha, delta = sky_position(ra, dec, ('RA', 'Dec'))
    return Places((name,), np.array([alpha]), np.array([delta]))


def read_places(path: Path) -> Places:
    """The rows of a CSV or FITS table with columns ra and dec, and id where it has one (else the number of the row).

    Raises
    ------
    BadInput
        The table is missing or unreadable, has no such columns or no row, or a row is no place on the sky.
    """
    rows = _fits_rows(path) if _is_fits(path) else read_csv_rows(path, 'a table with columns ra and dec')
    names = {str(name).strip().lower(): name for name in (rows[0] if rows else {}) if name is not None}
    ra, dec, identifier = (next((names[each] for each in wanted if each in names), None)
                           for wanted in (RA_NAMES, DEC_NAMES, ID_NAMES))
    if not rows or ra is None or dec is None:
        raise BadInput(f'{path} has {"no column ra and dec" if rows else "no row"}; it must be a CSV or FITS table with '
                       f'columns ra and dec (it has: {", ".join(map(str, names.values())) or "none"})')
    out = []
    for number, row in enumerate(rows, 1):
        try:
            name = str(row[identifier] or '').strip() if identifier is not None else ''
            out.append(place_of(str(row[ra]), str(row[dec]), name or str(number)))
        except BadUsage as error:
            raise BadInput(f'{path}, row {number}: {error}') from None
    return Places(tuple(place.names[0] for place in out), *(np.concatenate([getattr(place, axis) for place in out])
                                                            for axis in ('ra', 'dec')))


def _is_fits(path: Path) -> bool:
    try:
        with open(path, 'rb') as handle:
            return handle.read(9) == b'SIMPLE  ='
    except OSError:
        return False


def _fits_rows(path: Path) -> list[dict]:
    table = read_table(path)
    texts = {name: [value.decode('ascii', 'replace') if isinstance(value, bytes) else str(value) for value in table[name]]
             for name in table.columns}
    return [dict(zip(texts, values)) for values in zip(*texts.values())]
