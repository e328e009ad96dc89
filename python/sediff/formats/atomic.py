"""Files that appear whole or not at all: written under a temporary name, then renamed."""
from __future__ import annotations

import errno
import glob
import os
import re
import shutil
import socket
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sediff.errors import BadInput, SediffError, Temporary

#: What a full disk, a quota and a limit of the file size say.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: This machine, as temporary names have it.
HOST = re.sub(r'[^A-Za-z0-9-]', '', socket.gethostname().split('.')[0])[:32] or 'host'
#: Seconds after which what another machine left half written is taken for dead.
DEAD_AFTER = 86400.0
_OWNER = re.compile(r'\.tmp(?:([A-Za-z0-9-]+)\.)?(\d+)_')


def temporary_prefix() -> str:
    """How temporary names of this process begin: machine and process number, so that two writers never share one."""
    return f'.tmp{HOST}.{os.getpid()}_'


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block ends without error.

    The temporary name keeps the suffix, which matters to writers (`.fits.fz`).

    Raises
    ------
    BadInput
        The folder cannot be made or written.
    Temporary
        The disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f'{temporary_prefix()}{path.name}')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        failure = explained(error, path)
        if failure is None:
            raise
        raise failure from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def explained(error: OSError, path: str | os.PathLike | None = None) -> SediffError | None:
    """What an error of the file system means for the user; None where it tells nothing that is known.

    Parameters
    ----------
    error : OSError
        Also one without a number, as the libraries that write FITS files and arrays raise them.
    path : path, optional
        What was to be written; default the name in the error.
    """
    what, path = ('use' if path is None else 'write'), Path(path or error.filename or '.').absolute()
    if error.errno in _FULL or (error.errno in (None, 0) and _is_full(path.parent)):
        reason = os.strerror(error.errno or errno.ENOSPC)
        return Temporary(f'cannot write {path}: {reason}, {_free(path.parent)}; free some space and start again')
    if error.errno is None and 'FITSIO' in str(error):
        return BadInput(f'cannot {what} {path} as FITS ({str(error).splitlines()[0]}); it may be damaged: make or fetch it '
                        'again')
    if error.errno == errno.EROFS:
        return Temporary(f'cannot write {path}: {error.strerror}; mount it for writing and start again')
    if isinstance(error, FileNotFoundError):
        return BadInput(f'no such file or folder: {error.filename or path}')
    if isinstance(error, (PermissionError, NotADirectoryError, FileExistsError, IsADirectoryError)) or \
            error.errno in (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTEMPTY, errno.EINVAL):
        return BadInput(f'cannot {what} {path}: {error.strerror}; check the owner and mode of {path.parent}')
    return None


def _is_full(folder: Path) -> bool:
    """Whether a megabyte more cannot be written there."""
    try:
        with tempfile.TemporaryFile(dir=_there(folder)) as handle:
            handle.write(b'\0' * (1 << 20))
            handle.flush()
    except OSError as error:
        return error.errno in _FULL
    return False


def _there(folder: Path) -> Path:
    """The folder, or the first one above it that exists."""
    return next((each for each in (folder, *folder.parents) if each.is_dir()), Path('/'))


def _free(folder: Path) -> str:
    try:
        return f'{shutil.disk_usage(_there(folder)).free / 1e6:.1f} MB free on the disk of {folder}'
    except OSError:
        return f'free space on the disk of {folder} not known'


def remove_leftovers(path: str | os.PathLike) -> None:
    """Remove what a killed writer of `path` left; only its one writer (who holds the CCD's lock) may call this."""
    path = Path(path)
    for pattern in (f'.tmp*_{glob.escape(path.name)}', f'.tmp*_{_plain(path.name)}'):
        for leftover in path.parent.glob(pattern):
            leftover.unlink(missing_ok=True)


def plain_temporary(name: str) -> str:
    """A temporary name of plain letters beside a file (or its own temporary name) that `remove_leftovers` of it finds."""
    return f'{temporary_prefix()}{_plain(_OWNER.sub("", name, count=1))}'


def _plain(name: str) -> str:
    return f'plain{zlib.crc32(os.fsencode(name)):08x}.fits'


def remove_dead(folders: Iterable[Path]) -> list[Path]:
    """Remove the temporary files and folders of processes that are no more; returns them.

    Those of this machine whose process does not run, and any that nobody has touched for a day.
    """
    removed = []
    for folder in folders:
        for path in folder.glob('.tmp*'):
            if _is_dead(path):
                with suppress(OSError):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
                    removed.append(path)
    return removed


def _is_dead(path: Path) -> bool:
    owner = _OWNER.match(path.name)
    try:
        if owner and owner[1] == HOST:
            return not _runs(int(owner[2]))
        return time.time() - path.lstat().st_mtime > DEAD_AFTER
    except OSError:
        return False


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file atomically (UTF-8)."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding='utf-8')
