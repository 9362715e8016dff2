"""`postern-auth accounts`: what an operator sees of an account and does for it, as when a phone was lost or a
password stolen. Each act stands in the account's trail. Mail and credentials are out of reach here."""

from __future__ import annotations

import argparse
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.auth import audit
from services.auth.accounts import normalise
from services.auth.commands import day, moment, say, with_database
from services.auth.model import Client
from services.auth.rows import now_ms
from services.auth.tables import accounts, app_tokens, factors, passkeys, recovery_codes, sessions
from services.common.database import Database
from services.common.errors import not_found

BY_OPERATOR = {"by": "operator"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="what", required=True)
    show = commands.add_parser("show", help="its sessions, second factors and app tokens")
    out = commands.add_parser("sign-out", help="end all of its sessions at once")
    out.add_argument("--app-tokens", action="store_true", help="revoke its app tokens too")
    reset = commands.add_parser(
        "reset-factors", help="remove its second factors and recovery codes, and end its sessions"
    )
    trail = commands.add_parser("trail", help="what was done to it, newest first")
    trail.add_argument("--rows", type=int, default=50)
    for each in (show, out, reset, trail):
        each.add_argument("account", help="the e-mail address")


def run(options: argparse.Namespace) -> int:
    async def work(database: Database) -> None:
        account = normalise(options.account)
        if options.what == "show":
            for line in await database.read(lambda session: _shown(session, account)):
                say(*line)
        elif options.what == "trail":
            events, _ = await database.read(
                lambda session: audit.list_events(session, _known(session, account), options.rows, "")
            )
            for event in events:
                details = " ".join(f"{key}={value}" for key, value in sorted(event.details.items()))
                say(moment(event.event_ms), event.action, event.client_address, details)
        elif options.what == "sign-out":
            count = await database.run(lambda session: sign_out(session, account, options.app_tokens))
            say(f"{count} ended")
        else:
            count = await database.run(lambda session: reset_factors(session, account))
            say(f"{count} removed")

    return with_database(work)


def sign_out(session: Session, account: str, with_app_tokens: bool = False) -> int:
    """End all sessions of the account, and its app tokens where asked; how many of both."""
    _known(session, account)
    count = _delete(session, sessions, account)
    _record(session, account, audit.SESSIONS_REVOKED, {"count": str(count)})
    if with_app_tokens:
        names = session.execute(select(app_tokens.c.display_name).where(app_tokens.c.account == account))
        for row in names.all():
            _record(session, account, audit.APP_TOKEN_REVOKED, {"token": row.display_name})
        count += _delete(session, app_tokens, account)
    return count


def reset_factors(session: Session, account: str) -> int:
    """Remove every second factor and the recovery codes; how many factors. The sessions end, since whoever
    holds one could enrol a factor of their own now."""
    _known(session, account)
    names = session.execute(select(factors.c.display_name).where(factors.c.account == account)).all()
    for row in names:
        _record(session, account, audit.FACTOR_REMOVED, {"factor": row.display_name})
    for table in (passkeys, recovery_codes, factors):
        _delete(session, table, account)
    sign_out(session, account)
    return len(names)


def _shown(session: Session, account: str) -> list[tuple[str, ...]]:
    _known(session, account)

    def rows(table: Any, order: Any) -> Any:
        return session.execute(select(table).where(table.c.account == account).order_by(order)).all()

    return [
        *(
            ("session", f"last used {moment(row.last_used_ms)}", row.client_address, row.user_agent)
            for row in rows(sessions, sessions.c.last_used_ms.desc())
        ),
        *(
            ("factor", row.kind, row.display_name, f"since {day(row.created_ms)}")
            for row in rows(factors, factors.c.created_ms)
        ),
        *(
            ("app-token", row.display_name, f"since {day(row.created_ms)}")
            for row in rows(app_tokens, app_tokens.c.created_ms)
        ),
    ]


def _known(session: Session, account: str) -> str:
    """The account, whose row is there; NOT_FOUND where it has never signed in here."""
    if session.execute(select(accounts.c.account).where(accounts.c.account == account)).first() is None:
        raise not_found("account")
    return account


def _delete(session: Session, table: Any, account: str) -> int:
    return session.execute(delete(table).where(table.c.account == account)).rowcount  # type: ignore[attr-defined]


def _record(session: Session, account: str, action: str, details: dict[str, str]) -> None:
    audit.record(session, account, action, Client(), now_ms(), details | BY_OPERATOR)
