"""Data IDs as text: `KEY=VALUES ...` of --id. Pure functions; `sediff.repository.selection` finds what they name."""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import chain, product
from math import prod

from sediff.errors import BadUsage
from sediff.values import finite, shown

#: Most numbers that one key of an --id may name.
LARGEST = 1_000_000


@dataclass(frozen=True)
class Key:
    """A key of data IDs.

    Parameters
    ----------
    name : str
    kind : type
        int, float or str.
    meaning : str
        With its unit.
    others : tuple of str
        Further names; case does not matter in any of them.
    """

    name: str
    kind: type
    meaning: str
    others: tuple[str, ...] = ()


#: In the order in which a full data ID shows them.
KEYS = (
    Key('visit', int, 'exposure number', ('expnum', 'exposure')),
    Key('ccdnum', int, 'CCD number', ('ccd', 'detector')),
    Key('filter', str, 'band, its short name', ('band',)),
    Key('nite', str, 'night YYYYMMDD, UTC date minus 12 h', ('night', 'day_obs')),
    Key('date', str, 'UTC date of the start, YYYY-MM-DD'),
    Key('taiObs', str, 'start, TAI, ISO date and time'),
    Key('mjd', float, 'start, MJD UTC', ('mjd_obs',)),
    Key('expTime', float, 'exposure time, s', ('exposure_time',)),
    Key('obstype', str, 'object, zero, dome flat, ...', ('observation_type',)),
    Key('object', str, 'OBJECT of the header', ('target_name',)),
    Key('proposal', str, 'PROPID of the header', ('propid',)),
    Key('ra', float, 'pointing, deg', ('tracking_ra',)),
    Key('dec', float, 'pointing, deg', ('tracking_dec',)),
    Key('instrument', str, 'camera'),
)
_KNOWN = {name.lower(): key for key in KEYS for name in (key.name, *key.others)}
_RANGE = re.compile(r'([0-9]{1,18})\.\.([0-9]{1,18})(?::([0-9]{1,18}))?')


def key_of(name: str) -> Key | None:
    """The key of a name, with or without what it belongs to (`exposure.day_obs`); None for one that is not known."""
    return _KNOWN.get(name.lower()) or _KNOWN.get(name.lower().rpartition('.')[2])


def near_keys(name: str) -> str:
    """What a message says about a name that is no key."""
    near = get_close_matches(name.lower(), _KNOWN, n=1)
    return f'did you mean {near[0]}?' if near else f'keys are {", ".join(key.name for key in KEYS)}'


@dataclass(frozen=True)
class Values:
    """The values of a key: literals and ranges; ranges take no memory however long.

    Parameters
    ----------
    literals : frozenset
    ranges : tuple of range
    order : tuple
        Both, in the order in which they were written.
    text : bool
        Members are texts; those of a range are texts of its numbers.
    """

    literals: frozenset
    ranges: tuple[range, ...]
    order: tuple
    text: bool = False

    def __contains__(self, value: object) -> bool:
        if value in self.literals:
            return True
        if not self.ranges:
            return False
        if isinstance(value, str):
            if not (value.isascii() and value.isdigit() and len(value) <= 18):
                return False
            value = int(value)
        return any(value in each for each in self.ranges)

    def __iter__(self) -> Iterator:
        """Each value once, in the order in which they were written."""
        every = chain.from_iterable(each if isinstance(each, range) else (each,) for each in self.order)
        return iter(dict.fromkeys(str(value) if self.text else value for value in every))

    def __len__(self) -> int:
        """How many, those that are written twice counted twice."""
        return sum(len(each) if isinstance(each, range) else 1 for each in self.order)


@dataclass(frozen=True)
class DataId:
    """What one --id names: every combination of the values of its keys.

    Parameters
    ----------
    values : mapping
        Key -> Values.
    unknown : tuple of str
        Keys that are not known; nothing has them.
    """

    values: Mapping[str, Values] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def names(self, item: Mapping) -> bool:
        """Whether an item (key -> value) is one of them; a key that the item does not have decides nothing."""
        return not self.unknown and all(item[key] in values for key, values in self.values.items() if key in item)

    def count(self, keys: Iterable[str] | None = None) -> int:
        """How many combinations of all keys, or of these."""
        return prod(len(self.values[key]) for key in (self.values if keys is None else keys))

    def combinations(self, keys: Iterable[str] | None = None) -> Iterator[dict]:
        """Each combination of the values of all keys, or of these, the last key running fastest."""
        keys = list(self.values if keys is None else keys)
        return (dict(zip(keys, values)) for values in product(*(self.values[key] for key in keys)))


def parse_id(words: Sequence[str]) -> DataId:
    """What the words of one --id say.

    Parameters
    ----------
    words : sequence of str
        `KEY=VALUES`; VALUES are joined by `^`, each a value or `A..B`, `A..B:STEP` (both ends included). A comma is part of
        a value.

    Raises
    ------
    BadUsage
        No `=`, no value, a key twice, a value that is none of its key, a range that is empty or names more than LARGEST
        numbers; the message names the key.

    Notes
    -----
    A key that is not known is taken as text and kept: nothing in the registry has it.
    """
    values: dict[str, Values] = {}
    for word in words:
        name, equals, text = word.partition('=')
        if not equals or not re.fullmatch(r'[A-Za-z_][A-Za-z0-9_.]*', name):
            raise BadUsage(f'--id {shown(word)}: must be KEY=VALUES, such as visit=123456^123457 or ccdnum=3^6..12')
        key = key_of(name) or Key(name, str, '')
        if key.name in values:
            raise BadUsage(f'--id: {key.name} is given twice; join its values with ^, or write another --id')
        values[key.name] = parse_values(key, text)
    unknown = tuple(name for name in values if key_of(name) is None)
    return DataId(values, unknown)


def parse_values(key: Key, text: str) -> Values:
    """The values of a key; BadUsage as `parse_id`."""
    order = tuple(_item(key, item) for item in text.split('^'))
    count = sum(len(item) if isinstance(item, range) else 1 for item in order)
    if count > LARGEST:
        raise BadUsage(f'--id {key.name}: {shown(text)} names {count} values; at most {LARGEST} are taken: select by '
                       f"--where '{key.name} > ...'")
    return Values(frozenset(item for item in order if not isinstance(item, range)),
                  tuple(item for item in order if isinstance(item, range)), order, key.kind is str)


def _item(key: Key, text: str):
    match = _RANGE.fullmatch(text)
    if match and key.kind is not float:
        return numbers(int(match[1]), int(match[2]), int(match[3] or 1), f'--id {key.name}={text}')
    if '..' in text and key.kind is int:
        raise BadUsage(f'--id {key.name}: {shown(text)} is no range A..B or A..B:STEP of integers')
    return cast(key, text, '--id ')


def numbers(first: int, last: int, step: int, where: str) -> range:
    """`first` to `last`, both included; BadUsage for a range without numbers."""
    if first > last or step == 0:
        raise BadUsage(f'{where}: ' + ('a step of 0' if step == 0 else f'{first} is above {last}: nothing is in this range'))
    return range(first, last + 1, step)


def cast(key: Key, text: str, where: str = ''):
    """A value as its key's type.

    Raises
    ------
    BadUsage
        It is none; the message has the key's name.
    """
    if not text:
        raise BadUsage(f'{where}{key.name}: an empty value')
    try:
        if key.kind is int:
            if not re.fullmatch(r'[+-]?[0-9]{1,18}', text):
                raise ValueError
            return int(text)
        if key.kind is float:
            return finite(text)
    except ValueError:
        what = 'an integer' if key.kind is int else 'a number'
        raise BadUsage(f'{where}{key.name}: {shown(text)} is not {what}') from None
    return text.replace('-', '') if key.name == 'nite' else text
