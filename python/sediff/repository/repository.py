"""The work tree by name: where every product is, whether it exists, what it holds."""
from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sediff.errors import BadInput
from sediff.formats.atomic import atomic_path, write_text
from sediff.instruments.base import Instrument
from sediff.instruments.load import default_instrument
from sediff.repository.calibrations import Calibrations
from sediff.repository.find import find
from sediff.repository.names import FILES, GIVEN_PLACES, PLACES, Exposure, fields_of, folder_of, product_path, raw_inputs
from sediff.repository.products import read_product, write_product
from sediff.repository.registry import registered_files
from sediff.repository.reruns import trees


@dataclass(frozen=True)
class Repository:
    """Products of data IDs below one ROOT, in its own tree or in that of a rerun.

    A product is written to the tree of the run and read from the first tree of its chain that has it. Products that are not
    kept, locks and the database are those of the run alone.

    Parameters
    ----------
    root : Path
        Top of the work tree.
    rerun : str
        Name of the rerun; '' for ROOT's own tree.
    instrument : Instrument
        The camera of its exposures.
    """

    root: Path
    rerun: str = ''
    instrument: Instrument = field(default_factory=default_instrument, repr=False)

    @classmethod
    def of(cls, data_id: Exposure) -> Repository:
        """The repository of a data ID."""
        return cls(data_id.root, data_id.rerun, data_id.instrument)

    @property
    def trees(self) -> tuple[Path, ...]:
        """The tree that is written, then those that are read through."""
        return trees(self.root, self.rerun)

    @property
    def has_products(self) -> bool:
        """Whether anything was processed in the tree that is written."""
        return any(self.trees[0].glob('*/*/exp'))

    @property
    def given(self) -> Calibrations:
        """The calibrations that are there."""
        return Calibrations(self.root)

    def folder(self, data_id: Exposure, place: str = 'exp') -> Path:
        """A folder of `sediff.repository.names.PLACES` in the tree that is written, for messages and locks."""
        return folder_of(data_id, place)

    def below(self, folder: Path, pattern: str) -> list[Path]:
        """Files of a pattern in a folder that was given, and below it, by name."""
        return sorted(folder.rglob(pattern))

    def raw_files(self, data_id: Exposure) -> list[Path]:
        """All raw files of an exposure: one, or one a CCD."""
        return raw_inputs(self.path('raw', data_id), data_id.instrument)

    @property
    def shelf(self) -> Path:
        """Where hashes of large files are kept, in the tree that is written."""
        return self.trees[0] / '.sediff' / 'hashes'

    def night(self, nite: str) -> Path:
        """The folder of a night's raw exposures."""
        return self.root / GIVEN_PLACES['raw'].format(nite=nite)

    def written_folders(self, data_id: Exposure) -> Iterator[Path]:
        """The folders that an exposure's runs write into, as far as they exist."""
        return (Path(folder) for folder, _, _ in os.walk(self.folder(data_id)))

    def folders(self, data_id: Exposure, place: str = 'exp') -> list[Path]:
        """That folder in each tree of the chain, the one that is written first."""
        return [folder_of(one, place) for one in self._chain(data_id)]

    def target(self, product: str, data_id: Exposure) -> Path:
        """Where a product is written."""
        return product_path(data_id, product)

    def path(self, product: str, data_id: Exposure) -> Path:
        """The file of a product: in the first tree of the chain that has it; where none has, where it would be written."""
        return next((path for path in self._places(product, data_id) if path.is_file()), product_path(data_id, product))

    def exists(self, product: str, data_id: Exposure) -> bool:
        """Whether a product is there."""
        return any(path.is_file() for path in self._places(product, data_id))

    def size(self, product: str, data_id: Exposure) -> int | None:
        """Bytes of a product; None where it is not there."""
        path = self.path(product, data_id)
        return path.stat().st_size if path.is_file() else None

    def changed(self, product: str, data_id: Exposure) -> int:
        """When a product was last written, ns; BadInput where it is not there."""
        try:
            return self.path(product, data_id).stat().st_mtime_ns
        except FileNotFoundError:
            raise BadInput(f'no such file: {self.path(product, data_id)}; run the step that makes it') from None

    def registered(self, data_id: Exposure, kinds: Collection[str]) -> dict[str, Path]:
        """Kind (raw, ooi, oow, ood) -> the registered file of an exposure that has its CCD (any CCD, where it has none)."""
        return registered_files(self.root, data_id.expnum, kinds, data_id.ccd)

    def get(self, product: str, data_id: Exposure):
        """A product as the object its step saved.

        Raises
        ------
        BadInput
            Missing or unreadable; the message names the file.
        """
        return read_product(self.path(product, data_id), FILES[product].kind)

    def text(self, product: str, data_id: Exposure) -> str:
        """A text file as it stands; '' where it is not there."""
        path = self.path(product, data_id)
        return path.read_text(encoding='utf-8', errors='replace') if path.is_file() else ''

    def put(self, product: str, data_id: Exposure, value) -> Path:
        """Write a product atomically; returns its path."""
        path = self.target(product, data_id)
        write_product(path, FILES[product].kind, value)
        return path

    def link(self, product: str, other: str, data_id: Exposure) -> Path:
        """Give the file of another product a second name (a copy where the file system has no links); returns its path.

        Files are replaced and never changed in place, so that neither follows what becomes of the other.
        """
        path, source = self.target(product, data_id), self.path(other, data_id)
        with atomic_path(path) as temporary:
            try:
                os.link(source.resolve(), temporary)
            except OSError:
                shutil.copyfile(source, temporary)
        return path

    def remove(self, product: str, data_id: Exposure) -> None:
        """Remove a product from the tree that is written; those above keep theirs."""
        self.target(product, data_id).unlink(missing_ok=True)

    def where(self, product: str, exposure: Exposure | None = None, **keys) -> list[Exposure]:
        """Data IDs whose product exists in the chain, by night, exposure and CCD.

        Parameters
        ----------
        exposure : Exposure, optional
            All CCDs of this one; without it, only `keys` count.
        keys : str or int
            Fields of `Exposure` that must have these values: expnum, nite, band, rnum, pnum, season, cache, schema, ccd,
            field.

        Returns
        -------
        list of Exposure
            A field that neither the keys nor the file's name tell has its default, the band is ''.
        """
        fixed: dict = {'instrument': self.instrument, **keys}
        if exposure is not None:
            names = ('expnum', 'nite', 'band', 'rnum', 'pnum', 'season', 'cache', 'schema')
            fixed = {name: getattr(exposure, name) for name in names} | fixed
            if exposure.field != Exposure.field:
                fixed.setdefault('field', exposure.field)
        row = replace(FILES[product], pattern=self.instrument.facts['raw_file']) if product == 'raw' else FILES[product]
        tops = (self.root,) if row.place in GIVEN_PLACES else self._read_from(product)
        found = {(one.nite, one.expnum, one.ccd, one.field, one.band, one.rpnum, one.season, one.cache, one.schema): one
                 for top in reversed(tops) for one in find(top, row, fixed)}
        return [replace(found[key], root=self.root, rerun=self.rerun) for key in sorted(found)]

    def exposures_in(self, place: str, data_id: Exposure) -> list[Exposure]:
        """The exposures that have a folder of a place of this season, cache and schema, by night and number."""
        pattern = PLACES[place].format(**fields_of(data_id) | {'nite': '*', 'expnum': '*'})
        found = {(path.parent.name, int(path.name)) for tree in self.trees for path in tree.glob(pattern)
                 if path.is_dir() and re.fullmatch('[0-9]{8}/[0-9]{1,18}', f'{path.parent.name}/{path.name}')}
        return [replace(data_id, nite=nite, expnum=expnum, band='', ccd=0) for nite, expnum in sorted(found)]

    def stamp(self, data_id: Exposure, label: str, suffix: str) -> Path:
        """Where a step (`SE07_scamp`) keeps its `DONE`, `FAIL` or `LOG` file."""
        return self.folder(data_id, _stamps_of(label)) / f'{label}.{suffix}'

    def last_stamp(self, data_id: Exposure, label: str, suffix: str) -> Path:
        """The same, of the first tree of the chain in which the step was done or has failed."""
        for folder in self.folders(data_id, _stamps_of(label)):
            if any((folder / f'{label}.{each}').is_file() for each in ('DONE', 'FAIL')):
                return folder / f'{label}.{suffix}'
        return self.stamp(data_id, label, suffix)

    def last_stamps(self, data_id: Exposure, labels: Sequence[str], suffix: str) -> list[Path]:
        """Those of several steps that are there, in the order of the steps; each folder is looked through once."""
        inside = {place: [(folder, _names_in(folder)) for folder in self.folders(data_id, place)]
                  for place in set(map(_stamps_of, labels))}
        found = []
        for label in labels:
            folder, names = next(((folder, names) for folder, names in inside[_stamps_of(label)]
                                  if not names.isdisjoint((f'{label}.DONE', f'{label}.FAIL'))), (Path(), frozenset()))
            if f'{label}.{suffix}' in names:
                found.append(folder / f'{label}.{suffix}')
        return found

    def has_stamp(self, data_id: Exposure, label: str, suffix: str) -> bool:
        """Whether the step's last run in the chain left this file."""
        return self.last_stamp(data_id, label, suffix).is_file()

    def ccds_run(self, exposure: Exposure) -> list[int]:
        """CCDs of which any step was started in the chain; 0 stands for the whole exposure."""
        found = set()
        for folder in self.folders(exposure):
            found |= {path.name.rpartition('_')[2] for pattern in ('se_[0-9][0-9]', f'{exposure.season}/*_[0-9][0-9]')
                      for path in folder.glob(pattern) if path.is_dir()}
        return sorted(map(int, found))

    def seasons(self, exposure: Exposure) -> list[str]:
        """Seasons (`dpNN`) in which difference imaging of an exposure was started."""
        return sorted({path.name for folder in self.folders(exposure) for path in folder.glob('dp[0-9]*') if path.is_dir()})

    def was_processed(self, data_id: Exposure) -> bool:
        """Whether any single-epoch step of this CCD was done in the chain."""
        return any(any(folder.glob('SE*.DONE')) for folder in self.folders(data_id, 'se'))

    def star_list(self, data_id: Exposure, name: str) -> Path | None:
        """A SNSTAR or SNVETO list of the search exposure, beside its products: in the first tree that has it; or None."""
        paths = [folder / name for folder in self.folders(data_id)]
        return next((path for path in paths if path.is_file()), None)

    def put_star_list(self, data_id: Exposure, name: str, text: str, folder: Path | None = None) -> Path:
        """Write such a list beside the products, or into a folder of the user's; returns its path."""
        path = (folder or self.folder(data_id)) / name
        write_text(path, text)
        return path

    def own_path(self, name: str) -> Path:
        """A file or folder that the user named, relative to ROOT, whether it is there or not."""
        return self.root / name

    def own_file(self, name: str) -> Path | None:
        """The same, of a file that is there; or None."""
        path = self.own_path(name)
        return path if path.is_file() else None

    def own_folder(self, name: str) -> Path | None:
        """The same, of a folder that is there; or None."""
        path = self.own_path(name)
        return path if path.is_dir() else None

    def _read_from(self, product: str) -> tuple[Path, ...]:
        """Trees that a product is looked for in."""
        row = FILES[product]
        return self.trees if row.keep and row.place not in ('locks', 'night_locks', 'db') else self.trees[:1]

    def _chain(self, data_id: Exposure) -> Iterator[Exposure]:
        """The data ID in each tree of the chain."""
        for tree in self.trees:
            yield replace(data_id, rerun='' if tree == self.root else tree.name)

    def _places(self, product: str, data_id: Exposure) -> Iterator[Path]:
        if FILES[product].place in GIVEN_PLACES:
            yield product_path(data_id, product)
            if product == 'raw' and not product_path(data_id, product).is_file():
                yield from self.registered(data_id, ('raw',)).values()
            return
        for one, _ in zip(self._chain(data_id), self._read_from(product)):
            yield product_path(one, product)


def _names_in(folder: Path) -> frozenset[str]:
    """Names in a folder; none where there is no such folder."""
    try:
        return frozenset(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()


def _stamps_of(label: str) -> str:
    """The place of a step's stamps."""
    return 'diffimg' if label.startswith('RUN') else 'se'
