"""The trained score model: read from and written to a csv file."""
from __future__ import annotations

import os
from pathlib import Path

from sediff.camera.catalogs import catalog_path
from sediff.candidates.score import LinearModel, model_text, parse_model
from sediff.errors import BadInput
from sediff.io.atomic import write_text

#: The model that comes with the program, in the catalogs folder.
DEFAULT_MODEL = 'autoscan_linear.csv'


def read_score_model(path: str | os.PathLike | None = None) -> LinearModel:
    """The score model of a file (default: catalogs/autoscan_linear.csv).

    Raises
    ------
    BadInput
        The file is missing or does not fit the features.
    """
    path = Path(path) if path else catalog_path(DEFAULT_MODEL)
    try:
        return parse_model(path.read_text(encoding='utf-8'))
    except FileNotFoundError as error:
        raise BadInput(f'no score model {path}; give one or train it') from error
    except BadInput as error:
        raise BadInput(f'{path}: {error}') from error


def write_score_model(path: str | os.PathLike, model: LinearModel, comments: tuple[str, ...] = ()) -> None:
    """Write a score model with comment lines that say how it was made."""
    write_text(path, model_text(model, comments))
