"""The code and the tables that decide a step's result, found in the sources; kept on disk until a source changes."""
from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from sediff.catalogs import catalogs_folder
from sediff.compiled import cache_folder
from sediff.engine.closure import Package
from sediff.engine.step import Step
from sediff.errors import SediffError
from sediff.formats.atomic import write_text
from sediff.repository.names import PRODUCTS

#: What decides no result: the engine only calls steps, parameters enter the key by their values, errors end a step, the
#: repository finds files, whose contents are in the key, the ledger opens the database and enters its marks.
OUTSIDE = ('sediff.engine', 'sediff.errors', 'sediff.parameters', 'sediff.cli', 'sediff.__main__', 'sediff.repository.names',
           'sediff.repository.repository', 'sediff.repository.find', 'sediff.repository.reruns',
           'sediff.repository.calibrations', 'sediff.flow.exposure.inputs:TemplateCcd',
           *(f'sediff.flow.exposure.database:{name}' for name in ('SeasonLedger', 'open_season', 'database_url')),
           'sediff.candidates.database', 'sediff.candidates.versions', 'sediff.formats.mounts',
           'sediff.candidates.database_rows:enter', 'sediff.candidates.database_rows:entered',
           'sediff:__version__', 'sediff:__all__')
_PRODUCTS = 'sediff.repository.products'
#: Readers and writers of products are picked by the kind of product.
CHOOSERS = {f'{_PRODUCTS}:read_product': f'{_PRODUCTS}:_READERS', f'{_PRODUCTS}:write_product': f'{_PRODUCTS}:_WRITERS'}
#: Attributes of exposures and contexts that hold code which decides results.
ATTRIBUTES = {'instrument': 'sediff.instruments.base:Instrument'}
_FILE_NAME = re.compile(r'[\w-]+\.(csv|json|txt|npz|fits|yaml)')
#: The package whose code counts.
FOLDER = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class StepCode:
    """Hash of the code that a step reaches, the modules it is in, and the names of data files in it."""

    digest: str
    modules: tuple[str, ...]
    names: tuple[str, ...]


def entries(step: Step) -> list[str]:
    """Where a step's code starts: its function, the readers of what it needs, the writers of what it makes."""
    module, name = step.function.split(':')
    functions = [f'sediff.flow.{module}:{name}', *(f'{chooser}[]' for chooser in CHOOSERS)]
    functions += [f'sediff.flow.{step.refill}'] if step.refill else []
    kinds = {table: {PRODUCTS[each].kind for each in products if each in PRODUCTS}
             for table, products in (('_READERS', step.needs), ('_WRITERS', step.makes))}
    return functions + [f'{_PRODUCTS}:{table}[{kind}]' for table, found in kinds.items() for kind in sorted(found)]


def step_code(step: Step) -> StepCode:
    """The code of a step; worked out once for a state of the sources."""
    folder = FOLDER
    known, starts = _shelved(folder, signature(folder)), ' '.join(entries(step))
    if starts not in known:
        closure = package(folder).closure(entries(step))
        names = {text.rsplit('/', 1)[-1] for text in closure.strings}
        known[starts] = StepCode(closure.digest(), tuple(closure.modules),
                                 tuple(sorted(name for name in names if _FILE_NAME.fullmatch(name))))
        _keep(folder, signature(folder), known)
    return known[starts]


@lru_cache(maxsize=4)
def package(folder: Path) -> Package:
    """The sources of sediff."""
    return Package(folder, OUTSIDE, CHOOSERS, ATTRIBUTES)


@cache
def signature(folder: Path) -> str:
    """Hash of the names, sizes and times of change of all sources, as this process found them first."""
    hasher = hashlib.sha256()
    for path in sorted(_sources(folder)):
        stat = os.stat(path)
        hasher.update(f'{path} {stat.st_size} {stat.st_mtime_ns}\n'.encode())
    return hasher.hexdigest()[:24]


def _sources(folder: str | os.PathLike) -> list[str]:
    found: list[str] = []
    with os.scandir(os.fspath(folder)) as entries_of:
        for entry in entries_of:
            if entry.is_dir() and entry.name != '__pycache__':
                found += _sources(entry.path)
            elif entry.name.endswith('.py'):
                found.append(entry.path)
    return found


def _shelf(folder: Path) -> Path:
    return (cache_folder() if folder == FOLDER else folder / '__pycache__') / 'closures.json'


@lru_cache(maxsize=4)
def _shelved(folder: Path, state: str) -> dict[str, StepCode]:
    """Closures that an earlier process has found in the same sources; the dict is filled up by this one."""
    try:
        content = json.loads(_shelf(folder).read_text(encoding='utf-8'))
        if content['state'] != state:
            return {}
        return {name: StepCode(row[0], tuple(row[1]), tuple(row[2])) for name, row in content['steps'].items()}
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return {}


def _keep(folder: Path, state: str, known: dict[str, StepCode]) -> None:
    rows = {name: [code.digest, code.modules, code.names] for name, code in known.items()}
    with suppress(OSError, SediffError):
        write_text(_shelf(folder), json.dumps({'state': state, 'steps': rows}))


def tables_of(step: Step, folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Data files that a step's code names.

    Parameters
    ----------
    folders : sequence of Path
        Where tables of the user's may lie; those of the catalogs folder and of the package count, too.
    """
    found = {}
    for name in step_code(step).names:
        paths = [*(folder / name for folder in folders), *_data_files(catalogs_folder()).get(name, ())]
        found[name] = [path for path in paths if path.is_file()]
    return {name: paths for name, paths in found.items() if paths}


@lru_cache(maxsize=4)
def _data_files(catalogs: Path) -> dict[str, tuple[Path, ...]]:
    """File name -> tables of that name, in the catalogs folder or beside the code."""
    found: dict[str, tuple[Path, ...]] = {}
    for path in sorted([*catalogs.rglob('*'), *FOLDER.rglob('*')]):
        own = path.is_relative_to(FOLDER / 'instruments')          # of one camera, perhaps not of this one
        if _FILE_NAME.fullmatch(path.name) and '__pycache__' not in path.parts and not own:
            found[path.name] = (*found.get(path.name, ()), path)
    return found
