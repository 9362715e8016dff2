"""What the operator's commands share: the database, and what is said where one fails."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from services.auth.accounts import MalformedAddress
from services.common.database import Database, database_url, migrate
from services.common.errors import PosternError
from services.common.settings import Env, SettingsError

_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION_TABLE = "auth_alembic_version"


def with_database(work: Callable[[Database], Awaitable[None]]) -> int:
    """Runs `work` on auth's database; the status for the shell, and one line on standard error where it
    fails."""
    try:
        asyncio.run(_run(work))
        return 0
    except (SettingsError, MalformedAddress) as err:
        print(f"postern-auth: {err}", file=sys.stderr)  # noqa: T201
    except PosternError as err:
        details = ", ".join(f"{key} {value}" for key, value in err.metadata.items())
        print(f"postern-auth: {err.reason}" + (f": {details}" if details else ""), file=sys.stderr)  # noqa: T201
    return 1


async def _run(work: Callable[[Database], Awaitable[None]]) -> None:
    url = database_url(Env.current(), "sqlite:///var/auth.db")
    await migrate(url, _MIGRATIONS, _VERSION_TABLE)
    database = Database(url)
    try:
        await work(database)
    finally:
        await database.close()


def say(*columns: str) -> None:
    """A line for the operator, or for a program of theirs: tabs between the columns."""
    print("\t".join(" ".join(column.split()) for column in columns))  # noqa: T201


def day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()


def moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
