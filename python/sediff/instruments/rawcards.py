"""The cards of a raw exposure that the pipeline needs: all looked at together, each with what may stand in for it."""
from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from astropy.io.fits import Header
from astropy.io.fits.card import Undefined
from astropy.io.fits.verify import VerifyError, VerifyWarning

from sediff.errors import BadInput
from sediff.instruments.base import Instrument
from sediff.instruments.load import default_instrument
from sediff.times import airmass_of_zenith_distance, mjd_of_date, zenith_distance
from sediff.values import finite, sexagesimal, sexagesimal_text, shown

#: What AIRMASS says in a product where it is not known.
UNKNOWN = 'unknown'
#: Longest exposure (s), largest airmass, and how much longer than the exposure the dark time is (s).
LONGEST, THICKEST, OVERHEAD = 100000.0, 40.0, 1.1


@dataclass(frozen=True)
class Problem:
    """A card that nothing can stand in for.

    Parameters
    ----------
    card, found, needed : str
    """

    card: str
    found: str
    needed: str

    def __str__(self) -> str:
        return f'{self.card} {self.found}; needed: {self.needed}'


@dataclass
class RawCards:
    """What the cards of an exposure say, or those that stand in for them.

    Parameters
    ----------
    exptime : float or None
        s.
    mjd : float or None
        Start, MJD UTC.
    airmass : float or None
        None: it cannot be known, and t_eff cannot either.
    ra, dec : float or None
        Pointing, deg.
    expnum : int or None
    band, object : str
        '' where there is none.
    problems : list of Problem
    notes : list of str
        What stands in for what.
    """

    exptime: float | None = None
    mjd: float | None = None
    airmass: float | None = None
    ra: float | None = None
    dec: float | None = None
    expnum: int | None = None
    band: str = ''
    object: str = ''
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_cards(header: Header, expnum: int | None = None, pointing: tuple[float, float] | None = None,
               instrument: Instrument | None = None) -> RawCards:
    """Look at all cards of an exposure.

    Parameters
    ----------
    header : Header
        Primary header of the raw file, with that of a CCD or without.
    expnum : int, optional
        The exposure number that the user gave, taken where EXPNUM is missing.
    pointing : (float, float), optional
        RA and Dec (deg) of the list of exposures, taken where the header has none.
    instrument : Instrument, optional
        Its bands, its site, and the days on which it can have been used; default: that of INSTRUMENT's default.

    Returns
    -------
    RawCards
    """
    cards, instrument = RawCards(), instrument or default_instrument()
    _exposure_time(header, cards)
    _date(header, cards, instrument.days)
    _pointing(header, cards, pointing)
    _airmass(header, cards, instrument.site)
    _number(header, cards, expnum)
    cards.band = instrument.band_of_filter(text_of(header, 'FILTER'))
    if not cards.band:
        cards.problems.append(Problem('FILTER', describe(header, 'FILTER'),
                                      f'a filter whose first word is one of {", ".join(instrument.bands)}'))
    cards.object = text_of(header, 'OBJECT') or text_of(header, 'DTNSANAM')
    cards.problems = [replace(problem, card=_in_its_words(problem.card, instrument)) for problem in cards.problems]
    return cards


def _in_its_words(names: str, instrument: Instrument) -> str:
    """Names of cards with what the camera calls them: `EXPTIME (ITIME in the file)`."""
    words = []
    for name in names.split(', '):
        theirs = next((' or '.join(rule.sources) for rule in instrument.rules if rule.card == name), '')
        words.append(f'{name} ({theirs} in the file)' if theirs else name)
    return ', '.join(words)


def complete(header: Header, cards: RawCards) -> Header:
    """A copy of a header with the values of `cards` in it; AIRMASS is 'unknown' where it cannot be known.

    Raises
    ------
    BadInput
        There are problems; the message has all of them.
    """
    require(cards, 'header of the exposure')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', VerifyWarning)
        return _completed(header, cards)


def _completed(header: Header, cards: RawCards) -> Header:
    out = header.copy()
    assert cards.ra is not None and cards.dec is not None    # `require` let it pass
    angles = {'TELRA': sexagesimal_text(cards.ra / 15.0, 3), 'TELDEC': sexagesimal_text(cards.dec, 2, sign=True)}
    airmass = UNKNOWN if cards.airmass is None else cards.airmass
    values = {'EXPTIME': cards.exptime, 'MJD-OBS': cards.mjd, 'AIRMASS': airmass, 'EXPNUM': cards.expnum,
              'OBJECT': cards.object, **angles, 'CRVAL1': cards.ra, 'CRVAL2': cards.dec}
    for name, value in values.items():
        if name in _ANGLES and _ANGLES[name](header, name) is not None:
            continue
        if name not in _ANGLES and _value(header, name) == value:
            continue
        comment = out.comments[name] if name in out and _readable(out, name) else ''
        out.remove(name, ignore_missing=True, remove_all=True)
        out[name] = (value, comment)
    return out


def ccd_problems(header: Header) -> list[Problem]:
    """What is wrong with the world coordinates of a CCD's header, beside its pointing."""
    wanted = {'CRPIX1': 'pixel', 'CRPIX2': 'pixel', **{f'CD{i}_{j}': 'deg per pixel' for i in (1, 2) for j in (1, 2)}}
    problems = [Problem(name, describe(header, name), f'a number, {what}') for name, what in wanted.items()
                if number_of(header, name) is None]
    if not problems:
        a, b, c, d = (number_of(header, f'CD{i}_{j}') or 0.0 for i in (1, 2) for j in (1, 2))
        if not a * d - b * c:
            problems.append(Problem('CD1_1 to CD2_2', f'are {a:g}, {b:g}, {c:g}, {d:g}', 'a matrix that can be inverted'))
    return problems


def pointing_of(header: Header) -> tuple[float, float] | None:
    """RA and Dec (deg) that a header's pointing, or else its world coordinates, say; None where there is neither."""
    cards = RawCards()
    _pointing(header, cards, None)
    return None if cards.ra is None or cards.dec is None else (cards.ra, cards.dec)


def airmass_of(header: Header) -> float | None:
    """AIRMASS of a product; None where it is not known."""
    value = number_of(header, 'AIRMASS')
    return value if value is not None and value > 0.0 else None


def require(cards: RawCards, what: str) -> None:
    """Raise BadInput with all problems of an exposure's cards, if there are any."""
    if cards.problems:
        raise BadInput(f'{what}: ' + '; '.join(f'{problem}' for problem in cards.problems))


def describe(header: Header, name: str) -> str:
    """How a message says what a card holds: `is missing`, `is undefined`, `is 'abc'`."""
    if name not in header:
        return 'is missing'
    value = _value(header, name)
    return 'is undefined' if value is None or isinstance(value, Undefined) else f'is {shown(value)}'


def text_of(header: Header, name: str) -> str:
    """A card as text; '' where it is missing or undefined."""
    value = _value(header, name)
    return '' if value is None or isinstance(value, Undefined) else str(value).strip()


def number_of(header: Header, name: str) -> float | None:
    """A card as a finite number, written as one or as text; None where it is none."""
    value = _value(header, name)
    if isinstance(value, str):
        try:
            return finite(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def _value(header: Header, name: str):
    """A card's value; its text where it breaks the standard, as a bare NaN does; None where it is missing."""
    if name not in header:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', VerifyWarning)
        try:
            return header[name]
        except (VerifyError, ValueError):
            return header.cards[name].image[10:].partition('/')[0].strip()


def _readable(header: Header, name: str) -> bool:
    try:
        return bool(header.comments[name]) or True
    except (VerifyError, ValueError):
        return False


def _exposure_time(header: Header, cards: RawCards) -> None:
    """EXPTIME; where it is not a number EXPREQ, unless DARKTIME says that the exposure was cut short; or DARKTIME."""
    own, asked, dark = (number_of(header, name) for name in ('EXPTIME', 'EXPREQ', 'DARKTIME'))
    if own is not None and 0.0 < own <= LONGEST:
        cards.exptime = own
        return
    found = describe(header, 'EXPTIME')
    needed = f'the exposure time in seconds, above 0 and up to {LONGEST:g} (or EXPREQ or DARKTIME without EXPTIME)'
    if own is not None or not any(value is not None and 0.0 < value <= LONGEST for value in (asked, dark)):
        cards.problems.append(Problem('EXPTIME', found, needed))
    elif dark is not None and (asked is None or dark < asked):
        cards.exptime = max(dark - OVERHEAD, 0.5 * dark)
        cards.notes.append(f'EXPTIME {found}: DARKTIME {dark:g} s less {OVERHEAD:g} s taken')
    else:
        cards.exptime = asked
        cards.notes.append(f'EXPTIME {found}: EXPREQ {asked:g} s taken')


def _date(header: Header, cards: RawCards, days: tuple[float, float]) -> None:
    own = number_of(header, 'MJD-OBS')
    if own is not None and days[0] < own < days[1]:
        cards.mjd = own
        _compare_dates(header, cards)
        return
    found = describe(header, 'MJD-OBS')
    for text, what in ((text_of(header, 'DATE-OBS'), 'DATE-OBS'), (text_of(header, 'OPENSHUT'), 'OPENSHUT')):
        if what == 'DATE-OBS' and len(text) == 10 and text_of(header, 'TIME-OBS'):
            text = f'{text}T{text_of(header, "TIME-OBS")}'
        try:
            mjd = mjd_of_date(text)
        except ValueError:
            continue
        if days[0] < mjd < days[1]:
            cards.mjd = mjd
            cards.notes.append(f'MJD-OBS {found}: {what} {text} taken, MJD {mjd:.8f}')
            return
    cards.problems.append(Problem('MJD-OBS', f'{found} and DATE-OBS {describe(header, "DATE-OBS")}',
                                  'the start of the exposure as MJD (UTC), or as an ISO date and time in DATE-OBS'))


def _compare_dates(header: Header, cards: RawCards) -> None:
    """A note where DATE-OBS is of another day than MJD-OBS."""
    text = text_of(header, 'DATE-OBS')
    try:
        other = mjd_of_date(text)
    except ValueError:
        return
    if cards.mjd is not None and abs(other - cards.mjd) > 1.0:
        cards.notes.append(f'MJD-OBS {cards.mjd:.5f} taken, DATE-OBS {text} (MJD {other:.5f}) says another day')


def _pointing(header: Header, cards: RawCards, listed: tuple[float, float] | None) -> None:
    """TELRA and TELDEC, or RA and DEC, or CRVAL of the CCD, or the list of exposures."""
    pairs = (('TELRA', 'TELDEC', hours_of, degrees_of), ('RA', 'DEC', hours_of, degrees_of),
             ('CRVAL1', 'CRVAL2', right_ascension_of, declination_of))
    for first, second, ra_of, dec_of in pairs:
        ra, dec = ra_of(header, first), dec_of(header, second)
        if ra is not None and dec is not None:
            cards.ra, cards.dec = ra, dec
            if first != 'TELRA':
                cards.notes.append(f'TELRA {describe(header, "TELRA")}, TELDEC {describe(header, "TELDEC")}: {first} and '
                                   f'{second} taken')
            return
    if listed is not None:
        cards.ra, cards.dec = listed
        cards.notes.append(f'TELRA {describe(header, "TELRA")}, TELDEC {describe(header, "TELDEC")}: the pointing of the '
                           'list of exposures taken')
        return
    cards.problems.append(Problem('TELRA, TELDEC', f'{describe(header, "TELRA")}, {describe(header, "TELDEC")}',
                                  'the pointing as hh:mm:ss and dd:mm:ss, in RA and DEC, CRVAL1 and CRVAL2 (deg), or the '
                                  'line of the exposure in exposures.list'))


def _airmass(header: Header, cards: RawCards, site: tuple[float, float]) -> None:
    """AIRMASS, or from ZD, or from pointing, date and site; else it stays unknown, and with it t_eff."""
    own, zenith = number_of(header, 'AIRMASS'), number_of(header, 'ZD')
    if own is not None and 0.995 <= own <= THICKEST:
        cards.airmass = own
        return
    found, what = describe(header, 'AIRMASS'), 'ZD'
    if zenith is None or not 0.0 <= zenith < 90.0:
        zenith, what = None, 'pointing, date and site'
        if cards.ra is not None and cards.dec is not None and cards.mjd is not None:
            zenith = zenith_distance(cards.ra, cards.dec, cards.mjd, site)
    if zenith is None or not zenith < 90.0:
        cards.notes.append(f'AIRMASS {found}, ZD {describe(header, "ZD")}, and pointing and date do not tell it: t_eff will '
                           'be unknown')
        return
    cards.airmass = round(airmass_of_zenith_distance(zenith), 4)
    cards.notes.append(f'AIRMASS {found}: {cards.airmass:.3f} from {what}')


def _number(header: Header, cards: RawCards, expnum: int | None) -> None:
    own = number_of(header, 'EXPNUM')
    if own is not None and own == int(own) and own >= 0:
        cards.expnum = int(own)
    elif expnum is not None:
        cards.expnum = expnum
        cards.notes.append(f'EXPNUM {describe(header, "EXPNUM")}: {expnum} of the command taken')
    else:
        cards.problems.append(Problem('EXPNUM', describe(header, 'EXPNUM'), 'the exposure number'))


def hours_of(header: Header, name: str) -> float | None:
    """Right ascension (deg, [0, 360)) of a card in hours, minutes and seconds; of a number where it must be degrees."""
    hours, number = sexagesimal(text_of(header, name)), number_of(header, name)
    if hours is not None:
        return 15.0 * hours if 0.0 <= hours < 24.0 else None
    return number if number is not None and 24.0 < number < 360.0 else None


def degrees_of(header: Header, name: str) -> float | None:
    """Declination (deg) of a card in degrees, minutes and seconds, or as a number."""
    value = sexagesimal(text_of(header, name))
    value = number_of(header, name) if value is None else value
    return value if value is not None and abs(value) <= 90.0 else None


def right_ascension_of(header: Header, name: str) -> float | None:
    """Right ascension (deg) of a card that is a number in degrees."""
    value = number_of(header, name)
    return value % 360.0 if value is not None and abs(value) <= 360.0 else None


def declination_of(header: Header, name: str) -> float | None:
    """Declination (deg) of a card that is a number in degrees."""
    value = number_of(header, name)
    return value if value is not None and abs(value) <= 90.0 else None


_ANGLES: dict[str, Callable[[Header, str], float | None]] = {
    'TELRA': hours_of, 'TELDEC': degrees_of, 'CRVAL1': right_ascension_of, 'CRVAL2': declination_of}
