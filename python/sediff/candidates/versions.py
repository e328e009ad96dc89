"""Version of the database's tables: new ones are made as they are now, older ones are migrated, newer ones are rejected."""
from __future__ import annotations

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, select

from sediff.candidates.schema import METADATA
from sediff.errors import BadInput

#: The last migration; `tests/candidates/test_versions.py` holds it to the files in `migrations/versions`.
HEAD = '0004'
#: Where alembic keeps the version.
VERSION = Table('alembic_version', MetaData(), Column('version_num', String(32), primary_key=True))


def bring_up_to_date(connection: Connection) -> None:
    """Give the database the tables of this version, in the transaction of the connection.

    Raises
    ------
    BadInput
        A newer version of sediff has made or migrated it.
    """
    version = version_of(connection)
    if version == HEAD:
        return
    if version is not None and version > HEAD:
        raise BadInput(f'{connection.engine.url.render_as_string(hide_password=True)} has version {version} of the '
                       f'tables, this sediff knows {HEAD} and earlier ones: update sediff, or set DB_URL to another one')
    if version is None and not inspect(connection).has_table('images'):
        METADATA.create_all(connection)
        VERSION.create(connection, checkfirst=True)
        connection.execute(insert(VERSION), [{'version_num': HEAD}])
    else:
        _migrate(connection)


def version_of(connection: Connection) -> str | None:
    """Version of the tables; None where there is none: an empty database, or one from before there were versions."""
    if not inspect(connection).has_table(VERSION.name):
        return None
    return connection.execute(select(VERSION.c.version_num)).scalars().first()


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    config = Config()
    config.set_main_option('script_location', 'sediff.candidates:migrations')
    config.attributes['connection'] = connection
    command.upgrade(config, HEAD)
