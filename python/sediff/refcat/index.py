"""The index of a folder of shards (`refcat.json`): which catalogue, which shards, made from what."""
from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sediff.catalogs import catalog_path
from sediff.errors import BadInput, BadUsage
from sediff.formats.atomic import write_text
from sediff.formats.fits import open_fits
from sediff.instruments.base import Instrument, table_path
from sediff.instruments.load import default_instrument
from sediff.refcat.catalogue import Catalogue, parse_catalogue
from sediff.refcat.shard import is_shard, open_shard, read_shard
from sediff.refcat.stars import SHARD_NSIDE

INDEX_NAME = 'refcat.json'


@dataclass
class Index:
    """Content of `refcat.json`.

    Parameters
    ----------
    catalogue : str
        Its key in refcat_columns.json.
    shards : dict of tuple
        {RING pixel: (rows, bytes)}.
    sources : list of dict
        What it was made from: a file or a TAP area each, with bytes, plain_bytes, rows, dropped, key.
    """

    catalogue: str
    shards: dict[int, tuple[int, int]] = field(default_factory=dict)
    sources: list[dict] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Stars in all shards."""
        return sum(rows for rows, _ in self.shards.values())

    @property
    def bytes_out(self) -> int:
        """Bytes of all shards."""
        return sum(size for _, size in self.shards.values())

    def lost(self, folder: Path, catalogue: Catalogue) -> list[int]:
        """Shards of the index whose file is gone."""
        return [pixel for pixel in self.shards if not (folder / catalogue.shard_name(pixel)).is_file()]


def read_catalogue(name: str, instrument: Instrument | None = None) -> Catalogue:
    """A catalogue of `catalogs/refcat_columns.json` with its relations to an instrument's bands (default: that of
    INSTRUMENT's default); BadUsage for an unknown one."""
    terms = _relations(instrument or default_instrument())
    return replace(parse_catalogue(read_column_map(), name), colour_terms=terms.get(name, {}))


def _relations(instrument: Instrument) -> Mapping:
    """The instrument's refcat_terms.json; nothing where it has none."""
    try:
        path = table_path(instrument, 'refcat_terms.json')
    except BadInput:
        return {}
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise BadInput(f'the relations {path} cannot be read: {error}') from error


def read_column_map() -> Mapping:
    """The table `catalogs/refcat_columns.json`; BadInput where it cannot be read."""
    path = catalog_path('refcat_columns.json')
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise BadInput(f'the column map {path} cannot be read: {error}') from error


def read_index(folder: str | os.PathLike) -> Index | None:
    """The index of a folder; None where it has none. BadInput where it is damaged."""
    path = Path(folder) / INDEX_NAME
    if not path.is_file():
        return None
    try:
        text = json.loads(path.read_text(encoding='utf-8'))
        shards = {int(pixel): (int(rows), int(size)) for pixel, (rows, size) in text['shards'].items()}
        return Index(text['catalogue'], shards, list(text['sources']))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f'{path} is damaged ({error!r}): delete it; `sediff refcat info {folder}` makes it '
                       'anew') from error


def index_for_build(folder: Path, catalogue: Catalogue) -> Index:
    """The index to resume with; BadUsage where the folder holds another catalogue."""
    index = read_index(folder)
    if index and index.catalogue != catalogue.name:
        raise BadUsage(f'{folder} holds shards of {index.catalogue}, not {catalogue.name}: '
                       'give each catalogue its own folder (-o)')
    return index or Index(catalogue.name)


def write_index(folder: Path, index: Index, catalogue: Catalogue) -> None:
    """Write `refcat.json`, its shards counted anew from the files there."""
    index.shards = scan(folder, catalogue)
    content = {'format': 1, 'catalogue': catalogue.name, 'title': catalogue.title, 'nside': SHARD_NSIDE, 'ordering': 'RING',
               'file': f'{catalogue.prefix}_%05d.fits', 'columns': list(catalogue.dtype.names or ()), 'rows': index.rows,
               'bytes': index.bytes_out, 'sources': index.sources,
               'shards': {str(pixel): list(pair) for pixel, pair in index.shards.items()}}
    write_text(folder / INDEX_NAME, json.dumps(content, separators=(',', ':')).replace('},{', '},\n{') + '\n')


def scan(folder: Path, catalogue: Catalogue) -> dict[int, tuple[int, int]]:
    """{pixel: (rows, bytes)} of the shards of a folder, from their headers; BadInput where one is damaged."""
    found = {}
    for path in sorted(folder.glob(f'{catalogue.prefix}_[0-9][0-9][0-9][0-9][0-9].fits')):
        if is_shard(path):
            rows = open_shard(path).rows
        else:
            with open_fits(path) as handle:
                rows = sum(hdu.get_nrows() for hdu in handle if hdu.get_exttype() == 'BINARY_TBL')
        found[int(path.stem[-5:])] = (int(rows), path.stat().st_size)
    return found


def damaged_shards(folder: Path, catalogue: Catalogue) -> list[str]:
    """Read every byte of every shard; a message for each that cannot be read."""
    messages = []
    for path in sorted(folder.glob(f'{catalogue.prefix}_[0-9][0-9][0-9][0-9][0-9].fits')):
        try:
            if is_shard(path):
                read_shard(open_shard(path))
        except BadInput as error:
            messages.append(str(error))
    return messages
