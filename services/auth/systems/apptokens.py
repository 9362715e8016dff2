"""App tokens: made by a person for a program of theirs, to act as they do within scopes and until a day."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from services.auth import audit
from services.auth.model import Client, OpenSession
from services.auth.rows import Clock, now_ms, page_limit, page_token, read_page_token
from services.auth.systems import APP_PREFIX, MAIL_SCOPES, Grant, check_scopes, hash_of, new_token, secret_of
from services.auth.tables import app_tokens
from services.auth.vault import Sealed, Vault, VaultError, new_id
from services.common.errors import PosternError, Reason, invalid_argument, not_found
from services.common.sealing import Credential

MAX_AGE_MS = 366 * 86_400_000
MAX_TOKENS = 50
_TOUCH_MS = 60_000


@dataclass(frozen=True)
class AppTokenInfo:
    """A line of "app tokens"."""

    app_token_id: str
    display_name: str
    scopes: tuple[str, ...]
    created_ms: int
    expires_ms: int
    last_used_ms: int = 0


class AppTokens:
    """The app tokens in the database."""

    def __init__(self, vault: Vault, clock: Clock = now_ms) -> None:
        self._vault, self._clock = vault, clock

    def create(
        self, session: Session, opened: OpenSession, name: str, scopes: frozenset[str], expires_ms: int
    ) -> tuple[AppTokenInfo, str]:
        """The token and its secret, from a session whose mail credential it takes over where it needs one."""
        name, now = _name(name), self._clock()
        scopes = check_scopes(scopes)
        if not now < expires_ms <= now + MAX_AGE_MS:
            raise invalid_argument("expire_time", "out_of_range")
        needs_mail = bool(scopes & MAIL_SCOPES)
        if needs_mail and Credential.from_json(opened.credential).kind != "password":
            # The provider's refresh token is the session's: used twice, it would end both (RFC 9700, 4.14.2).
            raise PosternError(Reason.UNSUPPORTED, metadata={"what": "app_token_for_openid_mail"})
        count = session.execute(
            select(func.count()).select_from(app_tokens).where(app_tokens.c.account == opened.account)
        ).scalar_one()
        if count >= MAX_TOKENS:
            raise PosternError(Reason.QUOTA_EXCEEDED, metadata={"limit": str(MAX_TOKENS)})
        shown, secret = new_token(APP_PREFIX)
        info = AppTokenInfo(new_id(), name, tuple(sorted(scopes)), now, expires_ms)
        context = _context(info.app_token_id, opened.account)
        sealed = self._vault.seal(secret, opened.credential, context) if needs_mail else None
        row = {
            "app_token_id": info.app_token_id,
            "account": opened.account,
            "display_name": name,
            "secret_hash": hash_of(secret),
            "scopes": " ".join(info.scopes),
            "created_ms": now,
            "expires_ms": expires_ms,
            "last_used_ms": 0,
            "server_key_id": sealed.key_id if sealed else "",
            "sealed_credential": sealed.data if sealed else b"",
        }
        session.execute(insert(app_tokens), [row])
        details = {"token": name, "scopes": " ".join(info.scopes)}
        audit.record(session, opened.account, audit.APP_TOKEN_CREATED, Client(), now, details)
        return info, shown

    def page(
        self, session: Session, account: str, page_size: int, token: str
    ) -> tuple[list[AppTokenInfo], str]:
        """A page of the account's tokens, newest first, and the token of the next page."""
        limit, after = page_limit(page_size), read_page_token(token, int, str)
        query = select(app_tokens).where(app_tokens.c.account == account)
        if after:
            created, token_id = after
            same = and_(app_tokens.c.created_ms == created, app_tokens.c.app_token_id < token_id)
            query = query.where(or_(app_tokens.c.created_ms < created, same))
        query = query.order_by(app_tokens.c.created_ms.desc(), app_tokens.c.app_token_id.desc())
        rows = session.execute(query.limit(limit + 1)).all()
        found = [
            AppTokenInfo(
                row.app_token_id,
                row.display_name,
                tuple(row.scopes.split()),
                row.created_ms,
                row.expires_ms,
                row.last_used_ms,
            )
            for row in rows[:limit]
        ]
        more = len(rows) > limit
        return found, page_token(found[-1].created_ms, found[-1].app_token_id) if more else ""

    def revoke(self, session: Session, account: str, app_token_id: str) -> None:
        """NOT_FOUND where the account has no such token."""
        which = (app_tokens.c.app_token_id == app_token_id, app_tokens.c.account == account)
        row = session.execute(select(app_tokens.c.display_name).where(*which).with_for_update()).first()
        if row is None:
            raise not_found("app_token")
        session.execute(delete(app_tokens).where(*which))
        details = {"token": row.display_name}
        audit.record(session, account, audit.APP_TOKEN_REVOKED, Client(), self._clock(), details)

    def grant(self, session: Session, text: str) -> Grant | None:
        """What the token may do; None where there is no such one (any more)."""
        secret = secret_of(APP_PREFIX, text)
        if secret is None:
            return None
        row = session.execute(select(app_tokens).where(app_tokens.c.secret_hash == hash_of(secret))).first()
        now = self._clock()
        if row is None or row.expires_ms <= now:
            return None
        credential = None
        if row.server_key_id:
            try:
                sealed = Sealed(row.server_key_id, row.sealed_credential)
                credential = self._vault.open(secret, sealed, _context(row.app_token_id, row.account))
            except VaultError:
                return None  # the operator has withdrawn the server key
        if row.last_used_ms <= now - _TOUCH_MS:
            values: dict[str, object] = {"last_used_ms": now}
            if credential is not None and row.server_key_id != self._vault.current_key_id:
                fresh = self._vault.seal(secret, credential, _context(row.app_token_id, row.account))
                values |= {"server_key_id": fresh.key_id, "sealed_credential": fresh.data}
            session.execute(
                update(app_tokens).where(app_tokens.c.app_token_id == row.app_token_id).values(**values)
            )
        return Grant(
            f"app:{row.app_token_id}",
            row.account,
            frozenset(row.scopes.split()),
            row.expires_ms,
            credential=credential,
        )

    def sweep(self, session: Session) -> int:
        """Delete what has ended; how many."""
        gone = session.execute(delete(app_tokens).where(app_tokens.c.expires_ms <= self._clock()))
        return gone.rowcount  # type: ignore[attr-defined]


def _name(text: str) -> str:
    name = unicodedata.normalize("NFC", text.strip())
    if not name or len(name) > 100 or any(unicodedata.category(char)[0] == "C" for char in name):
        raise invalid_argument("display_name", "empty" if not name else "malformed")
    return name


def _context(app_token_id: str, account: str) -> str:
    return f"app-token|{app_token_id}|{account}"
