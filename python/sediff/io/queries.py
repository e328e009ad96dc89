"""Small pieces of SQL that the database modules share."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import ColumnElement, Connection, Table, select

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


def select_in(connection: Connection, table: Table, column: ColumnElement, values: Iterable[int],
              *more: ColumnElement[bool]) -> list[Mapping]:
    """Rows whose column is one of many values, asked for in parts."""
    out: list[Mapping] = []
    for part in parts(sorted({int(value) for value in values})):
        out += connection.execute(select(table).where(column.in_(part), *more)).mappings().all()
    return out


def parts(values: list[int], size: int = 500) -> Iterator[list[int]]:
    """Slices of a list that fit one statement."""
    for start in range(0, len(values), size):
        yield values[start:start + size]
