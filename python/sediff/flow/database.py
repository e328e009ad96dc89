"""The candidate database of an exposure's season."""
from __future__ import annotations

from sqlalchemy import Engine

from sediff.context import Context
from sediff.io.database import open_database
from sediff.names import Exposure, database_path
from sediff.parameters import Parameters


def season_number(exposure: Exposure) -> int:
    """dp33 -> 33."""
    return int(exposure.season.removeprefix('dp'))


def database_url(exposure: Exposure, parameters: Parameters) -> str:
    """DB_URL, or the season's SQLite file below ROOT."""
    return parameters['DB_URL'] or f'sqlite:///{database_path(exposure)}'


def database_of(context: Context) -> Engine:
    """The open database of a step's exposure."""
    return open_database(database_url(context.exposure, context.parameters))
