"""Where the tables of the `catalogs` folder are."""
from __future__ import annotations

import os
from pathlib import Path

from sediff.errors import BadInput
from sediff.places import shipped


def catalogs_folder() -> Path:
    """The catalogs folder: SEDIFF_CATALOGS if set, else that of this installation."""
    return Path(os.environ.get('SEDIFF_CATALOGS') or shipped('catalogs'))


def catalog_path(name: str) -> Path:
    """Path of a table in the catalogs folder.

    Raises
    ------
    BadInput
        No such table there.
    """
    folder = catalogs_folder()
    path = folder / name
    if not path.is_file():
        raise BadInput(f'no catalogue {name} in {folder}; set SEDIFF_CATALOGS to the catalogs folder of sediff')
    return path
