"""API clients: made by an operator for a system without a person. It acts as one account, which has no mail
password here: it sends where sender has a relay of its own, and reads no mailbox."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from services.auth import audit
from services.auth.model import Client
from services.auth.preferences import ensure_account
from services.auth.rows import Clock, now_ms
from services.auth.systems import CLIENT_PREFIX, Grant, check_scopes, hash_of, new_token, secret_of
from services.auth.tables import api_clients
from services.common.errors import PosternError, Reason, invalid_argument, not_found

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}\Z")
_METHOD = re.compile(r"/postern\.[a-z]+\.v1\.[A-Za-z]+/[A-Za-z]+\Z")
_TOUCH_MS = 60_000


@dataclass(frozen=True)
class ApiClientInfo:
    """An API client. `methods`: if any, the only ones it may call; `peer`: the name its certificate must
    have; `expires_ms`: 0 for never."""

    name: str
    account: str
    scopes: tuple[str, ...]
    methods: tuple[str, ...] = ()
    peer: str = ""
    created_ms: int = 0
    expires_ms: int = 0
    last_used_ms: int = 0


class ApiClients:
    """The API clients in the database."""

    def __init__(self, clock: Clock = now_ms) -> None:
        self._clock = clock

    def create(
        self,
        session: Session,
        name: str,
        account: str,
        scopes: Iterable[str],
        *,
        methods: Iterable[str] = (),
        peer: str = "",
        expires_ms: int = 0,
    ) -> str:
        """The secret. CONFLICT where the name is taken."""
        if not _NAME.match(name):
            raise invalid_argument("name", "malformed")
        wanted = tuple(sorted(set(methods)))
        if any(not _METHOD.match(method) for method in wanted):
            raise invalid_argument("methods", "malformed")
        granted, now = check_scopes(scopes), self._clock()
        if session.execute(select(api_clients.c.name).where(api_clients.c.name == name)).first():
            raise PosternError(Reason.CONFLICT, metadata={"what": "name"})
        ensure_account(session, account, now)
        shown, secret = new_token(CLIENT_PREFIX)
        row = {
            "name": name,
            "account": account,
            "secret_hash": hash_of(secret),
            "scopes": " ".join(sorted(granted)),
            "methods": " ".join(wanted),
            "peer": peer,
            "created_ms": now,
            "expires_ms": expires_ms,
            "last_used_ms": 0,
        }
        session.execute(insert(api_clients), [row])
        details = {"client": name, "scopes": " ".join(sorted(granted))}
        audit.record(session, account, audit.API_CLIENT_CREATED, Client(), now, details)
        return shown

    def all(self, session: Session) -> list[ApiClientInfo]:
        rows = session.execute(select(api_clients).order_by(api_clients.c.name)).all()
        return [
            ApiClientInfo(
                row.name,
                row.account,
                tuple(row.scopes.split()),
                tuple(row.methods.split()),
                row.peer,
                row.created_ms,
                row.expires_ms,
                row.last_used_ms,
            )
            for row in rows
        ]

    def revoke(self, session: Session, name: str) -> None:
        """NOT_FOUND where there is no such client."""
        row = session.execute(select(api_clients.c.account).where(api_clients.c.name == name)).first()
        if row is None:
            raise not_found("api_client")
        session.execute(delete(api_clients).where(api_clients.c.name == name))
        details = {"client": name}
        audit.record(session, row.account, audit.API_CLIENT_REVOKED, Client(), self._clock(), details)

    def grant(self, session: Session, text: str, peers: frozenset[str]) -> Grant | None:
        """What the client may do; None where there is none, or its certificate is not the one named."""
        secret = secret_of(CLIENT_PREFIX, text)
        if secret is None:
            return None
        row = session.execute(select(api_clients).where(api_clients.c.secret_hash == hash_of(secret))).first()
        now = self._clock()
        if row is None or 0 < row.expires_ms <= now or (row.peer and row.peer not in peers):
            return None
        if row.last_used_ms <= now - _TOUCH_MS:
            which = api_clients.c.name == row.name
            session.execute(update(api_clients).where(which).values(last_used_ms=now))
        methods = frozenset(row.methods.split())
        return Grant(f"api:{row.name}", row.account, frozenset(row.scopes.split()), row.expires_ms, methods)
