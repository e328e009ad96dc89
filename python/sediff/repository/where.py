"""Conditions on data IDs: the expression of --where, parsed by descent and never evaluated as code."""
from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sediff.errors import BadUsage
from sediff.repository.dataid import Key, Values, cast, key_of, near_keys, numbers
from sediff.times import mjd_of_date
from sediff.values import shown

#: Longest expression (characters), and how deep parentheses and NOT may lie.
LONGEST, DEEPEST = 100_000, 50

_TOKEN = re.compile(r"""\s*(?:(?P<time>[Tt]'[^']*')|(?P<text>'(?:[^']|'')*'|"[^"]*")"""
                    r"""|(?P<range>[0-9]+\.\.[0-9]+(?::[0-9]+)?)"""
                    r"""|(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![A-Za-z0-9_.])"""
                    r"""|(?P<op><=|>=|!=|<>|==|=|<|>)|(?P<mark>[(),])|(?P<word>[A-Za-z_][A-Za-z0-9_.]*))""")
_COMPARE: dict[str, Callable] = {'=': operator.eq, '==': operator.eq, '!=': operator.ne, '<>': operator.ne,
                                 '<': operator.lt, '<=': operator.le, '>': operator.gt, '>=': operator.ge}

#: A condition: of an item (key -> value) True, False, or None where a key of it is not known.
Condition = Callable[[Mapping], 'bool | None']


@dataclass(frozen=True)
class Comparison:
    """`KEY OP VALUE`."""

    key: str
    compare: Callable
    value: object

    def __call__(self, item: Mapping) -> bool | None:
        found = item.get(self.key)
        return None if found is None else self.compare(found, self.value)


@dataclass(frozen=True)
class Member:
    """`KEY IN (...)`."""

    key: str
    values: Values

    def __call__(self, item: Mapping) -> bool | None:
        found = item.get(self.key)
        return None if found is None else found in self.values


@dataclass(frozen=True)
class Not:
    """`NOT condition`."""

    part: Condition

    def __call__(self, item: Mapping) -> bool | None:
        found = self.part(item)
        return None if found is None else not found


@dataclass(frozen=True)
class Joined:
    """Parts joined by AND or OR: `decides` is the value that settles it, False for AND, True for OR."""

    parts: tuple[Condition, ...]
    decides: bool

    def __call__(self, item: Mapping) -> bool | None:
        found = [part(item) for part in self.parts]
        if self.decides in found:
            return self.decides
        return None if None in found else not self.decides


def parse_where(text: str) -> Condition:
    """The condition of an expression.

    Parameters
    ----------
    text : str
        Comparisons (= == != <> < <= > >=) of a key with a value, `KEY [NOT] IN (1, 2..10:2, 'g')`, joined by AND, OR, NOT
        and parentheses. Texts stand in quotes, one word also without; T'2017-08-17' is a time. Keys are those of
        `sediff.repository.dataid.KEYS`, as `exposure.day_obs`, too.

    Returns
    -------
    callable
        `condition(item)` is True, False, or None where the item does not know a key that decides it.

    Raises
    ------
    BadUsage
        It cannot be understood; the message has the place.
    """
    if len(text) > LONGEST:
        raise BadUsage(f'--where: {len(text)} characters; at most {LONGEST} are read')
    return _Parser(text).whole()


class _Parser:
    """Recursive descent over the tokens of an expression; each is (kind, text, place)."""

    def __init__(self, text: str) -> None:
        self._text, self._depth, self._next = text, 0, 0
        self._tokens: list[tuple[str, str, int]] = []
        place, end = 0, len(text.rstrip())
        while place < end:
            match = _TOKEN.match(text, place)
            if not match:
                raise self._error(place, 'cannot be read')
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind], match.start(kind)))
            place = match.end()
        self._tokens.append(('end', '', end))

    def whole(self) -> Condition:
        """All of it."""
        condition = self._either()
        if self._peek()[0] != 'end':
            raise self._error(self._peek()[2], 'AND, OR or the end is expected')
        return condition

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._take_word('OR'):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), True)

    def _both(self) -> Condition:
        parts = [self._one()]
        while self._take_word('AND'):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), False)

    def _one(self) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error(self._peek()[2], f'lies more than {DEEPEST} parentheses or NOT deep')
        if self._take_word('NOT'):
            condition: Condition = Not(self._one())
        elif self._take('mark', '('):
            condition = self._either()
            self._expect('mark', ')')
        else:
            condition = self._comparison()
        self._depth -= 1
        return condition

    def _comparison(self) -> Condition:
        key = self._key()
        negative = self._take_word('NOT')
        if self._take_word('IN'):
            member = Member(key.name, self._list(key))
            return Not(member) if negative else member
        kind, sign, place = self._pop()
        if kind != 'op' or negative:
            raise self._error(place, 'IN (...) is expected' if negative else '=, !=, <, <=, >, >= or IN (...) is expected')
        return Comparison(key.name, _COMPARE[sign], self._value(key, *self._pop()))

    def _key(self) -> Key:
        kind, word, place = self._pop()
        if kind != 'word' or word.upper() in ('AND', 'OR', 'NOT', 'IN'):
            raise self._error(place, 'a key is expected')
        key = key_of(word)
        if key is None:
            raise self._error(place, f'no such key; {near_keys(word)}')
        return key

    def _list(self, key: Key) -> Values:
        self._expect('mark', '(')
        order = [self._item(key)]
        while self._take('mark', ','):
            order.append(self._item(key))
        self._expect('mark', ')')
        return Values(frozenset(item for item in order if not isinstance(item, range)),
                      tuple(item for item in order if isinstance(item, range)), tuple(order), key.kind is str)

    def _item(self, key: Key):
        kind, word, place = self._pop()
        if kind != 'range':
            return self._value(key, kind, word, place)
        if key.kind is float or len(word) > 60:
            raise self._error(place, f'is no range of integers for {key.name}')
        first, _, rest = word.partition('..')
        last, _, step = rest.partition(':')
        return numbers(int(first), int(last), int(step or 1), f'--where {word}')

    def _value(self, key: Key, kind: str, word: str, place: int):
        if kind == 'time':
            return self._time(key, word[2:-1], place)
        if kind not in ('text', 'number', 'word') or word.upper() in ('AND', 'OR', 'NOT', 'IN'):
            raise self._error(place, f'a value of {key.name} is expected')
        plain = word[1:-1].replace("''", "'") if kind == 'text' else word
        return cast(key, plain, '--where ')

    def _time(self, key: Key, text: str, place: int):
        """T'2017-08-17T23:59': an MJD, or a text that stands for the date."""
        try:
            mjd = mjd_of_date(text)
        except ValueError:
            raise self._error(place, "is no time such as T'2017-08-17' or T'2017-08-17T23:59:30'") from None
        if key.name == 'mjd':
            return mjd
        if key.name not in ('date', 'taiObs', 'nite'):
            raise self._error(place, f'{key.name} is no time; mjd, date, taiObs and nite are')
        return text[:10].replace('-', '') if key.name == 'nite' else text[:10] if key.name == 'date' else text

    def _peek(self) -> tuple[str, str, int]:
        return self._tokens[self._next]

    def _pop(self) -> tuple[str, str, int]:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _take(self, kind: str, text: str) -> bool:
        found = self._peek()[0] == kind and self._peek()[1].upper() == text
        self._next += found
        return found

    def _take_word(self, word: str) -> bool:
        return self._take('word', word)

    def _expect(self, kind: str, text: str) -> None:
        if not self._take(kind, text):
            raise self._error(self._peek()[2], f'{text} is expected')

    def _error(self, place: int, what: str) -> BadUsage:
        rest = self._text[place:place + 40]
        return BadUsage(f'--where: at character {place + 1}, {shown(rest) if rest.strip() else "the end"}: {what}')
