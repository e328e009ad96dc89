"""What a file holds of an exposure: raw, or image, weight or mask of the Community Pipeline; told from its headers."""
from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sediff.cards import Cards, legal
from sediff.errors import BadInput
from sediff.formats.headerwalk import Walk, walk_headers
from sediff.instruments.base import Instrument
from sediff.instruments.load import default_instrument
from sediff.instruments.rawcards import RawCards, number_of, read_cards, text_of
from sediff.instruments.rawfiles import told_by_name
from sediff.instruments.translate import source_of, translated
from sediff.repository.registry import ON_SKY, ExposureRow, FileRow
from sediff.times import night_of_mjd
from sediff.values import LAST_EXPNUM, format_ccds, shown

#: Names of FITS files that a folder is searched for.
FITS_NAME = re.compile(r'.+\.(fits|fit|fts)(\.fz|\.gz)?', re.IGNORECASE)
_COMMUNITY_NAME = re.compile(r'_(ooi|oow|ood)_')
_COMMUNITY_TYPES = {'image': 'ooi', 'wtmap': 'oow', 'dqmask': 'ood'}


class NotExposure(BadInput):
    """A FITS file that is neither a raw exposure nor a Community Pipeline product."""


@dataclass(frozen=True)
class Found:
    """What a file holds.

    Parameters
    ----------
    path : Path
        Absolute, links as they are.
    exposure : ExposureRow
    file : FileRow
        Its path is that of the file.
    notes : tuple of str
        What stands in for cards that are missing.
    """

    path: Path
    exposure: ExposureRow
    file: FileRow
    notes: tuple[str, ...] = ()


def examine(path: str | os.PathLike, instrument: Instrument | None = None) -> Found:
    """Tell what a file holds.

    Parameters
    ----------
    instrument : Instrument, optional
        Whose raw file it may be; default DECam's.

    Raises
    ------
    NotExposure
        A FITS file of another kind.
    BadInput
        It cannot be read, is cut short, or its cards do not tell what is needed; the message has all of them.
    """
    path = Path(os.path.abspath(path))
    walk = walk_headers(path)
    instrument = instrument or default_instrument()
    kind = _kind(path, walk) if instrument.has_des_words else 'raw'
    ccds = _ccds(path, walk, instrument)
    if not ccds:
        raise NotExposure(f'{path} has no detector {instrument.ccd_text} of {instrument.name} in any extension')
    exposure, notes = _exposure(path, walk, instrument)
    status = path.stat()
    file = FileRow(str(path), exposure.expnum, kind, format_ccds(ccds), walk.checksum, status.st_size, status.st_mtime_ns)
    return Found(path, exposure, file, notes)


def _ccds(path: Path, walk: Walk, instrument: Instrument) -> list[int]:
    """The detectors in a file: by their card, their extension's name, or the name of the file."""
    names = {one.name: ccd for ccd, one in instrument.detectors.items()}
    card, found = source_of('CCDNUM', instrument), set()
    for header in walk.headers:
        number = header.number(card) if card else None
        if number is None and not instrument.has_des_words:
            number = names.get(str(header.get('EXTNAME') or '').strip())
        if number is not None and int(number) in instrument.detectors:
            found.add(int(number))
    by_name = told_by_name(path, instrument)[1]
    return sorted(found) or ([by_name] if by_name in instrument.detectors else [])


def _kind(path: Path, walk: Walk) -> str:
    """raw, ooi, oow or ood."""
    primary, rest = walk.headers[0], walk.headers[1:]
    level = str(primary.get('PROCTYPE') or '').strip().lower()
    named = _COMMUNITY_NAME.search(path.name)
    if named and level != 'raw':
        return named[1]
    if level == 'raw' or (not level and any('BIASSECA' in header for header in rest)):
        return 'raw'
    kind = _COMMUNITY_TYPES.get(str(primary.get('PRODTYPE') or '').strip().lower())
    if level == 'instcal' and kind:
        return kind
    raise NotExposure(f'{path} is neither a raw exposure (PROCTYPE RAW) nor a Community Pipeline product (ooi, oow, ood)')


def _exposure(path: Path, walk: Walk, instrument: Instrument) -> tuple[ExposureRow, tuple[str, ...]]:
    """The facts of an exposure; those that an exposure of the sky must have are asked of one alone."""
    header = translated(_merged(walk.headers, instrument), instrument)
    cards = read_cards(header, told_by_name(path, instrument)[0], instrument=instrument)
    notes = [note.replace('of the command', 'of the file name') for note in cards.notes if 't_eff' not in note]
    obstype = text_of(header, 'OBSTYPE').lower()
    if not obstype:
        obstype = 'object'
        notes.append('OBSTYPE is missing: object taken')
    problems = [str(problem) for problem in cards.problems if obstype in ON_SKY or problem.card in ('MJD-OBS', 'EXPNUM')]
    if cards.expnum is not None and not 0 <= cards.expnum <= LAST_EXPNUM:
        problems.append(f'EXPNUM {cards.expnum}; needed: a number up to {LAST_EXPNUM}')
    if problems:
        raise BadInput(f'{path}: ' + '; '.join(problems))
    return _row(header, cards, obstype, instrument), tuple(notes if obstype in ON_SKY else ())


def _row(header, cards: RawCards, obstype: str, instrument: Instrument) -> ExposureRow:
    exptime = cards.exptime if cards.exptime is not None else max(number_of(header, 'EXPTIME') or 0.0, 0.0)
    assert cards.mjd is not None and cards.expnum is not None
    propid = text_of(header, 'PROPID') or text_of(header, 'DTPROPID')
    return ExposureRow(cards.expnum, text_of(header, 'INSTRUME') or instrument.name,
                       night_of_mjd(cards.mjd, instrument.night_offset), cards.band, cards.mjd,
                       float(exptime), cards.ra, cards.dec, obstype, propid, ' '.join(cards.object.split()))


def _merged(headers: list[Cards], instrument: Instrument):
    """The primary header, and of the first CCD's what the primary lacks: all, or where the words are DES's the reference
    point, which stands in for a pointing that is missing."""
    texts = [legal(text) for text in headers[0].texts]
    for header in headers[1:2]:
        named = ((legal(text), text[:8].rstrip()) for text in header.texts)
        texts += [text for text, card in named if card not in headers[0]
                  and (card in ('CRVAL1', 'CRVAL2') or not instrument.has_des_words)]
    return Cards([text for text in texts if text.rstrip() != 'END']).header()


def fits_files(names: Iterable[str | os.PathLike]) -> Iterator[tuple[Path, bool, str]]:
    """The files that some names stand for; folders are searched with all below them, each once, however they are linked.

    Yields
    ------
    path : Path
    named : bool
        True for a file of `names` itself, False for one of a folder.
    problem : str
        Why it cannot be looked at; '' where it can.
    """
    for path, named, problem in _files(names):
        printable = str(path).encode('utf-8', 'backslashreplace').decode()
        if printable != str(path):
            yield Path(printable), named, 'its name is not UTF-8; rename it, or a folder above it'
        else:
            yield path, named, problem


def _files(names: Iterable[str | os.PathLike]) -> Iterator[tuple[Path, bool, str]]:
    seen: set[tuple[int, int]] = set()
    for name in names:
        path = Path(os.path.abspath(name))
        if os.path.isdir(path):
            yield from _below(path, seen)
        elif not os.path.lexists(path):
            yield path, True, 'no such file or folder'
        else:
            yield path, True, '' if os.path.isfile(path) else _no_file(path)


def _below(top: Path, seen: set[tuple[int, int]]) -> Iterator[tuple[Path, bool, str]]:
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            status = folder.stat()
            entries = sorted(entry.name for entry in os.scandir(folder))
        except OSError as error:
            yield folder, True, f'cannot be listed: {error.strerror}'
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        paths = [folder / name for name in entries]
        folders += [path for path in reversed(paths) if os.path.isdir(path)]
        for path in paths:
            if FITS_NAME.fullmatch(path.name) and not path.name.startswith('.') and not os.path.isdir(path):
                yield path, False, '' if os.path.isfile(path) else _no_file(path)


def _no_file(path: Path) -> str:
    if path.is_symlink():
        return f'is a link to {shown(os.readlink(path))}, which is not there'
    return 'is not a file'
