"""Reads an instrument from the tables of its folder; the same folder with the same content gives the same object."""
from __future__ import annotations

import copyreg
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from sediff.csvtable import read_csv_rows
from sediff.errors import BadInput, BadUsage
from sediff.instruments.base import AmplifierFacts, Band, CardRule, Detector, Instrument
from sediff.parameters.table import DEFAULT_INSTRUMENT

_HERE = Path(__file__).resolve().parent
_YES = ('yes', 'true', '1')


def load_instrument(name: str, root: Path | None = None) -> Instrument:
    """The instrument that INSTRUMENT names.

    Parameters
    ----------
    name : str
        One that comes with the package or lies in SEDIFF_INSTRUMENTS (folders with a colon between), or the path of a
        folder of tables, relative to ROOT or to the current folder.
    root : Path, optional
        ROOT.

    Raises
    ------
    BadUsage
        There is none of that name.
    BadInput
        Its tables cannot be read, or lack something.
    """
    folder = _folder(str(name), root)
    own = os.environ.get('SEDIFF_CATALOGS')
    overlay = Path(own) if own and folder == _HERE / DEFAULT_INSTRUMENT else None
    return _load(folder, overlay, _signature(folder) + (_signature(overlay) if overlay else ()))


def default_instrument() -> Instrument:
    """The instrument of exposures that name none: the default of INSTRUMENT."""
    return load_instrument(DEFAULT_INSTRUMENT)


def _reduced(instrument: Instrument) -> tuple[Callable[[str], Instrument], tuple[str]]:
    """How an instrument is sent to a worker: its folder is read there."""
    return load_instrument, (str(instrument.folder),)


copyreg.pickle(Instrument, _reduced)


def _folder(name: str, root: Path | None) -> Path:
    if '/' in name or name.startswith('.'):
        places = [Path(root or '.') / Path(name).expanduser(), Path(name).expanduser()]
    else:
        own = os.environ.get('SEDIFF_INSTRUMENTS', '')
        places = [Path(part) / name for part in own.split(':') if part] + [_HERE / name]
    for place in places:
        if (place / 'camera.csv').is_file():
            return place.absolute()
    there = sorted(path.parent.name for path in _HERE.glob('*/camera.csv'))
    looked = ', '.join(dict.fromkeys(str(place) for place in places))
    raise BadUsage(f'INSTRUMENT={name}: no folder of tables with a camera.csv at {looked}; give one of {", ".join(there)}, '
                   'or the path of your own (docs/camera.md)')


def _signature(folder: Path | None) -> tuple:
    if folder is None or not folder.is_dir():
        return ()
    with os.scandir(folder) as entries:
        return tuple(sorted((entry.path, entry.stat().st_mtime_ns, entry.stat().st_size) for entry in entries
                            if entry.name.endswith(('.csv', '.json'))))


@lru_cache(maxsize=8)
def _load(folder: Path, overlay: Path | None, signature: tuple) -> Instrument:
    paths = sorted((Path(row[0]) for row in signature), key=lambda path: path.parent == overlay)
    tables = {path.name: path for path in paths}
    facts = {row['key']: row['value'] for row in _rows(tables, 'camera.csv')}
    rules = tuple(_rule(row) for row in _rows(tables, 'cards.csv', needed=False))
    bands = {row['band']: _band(row, tables['bands.csv']) for row in _rows(tables, 'bands.csv')}
    sections = _rows(tables, 'amplifiers.csv', needed=False)
    detectors = {each.number: each for each in (_detector(row, facts, sections, tables['ccds.csv'])
                                                for row in _rows(tables, 'ccds.csv'))}
    if not detectors or not bands:
        raise BadInput(f'{folder}: ccds.csv and bands.csv must have a row at least')
    hasher = hashlib.blake2b(digest_size=12)
    for name in sorted(tables):
        hasher.update(name.encode() + tables[name].read_bytes())
    return Instrument(facts.get('name') or folder.name, folder, overlay, detectors, bands,
                      tuple(rule for rule in rules if rule.form or rule.values or rule.sources != (rule.card,)), facts,
                      hasher.hexdigest())


def _rows(tables: Mapping[str, Path], name: str, needed: bool = True) -> list[dict[str, str]]:
    path = tables.get(name)
    if path is None:
        if needed:
            raise BadInput(f'an instrument needs a table {name}; docs/camera.md says what it must hold')
        return []
    rows = [{key: (value or '').strip() for key, value in row.items() if key}
            for row in read_csv_rows(path, 'a table of an instrument')]
    first = {'camera.csv': 'key', 'cards.csv': 'card', 'bands.csv': 'band', 'ccds.csv': 'ccdnum', 'amplifiers.csv': 'name'}
    if any(first[name] not in row for row in rows):
        raise BadInput(f'{path} has no column {first[name]}; docs/camera.md says what it must hold')
    return rows


def _number(row: Mapping[str, str], name: str, path: Path) -> float:
    """The number in a column; 0 where there is none."""
    return _number_or_none(row, name, path) or 0.0


def _number_or_none(row: Mapping[str, str], name: str, path: Path) -> float | None:
    text = row.get(name, '')
    try:
        return float(text) if text else None
    except ValueError:
        raise BadInput(f'{path}: {name} is {text!r} in the row {next(iter(row.values()))}; a number is needed') from None


def _band(row: Mapping[str, str], path: Path) -> Band:
    name = row['band']
    if not re.fullmatch(r'[A-Za-z0-9]+', name):
        raise BadInput(f'{path}: band {name!r} must be letters and digits, it stands in file names')
    blue, red = (_number_or_none(row, key, path) for key in ('blue', 'red'))
    spellings = tuple(word.strip() for word in row.get('spellings', '').split(';') if word.strip()) or (name,)
    simulated = (_number_or_none(row, key, path) for key in ('sim_zero_point', 'sim_sky', 'sim_extinction'))
    edges = None if blue is None or red is None else (blue, red)
    return Band(name, spellings, row.get('fringes', '').lower() in _YES, edges, row.get('like') or name,
                row.get('filter') or spellings[0], *simulated)


def _rule(row: Mapping[str, str]) -> CardRule:
    pairs = [word.partition('=') for word in row.get('values', '').split(';') if '=' in word]
    return CardRule(row['card'], tuple(row.get('source', '').split()), row.get('form', ''),
                    {theirs.strip().lower(): ours.strip() for theirs, _, ours in pairs})


def _detector(row: Mapping[str, str], facts: Mapping[str, str], sections: list[dict[str, str]], path: Path) -> Detector:
    if not row['ccdnum'].isdigit() or not int(row['ccdnum']):
        raise BadInput(f'{path}: ccdnum is {row["ccdnum"]!r}; numbers from 1 are needed')
    number = int(row['ccdnum'])
    ny, nx = (int(_number(row, key, path) or _number(facts, key, path.with_name('camera.csv'))) for key in ('ny', 'nx'))
    if min(ny, nx) < 1:
        raise BadInput(f'{path}: CCD {number} has no nx and ny, neither here nor in camera.csv')
    names = [key.removeprefix('gain_').upper() for key in row if key.startswith('gain_')]
    own = [each for each in sections if each.get('ccdnum', '*') in ('*', '', str(number))]
    names = list(dict.fromkeys(names + [each['name'] for each in own]))
    amplifiers = tuple(_amplifier(name, row, [each for each in own if each['name'] == name], path) for name in names)
    return Detector(number, row.get('detpos') or f'CCD{number}', (ny, nx),
                    (_number(row, 'x_center_mm', path), _number(row, 'y_center_mm', path)), amplifiers,
                    row.get('bad_from', ''), row.get('bad_to', ''), row.get('bad_amps', ''), row.get('half', ''))


def _amplifier(name: str, row: Mapping[str, str], sections: list[dict[str, str]], path: Path) -> AmplifierFacts:
    if not re.fullmatch(r'[A-Z0-9]', name):
        raise BadInput(f'{path}: an amplifier is named {name!r}; one capital letter or digit is needed')
    cards = {key.upper(): value for each in sections for key, value in each.items()
             if key in ('datasec', 'biassec', 'ccdsec', 'ampsec', 'presec', 'postsec') and value}
    numbers = {key: _number(row, f'{key}_{name.lower()}', path) for key in ('gain', 'read_noise', 'saturate')}
    for each in sections:
        numbers |= {key: _number(each, key, path) for key in numbers if each.get(key)}
    return AmplifierFacts(name, **numbers, cards=cards)
