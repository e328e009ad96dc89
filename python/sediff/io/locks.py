"""One writer at a time: a lock file held for an exposure and CCD."""
from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from sediff.errors import BadInput, Temporary
from sediff.io.atomic import explained


@contextmanager
def lock(path: Path, what: str) -> Iterator[None]:
    """Hold a lock file; it is freed when the process ends, however it ends.

    Raises
    ------
    Temporary
        Another process holds it; the message names that process.
    BadInput
        The folder cannot be written.
    """
    with _opened(path) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.seek(0)
            words = ''.join(letter for letter in handle.read(200) if letter.isprintable() and letter != '\ufffd').strip()
            holder = words if words.startswith('process ') else 'another process'
            raise Temporary(f'{what} is being processed by {holder} (lock {path}); wait for it or stop it') from error
        try:
            handle.truncate(0)
            handle.write(f'process {os.getpid()} on {socket.gethostname()}\n')
            handle.flush()
        except OSError as error:
            raise (explained(error, path) or error) from error
        yield


def _opened(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open('a+', encoding='utf-8', errors='replace')
    except OSError as error:
        failure = explained(error, path)
        if isinstance(failure, Temporary):
            raise failure from error
        raise BadInput(f'cannot write {path}: {error.strerror}; check ROOT and the mode of {path.parent}') from error
