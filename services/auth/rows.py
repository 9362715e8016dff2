"""Small things that every store here needs: the clock, inserts that may lose a race, page tokens."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Session

from services.common.errors import invalid_argument

Clock = Callable[[], int]
DEFAULT_PAGE, MAX_PAGE = 50, 200


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def insert_or_keep(session: Session, table: Table, values: dict[str, Any]) -> None:
    """Insert a row unless one with its key is there already; another replica may be doing the same.

    The row is locked for writing either way. (INSERT IGNORE would lock it for reading: two transactions that
    then change it would be a deadlock.)
    """
    if session.get_bind().dialect.name == "sqlite":
        session.execute(insert(table).prefix_with("OR IGNORE"), [values])
        return
    key = next(iter(table.primary_key.columns))
    statement = mysql.insert(table).values(values)
    session.execute(statement.on_duplicate_key_update({key.name: statement.inserted[key.name]}))


def page_limit(page_size: int) -> int:
    if page_size < 0:
        raise invalid_argument("page_size", "negative")
    return min(page_size or DEFAULT_PAGE, MAX_PAGE)


def page_token(*position: int | str) -> str:
    """A token that says after which row the next page begins."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def read_page_token(token: str, *kinds: type) -> list[Any] | None:
    """The position in `token`, whose members are of `kinds`; None for the first page."""
    if not token:
        return None
    try:
        position = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as err:
        raise invalid_argument("page_token", "malformed", err) from None
    if not isinstance(position, list) or [type(value) for value in position] != list(kinds):
        raise invalid_argument("page_token", "malformed")
    return position
