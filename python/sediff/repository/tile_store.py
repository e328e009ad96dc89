"""Prepared templates on disk: tiles of a template CCD's grid by their keys, bounded in size, safe with many workers."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from sediff.errors import BadInput
from sediff.formats.locks import Held, lock, patient_lock
from sediff.repository.names import Exposure, folder_of

#: How long (s) a process waits for another that makes the same tile.
PATIENCE = 600.0


class TileStore:
    """Files `tileNN_KEY.fits.fz` in a folder for each template CCD; the key tells all that decides what is in one.

    Parameters
    ----------
    exposure : Exposure
        Any of the work tree and band.
    most_bytes : float
        Size that all tiles of the work tree may have together; those used longest ago are removed.
    """

    def __init__(self, exposure: Exposure, most_bytes: float):
        self._exposure, self._most = exposure, most_bytes

    def find(self, ccd: Exposure, number: int, key: str, usable: Callable[[Path], bool],
             make: Callable[[Path], None]) -> tuple[Path, bool]:
        """A tile of a template CCD, made if it is not there, and whether it was made now.

        Parameters
        ----------
        usable : callable
            Whether a file that is there can be read; one that cannot is made again.
        make : callable
            Writes the tile, atomically.

        Raises
        ------
        Held
            Another process has been making it for 600 s.
        """
        folder = folder_of(ccd, 'prepared')
        path = folder / f'tile{number:02d}_{key}.fits.fz'
        if self._is_there(path, usable):
            return path, False
        with patient_lock(folder / f'tile{number:02d}.lock', f'tile {number} of {ccd.label()}', PATIENCE):
            if self._is_there(path, usable):
                return path, False
            make(path)
        return path, True

    def _is_there(self, path: Path, usable: Callable[[Path], bool]) -> bool:
        """Whether a tile is there and can be read; it then counts as used now."""
        try:
            os.utime(path)
            return usable(path)
        except (OSError, BadInput):
            return False

    def trim(self) -> int:
        """Remove tiles, those used longest ago first, until the rest is within the limit; returns how many went.

        Where another process does so at the moment nothing is done.
        """
        top = folder_of(self._exposure, 'prepared_all')
        with suppress(Held), lock(top / 'trim.lock', 'the prepared templates'):
            tiles = sorted(_tiles(top), key=lambda each: each[1])
            total, gone = sum(size for _, _, size in tiles), 0
            for path, _, size in tiles:
                if total <= self._most:
                    break
                with suppress(OSError):
                    path.unlink()
                    total, gone = total - size, gone + 1
            return gone
        return 0


def _tiles(top: Path) -> Iterator[tuple[Path, int, int]]:
    """Path, time of last use (ns) and size of every tile."""
    for path in top.rglob('tile*.fits.fz'):
        with suppress(OSError):
            status = path.stat()
            yield path, status.st_mtime_ns, status.st_size
