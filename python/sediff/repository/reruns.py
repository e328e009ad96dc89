"""Reruns: trees of products below ROOT/rerun, each of which reads what it lacks through the one it was made from.

A rerun's parent is recorded once, in its `rerun.json`, and never changes; '' is ROOT's own tree.
"""
from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from pathlib import Path

from sediff.errors import BadInput, BadUsage
from sediff.formats.atomic import explained
from sediff.values import shown

FOLDER, RECORD = 'rerun', 'rerun.json'


def trees(root: Path, rerun: str) -> tuple[Path, ...]:
    """The tree that a rerun writes, then those that it reads through, its parent first; ROOT's own tree is the last.

    Raises
    ------
    BadInput
        There is no such rerun, or a record of the chain cannot be read.
    BadUsage
        The records name each other in a circle.
    """
    return _trees(Path(root), rerun) if rerun else (Path(root),)


@lru_cache(maxsize=64)
def _trees(root: Path, rerun: str) -> tuple[Path, ...]:
    chain = [rerun]
    while parent := parent_of(root, chain[-1]):
        if parent in chain:
            raise BadUsage(f'reruns read each other in a circle: {" from ".join([*chain, parent])}; mend '
                           f'{_record(root, chain[-1])}')
        chain.append(parent)
    return (*(root / FOLDER / name for name in chain), root)


def parent_of(root: Path, rerun: str) -> str:
    """The recorded parent of a rerun; '' for ROOT's own tree.

    Raises
    ------
    BadInput
        There is no such rerun, or its record cannot be read.
    """
    path = _record(root, rerun)
    try:
        parent = json.loads(path.read_text(encoding='utf-8'))['parent']
    except FileNotFoundError:
        raise BadInput(f'no rerun {rerun} in {root / FOLDER}; there are: {", ".join(names(root)) or "none"}') from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f'{path} cannot be read ({type(error).__name__}); it must say {{"parent": NAME}}, with "" for {root}'
                       ) from error
    if parent != '' and not _is_name(parent):
        raise BadInput(f'{path}: {shown(parent)} is no name of a rerun; mend it')
    return parent


def names(root: Path) -> list[str]:
    """The reruns of a work tree."""
    return sorted(path.parent.name for path in (root / FOLDER).glob(f'*/{RECORD}'))


def open_rerun(root: Path, text: str | None, make: bool = True) -> str:
    """The rerun that `--rerun [IN:]OUT` names: its record is written where there is none.

    Parameters
    ----------
    text : str or None
        Without IN, a rerun that exists has its recorded parent, a new one reads ROOT's own tree.
    make : bool
        False: it must exist (commands that only look).

    Returns
    -------
    str
        Name of the rerun; '' without one.

    Raises
    ------
    BadUsage
        A bad name, a circle, or another parent than the recorded one.
    BadInput
        IN does not exist; or OUT, where it must; or a record cannot be read or written.
    """
    if text is None:
        return ''
    parent, colon, rerun = text.rpartition(':')
    for name in [rerun, *([parent] if colon else [])]:
        if not _is_name(name):
            raise BadUsage(f'--rerun must be [IN:]OUT, names of letters, digits, _ . + and -, not {shown(text)}')
    if parent == rerun:
        raise BadUsage(f'--rerun {text}: a rerun cannot read through itself')
    above = trees(root, parent) if colon else ()
    if root / FOLDER / rerun in above:
        raise BadUsage(f'--rerun {text}: {parent} reads through {rerun} itself')
    if make and not _record(root, rerun).is_file():
        _write(_record(root, rerun), parent)
    recorded = parent_of(root, rerun)
    if colon and recorded != parent:
        raise BadUsage(f'--rerun {text}: {rerun} reads through {recorded or f"{root} itself"}, as its {RECORD} says, and a '
                       'chain stays as it was made; take another name')
    trees(root, rerun)
    return rerun


def _is_name(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch(r'[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}', name) is not None


def _record(root: Path, rerun: str) -> Path:
    return root / FOLDER / rerun / RECORD


def _write(path: Path, parent: str) -> None:
    """Record a parent; the first of several processes does, the others find it there."""
    temporary = path.with_name(f'.tmp{os.getpid()}_{RECORD}')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({'parent': parent}) + '\n', encoding='utf-8')
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise (explained(error, path) or error) from error
