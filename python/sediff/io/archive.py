"""The stamps of a CCD in one tar.gz."""
from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sediff.errors import BadInput
from sediff.io.atomic import atomic_path
from sediff.io.stamps import read_stamps, write_stamps


def write_stamp_archive(path: Path, stamps: dict[int, dict[str, np.ndarray]]) -> None:
    """Write `{temp,srch,diff}<OBJID>.{fits,gif}` of each detection into a tar.gz, atomically.

    Parameters
    ----------
    stamps : dict
        OBJID -> {'temp', 'srch', 'diff'}, (n, n) float32.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix='.tmp') as folder:
        for number, triplet in stamps.items():
            write_stamps(folder, number, triplet)
        with atomic_path(path) as temporary, tarfile.open(temporary, 'w:gz', compresslevel=1) as archive:
            for file in sorted(Path(folder).iterdir()):
                archive.add(file, arcname=file.name)


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
                if member.name in wanted and member.isfile():
                    (Path(folder) / member.name).write_bytes(archive.extractfile(member).read())
            return {number: read_stamps(folder, number) for number in numbers}
    except (OSError, tarfile.TarError) as error:
        raise BadInput(f'cannot read the stamps {path}: {error}; run RUN23_combined_makeStamps again') from error
