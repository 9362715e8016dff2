"""Sessions: one row each; the functions here run inside one transaction.

Invariants:
* A session is found by the hash of its secret alone, and opens its credential with the secret alone.
* Whatever may run in parallel is one statement with its condition in it, so that no write is lost and an
  ended session stays ended.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, exists, insert, or_, select, update
from sqlalchemy.orm import Session

from services.auth.model import Client, MailIdentity, OpenSession, Preferences, SessionInfo
from services.auth.preferences import IDENTITY_COLUMNS, identity_of, preferences_of
from services.auth.rows import Clock, now_ms, page_limit, page_token, read_page_token
from services.auth.tables import accounts, factors, identities, sessions
from services.auth.vault import Sealed, Vault, VaultError, new_id, new_secret, secret_hash, well_formed
from services.common.remembered import Remembered

TOUCH_MS = 60_000  # the last use is written at most this often
KNOWN_SECONDS, MOST_KNOWN, MOST_TEXT = 60.0, 5000, 20_000  # settings, by account and tag; characters of one
Settings = tuple[Preferences, tuple[MailIdentity, ...]]


@dataclass(frozen=True)
class Lifetimes:
    """Milliseconds: `idle` of rest end a session, `absolute` ends it in any case."""

    idle: int = 7 * 86_400_000
    absolute: int = 30 * 86_400_000


@dataclass(frozen=True)
class NewSession:
    """A session as it was just made; `secret` is told once."""

    session_id: str
    secret: str
    expires_ms: int


class Sessions:
    """The sessions in the database."""

    def __init__(self, vault: Vault, lifetimes: Lifetimes = Lifetimes(), clock: Clock = now_ms) -> None:
        self.vault, self.lifetimes, self._clock = vault, lifetimes, clock
        self._known: Remembered[tuple[str, str], Settings] = Remembered(MOST_KNOWN, lambda: clock() / 1000)

    def begin(
        self,
        session: Session,
        account: str,
        credential: bytes,
        client: Client,
        *,
        present_secret: str = "",
        factor_kinds: tuple[str, ...] = (),
    ) -> NewSession:
        """A session with a new secret. One of this account that `present_secret` opens keeps its id and its
        beginning; one of another account ends, since the browser gives it up."""
        now, secret = self._clock(), new_secret()
        present = self._present(session, present_secret)
        renewed = present is not None and present.account == account
        session_id = present.session_id if present is not None and renewed else new_id()
        sealed = self.vault.seal(secret, credential, _context(session_id, account))
        values = {
            "secret_hash": secret_hash(secret),
            "last_used_ms": now,
            "expires_ms": now + self.lifetimes.absolute,
            "client_address": client.address[:64],
            "user_agent": client.user_agent[:300],
            "factor_kinds": " ".join(factor_kinds),
            "server_key_id": sealed.key_id,
            "sealed_credential": sealed.data,
        }
        if present is not None and not renewed:
            session.execute(delete(sessions).where(sessions.c.session_id == present.session_id))
        if renewed:
            session.execute(update(sessions).where(sessions.c.session_id == session_id).values(**values))
        else:
            row = {"session_id": session_id, "account": account, "created_ms": now, **values}
            session.execute(insert(sessions), [row])
        return NewSession(session_id, secret, now + self.lifetimes.absolute)

    def rotate(self, session: Session, account: str, secret: str) -> str:
        """A new secret for the session of `secret`, its credential sealed anew under it; "" where the account
        has no such session. The old secret opens nothing from then on."""
        row = self._present(session, secret)
        if row is None or row.account != account or not self._runs(row):
            return ""
        context, fresh = _context(row.session_id, account), new_secret()
        try:
            credential = self.vault.open(secret, Sealed(row.server_key_id, row.sealed_credential), context)
        except VaultError:
            return ""
        sealed = self.vault.seal(fresh, credential, context)
        values = {
            "secret_hash": secret_hash(fresh),
            "server_key_id": sealed.key_id,
            "sealed_credential": sealed.data,
        }
        session.execute(update(sessions).where(sessions.c.session_id == row.session_id).values(**values))
        return fresh

    def credential_of(self, session: Session, account: str, secret: str) -> bytes | None:
        """The mail credential of the account's session; None where it has no such one."""
        row = self._present(session, secret)
        if row is None or row.account != account or not self._runs(row):
            return None
        sealed = Sealed(row.server_key_id, row.sealed_credential)
        try:
            return self.vault.open(secret, sealed, _context(row.session_id, account))
        except VaultError:
            return None

    def signed_in_ms(self, session: Session, account: str, session_id: str) -> int:
        """When the session's person last signed in; 0 where there is no such session. Each sign-in sets the
        end of the session anew, and nothing else does."""
        which = (sessions.c.session_id == session_id) & (sessions.c.account == account)
        row = session.execute(select(sessions.c.expires_ms).where(which, self._alive())).first()
        return int(row.expires_ms) - self.lifetimes.absolute if row else 0

    def client_of(self, session: Session, account: str, session_id: str) -> Client:
        """The browser that used the session last, for the trail."""
        which = (sessions.c.session_id == session_id) & (sessions.c.account == account)
        query = select(sessions.c.client_address, sessions.c.user_agent).where(which)
        row = session.execute(query).first()
        return Client(row.client_address, row.user_agent) if row else Client()

    def open(self, session: Session, secret: str) -> OpenSession | None:
        """The session of `secret` with preferences and identities, by one statement where those have not
        changed since they were last read; None where it has ended."""
        if not well_formed(secret):
            return None
        first = session.execute(_OPEN, {"secret_hash": secret_hash(secret)}).first()
        if first is None or not self._runs(first):
            return None
        account, session_id = first.account, first.session_id
        sealed = Sealed(first.server_key_id, first.sealed_credential)
        try:
            credential = self.vault.open(secret, sealed, _context(session_id, account))
        except VaultError:
            return None  # the operator has withdrawn the server key
        preferences, addresses = self._settings(session, account, first.settings_tag)
        return OpenSession(
            session_id=session_id,
            account=account,
            expires_ms=first.expires_ms,
            last_used_ms=first.last_used_ms,
            server_key_id=sealed.key_id,
            credential=credential,
            has_factor=bool(first.has_factor),
            preferences=preferences,
            identities=addresses,
        )

    def _settings(self, session: Session, account: str, tag: str) -> Settings:
        """The account's settings as of that tag, or newer."""
        known = self._known.get((account, tag))
        if known is not None:
            return known
        rows = session.execute(_SETTINGS, {"account": account}).all()
        if not rows:
            return Preferences(), ()
        found = preferences_of(json.loads(rows[0].preferences)), _in_order(rows)
        texts = [value for row in rows for value in row._mapping.values() if isinstance(value, str)]
        if sum(map(len, texts)) > MOST_TEXT:
            return found
        # Until then, as a replica of an earlier version changes settings without changing the tag.
        self._known.put((account, rows[0].settings_tag), found, self._clock() / 1000 + KNOWN_SECONDS)
        return found

    def needs_touch(self, opened: OpenSession) -> bool:
        """Whether `touch` has something to write."""
        stale = opened.last_used_ms <= self._clock() - TOUCH_MS
        return stale or opened.server_key_id != self.vault.current_key_id

    def touch(self, session: Session, secret: str, opened: OpenSession, client: Client) -> None:
        """Note the use, and seal anew where the server key has changed."""
        now, values = self._clock(), dict[str, Any]()
        if opened.server_key_id != self.vault.current_key_id:
            sealed = self.vault.seal(secret, opened.credential, _context(opened.session_id, opened.account))
            values = {"server_key_id": sealed.key_id, "sealed_credential": sealed.data}
        if opened.last_used_ms <= now - TOUCH_MS:
            values["last_used_ms"] = now
            if client.address or client.user_agent:
                values |= {"client_address": client.address[:64], "user_agent": client.user_agent[:300]}
        # By the hash and not by the id: a renewal that came in between has sealed under another secret.
        session.execute(
            update(sessions).where(sessions.c.secret_hash == secret_hash(secret)).values(**values)
        )

    def replace_credential(
        self, session: Session, secret: str, opened: OpenSession, credential: bytes
    ) -> bool:
        """Seal another credential in the session's place; False where the secret is the session's no more."""
        sealed = self.vault.seal(secret, credential, _context(opened.session_id, opened.account))
        changed = session.execute(
            update(sessions)
            .where(sessions.c.secret_hash == secret_hash(secret))
            .values(server_key_id=sealed.key_id, sealed_credential=sealed.data)
        )
        return bool(changed.rowcount)  # type: ignore[attr-defined]

    def end(self, session: Session, secret: str) -> tuple[str, Client] | None:
        """End the session of `secret`; its account and the client that used it, None where there was none."""
        present = self._present(session, secret)
        if present is None:
            return None
        session.execute(delete(sessions).where(sessions.c.session_id == present.session_id))
        return present.account, Client(present.client_address, present.user_agent)

    def account_of(self, session: Session, secret: str) -> str | None:
        """The account of a session that still runs."""
        if not well_formed(secret):
            return None
        query = select(sessions.c.account).where(sessions.c.secret_hash == secret_hash(secret), self._alive())
        row = session.execute(query).first()
        return None if row is None else row.account

    def page(
        self, session: Session, account: str, page_size: int, token: str
    ) -> tuple[list[SessionInfo], str]:
        """A page of the account's running sessions, used last first, and the token of the next page."""
        limit, after = page_limit(page_size), read_page_token(token, int, str)
        query = select(sessions).where(sessions.c.account == account, self._alive())
        if after:
            used, session_id = after
            later = and_(sessions.c.last_used_ms == used, sessions.c.session_id < session_id)
            query = query.where(or_(sessions.c.last_used_ms < used, later))
        query = query.order_by(sessions.c.last_used_ms.desc(), sessions.c.session_id.desc())
        rows = session.execute(query.limit(limit + 1)).all()
        found = [
            SessionInfo(
                session_id=row.session_id,
                created_ms=row.created_ms,
                last_used_ms=row.last_used_ms,
                client_address=row.client_address,
                user_agent=row.user_agent,
                factor_kinds=tuple(row.factor_kinds.split()),
            )
            for row in rows[:limit]
        ]
        more = len(rows) > limit
        return found, page_token(found[-1].last_used_ms, found[-1].session_id) if more else ""

    def revoke(self, session: Session, account: str, *, only: str = "", all_but: str = "") -> int:
        """End one session of the account by its public id, or all but one; how many ended."""
        which = sessions.c.session_id == only if only else sessions.c.session_id != all_but
        statement = delete(sessions).where(sessions.c.account == account, self._alive(), which)
        return session.execute(statement).rowcount  # type: ignore[attr-defined]

    def sweep(self, session: Session) -> int:
        """Delete the sessions that have ended by time; how many."""
        return session.execute(delete(sessions).where(~self._alive())).rowcount  # type: ignore[attr-defined]

    def _runs(self, row: Any) -> bool:
        """As `_alive`, for a row that is read already."""
        now = self._clock()
        return bool(row.expires_ms > now and row.last_used_ms > now - self.lifetimes.idle)

    def _alive(self) -> ColumnElement[bool]:
        now = self._clock()
        return and_(sessions.c.expires_ms > now, sessions.c.last_used_ms > now - self.lifetimes.idle)

    def _present(self, session: Session, secret: str) -> Any:
        if not well_formed(secret):
            return None
        query = select(sessions).where(sessions.c.secret_hash == secret_hash(secret))
        return session.execute(query.with_for_update()).first()


# Built once: building them took longer than running them.
_OPEN = (
    select(
        sessions.c.session_id,
        sessions.c.account,
        sessions.c.last_used_ms,
        sessions.c.expires_ms,
        sessions.c.server_key_id,
        sessions.c.sealed_credential,
        accounts.c.settings_tag,
        exists().where(factors.c.account == sessions.c.account).label("has_factor"),
    )
    .join(accounts, accounts.c.account == sessions.c.account)
    .where(sessions.c.secret_hash == bindparam("secret_hash"))
)
# An account always has an identity; the outer join is for its first moments. They are sorted here: their long
# texts would make the server sort on disk.
_SETTINGS = (
    select(accounts.c.settings_tag, accounts.c.preferences, *IDENTITY_COLUMNS, identities.c.created_ms)
    .outerjoin(identities, identities.c.account == accounts.c.account)
    .where(accounts.c.account == bindparam("account"))
)


def _in_order(rows: Sequence[Any]) -> tuple[MailIdentity, ...]:
    """The identities in `rows`, the default one first, then as they were made."""
    found = [row for row in rows if row.address]
    found.sort(key=lambda row: (not row.is_default, row.created_ms, row.identity_id))
    return tuple(identity_of(row._mapping) for row in found)


def _context(session_id: str, account: str) -> str:
    return f"{session_id}|{account}"
