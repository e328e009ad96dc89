"""Where the tables of the `catalogs` folder are."""
from __future__ import annotations

import os
from pathlib import Path

import sediff
from sediff.errors import BadInput


def user_table(root: Path, name: str) -> Path:
    """A table of the user's, relative to ROOT, or else that of the catalogs folder.

    Raises
    ------
    BadInput
        Neither.
    """
    own = Path(root) / name
    return own if own.is_file() else catalog_path(name)


def catalog_path(name: str) -> Path:
    """Path of a table in the catalogs folder: SEDIFF_CATALOGS if set, else `catalogs` beside the `python` folder.

    Raises
    ------
    BadInput
        No such table there.
    """
    folder = Path(os.environ.get('SEDIFF_CATALOGS') or Path(sediff.__file__).resolve().parents[2] / 'catalogs')
    path = folder / name
    if not path.is_file():
        raise BadInput(f'no catalogue {name} in {folder}; set SEDIFF_CATALOGS to the catalogs folder of sediff')
    return path
