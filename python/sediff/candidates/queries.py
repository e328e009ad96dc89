"""Small pieces of SQL that the database modules share."""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, Table, any_, bindparam, func, select

from sediff.errors import BadUsage


def known_columns(table: Table, values: Mapping) -> dict:
    """The values as a dict; BadUsage when one is no column of the table."""
    unknown = set(values) - set(table.c.keys())
    if unknown:
        raise BadUsage(f'table {table.name} has no column {", ".join(sorted(unknown))}; it has '
                       f'{", ".join(table.c.keys())}')
    return dict(values)


def same(table: Table, key: Mapping) -> list[ColumnElement[bool]]:
    """Conditions that columns equal these values."""
    return [table.c[name] == value for name, value in key.items()]


def counting(table: Table, withdrawn: bool = False) -> list[ColumnElement[bool]]:
    """The condition that rows are not of an exposure that was withdrawn; none where those are wanted, too."""
    return [] if withdrawn else [table.c.timeWithdrawnMjdTai.is_(None)]


def select_in(connection: Connection, table: Table, column: ColumnElement, values: Iterable[int],
              *more: ColumnElement[bool]) -> list[Mapping]:
    """Rows whose column is one of many values."""
    return list(connection.execute(select(table).where(among(connection, column, values), *more)).mappings())


def among(connection: Connection, column: ColumnElement, values: Iterable[int]) -> ColumnElement[bool]:
    """The condition that a column is one of any number of values, which travel as one array."""
    wanted = sorted({int(value) for value in values})
    if connection.dialect.name == 'sqlite':
        return column.in_(select(func.json_each(json.dumps(wanted)).table_valued('value').c.value))
    return column == any_(bindparam(None, wanted, ARRAY(BigInteger)))
