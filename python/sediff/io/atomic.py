"""Files that appear whole or not at all: written under a temporary name, then renamed."""
from __future__ import annotations

import errno
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sediff.errors import BadInput, Temporary


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block ends without error.

    The temporary name keeps the suffix (`.fits.fz` matters to writers) and holds the process number,
    so that two writers never share one.

    Raises
    ------
    BadInput
        The folder cannot be made or written.
    """
    path = Path(path)
    temporary = path.with_name(f'.tmp{os.getpid()}_{path.name}')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise BadInput(f'cannot write {path}: {error.strerror}; check the owner and mode of {path.parent}') from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        raise Temporary(f'cannot write {path}: {error.strerror}; free some space and start again') from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_leftovers(path: str | os.PathLike) -> None:
    """Remove what a killed writer of `path` left; only its one writer (who holds the CCD's lock) may call this."""
    path = Path(path)
    for leftover in path.parent.glob(f'.tmp*_{glob.escape(path.name)}'):
        leftover.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file atomically (UTF-8)."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding='utf-8')
