"""What a value may be, wherever it comes from: a flag, an rc file, a list or the name of a file."""
from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import date

from sediff.errors import BadUsage

#: Largest exposure number of single epoch (tables hold it in 64 bits), and of difference imaging: the identifiers of
#: detections have 27 bits for it (`sediff.candidates.schema`).
LAST_EXPNUM, LAST_SEARCH = 10**18 - 1, (1 << 27) - 1
#: Largest season: 13 bits of the same identifiers.
LAST_SEASON = (1 << 13) - 1
_SHOWN = 60
#: Forms of the table of candidates, the one that is always written first.
TABLE_FORMS = ('csv', 'fits', 'votable', 'parquet')
_SEXAGESIMAL = re.compile(r'([+-]?)([0-9]{1,3})[: hd]([0-9]{1,2})[: m]([0-9]{1,2}(?:\.[0-9]*)?)s?')


def shown(value: object) -> str:
    """A value as messages quote it: its repr, cut where it is long."""
    text = repr(value[:_SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN + 2 else f'{text[:_SHOWN]}... ({len(str(value))} characters)'


def finite(text: str) -> float:
    """The number of a text: decimal, finite, of a sensible length.

    Raises
    ------
    ValueError
        It is none; `nan` and `inf` are none.
    """
    if len(text) > 64 or not re.fullmatch(r'\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*', text):
        raise ValueError(f'{shown(text)} is not a number')
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f'{shown(text)} is not a finite number')
    return value


def finite_number(flag: str) -> Callable[[str], float]:
    """A type for argparse: the finite number of a flag; BadUsage names the flag where it is none."""
    def parse(text: str) -> float:
        """The number, or BadUsage."""
        try:
            return finite(text)
        except ValueError as error:
            raise BadUsage(f'{flag}: {error}') from None
    return parse


def sexagesimal(text: str) -> float | None:
    """The number of `12:34:56.7`, `-12 34 56`, `12h34m56s` or `12d34m56s`, in the unit of its first part; None for
    others."""
    match = _SEXAGESIMAL.fullmatch(text.strip())
    if not match or float(match[3]) >= 60.0 or float(match[4]) >= 60.0:
        return None
    value = float(match[2]) + float(match[3]) / 60.0 + float(match[4]) / 3600.0
    return -value if match[1] == '-' else value


def sky_position(ra: str, dec: str, names: tuple[str, str] = ('RA', 'DEC')) -> tuple[float, float]:
    """RA and Dec in degrees of texts in degrees or sexagesimal (RA in hours, unless it is written with d).

    Parameters
    ----------
    names : (str, str)
        What messages call the two.

    Raises
    ------
    BadUsage
        Not a position.
    """
    turns = _angle(ra, names[0]) * (15.0 if sexagesimal(ra) is not None and 'd' not in ra else 1.0)
    height = _angle(dec, names[1])
    if 'h' in dec:
        raise BadUsage(f'{names[1]} {shown(dec.strip())} is in hours; Dec is in degrees')
    if not 0.0 <= turns <= 360.0:
        raise BadUsage(f'{names[0]} {shown(ra.strip())} must be from 0 to 360 degrees (24 hours)')
    if not abs(height) <= 90.0:
        raise BadUsage(f'{names[1]} {shown(dec.strip())} must be from -90 to 90 degrees')
    return turns % 360.0, height


def _angle(text: str, name: str) -> float:
    value = sexagesimal(text)
    if value is not None:
        return value
    try:
        return finite(text)
    except ValueError:
        raise BadUsage(f'{name} {shown(text.strip())} is no angle; write degrees (197.4504 -23.3815) or sexagesimal '
                       '(13:09:48.1 -23:22:53)') from None


def sexagesimal_text(value: float, digits: int, sign: bool = False) -> str:
    """A number as `12:34:56.789`, rounded to `digits` decimals of its last part; `sign` writes a plus, too."""
    whole = round(abs(value) * 3600.0, digits)
    minutes, seconds = divmod(whole, 60.0)
    first, minutes = divmod(int(minutes), 60)
    mark = '-' if value < 0 and whole else '+' if sign else ''
    return f'{mark}{first:02d}:{minutes:02d}:{seconds:0{digits + 3}.{digits}f}'


def is_night(text: object) -> bool:
    """Whether a text is a day of the calendar as YYYYMMDD."""
    text = str(text)
    if not re.fullmatch(r'[0-9]{8}', text):
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def checked_night(text: object, what: str) -> str:
    """A night YYYYMMDD that is in the calendar.

    Raises
    ------
    BadUsage
        It is none; the message starts with `what`.
    """
    if not is_night(text):
        raise BadUsage(f'{what} must be a night of the calendar as YYYYMMDD, not {shown(text)}')
    return str(text)


def checked_season(text: object, what: str) -> str:
    """A season `dpNN`.

    Raises
    ------
    BadUsage
        It is none, or above dp8191.
    """
    match = re.fullmatch(r'dp([0-9]{1,4})', str(text))
    if not match or int(match[1]) > LAST_SEASON:
        raise BadUsage(f'{what} must be dpNN with a number up to {LAST_SEASON}, not {shown(text)}')
    return str(text)


def checked_version(text: object, what: str) -> str:
    """A part of a processing version, RNUM or PNUM.

    Raises
    ------
    BadUsage
        It is not 1 to 8 letters and digits.
    """
    if not re.fullmatch(r'[0-9A-Za-z]{1,8}', str(text)):
        raise BadUsage(f'{what} must be 1 to 8 letters and digits, not {shown(text)}')
    return str(text)


def checked_word(text: object, what: str) -> str:
    """A folder name of letters, digits and underscores.

    Raises
    ------
    BadUsage
        It is none.
    """
    if not re.fullmatch(r'[0-9A-Za-z_]{1,64}', str(text)):
        raise BadUsage(f'{what} must be letters and digits, not {shown(text)}')
    return str(text)


def checked_expnum(text: object, what: str, last: int = LAST_EXPNUM) -> int:
    """An exposure number.

    Raises
    ------
    BadUsage
        It is not a whole number from 0 to `last`.
    """
    text = str(text)
    if not re.fullmatch(r'[0-9]{1,20}', text) or int(text) > last:
        raise BadUsage(f'{what} must be a whole number up to {last}, not {shown(text)}')
    return int(text)


def checked_table_forms(text: object, what: str) -> tuple[str, ...]:
    """The forms of `TABLE_FORMS` that a text names, apart by blanks or commas, csv always among them.

    Raises
    ------
    BadUsage
        Another word.
    """
    words = str(text).lower().replace(',', ' ').split()
    unknown = [word for word in words if word not in TABLE_FORMS]
    if unknown:
        raise BadUsage(f'{what} must name forms of tables, {" ".join(TABLE_FORMS)}; {shown(unknown[0])} is none')
    return tuple(form for form in TABLE_FORMS if form == TABLE_FORMS[0] or form in words)


def checked_distances(text: object, what: str) -> tuple[float, ...]:
    """Distances (Mpc) apart by commas, none is fine.

    Raises
    ------
    BadUsage
        One that is no number from 0.1 to 100000.
    """
    try:
        found = tuple(finite(each) for each in str(text).split(',') if each.strip())
    except ValueError as error:
        raise BadUsage(f'{what}: {error}') from None
    if not all(0.1 <= each <= 1e5 for each in found):
        raise BadUsage(f'{what}: distances must be 0.1 to 100000 Mpc, not {shown(text)}')
    return found


def checked_file_pattern(text: object, what: str) -> str:
    """The name of a file in which {ccd}, {ccd:02d} and {band} are put in.

    Raises
    ------
    BadUsage
        Other braces are in it.
    """
    bare = re.sub(r'\{(ccd(:0?[0-9]?d?)?|band)\}', '', str(text))
    if '{' in bare or '}' in bare:
        raise BadUsage(f'{what} only {{ccd}} and {{band}} can be put in, as in flat_{{band}}_c{{ccd:02d}}.fits')
    return str(text)


def format_ccds(ccds: Iterable[int]) -> str:
    """A list of CCDs as users write it: 1,3-60,62."""
    spans: list[list[int]] = []
    for ccd in sorted(set(ccds)):
        if spans and ccd == spans[-1][1] + 1:
            spans[-1][1] = ccd
        else:
            spans.append([ccd, ccd])
    return ','.join(str(first) if first == last else f'{first}-{last}' for first, last in spans)
