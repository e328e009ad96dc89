"""Fingerprints of files and code, stamps of finished and failed steps."""
from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from sediff.io.atomic import write_text

_SAMPLE = 1 << 16
_PACKAGE = Path(__file__).resolve().parents[1]


def digest(value) -> str:
    """Short hash of any JSON-able value."""
    return hashlib.blake2b(json.dumps(value, sort_keys=True, default=str).encode(), digest_size=12).hexdigest()


def fingerprint(path: Path) -> str:
    """Hash of a file's size, first and last 64 kB; of a folder's listing; 'absent' where there is nothing.

    Every product is written whole and carries its own header, so that the sample changes with the content.
    """
    path = Path(path)
    if path.is_dir():
        return digest(sorted((p.name, p.stat().st_size) for p in path.iterdir()))
    if not path.is_file():
        return 'absent'
    size = path.stat().st_size
    with open(path, 'rb') as handle:
        head = handle.read(_SAMPLE)
        handle.seek(max(size - _SAMPLE, 0))
        tail = handle.read(_SAMPLE)
    return hashlib.blake2b(head + tail + str(size).encode(), digest_size=12).hexdigest()


@cache
def code_digest(rooms: tuple[str, ...]) -> str:
    """Hash of the sources of packages and modules of sediff."""
    hasher = hashlib.blake2b(digest_size=12)
    for room in rooms:
        path = _PACKAGE / room
        files = sorted(path.rglob('*.py')) if path.is_dir() else [path.with_suffix('.py')]
        for file in files:
            hasher.update(file.read_bytes())
    return hasher.hexdigest()


def read_stamp(path: Path) -> dict | None:
    """The content of a stamp; None when there is none or it cannot be read (the step is then redone)."""
    try:
        stamp = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def write_stamp(path: Path, content: dict) -> None:
    """Write a stamp atomically."""
    write_text(path, json.dumps(content, indent=1, default=str) + '\n')
