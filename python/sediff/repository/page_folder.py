"""The folder of an exposure's candidate pages: each file appears whole, and those of an earlier run go at the end."""
from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from sediff.errors import BadInput, BadUsage
from sediff.formats.atomic import atomic_path, explained, remove_dead
from sediff.repository.names import Exposure, product_path

#: What a file of a page may be called.
_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_-]{0,80}\.(html|png|jpg)')


class PageFolder:
    """Pages and pictures by name; one writer at a time, who holds the lock `page_lock` of the exposure.

    Parameters
    ----------
    exposure : Exposure
    """

    def __init__(self, exposure: Exposure):
        self.path = product_path(exposure, 'pages')

    @property
    def name(self) -> str:
        """Its own name, for links from beside it."""
        return self.path.name

    def write(self, name: str, content: bytes | str) -> None:
        """Write a file atomically.

        Raises
        ------
        BadUsage
            A name that is not plain letters, digits, `_` and `-` with .html, .png or .jpg.
        BadInput, Temporary
            As `sediff.formats.atomic.atomic_path`.
        """
        with atomic_path(self._file(name)) as temporary:
            temporary.write_bytes(content.encode('utf-8') if isinstance(content, str) else content)

    def read(self, name: str) -> bytes:
        """The bytes of a file; BadInput where it cannot be read."""
        try:
            return self._file(name).read_bytes()
        except OSError as error:
            raise BadInput(f'cannot read {self._file(name)}: {error.strerror}; run `sediff page` again') from error

    def is_newer(self, name: str, sources: Iterable[Path]) -> bool:
        """Whether a file is there and was written after all its sources that are there."""
        try:
            made = self._file(name).stat().st_mtime_ns
        except OSError:
            return False
        return all(made >= source.stat().st_mtime_ns for source in sources if source.is_file())

    def keep_only(self, names: Collection[str]) -> None:
        """Remove the pages and pictures of other names, and what killed writers left."""
        if not self.path.is_dir():
            return
        remove_dead([self.path])
        try:
            for entry in list(os.scandir(self.path)):
                if entry.name not in names and _NAME.fullmatch(entry.name):
                    os.unlink(entry.path)
        except OSError as error:
            raise explained(error, self.path) or error from error

    def _file(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise BadUsage(f'{name!r} is no name of a page: letters, digits, _ and - with .html, .png or .jpg are allowed')
        return self.path / name
