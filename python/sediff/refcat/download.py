"""Shards from a TAP service: whole shards, one after the other; those already there are not asked for again."""
from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from sediff.errors import BadData, BadUsage
from sediff.formats.locks import lock
from sediff.refcat.areas import pixel_outline
from sediff.refcat.build import WORK_FOLDER, unique_stars
from sediff.refcat.catalogue import Catalogue, convert, lacking_errors
from sediff.refcat.dumps import Overflow, read_chunks
from sediff.refcat.index import Index, index_for_build, write_index
from sediff.refcat.regions import pixels_of
from sediff.refcat.shard import open_shard, write_shard
from sediff.refcat.stars import SHARD_NSIDE
from sediff.refcat.tap import TapService

#: A pixel with more stars than one answer holds is divided in four, down to this resolution.
SMALLEST_NSIDE = 2048


def build_from_tap(folder: Path, catalogue: Catalogue, pixels: np.ndarray, service: TapService, table: str, where: str,
                   area: str, faintest: float = np.inf,
                   say: Callable[[str], None] = lambda text: None) -> tuple[Index, dict]:
    """Fetch shards; each is whole, whatever part of it the area touches.

    Parameters
    ----------
    folder : Path
        Of the shards; made if absent.
    catalogue : Catalogue
    pixels : ndarray of int
        RING pixels wanted.
    service : TapService
    table, where : str
        Table, and an ADQL condition besides the place ('' for none).
    area : str
        As the user gave it, for the index.
    faintest : float
        Limit of the catalogue's first magnitude.
    say : callable
        Gets lines of progress.

    Returns
    -------
    index : Index
    source : dict
        The entry of this area in the index.

    Raises
    ------
    Temporary
        The service is away or too slow; shards fetched before stay, the same command resumes.
    BadUsage, BadInput, BadData
        Another catalogue or selection in the folder; the service refuses the query; too many stars in one place.
    """
    import healpy
    key = f'{service.options.url}|{table}|{where}|{faintest:g}'
    with lock(folder / WORK_FOLDER / 'lock', f'{folder}'):
        index = index_for_build(folder, catalogue)
        _check_selection(folder, index, key)
        todo = [int(pixel) for pixel in pixels if not (folder / catalogue.shard_name(pixel)).is_file()]
        no_error = 0
        for number, pixel in enumerate(todo, 1):
            answer = folder / WORK_FOLDER / 'answer.vot'
            rows, received = _fetch_pixel(catalogue, healpy.ring2nest(SHARD_NSIDE, pixel), SHARD_NSIDE, service, answer,
                                          (table, _conditions(catalogue, where, faintest)))
            rows = unique_stars(rows[pixels_of(rows['ra'], rows['dec']) == pixel])
            no_error += lacking_errors(catalogue, rows)
            size = write_shard(folder / catalogue.shard_name(pixel), rows, pixel,
                               {'CATALOG': catalogue.name, 'RECEIVED': received})
            say(f'{catalogue.shard_name(pixel)} ({number} of {len(todo)}): {rows.size} stars, {received} bytes in, '
                f'{size} out')
        received = sum(int(open_shard(folder / catalogue.shard_name(pixel)).cards.get('RECEIVED', 0)) for pixel in pixels)
        source = {'area': area, 'table': table, 'key': key, 'bytes': received, 'plain_bytes': received, 'dropped': 0,
                  'no_error': no_error, 'shards': len(pixels)}
        index.sources = [entry for entry in index.sources if entry.get('area') != area] + [source]
        write_index(folder, index, catalogue)
    return index, source


def _check_selection(folder: Path, index: Index, key: str) -> None:
    """Raise BadUsage where shards of another selection are in the folder."""
    other = [source for source in index.sources if 'table' in source and source['key'] != key]
    if other:
        raise BadUsage(f'{folder} was made from {other[0]["key"]}, not from {key}: '
                       'take the same selection, or another folder')


def query_of(catalogue: Catalogue, pixel: int, nside: int, table: str, conditions: str) -> str:
    """ADQL for the stars of one NESTED pixel and a little more."""
    exact = catalogue.tap.get('quoted', ())
    names = dict.fromkeys(origins[0].names[0] for origins in catalogue.origins.values())
    ra, dec = (_quoted(catalogue.origins[axis][0].names[0]) for axis in ('ra', 'dec'))
    corners = ', '.join(f'{a:.7f}, {d:.7f}' for a, d in zip(*pixel_outline(pixel, nside)))
    return (f'SELECT {", ".join(_quoted(name, exact) for name in names)} FROM {table} '
            f"WHERE 1 = CONTAINS(POINT('ICRS', {ra}, {dec}), POLYGON('ICRS', {corners})){conditions}")


def _conditions(catalogue: Catalogue, where: str, faintest: float) -> str:
    magnitude = _quoted(catalogue.origins[catalogue.magnitudes[0]][0].names[0], catalogue.tap.get('quoted', ()))
    limit = f' AND {magnitude} <= {faintest:g}' if np.isfinite(faintest) else ''
    return (f' AND ({where})' if where else '') + limit


def _fetch_pixel(catalogue: Catalogue, pixel: int, nside: int, service: TapService, answer: Path,
                 asked: tuple[str, str]) -> tuple[np.ndarray, int]:
    """Rows of a NESTED pixel (and some around it), and the bytes that came; by quarters where they are too many."""
    import healpy
    received = service.fetch(query_of(catalogue, pixel, nside, *asked), answer)
    try:
        parts = [convert(catalogue, chunk.columns, f'the answer of {service.options.url}')[0]
                 for chunk in read_chunks(answer, catalogue, answer.parent)]
        rows = np.concatenate([np.zeros(0, catalogue.dtype), *parts])
        if rows.size < service.options.maxrec:
            return rows, received
    except Overflow:
        pass
    finally:
        answer.unlink(missing_ok=True)
    if 2 * nside > SMALLEST_NSIDE:
        ra, dec = healpy.pix2ang(nside, pixel, nest=True, lonlat=True)
        raise BadData(f'{service.options.url} gives no more than its row limit around RA {ra:.3f} Dec {dec:+.3f}, even for '
                      f'{healpy.nside2resol(nside, arcmin=True):.1f} arcmin; raise --maxrec, or set --faintest')
    quarters = [_fetch_pixel(catalogue, 4 * pixel + child, 2 * nside, service, answer, asked) for child in range(4)]
    return np.concatenate([rows for rows, _ in quarters]), received + sum(size for _, size in quarters)


def _quoted(name: str, exact: Collection[str] = ()) -> str:
    """A name in double quotes where ADQL needs them, or where its case matters."""
    plain = re.fullmatch(r'[A-Za-z_][A-Za-z0-9_]*', name) and name not in exact
    return name if plain else '"' + name + '"'
