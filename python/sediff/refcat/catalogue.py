"""Reference catalogues: the columns of their shards and where each comes from."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sediff.errors import BadData, BadInput, BadUsage
from sediff.photometry.published_noise import measured
from sediff.refcat.motion import julian_year
from sediff.refcat.regions import pixels_of
from sediff.refcat.rounding import round_relative, round_to_step

MOTIONS = ('pmra', 'pmdec', 'parallax')
POSITION_ERRORS = ('ra_error', 'dec_error', 'pmra_error', 'pmdec_error', 'parallax_error')
#: Steps of the stored values, powers of two: deg, mas or mas/yr, mag. Errors keep 8 bits (0.2 %).
POSITION_STEP, MOTION_STEP, MAGNITUDE_STEP, ERROR_BITS = 2.0 ** -31, 2.0 ** -10, 2.0 ** -11, 8
#: HEALPix order of the numbers given to stars of a catalogue without identifiers (0.4 mas a pixel).
IDENTIFIER_NSIDE = 2 ** 29

_CUTS = {'>': np.greater, '>=': np.greater_equal, '<': np.less, '<=': np.less_equal, '==': np.equal}


@dataclass(frozen=True)
class Origin:
    """Where a column comes from: the first present of `names` (lower case), by `form`, times `factor`.

    `over` are the names of a second column that the forms ratio and flux need: the flux that an error is of, or its
    magnitude, whose flux is 1 at `zero_point`.
    """

    names: tuple[str, ...]
    form: str = 'value'
    factor: float = 1.0
    over: tuple[str, ...] = ()
    zero_point: float = 0.0

    def __post_init__(self) -> None:
        if self.form not in _FORMS:
            raise TypeError(f'the form {self.form!r}; there are {", ".join(_FORMS)}')

    def values(self, found: np.ndarray, over: np.ndarray | None = None) -> np.ndarray:
        """The column as float64, NaN where it has no value."""
        with np.errstate(divide='ignore', invalid='ignore'):
            values = _FORMS[self.form](self, np.asarray(found, float), over)
        return np.where(np.isfinite(values), values * self.factor, np.nan)


def _positive(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0.0, values, np.nan)


#: Value of a column, of the origin, its column and the column `over`, which is None where the form needs none.
_FORMS: dict[str, Callable[[Origin, np.ndarray, Any], np.ndarray]] = {
    'value': lambda origin, values, over: values,
    'inverse': lambda origin, values, over: 1.0 / _positive(values),
    'mjd': lambda origin, values, over: julian_year(values),
    'ratio': lambda origin, values, over: values / _positive(over),
    'flux': lambda origin, values, over: values * 10.0 ** (0.4 * (over - origin.zero_point)),
    'magnitude': lambda origin, values, over: origin.zero_point - 2.5 * np.log10(_positive(values))}


@dataclass(frozen=True)
class Catalogue:
    """One entry of `catalogs/refcat_columns.json`.

    Parameters
    ----------
    name, title, prefix : str
        Key, full name, and first part of the shards' file names.
    origins : dict of tuple of Origin
        For each column of a shard, the ways to get it, best first.
    magnitudes : tuple of str
        Its magnitudes; each has an error column `<name>_error`.
    required : tuple of str
        Columns that an input must have.
    fixed : dict of float
        Values of columns that no input has (an epoch).
    null : tuple of float
        Numbers that stand for a missing value.
    cuts : tuple
        (column, sign, number): rows kept, where the input has that column.
    colour_terms : dict
        Relations to the instrument's bands (its refcat_terms.json; Gaia's are in colour_terms.json).
    tap : dict of str
        `url` and `table` of a TAP service.
    spelled : frozenset of str
        Names of input columns as the map spells them.
    """

    name: str
    title: str
    prefix: str
    origins: Mapping[str, tuple[Origin, ...]]
    magnitudes: tuple[str, ...]
    required: tuple[str, ...]
    fixed: Mapping[str, float] = field(default_factory=dict)
    null: tuple[float, ...] = ()
    cuts: tuple[tuple[str, str, float], ...] = ()
    colour_terms: Mapping = field(default_factory=dict)
    tap: Mapping[str, str] = field(default_factory=dict)
    spelled: frozenset[str] = frozenset()

    @property
    def dtype(self) -> np.dtype:
        """Type of a shard's rows."""
        single = [*MOTIONS, *POSITION_ERRORS, *self.magnitudes, *(name + '_error' for name in self.magnitudes), 'ref_epoch']
        return np.dtype([('source_id', 'i8'), ('ra', 'f8'), ('dec', 'f8'), *((name, 'f4') for name in single)])

    def wanted(self) -> set[str]:
        """Lower-case names of every input column of use."""
        names = {name for origins in self.origins.values() for origin in origins for name in (*origin.names, *origin.over)}
        return names | {column.lower() for column, _, _ in self.cuts}

    def folded(self, names: Sequence[str]) -> list[str]:
        """Names of an input's columns in lower case; of two that differ by case only (VizieR's Gmag of Gaia and gmag of
        PS1), the one that the map does not spell so becomes ''."""
        spelled = {name.lower() for name in names if name in self.spelled}
        lower = [name.lower() for name in names]
        return ['' if lower.count(low) > 1 and low in spelled and name not in self.spelled else low
                for name, low in zip(names, lower)]

    def shard_name(self, pixel: int) -> str:
        """File name of the shard of one RING pixel."""
        return f'{self.prefix}_{int(pixel):05d}.fits'


def parse_catalogue(table: Mapping, name: str) -> Catalogue:
    """One catalogue of the column map.

    Raises
    ------
    BadUsage
        No such catalogue.
    BadInput
        An entry that lacks something.
    """
    known = [key for key, value in table.items() if isinstance(value, Mapping)]
    if name not in known:
        raise BadUsage(f'unknown reference catalogue {name!r}; there are {", ".join(known)} (catalogs/refcat_columns.json)')
    entry = table[name]
    try:
        origins = {column: _origins(given) for column, given in entry['columns'].items()}
        return Catalogue(name, entry['title'], entry['prefix'], origins, tuple(entry['magnitudes']),
                         tuple(entry['required']), entry.get('fixed', {}), tuple(entry.get('null', ())),
                         tuple(tuple(cut) for cut in entry.get('cuts', ())), {}, entry.get('tap', {}),
                         frozenset(_spelled(entry['columns'])))
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput(f'reference catalogue {name!r} of refcat_columns.json lacks or garbles {error}') from error


def convert(catalogue: Catalogue, columns: Mapping[str, np.ndarray], where: str) -> tuple[np.ndarray, int]:
    """Rows of a shard from columns of an input.

    Parameters
    ----------
    catalogue : Catalogue
    columns : mapping of ndarray, (n,)
        Input columns by lower-case name; NaN or the catalogue's `null` numbers are missing values.
    where : str
        The input's name, for messages.

    Returns
    -------
    rows : structured ndarray, (m,) of `catalogue.dtype`
        Rounded to the stored steps; columns that the input lacks are NaN.
    dropped : int
        Rows left out: no position, or they fail a cut.

    Raises
    ------
    BadData
        A required column is missing, or positions are no degrees.
    """
    check_columns(catalogue, columns, where)
    ra, dec = (column_of(catalogue, columns, name) for name in ('ra', 'dec'))
    keep = np.isfinite(ra) & np.isfinite(dec) & _pass_cuts(catalogue, columns)
    if np.any(np.abs(dec[keep]) > 90.0) or np.any(np.abs(ra[keep]) > 360.0):
        raise BadData(f'{where}: positions are not in degrees (RA up to {np.abs(ra[keep]).max():g}, '
                      f'Dec up to {np.abs(dec[keep]).max():g})')
    rows = np.zeros(ra.size, catalogue.dtype)
    for name in (catalogue.dtype.names or ())[1:]:
        rows[name] = _rounded(catalogue, name, column_of(catalogue, columns, name))
    rows['ra'] = np.mod(rows['ra'], 360.0)
    rows = rows[keep]
    identifier = next((columns[name] for origin in catalogue.origins.get('source_id', ()) for name in origin.names
                       if name in columns), None)
    rows['source_id'] = identifiers(rows) if identifier is None else np.asarray(identifier)[keep].astype('i8')
    return rows, int(ra.size - rows.size)


def check_columns(catalogue: Catalogue, columns, where: str) -> None:
    """BadData unless every required column can be had from `columns` (lower-case names)."""
    absent = [name for name in catalogue.required if name not in catalogue.fixed
              and not any(option in columns for origin in catalogue.origins.get(name, ()) for option in origin.names)]
    if absent:
        named = ', '.join(f'{name} ({" or ".join(catalogue.origins[name][0].names)})'
                          for name in absent)
        have = ', '.join(list(columns)[:12])
        raise BadData(f'{where} is not a table of {catalogue.title}: it lacks {named}; it has {have} ...')


def lacking_errors(catalogue: Catalogue, rows: np.ndarray) -> int:
    """Rows with a magnitude whose error is missing: it will be taken from `sediff.photometry.published_noise`."""
    return int(sum((np.isfinite(rows[name]) & ~measured(rows[f'{name}_error']) for name in catalogue.magnitudes),
                   np.zeros(rows.size, bool)).astype(bool).sum())


def identifiers(rows: np.ndarray) -> np.ndarray:
    """Numbers for stars that have none: the place on the sky, NESTED at nside 2**29."""
    return pixels_of(rows['ra'], rows['dec'], IDENTIFIER_NSIDE, nest=True).astype('i8')


def column_of(catalogue: Catalogue, columns: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """A shard's column from those of an input (lower-case names), (n,) float64.

    Row by row the first way of `catalogue.origins` that has a value: a magnitude and a magnitude's error are values where
    they are above zero. Else the catalogue's fixed value, or NaN.
    """
    out = np.full(next(iter(columns.values())).size, np.nan)
    positive = name.removesuffix('_error') in catalogue.magnitudes
    for origin in catalogue.origins.get(name, ()):
        over = _first(catalogue, columns, origin.over)
        for option in origin.names:
            if option in columns and (over is not None or not origin.over):
                values = origin.values(_found(catalogue, columns, option, name in ('ra', 'dec')), over)
                out = np.where(np.isfinite(out), out, _positive(values) if positive else values)
    fixed = catalogue.fixed.get(name)
    return out if fixed is None else np.where(np.isfinite(out), out, fixed)


def _found(catalogue: Catalogue, columns: Mapping[str, np.ndarray], name: str, place: bool = False) -> np.ndarray:
    values = np.asarray(columns[name], float)
    return np.where(np.isin(values, catalogue.null), np.nan, values) if catalogue.null and not place else values


def _first(catalogue: Catalogue, columns: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray | None:
    return next((_found(catalogue, columns, name) for name in names if name in columns), None)


def _pass_cuts(catalogue: Catalogue, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    keep = np.ones(next(iter(columns.values())).size, bool)
    for column, sign, number in catalogue.cuts:
        if column.lower() in columns:
            keep &= _CUTS[sign](np.asarray(columns[column.lower()], float), number)
    return keep


def _rounded(catalogue: Catalogue, name: str, values: np.ndarray) -> np.ndarray:
    if name in ('ra', 'dec'):
        return round_to_step(values, POSITION_STEP)
    if name in MOTIONS:
        return round_to_step(values, MOTION_STEP)
    if name in catalogue.magnitudes:
        return round_to_step(values, MAGNITUDE_STEP)
    return values if name == 'ref_epoch' else round_relative(values, ERROR_BITS)


def _spelled(given) -> Iterator[str]:
    """Every name of input columns in a part of the map."""
    if isinstance(given, str):
        yield given
    elif isinstance(given, Mapping):
        for part in [given['from'], given.get('over', ())] if 'from' in given else given.values():
            yield from _spelled(part)
    else:
        for part in given:
            yield from _spelled(part)


def _origins(given) -> tuple[Origin, ...]:
    """Origins of a column as the map writes them: a name, names, one form or several."""
    if isinstance(given, Mapping):
        given = [given]
    if isinstance(given, str) or all(isinstance(item, str) for item in given):
        given = [{'from': given}]
    return tuple(Origin(_lower(item['from']), item.get('form', 'value'), float(item.get('factor', 1.0)),
                        _lower(item.get('over', ())), float(item.get('zero_point', 0.0))) for item in given)


def _lower(names: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in ([names] if isinstance(names, str) else names))
