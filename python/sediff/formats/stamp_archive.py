"""The stamps of a CCD in one tar.gz."""
from __future__ import annotations

import gzip
import tarfile
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sediff.errors import BadInput
from sediff.formats.atomic import atomic_path, temporary_prefix
from sediff.formats.opening import first_line
from sediff.formats.stamp_files import read_stamps, write_stamps


def write_stamp_archive(path: Path, stamps: dict[int, dict[str, np.ndarray]]) -> None:
    """Write `{temp,srch,diff}<OBJID>.{fits,gif}` of each detection into a tar.gz, atomically.

    Parameters
    ----------
    stamps : dict
        OBJID -> {'temp', 'srch', 'diff'}, (n, n) float32.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=temporary_prefix()) as folder:
        for number, triplet in stamps.items():
            write_stamps(folder, number, triplet)
        # neither times nor names of users, so that the same stamps have the same bytes
        with atomic_path(path) as temporary, open(temporary, 'wb') as file, \
                gzip.GzipFile('', 'wb', 1, file, mtime=0) as packed, tarfile.open(fileobj=packed, mode='w') as archive:
            for stamp in sorted(Path(folder).iterdir()):
                entry = tarfile.TarInfo(stamp.name)
                entry.size = stamp.stat().st_size
                with open(stamp, 'rb') as content:
                    archive.addfile(entry, content)


def read_stamp_archive(path: Path, numbers: Iterable[int]) -> dict[int, dict[str, np.ndarray]]:
    """The FITS stamps of these detections.

    Raises
    ------
    BadInput
        The archive is missing, damaged or lacks a stamp.
    """
    wanted = {f'{kind}{number}.fits' for number in numbers for kind in ('temp', 'srch', 'diff')}
    try:
        with tempfile.TemporaryDirectory() as folder, tarfile.open(path) as archive:
            for member in archive:
                if member.name in wanted and (content := archive.extractfile(member) if member.isfile() else None):
                    (Path(folder) / member.name).write_bytes(content.read())
            # gzip compares its checksum at the end
            while archive.fileobj.read(1 << 20):
                pass
            return {number: read_stamps(folder, number) for number in numbers}
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise BadInput(f'cannot read the stamps {path}: {first_line(error)}; run RUN23_combined_makeStamps again') from error
