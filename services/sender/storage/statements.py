"""Statements that every message runs several times, as text. To build and compile one anew costs more than to
run it, and a busy sender does little else. What is rare is written with SQLAlchemy's own functions.

Names in them come from this code alone; every value is a parameter.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Row, Table
from sqlalchemy.orm import Session

# Octets and characters of values that are sent in one trip at most: servers take 16 MB by default.
ONE_TRIP = 1_000_000


def insert(
    session: Session,
    table: Table,
    rows: Iterable[Mapping[str, Any]],
    *,
    replace: bool = False,
    adding: tuple[str, ...] = (),
) -> None:
    """Writes whole rows, a value for every column, in as few statements as the driver can. A row that is
    there makes it fail, is replaced, or has the values of the columns in `adding` added to its own."""
    dialect = session.get_bind().dialect.name
    sql, values = _insert(table, "REPLACE" if replace else "INSERT", adding, dialect)
    written = [values(row) for row in rows]
    if written:
        session.connection().exec_driver_sql(sql, written)


@dataclass(frozen=True)
class Rows:
    """Rows to be written to a table; see `insert`."""

    table: Table
    rows: Sequence[Mapping[str, Any]]
    adding: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What is to be read; see `select`."""

    table: Table
    names: tuple[str, ...]
    where: Mapping[str, Sequence[Any]]


def insert_all(session: Session, many: Sequence[Rows], wanted: Wanted | None = None) -> Sequence[Row[Any]]:
    """Writes rows to several tables, and then reads, in one trip to a server that takes several statements
    (`Database(several=True)`), as long as they are not too large together."""
    dialect = session.get_bind().dialect.name
    many = [each for each in many if each.rows]
    parameters = [
        value for each in many for row in each.rows for value in _insert(each.table, "INSERT", (), "")[1](row)
    ]
    if dialect == "sqlite" or sum(map(len, filter(_is_long, parameters))) > ONE_TRIP:
        for each in many:
            insert(session, each.table, each.rows, adding=each.adding)
        return select(session, wanted.table, wanted.names, **wanted.where) if wanted else ()
    parts = [_insert_many(dialect, each.table, len(each.rows), each.adding) for each in many]
    if wanted:
        parts.append(_select(dialect, wanted.table.name, wanted.names, _shape(wanted.where)))
        parameters += _flat(wanted.where)
    if not parts:
        return ()
    result = session.connection().exec_driver_sql("; ".join(parts), tuple(parameters))
    return result.all() if wanted else ()


def _is_long(value: Any) -> bool:
    return isinstance(value, str | bytes)


def select(
    session: Session, table: Table, names: tuple[str, ...], **where: Sequence[Any]
) -> Sequence[Row[Any]]:
    """These columns of the rows that have one of these values in each column of `where`."""
    sql = _select(session.get_bind().dialect.name, table.name, names, _shape(where))
    return session.connection().exec_driver_sql(sql, tuple(_flat(where))).all()


def update(
    session: Session,
    table: Table,
    values: Iterable[tuple[str, Any]],
    *,
    counted: str = "",
    **where: Sequence[Any],
) -> int:
    """Writes (column, value) to the rows that have one of these values in each column of `where`, and adds 1
    to `counted`; how many they are."""
    names, parameters = zip(*values, strict=True)
    sql = _update(session.get_bind().dialect.name, table.name, names, counted, _shape(where))
    return _run(session, sql, [*parameters, *_flat(where)])


def delete(session: Session, table: Table, **where: Sequence[Any]) -> int:
    """Removes the rows that have one of these values in each column; how many they were."""
    sql = _delete(session.get_bind().dialect.name, table.name, _shape(where))
    return _run(session, sql, list(_flat(where)))


def _run(session: Session, sql: str, parameters: list[Any]) -> int:
    return session.connection().exec_driver_sql(sql, tuple(parameters)).rowcount


_Shape = tuple[tuple[str, int], ...]


def _shape(where: Mapping[str, Sequence[Any]]) -> _Shape:
    return tuple((name, len(values)) for name, values in where.items())


def _flat(where: Mapping[str, Sequence[Any]]) -> Iterable[Any]:
    return (value for values in where.values() for value in values)


@functools.cache
def _insert(table: Table, verb: str, adding: tuple[str, ...], dialect: str) -> tuple[str, Any]:
    names = [column.name for column in table.c]
    # Both know REPLACE. PyMySQL makes one statement of many rows where it reads "INSERT INTO … VALUES (…)".
    sql = f"{verb} INTO {table.name} ({', '.join(names)}) VALUES ({_marks(len(names), dialect)})"
    if adding and dialect == "sqlite":
        key = ", ".join(column.name for column in table.primary_key)
        sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in adding)
        sql += f" ON CONFLICT ({key}) DO UPDATE SET {sums}"
    elif adding:
        sql += f" ON DUPLICATE KEY UPDATE {', '.join(f'{n} = {n} + VALUES({n})' for n in adding)}"
    return sql, itemgetter(*names)


@functools.lru_cache(maxsize=1000)
def _insert_many(dialect: str, table: Table, count: int, adding: tuple[str, ...]) -> str:
    sql, _ = _insert(table, "INSERT", adding, dialect)
    row = f"({_marks(len(table.c), dialect)})"
    return sql.replace(row, ", ".join([row] * count), 1)


@functools.lru_cache(maxsize=1000)
def _select(dialect: str, table: str, names: tuple[str, ...], shape: _Shape) -> str:
    return f"SELECT {', '.join(names)} FROM {table} WHERE {_conditions(shape, dialect)}"  # noqa: S608 names


@functools.lru_cache(maxsize=1000)
def _update(dialect: str, table: str, names: tuple[str, ...], counted: str, shape: _Shape) -> str:
    mark = _marks(1, dialect)
    changes = [f"{name} = {mark}" for name in names]
    if counted:
        changes.append(f"{counted} = {counted} + 1")
    return f"UPDATE {table} SET {', '.join(changes)} WHERE {_conditions(shape, dialect)}"  # noqa: S608 names


@functools.lru_cache(maxsize=1000)
def _delete(dialect: str, table: str, shape: _Shape) -> str:
    return f"DELETE FROM {table} WHERE {_conditions(shape, dialect)}"  # noqa: S608 names


def _conditions(shape: _Shape, dialect: str) -> str:
    return " AND ".join(f"{name} IN ({_marks(count, dialect)})" for name, count in shape)


def _marks(count: int, dialect: str) -> str:
    """As many marks for parameters, as the driver spells them."""
    return ", ".join(["?" if dialect == "sqlite" else "%s"] * count)
