"""One writer at a time: a lock file held for an exposure and CCD."""
from __future__ import annotations

import errno
import fcntl
import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from sediff.errors import BadInput, SediffError, Temporary
from sediff.formats.atomic import explained

#: First and longest pause (s) between two looks at a lock that another process holds.
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 2.0
#: What `flock` says where another process holds the lock.
_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


class Held(Temporary):
    """Another process holds the lock."""


@contextmanager
def lock(path: Path, what: str) -> Iterator[None]:
    """Hold a lock file; it is freed when the process ends, however it ends.

    Raises
    ------
    Held
        Another process holds it; the message names that process.
    BadInput
        The folder cannot be written, or its file system has no locks.
    Temporary
        The disk is full.
    """
    with _opened(path) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _rejected(error, path, what, handle) from error
        try:
            handle.truncate(0)
            handle.write(f'process {os.getpid()} on {socket.gethostname()}\n')
            handle.flush()
        except OSError as error:
            raise (explained(error, path) or error) from error
        yield


@contextmanager
def patient_lock(path: Path, what: str, patience: float) -> Iterator[None]:
    """Hold a lock file, after waiting up to `patience` seconds for its holder; the pauses grow, with some chance in them so
    that waiting processes do not look all at once.

    Raises
    ------
    Held
        It is still held then.
    BadInput, Temporary
        As `lock`.
    """
    until, pause = time.monotonic() + patience, FIRST_PAUSE
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(lock(path, what))
                break
            except Held:
                if time.monotonic() > until:
                    raise
                time.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, LONGEST_PAUSE)
        yield


def _rejected(error: OSError, path: Path, what: str, handle: TextIO) -> SediffError:
    """Why a lock was not given: somebody has it, or there are none on this file system."""
    if error.errno not in _HELD:
        return BadInput(f'{path.parent} is on a file system without locks (flock: {error.strerror}), and without them two '
                        'runs would write the same files; mount it with locks (NFS: version 4, or 3 without nolock; Lustre: '
                        'flock) or put ROOT elsewhere')
    handle.seek(0)
    words = ''.join(letter for letter in handle.read(200) if letter.isprintable() and letter != '\ufffd').strip()
    holder = words if words.startswith('process ') else 'another process'
    return Held(f'{what} is being processed by {holder} (lock {path}); wait for it or stop it')


def _opened(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open('a+', encoding='utf-8', errors='replace')
    except OSError as error:
        failure = explained(error, path)
        if isinstance(failure, Temporary):
            raise failure from error
        raise BadInput(f'cannot write {path}: {error.strerror}; check ROOT and the mode of {path.parent}') from error
