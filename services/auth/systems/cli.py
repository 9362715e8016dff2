"""`postern-auth api-clients`: the operator's hand on API clients. It needs the database and nothing else."""

from __future__ import annotations

import argparse

from services.auth.accounts import normalise
from services.auth.commands import day, say, with_database
from services.auth.rows import now_ms
from services.auth.systems import GRANTABLE
from services.auth.systems.clients import ApiClientInfo, ApiClients
from services.common.database import Database


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
    clients = ApiClients()

    async def work(database: Database) -> None:
        if options.what == "create":
            account = normalise(options.account)
            expires = now_ms() + options.days * 86_400_000 if options.days > 0 else 0
            secret = await database.run(
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
            say(secret)
        elif options.what == "revoke":
            await database.run(lambda session: clients.revoke(session, options.name))
        else:
            for client in await database.run(clients.all):
                say(*_columns(client))

    return with_database(work)


def _columns(client: ApiClientInfo) -> list[str]:
    return [
        client.name,
        client.account,
        ",".join(client.scopes),
        ",".join(client.methods) or "all methods",
        f"certificate {client.peer}" if client.peer else "any certificate",
        f"until {day(client.expires_ms)}" if client.expires_ms else "until revoked",
        f"last used {day(client.last_used_ms)}" if client.last_used_ms else "never used",
    ]
