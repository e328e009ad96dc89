"""Shards from catalogue files, of any size and in any order, in bounded memory; resumes after an interruption.

Pass 1 reads each file a chunk at a time and writes runs: rows sorted by shard, with a marker that tells how far the
file is read. Pass 2 gathers the rows of one shard after the other from the runs. Both are idempotent: a star that comes
twice (overlapping files, a second build into the same folder) is kept once, as it came last.
"""
from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sediff.errors import BadData
from sediff.formats.atomic import atomic_path, write_text
from sediff.formats.locks import lock
from sediff.refcat.catalogue import Catalogue, convert, lacking_errors
from sediff.refcat.dumps import read_chunks
from sediff.refcat.index import Index, index_for_build, write_index
from sediff.refcat.lookup import read_rows
from sediff.refcat.regions import pixels_of
from sediff.refcat.shard import is_shard, open_shard, write_shard

#: Rows of a run; three times 84 bytes of each are in memory at once.
RUN_ROWS = 500_000
WORK_FOLDER = '.build'


@dataclass(frozen=True)
class Selection:
    """Which stars of the input to keep.

    Parameters
    ----------
    pixels : ndarray of int, optional
        Shards; None: all.
    faintest : float
        Limit of the catalogue's first magnitude; stars without it stay.
    """

    pixels: np.ndarray | None = None
    faintest: float = np.inf

    def keep(self, catalogue: Catalogue, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows kept, and their shards."""
        pixels = pixels_of(rows['ra'], rows['dec'])
        kept = ~(rows[catalogue.magnitudes[0]] > self.faintest)
        if self.pixels is not None:
            kept &= np.isin(pixels, self.pixels)
        return rows[kept], pixels[kept]

    @property
    def key(self) -> str:
        """Short text that differs where the selection does."""
        pixels = 'all' if self.pixels is None else hashlib.sha256(np.asarray(self.pixels, 'i8').tobytes()).hexdigest()[:12]
        return f'{pixels}_{self.faintest:g}'


def build_from_files(folder: Path, catalogue: Catalogue, files: Iterable[Path], selection: Selection | None = None,
                     say: Callable[[str], None] = lambda text: None) -> tuple[Index, list[dict]]:
    """Make or extend the shards of a folder from catalogue files.

    Parameters
    ----------
    folder : Path
        Of the shards; made if absent. Needs room for 84 bytes a new star besides, while it works.
    catalogue : Catalogue
    files : paths
        CSV, FITS or VOTable, gzipped or not.
    selection : Selection, optional
    say : callable
        Gets lines of progress.

    Returns
    -------
    index : Index
    sources : list of dict
        The entries of these files in the index.

    Raises
    ------
    BadUsage
        The folder holds another catalogue.
    BadInput, BadData
        A file cannot be used; those read before stay read, and the same command resumes.
    Temporary
        Another build works in this folder, or the disk is full.
    """
    selection, work = selection or Selection(), folder / WORK_FOLDER
    keys = {f'{path.absolute()}|{path.stat().st_size if path.is_file() else -1}|{selection.key}': path for path in files}
    with lock(work / 'lock', f'{folder}'):
        index = index_for_build(folder, catalogue)
        known = {source['key'] for source in index.sources}
        lost = index.lost(folder, catalogue)
        todo = keys if lost else {key: path for key, path in keys.items() if key not in known}
        for number, (key, path) in enumerate(todo.items(), 1):
            say(f'reading {path} ({number} of {len(todo)})')
            _scatter(work / _hash(key), path, catalogue, selection)
        if todo:
            _merge(folder, work, list(todo), catalogue, say)
            fresh = [_source(work / _hash(key), key, path) for key, path in todo.items()]
            index.sources = [source for source in index.sources if source['key'] not in todo] + fresh
            write_index(folder, index, catalogue)
        for key in keys:
            shutil.rmtree(work / _hash(key), ignore_errors=True)
    return index, [source for source in index.sources if source['key'] in keys]


def _scatter(stage: Path, path: Path, catalogue: Catalogue, selection: Selection) -> None:
    """Write the runs of one file that are not there yet, and `done.json` at its end."""
    if (stage / 'done.json').is_file():
        return
    markers = sorted(stage.glob('run_*.json'))
    start, number, no_error = 0, len(markers), 0
    if markers:
        start = json.loads(markers[-1].read_text(encoding='utf-8'))['stop']
    buffer, buffered, dropped = [], 0, 0
    for chunk in read_chunks(path, catalogue, stage, start):
        rows, left_out = convert(catalogue, chunk.columns, str(path))
        kept = selection.keep(catalogue, rows)
        buffer.append(kept)
        buffered, dropped = buffered + kept[0].size, dropped + left_out
        no_error += lacking_errors(catalogue, kept[0])
        marker = {'stop': chunk.stop, 'plain_bytes': chunk.plain_bytes, 'dropped': dropped, 'no_error': no_error}
        if buffered >= RUN_ROWS:
            _write_run(stage, number, buffer, marker)
            buffer, buffered, dropped, no_error, number = [], 0, 0, 0, number + 1
    if buffer:
        _write_run(stage, number, buffer, marker)
    write_text(stage / 'done.json', '{}\n')


def _write_run(stage: Path, number: int, buffer: list[tuple[np.ndarray, np.ndarray]], marker: dict) -> None:
    rows, pixels = (np.concatenate(part) for part in zip(*buffer))
    order = np.argsort(pixels, kind='stable')
    unique, firsts = np.unique(pixels[order], return_index=True)
    with atomic_path(stage / f'run_{number:06d}.rows') as temporary:
        rows[order].tofile(temporary)
    marker |= {'rows': int(rows.size), 'pixels': unique.tolist(), 'firsts': firsts.tolist()}
    write_text(stage / f'run_{number:06d}.json', json.dumps(marker))


def _merge(folder: Path, work: Path, keys: list[str], catalogue: Catalogue, say: Callable[[str], None]) -> None:
    """Write every shard that the runs of these inputs have rows of."""
    build = _hash('|'.join(sorted(keys)))
    pieces: dict[int, list[tuple[Path, int, int]]] = {}
    for key in keys:
        for marker in sorted((work / _hash(key)).glob('run_*.json')):
            run = json.loads(marker.read_text(encoding='utf-8'))
            for pixel, first, last in zip(run['pixels'], run['firsts'], [*run['firsts'][1:], run['rows']]):
                pieces.setdefault(pixel, []).append((marker.with_suffix('.rows'), first, last - first))
    if not pieces:
        raise BadData(f'none of the {len(keys)} files has a star that was asked for; '
                      'look at the area and at the faintest magnitude')
    for number, (pixel, parts) in enumerate(sorted(pieces.items()), 1):
        path = folder / catalogue.shard_name(pixel)
        rows = [np.fromfile(run, catalogue.dtype, count, offset=first * catalogue.dtype.itemsize)
                for run, first, count in parts]
        if path.is_file():
            if is_shard(path) and open_shard(path).cards.get('BUILD') == build:
                continue
            rows.insert(0, rows_of_shard(path, catalogue))
        write_shard(path, unique_stars(np.concatenate(rows)), pixel, {'CATALOG': catalogue.name, 'BUILD': build})
        if number % 200 == 0:
            say(f'{number} of {len(pieces)} shards written')


def rows_of_shard(path: Path, catalogue: Catalogue) -> np.ndarray:
    """All rows of a shard, compressed or plain, as rows of the catalogue; BadInput where it is damaged."""
    found = read_rows(path)
    rows = np.zeros(found.size, catalogue.dtype)
    for name in catalogue.dtype.names or ():
        rows[name] = found[name] if name in (found.dtype.names or ()) else np.nan
    return rows


def unique_stars(rows: np.ndarray) -> np.ndarray:
    """Each source_id once, as it came last."""
    _, last = np.unique(rows['source_id'][::-1], return_index=True)
    return rows[rows.size - 1 - last]


def _source(stage: Path, key: str, path: Path) -> dict:
    runs = [json.loads(marker.read_text(encoding='utf-8')) for marker in sorted(stage.glob('run_*.json'))]
    plain_bytes = max((run['plain_bytes'] for run in runs), default=0)
    return {'file': path.name, 'key': key, 'bytes': path.stat().st_size, 'plain_bytes': plain_bytes,
            **{name: sum(run.get(name, 0) for run in runs) for name in ('rows', 'dropped', 'no_error')}}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
