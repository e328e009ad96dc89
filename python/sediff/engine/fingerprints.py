"""Hashes of whole files, remembered by path, size, time of change and inode.

In a process a file is read once. A large file's hash is also kept on a shelf, a folder with a small text for each file
(ROOT/.sediff/hashes), so that the workers and the runs of a night read it once in all. Each text is written whole under a
name of its own: many writers, also on a network file system, do no harm. Where nothing can be written the shelf is left
out.
"""
from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from sediff.errors import SediffError
from sediff.formats.atomic import write_text

#: Files below this size (bytes) are read faster than they are looked up.
SMALL = 1 << 21
#: A file changed less than this (s) ago may change again without a new time of change: its hash is not shelved.
SETTLED = 2.0
_CHUNK = 1 << 22

#: path -> ((size, mtime_ns, inode), hash) of this process.
_known: dict[str, tuple[tuple[int, int, int], str]] = {}


def state_of(path: str | os.PathLike) -> tuple[int, int, int] | None:
    """Size, time of change (ns) and inode of a file; None where there is none."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def fingerprint(path: str | os.PathLike, shelf: Path | None = None) -> str:
    """Hash (24 hexadecimal digits of SHA-256) of a file's content; 'absent' where there is no file, 'folder' for a folder.

    Parameters
    ----------
    shelf : Path, optional
        Folder in which hashes of large files are kept for other processes.
    """
    name, state = os.path.abspath(path), state_of(path)
    if state is None:
        return 'absent'
    if os.path.isdir(name):
        return 'folder'
    if name in _known and _known[name][0] == state:
        return _known[name][1]
    shelf = shelf if state[0] >= SMALL else None
    found = (_from_shelf(shelf, name, state) if shelf is not None else None) or content_hash(name)
    _known[name] = state, found
    if shelf is not None and time.time() - state[1] / 1e9 > SETTLED:
        _to_shelf(shelf, name, state, found)
    return found


def content_hash(path: str | os.PathLike) -> str:
    """Hash of a file's content, read now; 'unreadable' where it cannot be (the step that reads it will say why)."""
    hasher = hashlib.sha256()
    try:
        with open(path, 'rb', buffering=0) as handle:
            while block := handle.read(_CHUNK):
                hasher.update(block)
    except OSError:
        return 'unreadable'
    return hasher.hexdigest()[:24]


def _place(shelf: Path, name: str) -> Path:
    own = hashlib.sha256(name.encode()).hexdigest()[:24]
    return shelf / own[:2] / own


def _from_shelf(shelf: Path, name: str, state: tuple[int, int, int]) -> str | None:
    try:
        words = _place(shelf, name).read_text(encoding='utf-8').split(maxsplit=4)
    except (OSError, ValueError):
        return None
    fits = len(words) == 5 and words[:3] == [str(number) for number in state] and words[4].rstrip('\n') == name
    return words[3] if fits and len(words[3]) == 24 else None


def _to_shelf(shelf: Path, name: str, state: tuple[int, int, int], found: str) -> None:
    line = f'{" ".join(str(number) for number in state)} {found} {name}\n'
    with suppress(OSError, SediffError):
        place = _place(shelf, name)
        if not place.is_file() or place.read_text(encoding='utf-8', errors='replace') != line:
            write_text(place, line)
