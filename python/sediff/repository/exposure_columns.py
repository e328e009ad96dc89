"""The columns of a list of exposures: by which names they are known, and what their values may be."""
from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sediff.errors import BadInput
from sediff.times import night_of_mjd
from sediff.values import finite, is_night, sexagesimal, shown

#: Column -> further names of it; case, blanks, dashes and units in brackets do not matter.
SYNONYMS = {
    'expnum': ('exp_num', 'exposure', 'exposure_number', 'exposure_id', 'expid', 'exp_id', 'visit'),
    'nite': ('night', 'caldat', 'dtcaldat', 'dayobs', 'day_obs'),
    'mjd_obs': ('mjd', 'mjdobs', 'mjd_start', 'obs_mjd'),
    'radeg': ('ra', 'ra_deg', 'telra', 'tel_ra', 'ra_center', 's_ra', 'right_ascension'),
    'decdeg': ('dec', 'dec_deg', 'teldec', 'tel_dec', 'dec_center', 's_dec', 'declination', 'de'),
    'band': ('filter', 'filt', 'filtername', 'filter_name'),
    'exptime': ('exp_time', 'exposure_time', 'texp', 't_exp', 'expreq'),
    'propid': ('proposal', 'prop_id', 'proposal_id', 'dtpropid', 'program'),
    'obstype': ('obs_type', 'type', 'imagetype', 'prodtype'),
    't_eff': ('teff', 'effective_time', 'tau'),
    'object': ('target', 'object_name', 'objname', 'target_name', 'field'),
}
COLUMNS = tuple(SYNONYMS)
#: Columns that a list must have; a night can be told from the date.
NEEDED = ('expnum', 'mjd_obs', 'radeg', 'decdeg', 'band', 'exptime')
_KNOWN = {synonym: name for name, synonyms in SYNONYMS.items() for synonym in (name, *synonyms)}
_UNKNOWN = ('nan', 'none', 'null', '-', '')


def columns_of(words: Sequence[str], where: str) -> dict[str, int]:
    """Where each column is.

    Parameters
    ----------
    words : sequence of str
        The names in the first line of the list; names that are not known are ignored.
    where : str
        File, for messages.

    Returns
    -------
    dict
        Column -> place; where two names mean the same column, its own name is taken, else the first.

    Raises
    ------
    BadInput
        A column that is needed is not there; the message has those that are.
    """
    places: dict[str, int] = {}
    for number, word in enumerate(words):
        plain = _plain(word)
        name = _KNOWN.get(plain)
        if name and (name not in places or plain == name):
            places[name] = number
    missing = [name for name in NEEDED if name not in places]
    if missing:
        raise BadInput(f'{where}: columns are {shown(" ".join(words))[1:-1]}; not among them: '
                       f'{", ".join(_with_names(name) for name in missing)}; wanted {" ".join(COLUMNS)}, in any order')
    return places


def _plain(word: str) -> str:
    return re.sub(r'[\s-]+', '_', re.sub(r'[\[(].*?[\])]', '', word.strip().lstrip('#').strip().lower()).strip())


def _with_names(name: str) -> str:
    return f'{name} (or {", ".join(SYNONYMS[name][:2])})'


def row_of(words: Sequence[str], places: dict[str, int], names: Sequence[str] = (), night_offset: float = 12.0) -> tuple:
    """The values of a line in the order of `COLUMNS`.

    Parameters
    ----------
    names : sequence of str
        The columns' names in the file: what is named in degrees is not read as hours.
    night_offset : float
        Hours by which the UTC date of a night lies before the exposure.

    Raises
    ------
    ValueError
        A value cannot be; the message says which.
    """
    found = {name: words[place] for name, place in places.items() if place < len(words)}
    row = {name: parse(found[name]) for name, parse in _PARSERS.items() if name in found}
    for name, hours in (('radeg', True), ('decdeg', False)):
        called = _plain(names[places[name]]) if places[name] < len(names) else name
        row[name] = _angle(found[name], name, hours, 'deg' in called)
    if not -360.0 <= row['radeg'] <= 360.0 or not -90.0 <= row['decdeg'] <= 90.0:
        raise ValueError(f'RA {found["radeg"]}, Dec {found["decdeg"]} cannot be')
    row['radeg'] %= 360.0
    row.setdefault('nite', night_of_mjd(row['mjd_obs'], night_offset))
    usual = {'propid': '', 'obstype': 'object', 't_eff': float('nan'), 'object': ''}
    return tuple(row.get(name, usual.get(name)) for name in COLUMNS)


def _expnum(text: str) -> int:
    if not re.fullmatch(r'[0-9]{1,18}(\.0*)?', text):
        raise ValueError(f'{shown(text)} is not an exposure number')
    return int(text.partition('.')[0])


def _night(text: str) -> str:
    plain = text.replace('-', '')
    if not is_night(plain):
        raise ValueError(f'{shown(text)} is not a night YYYYMMDD of the calendar')
    return plain


def _mjd(text: str) -> float:
    value = _number(text, 'MJD')
    if not 0.0 < value < 100000.0:
        hint = '; a Julian date is 2400000.5 more' if value > 2.4e6 else ''
        raise ValueError(f'MJD {shown(text)[1:-1]} cannot be{hint}')
    return value


def _number(text: str, what: str) -> float:
    try:
        return finite(text)
    except ValueError:
        raise ValueError(f'{what} {shown(text)[1:-1]} is not a number') from None


def _or_unknown(what: str) -> Callable[[str], float]:
    return lambda text: float('nan') if text.strip().lower() in _UNKNOWN else _number(text, what)


def _angle(text: str, name: str, hours: bool, degrees_by_name: bool) -> float:
    """Degrees of a decimal or sexagesimal angle; a right ascension with colons is in hours unless its column says deg."""
    if not set(text.strip()) & set(':hd'):
        return _number(text, name)
    if hours and degrees_by_name and ':' in text:
        raise ValueError(f'{name} {shown(text)[1:-1]}: hours or degrees? Write degrees, or 12h34m56s, or call the column ra')
    value = sexagesimal(text)
    if value is None:
        raise ValueError(f'{name} {shown(text)[1:-1]} cannot be: write 12:34:56.7, minutes and seconds below 60')
    return value * (15.0 if 'h' in text or (hours and ':' in text) else 1.0)


def _band(text: str) -> str:
    return text.split()[0] if text.split() else ''


_PARSERS: dict[str, Callable] = {
    'expnum': _expnum, 'nite': _night, 'mjd_obs': _mjd, 'band': _band, 'exptime': _or_unknown('exposure time'),
    'propid': str.strip, 'obstype': str.strip, 't_eff': _or_unknown('t_eff'), 'object': str.strip}
