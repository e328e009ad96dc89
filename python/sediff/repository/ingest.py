"""Takes files into a work tree: puts them in their place, and extends the registry and the list of exposures."""
from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sediff.errors import BadInput, SediffError, Temporary
from sediff.formats.atomic import atomic_path, explained, write_text
from sediff.formats.locks import patient_lock
from sediff.instruments.base import Instrument
from sediff.instruments.load import default_instrument
from sediff.instruments.rawfiles import file_a_detector
from sediff.repository.exposures import extended_list, read_exposures
from sediff.repository.names import raw_path
from sediff.repository.registry import (
    ExposureRow,
    FileRow,
    read_exposure_rows,
    read_file_rows,
    registry_path,
    write_registry,
)
from sediff.repository.scan import Found, NotExposure, examine, fits_files

#: How a file gets to its place in the work tree; `skip` leaves it where it is.
MODES = ('link', 'copy', 'move', 'skip')
#: How long (s) an ingest waits for another one's writing.
PATIENCE = 600.0


@dataclass
class Report:
    """What became of the files.

    Parameters
    ----------
    taken : list of (Found, str)
        Files that are new, with a word on where they are now.
    known : int
        Files that were there with the same content.
    bad : list of str
        Files that could not be taken, with the reason.
    other : list of str
        FITS files of folders that hold no exposure.
    listed : int
        Lines added to the list of exposures.
    notes : list of str
    """

    taken: list[tuple[Found, str]] = field(default_factory=list)
    known: int = 0
    bad: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    listed: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Ingest:
    """How files are taken into a work tree.

    Parameters
    ----------
    root : Path
        Top of the work tree, absolute.
    list_path : Path
        The list of exposures.
    community_folder : Path
        Where Community Pipeline products go, in a folder a night.
    mode : str
        One of `MODES`.
    dry_run : bool
        Only tell what would be done.
    replace : bool
        A file of other content takes the place of the registered one.
    say : callable
        Gets a line as each file is looked at.
    instrument : Instrument
        Whose raw files they are.
    """

    root: Path
    list_path: Path
    community_folder: Path
    mode: str = 'link'
    dry_run: bool = False
    replace: bool = False
    say: Callable[[str], None] = lambda line: None
    instrument: Instrument = field(default_factory=default_instrument)

    def run(self, names: Iterable[str | os.PathLike]) -> Report:
        """Take files and folders.

        Returns
        -------
        Report

        Raises
        ------
        BadInput
            The registry or the list of exposures cannot be read or written.
        Temporary
            Another ingest is writing, and has not finished after 600 s; the disk is full.
        """
        report, found = Report(), []
        known = _Known(self.root, self.mode)
        for path, named, problem in fits_files(names):
            if problem:
                report.bad.append(f'{path}: {problem}')
                continue
            self.say(str(path))
            try:
                if known.unchanged(path):
                    report.known += 1
                    continue
                found.append(examine(path, self.instrument))
            except NotExposure as error:
                (report.bad if named else report.other).append(str(error))
            except (SediffError, OSError) as error:
                report.bad.append(_reason(error, path))
        if self.dry_run:
            self._settle(found, report)
        else:
            with _writing(registry_path(self.root)):
                self._settle(found, report)
        return report

    def _settle(self, found: list[Found], report: Report) -> None:
        """Decide about each file and put it in its place; whatever happens, what was placed is written down."""
        ledger, listed = _Ledger(self.root), _listed(self.list_path)
        try:
            for one in sorted(found, key=lambda each: (each.exposure.expnum, each.file.kind, str(each.path))):
                try:
                    self._take(one, ledger, listed, report)
                except (SediffError, OSError) as error:
                    report.bad.append(_reason(error, one.path))
        finally:
            new = [row for expnum, row in sorted(ledger.exposures.items()) if expnum not in listed and ledger.has_image(row)]
            report.listed = len(new)
            if not self.dry_run:
                ledger.write()
                if new:
                    write_text(self.list_path, extended_list(self.list_path, map(_list_row, new)))

    def _take(self, one: Found, ledger: _Ledger, listed: Mapping[int, tuple[str, str]], report: Report) -> None:
        """Take one file, or say why not."""
        exposure = one.exposure
        _check_facts(one, ledger.exposures.get(exposure.expnum), listed)
        rivals = [row for row in ledger.files.get(exposure.expnum, ()) if row.kind == one.file.kind
                  and set(row.numbers) & set(one.file.numbers)]
        present = [row for row in rivals if (self.root / row.path).is_file()]
        same = [row for row in present if row.checksum == one.file.checksum]
        others = [row for row in present if row.checksum != one.file.checksum]
        if same and not self._still_outside(same[0], one):
            report.known += 1
            if same[0].path == self._relative(one.path):
                ledger.put(exposure, replace(one.file, path=same[0].path), same)
            return
        if others and not self.replace:
            raise BadInput(self._conflict(one, self.root / others[0].path))
        place, word = self._place(one, bool(others))
        ledger.put(exposure, replace(one.file, path=self._relative(place)), rivals, anew=bool(others))
        report.taken.append((one, word))
        report.notes += [f'{one.path}: {note}' for note in one.notes]

    def _conflict(self, one: Found, other: Path) -> str:
        what = f'{one.path}: exposure {one.exposure.expnum} ({one.file.kind})'
        if other == one.path:
            return f'{what} is registered, and the file has other content since; --replace takes it as it is now'
        return f'{what} is there as {other} with other content; that one stays; --replace takes this one'

    def _still_outside(self, row: FileRow, one: Found) -> bool:
        """Whether a registered file was left where it is, and is now to be put in its place."""
        return self.mode != 'skip' and os.path.isabs(row.path) and not self.destination(one).exists()

    def destination(self, one: Found) -> Path:
        """Where a file belongs in the work tree."""
        if one.file.kind == 'raw':
            ccd = one.file.numbers[0] if file_a_detector(self.instrument) else 0
            return raw_path(self.root, one.exposure.nite, one.exposure.expnum, self.instrument, ccd)
        return self.community_folder / one.exposure.nite / one.path.name

    def _place(self, one: Found, replacing: bool) -> tuple[Path, str]:
        """Link, copy or move a file to its place; returns where it can be found, and a word on it."""
        place = self.destination(one)
        if place.exists() and os.path.samefile(place, one.path):
            return place, 'in its place'
        if self.mode == 'skip':
            return one.path, 'left where it is'
        kept = ''
        if place.exists():
            if not replacing and examine(place, self.instrument).file.checksum == one.file.checksum:
                return place, f'there with the same content as {self._relative(place)}'
            if not self.replace:
                raise BadInput(self._conflict(one, place))
            kept = '' if place.is_symlink() else f'; what was there is now {place.name}.replaced'
        if not self.dry_run:
            if kept:
                os.replace(place, place.with_name(f'{place.name}.replaced'))
            _DEEDS[self.mode](one.path, place)
        return place, f'{_DONE[self.mode]} {self._relative(place)}{kept}'

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


class _Ledger:
    """The rows of the registry while they are extended.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path) -> None:
        self._path = registry_path(root)
        self.exposures = {row.expnum: row for row in read_exposure_rows(self._path)}
        self.files: dict[int, list[FileRow]] = {}
        for row in read_file_rows(self._path):
            self.files.setdefault(row.expnum, []).append(row)
        self._changed = False

    def put(self, exposure: ExposureRow, file: FileRow, instead: Iterable[FileRow], anew: bool = False) -> None:
        """Enter a file instead of others; its exposure, where it is new or the file is of other content."""
        rows = [row for row in self.files.get(exposure.expnum, []) if row not in list(instead)] + [file]
        facts = exposure if anew else self.exposures.get(exposure.expnum, exposure)
        old = self.files.get(exposure.expnum, []), self.exposures.get(exposure.expnum)
        self._changed = self._changed or (sorted(rows, key=lambda row: row.path), facts) != old
        self.files[exposure.expnum], self.exposures[exposure.expnum] = rows, facts

    def has_image(self, exposure: ExposureRow) -> bool:
        """Whether an exposure belongs in the list: of the sky, with an image to start from."""
        return exposure.on_sky and any(row.kind in ('raw', 'ooi') for row in self.files.get(exposure.expnum, ()))

    def write(self) -> None:
        """Write the registry, where anything has changed."""
        if self._changed:
            write_registry(self._path, self.exposures.values(), [row for rows in self.files.values() for row in rows])


class _Known:
    """Registered files by what they are on disk, so that those which have not changed are not read again."""

    def __init__(self, root: Path, mode: str) -> None:
        rows = read_file_rows(registry_path(root))
        self._files = {os.path.realpath(root / row.path): row for row in rows
                       if mode == 'skip' or not os.path.isabs(row.path)}

    def unchanged(self, path: Path) -> bool:
        """Whether a file is registered and has the size and time that it had."""
        row = self._files.get(os.path.realpath(path))
        status = os.stat(path)
        return row is not None and (row.size, row.mtime_ns) == (status.st_size, status.st_mtime_ns)


def _check_facts(one: Found, known: ExposureRow | None, listed: Mapping[int, tuple[str, str]]) -> None:
    """A file that says otherwise than the registry or the list about its exposure is rejected."""
    exposure = one.exposure
    for what, (nite, band) in (('the registry', (known.nite, known.band) if known else ('', '')),
                               ('the list of exposures', listed.get(exposure.expnum, ('', '')))):
        if nite and (nite, band) != (exposure.nite, exposure.band):
            raise BadInput(f'{one.path}: exposure {exposure.expnum} is of night {exposure.nite}, band '
                           f'{exposure.band or "none"}, by its header; {what} says night {nite}, band {band or "none"}; one '
                           'of them is wrong')


def _listed(path: Path) -> dict[int, tuple[str, str]]:
    """Night and band of each exposure of the list; nothing where there is none."""
    if not path.exists() or not path.read_bytes().strip():
        return {}
    table = read_exposures(path)
    return {int(expnum): (nite, band) for expnum, nite, band in zip(table['expnum'], table['nite'], table['band'])}


def _list_row(row: ExposureRow) -> dict[str, object]:
    return {'expnum': row.expnum, 'nite': row.nite, 'mjd_obs': row.mjd, 'radeg': row.ra, 'decdeg': row.dec,
            'band': row.band, 'exptime': row.exptime, 'propid': row.propid, 'obstype': row.obstype, 't_eff': float('nan'),
            'object': row.object}


def _reason(error: Exception, path: Path) -> str:
    said = error if isinstance(error, SediffError) else explained(error, path) if isinstance(error, OSError) else None
    if isinstance(said, Temporary):
        raise said
    text = str(said or error)
    return text if str(path) in text else f'{path}: {text}'


def _link(source: Path, place: Path) -> None:
    with _swapped(place) as temporary:
        os.symlink(os.path.realpath(source), temporary)


def _copy(source: Path, place: Path) -> None:
    with _swapped(place) as temporary:
        shutil.copyfile(source, temporary)
        shutil.copystat(source, temporary)


def _move(source: Path, place: Path) -> None:
    """Rename a file, or copy it to another disk and remove it; of a link, the link."""
    if source.is_symlink():
        _link(source, place)
        source.unlink()
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(source, place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, place)
        source.unlink()


@contextmanager
def _swapped(place: Path) -> Iterator[Path]:
    with atomic_path(place) as temporary:
        temporary.unlink(missing_ok=True)
        yield temporary


_DEEDS = {'link': _link, 'copy': _copy, 'move': _move}
_DONE = {'link': 'linked as', 'copy': 'copied to', 'move': 'moved to'}


@contextmanager
def _writing(registry: Path) -> Iterator[None]:
    """Hold the registry for writing; waits for another ingest."""
    with patient_lock(registry.with_name(f'.{registry.name}.lock'), f'the registry {registry}', PATIENCE):
        yield
