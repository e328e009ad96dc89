"""Parameters: declared once, checked, and traceable; `sediff.parameters.load` reads them."""
from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from sediff.errors import BadInput, BadUsage
from sediff.values import shown

_LINE = re.compile(r'^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$')
_INTEGER, _NUMBER = re.compile(r'[+-]?[0-9]{1,18}'), re.compile(r'[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?')
#: Characters of the longest value.
LONGEST = 4096
_TRUE, _FALSE = ('true', 'yes', 'on', '1'), ('false', 'no', 'off', '0', '')


#: Bands of an instrument, each with the numbers of its row of reference conditions.
Bands = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Parameter:
    """One thing a user can set.

    Parameters
    ----------
    name : str
        Key in the rc file and for `-P name=value`; upper case.
    default : bool, int, float or str
        Its type is the parameter's type.
    unit : str
        '' for a pure number or text.
    meaning : str
        One line for `config`, `-h` and the rc comments.
    file : str
        The rc file it belongs to: 'dagmaker', 'se', 'diffimg', 'qc' or 'site'.
    minimum, maximum : float, optional
        Allowed range, inclusive.
    choices : tuple of str, optional
        Allowed values of a text.
    check : callable, optional
        `check(value, name)` raises BadUsage for a value that cannot be.
    band_default : str
        Of a parameter with {band} in its name, which stands for one of each band: the column of the bands' table that holds
        its default.
    heading : str
        Title of the part of the rc file that starts here.
    note : str or None
        Comment in the rc file; None: meaning and unit; '': none, the one above holds for this parameter, too.
    ignored : bool
        Nothing reads it; rc files that have it stay valid.
    """

    name: str
    default: bool | int | float | str
    unit: str
    meaning: str
    file: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] | None = None
    check: Callable[[object, str], object] | None = None
    band_default: str = ''
    heading: str = ''
    note: str | None = None
    ignored: bool = False

    def of_bands(self, bands: Bands) -> list[Parameter]:
        """The parameter of each band; itself alone where it has no {band} in its name."""
        if '{band}' not in self.name:
            return [self]
        return [replace(self, name=band_key(self.name, band), meaning=self.meaning.format(band=band),
                        default=type(self.default)(facts.get(self.band_default, self.default)))
                for band, facts in bands.items()]

    def parse(self, text: str) -> bool | int | float | str:
        """The typed value of a text; BadUsage says what is wrong with it."""
        if len(text) > LONGEST or not text.isprintable():
            raise BadUsage(f'{self.name}: {len(text)} characters, {shown(text)}: one printable line of at most {LONGEST} is '
                           'needed')
        value = self._typed(text)
        if self.choices and value not in self.choices:
            raise BadUsage(f'{self.name}={text}: must be one of {", ".join(self.choices)}')
        if (self.minimum is not None and value < self.minimum) or (self.maximum is not None and value > self.maximum):
            limits = (f'below {self.minimum}' if self.maximum is None else f'above {self.maximum}' if self.minimum is None
                      else f'outside {self.minimum} to {self.maximum}')
            raise BadUsage(f'{self.name}={text}: {limits} {self.unit}'.rstrip())
        if self.check:
            self.check(value, f'{self.name}={text}:')
        return value

    @property
    def comment(self) -> str:
        """Meaning and unit."""
        return f'{self.meaning} [{self.unit}]' if self.unit else self.meaning

    def _typed(self, text: str):
        if isinstance(self.default, bool):
            if text.lower() not in _TRUE + _FALSE:
                raise BadUsage(f'{self.name}={text}: must be true or false')
            return text.lower() in _TRUE
        if isinstance(self.default, str):
            return text
        kind, pattern = (('an integer', _INTEGER) if isinstance(self.default, int) else ('a number', _NUMBER))
        value = type(self.default)(text) if pattern.fullmatch(text) else math.inf
        if not math.isfinite(value):
            raise BadUsage(f'{self.name}={shown(text)[1:-1]}: must be {kind}')
        return value


def band_key(name: str, band: str) -> str:
    """Name of a parameter of a band: `TEFF_CUT_{band}` in r is TEFF_CUT_R."""
    return name.format(band=band.upper())


def expanded(table: Iterable[Parameter], bands: Bands) -> list[Parameter]:
    """The table with one parameter of each band in place of those with {band} in their names.

    Raises
    ------
    BadUsage
        Two bands differ by capitals only.
    """
    found = [one for parameter in table for one in parameter.of_bands(bands)]
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        raise BadUsage(f'the bands {", ".join(bands)} differ by capitals only: parameters cannot tell them apart')
    return found


class Parameters(Mapping):
    """Values of all declared parameters, each with where it came from."""

    def __init__(self, table: Iterable[Parameter], elsewhere: Iterable[str] = ()):
        self.table = {parameter.name: parameter for parameter in table}
        self._elsewhere = tuple(elsewhere)
        self._values = {name: parameter.default for name, parameter in self.table.items()}
        self.origin = dict.fromkeys(self.table, 'default')

    def __getitem__(self, name: str):
        return self._values[name]

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)

    def set(self, name: str, text: str, origin: str) -> None:
        """Set one parameter from text.

        Raises
        ------
        BadUsage
            No such parameter (the message names near ones), or a bad value; the message starts with `origin`.
        """
        name = name.strip().upper()
        if name not in self.table:
            raise BadUsage(f'{origin}: unknown parameter {shown(name)[1:-1]}{self._hint(name[:64])}')
        try:
            self._values[name] = self.table[name].parse(text)
        except BadUsage as error:
            raise BadUsage(f'{origin}: {error}') from None
        self.origin[name] = origin

    def read_rc(self, path: Path, file: str, unknown: bool = False) -> None:
        """Take the values of an rc file; keys of bands of other instruments are ignored, `unknown` ones are on request.

        Raises
        ------
        BadUsage
            Unknown key, key of another rc file, or bad value; with file and line number.
        BadInput
            The file cannot be read.
        """
        try:
            lines = path.read_text(encoding='utf-8-sig').splitlines()
        except OSError as error:
            raise BadInput(f'cannot read {path}: {error.strerror}') from error
        except UnicodeDecodeError as error:
            line = error.object[:error.start].count(b'\n') + 1
            raise BadInput(f'{path}:{line}: not UTF-8 text (byte 0x{error.object[error.start]:02x}); save it as '
                           'UTF-8') from error
        for number, key, text in parse_rc(lines, path):
            where = f'{path}:{number}'
            known = self.table.get(key.upper())
            if not known and (unknown or any(fnmatchcase(key.upper(), other) for other in self._elsewhere)):
                continue
            if known and known.file != file:
                raise BadUsage(f'{where}: {key} belongs in {rc_name(known.file)}')
            self.set(key, text, where)

    def _hint(self, name: str) -> str:
        from difflib import get_close_matches
        near = get_close_matches(name, self.table, n=3)
        return f'; did you mean {" or ".join(near)}?' if near else '; `sediff config` lists all'


def parse_rc(lines: list[str], path: Path) -> list[tuple[int, str, str]]:
    """(line number, key, value) of KEY=value lines; comments and quotes are removed, nothing is executed."""
    found = []
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        if not bare or bare.startswith('#'):
            continue
        match = _LINE.match(line)
        if not match:
            raise BadUsage(f'{path}:{number}: not a KEY=value line: {shown(bare)[1:-1]}')
        found.append((number, match[1], _unquote(match[2])))
    return found


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] in '\'"':
        end = text.find(text[0], 1)
        if end > 0:
            return text[1:end]
    return re.sub(r'\s+#.*$', '', text)


def rc_name(file: str) -> str:
    """`site` lives in rc/site/local.rc, the others in rc/<file>.rc."""
    return 'rc/site/local.rc' if file == 'site' else f'rc/{file}.rc'


def describe(parameters: Parameters, keep: Callable[[str], bool] = bool) -> str:
    """Every parameter whose name `keep` likes with value, unit, meaning and origin, grouped by rc file."""
    lines = []
    for file in ('dagmaker', 'se', 'diffimg', 'qc', 'site'):
        kept = [p for p in parameters.table.values() if p.file == file and keep(p.name)]
        lines += [f'# {rc_name(file)}'] if kept else []
        for parameter in kept:
            shown = f'{parameter.name}={_shown(parameters[parameter.name])}'
            lines.append(f'{shown:<36} # {parameter.comment} ({parameters.origin[parameter.name]})')
        lines += [''] if kept else []
    return '\n'.join(lines)


def _shown(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
