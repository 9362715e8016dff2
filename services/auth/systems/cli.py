"""`postern-auth api-clients`: the operator's hand on API clients. It needs the database and nothing else."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy.orm import Session

from services.auth.accounts import MalformedAddress, normalise
from services.auth.rows import now_ms
from services.auth.systems import GRANTABLE
from services.auth.systems.clients import ApiClientInfo, ApiClients
from services.common.database import Database, database_url, migrate
from services.common.errors import PosternError
from services.common.settings import Env, SettingsError

T = TypeVar("T")
_MIGRATIONS = Path(__file__).parents[1] / "migrations"
_VERSION_TABLE = "auth_alembic_version"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="what", required=True)
    create = commands.add_parser("create", help="a new client; its secret is printed once")
    create.add_argument("name", help="small letters, digits, dots and hyphens")
    create.add_argument("--account", required=True, help="the e-mail address that it acts as")
    create.add_argument(
        "--scope", action="append", required=True, choices=sorted(GRANTABLE), help="may be repeated"
    )
    create.add_argument(
        "--method",
        action="append",
        default=[],
        help="a full method, /postern.x.v1.Service/Method; then no other",
    )
    create.add_argument("--peer", default="", help="the name that its client certificate must have")
    create.add_argument("--days", type=int, default=365, help="how long it lives; 0: until revoked")
    commands.add_parser("list", help="all clients")
    revoke = commands.add_parser("revoke", help="end a client at once")
    revoke.add_argument("name")


def run(options: argparse.Namespace) -> int:
    try:
        return asyncio.run(_run(options))
    except (SettingsError, MalformedAddress) as err:
        print(f"postern-auth: {err}", file=sys.stderr)  # noqa: T201
    except PosternError as err:
        details = ", ".join(f"{key} {value}" for key, value in err.metadata.items())
        print(f"postern-auth: {err.reason}" + (f": {details}" if details else ""), file=sys.stderr)  # noqa: T201
    return 1


async def _run(options: argparse.Namespace) -> int:
    url = database_url(Env.current(), "sqlite:///var/auth.db")
    await migrate(url, _MIGRATIONS, _VERSION_TABLE)
    database, clients = Database(url), ApiClients()

    async def within(work: Callable[[Session], T]) -> T:
        return await database.run(work)

    try:
        if options.what == "create":
            account = normalise(options.account)
            expires = now_ms() + options.days * 86_400_000 if options.days > 0 else 0
            secret = await within(
                lambda session: clients.create(
                    session,
                    options.name,
                    account,
                    options.scope,
                    methods=options.method,
                    peer=options.peer,
                    expires_ms=expires,
                )
            )
            print(secret)  # noqa: T201
        elif options.what == "revoke":
            await within(lambda session: clients.revoke(session, options.name))
        else:
            for client in await within(clients.all):
                print(_line(client))  # noqa: T201
    finally:
        await database.close()
    return 0


def _line(client: ApiClientInfo) -> str:
    parts = [client.name, client.account, ",".join(client.scopes)]
    parts.append(",".join(client.methods) or "all methods")
    parts.append(f"certificate {client.peer}" if client.peer else "any certificate")
    parts.append(f"until {_day(client.expires_ms)}" if client.expires_ms else "until revoked")
    parts.append(f"last used {_day(client.last_used_ms)}" if client.last_used_ms else "never used")
    return "\t".join(parts)


def _day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()
