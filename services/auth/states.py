"""Short-lived states between two steps: of a sign-in that asks for a second factor, of an enrolment.

Invariants: a state is found by the hash of what the browser keeps and its content opens with that alone, from
the same User-Agent; it lives for minutes, bears few attempts, and is used once.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from services.auth.rows import Clock, insert_or_keep, now_ms
from services.auth.tables import states
from services.auth.vault import Sealed, Vault, VaultError, new_secret, secret_hash, well_formed

LIFETIME_MS = 10 * 60_000
MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class State:
    """An opened state."""

    account: str
    content: bytes = field(repr=False)
    expires_ms: int


class States:
    """The states in the database."""

    def __init__(self, vault: Vault, clock: Clock = now_ms) -> None:
        self._vault, self._clock = vault, clock

    def begin(
        self, session: Session, purpose: str, account: str, content: bytes, binding: str = ""
    ) -> tuple[str, int]:
        """A new state: what the browser keeps, and when it ends. `binding` must be shown again."""
        secret, expires = new_secret(), self._clock() + LIFETIME_MS
        sealed = self._vault.seal(secret, content, _context(purpose, account, binding))
        row = {
            "state_hash": secret_hash(secret),
            "purpose": purpose,
            "account": account,
            "expires_ms": expires,
            "attempts": 0,
            "server_key_id": sealed.key_id,
            "sealed_content": sealed.data,
        }
        session.execute(insert(states), [row])
        return secret, expires

    def account_of(self, session: Session, purpose: str, secret: str) -> str | None:
        """Whose state it is; None where there is none any more."""
        row = self._find(session, purpose, secret)
        return None if row is None else row.account

    def attempt(self, session: Session, purpose: str, secret: str, binding: str = "") -> State | None:
        """Open the state and count an attempt; None where it has ended. The row stays locked till the
        transaction ends."""
        row = self._find(session, purpose, secret, lock=True)
        if row is None:
            return None
        try:
            sealed = Sealed(row.server_key_id, row.sealed_content)
            content = self._vault.open(secret, sealed, _context(purpose, row.account, binding))
        except VaultError:
            return None
        counted = update(states).where(states.c.state_hash == row.state_hash)
        session.execute(counted.values(attempts=row.attempts + 1))
        return State(row.account, content, row.expires_ms)

    def open_token(self, purpose: str, token: str, binding: str = "") -> bool:
        """Whether `issue_token` made this one, for this purpose and binding, and it has not ended."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            key_id, data = raw[:8].hex(), raw[8:]
            content = self._vault.open_own(Sealed(key_id, data), _context(purpose, "", binding))
        except (VaultError, ValueError):
            return False
        return int.from_bytes(content, "big") > self._clock()

    def issue_token(self, purpose: str, binding: str = "") -> tuple[str, int]:
        """A state without a row, for what anybody may ask for: it is sealed under the server key and holds
        its end. Used once by `spend_token`."""
        expires = self._clock() + LIFETIME_MS
        sealed = self._vault.seal_own(expires.to_bytes(8, "big"), _context(purpose, "", binding))
        raw = bytes.fromhex(sealed.key_id) + sealed.data
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), expires

    def spend_token(self, session: Session, token: str, account: str) -> bool:
        """Note that the token was used; False where it was before."""
        digest = secret_hash(token)
        known = select(states.c.attempts).where(states.c.state_hash == digest)
        row = {
            "state_hash": digest,
            "purpose": "spent",
            "account": account,
            "expires_ms": self._clock() + LIFETIME_MS,
            "attempts": 0,
            "server_key_id": "",
            "sealed_content": b"",
        }
        insert_or_keep(session, states, row)
        # The row is locked by now: of two at once the second reads what the first has written.
        if session.execute(known.with_for_update()).scalar_one():
            return False
        session.execute(update(states).where(states.c.state_hash == digest).values(attempts=1))
        return True

    def end(self, session: Session, secret: str) -> None:
        session.execute(delete(states).where(states.c.state_hash == secret_hash(secret)))

    def sweep(self, session: Session) -> int:
        """Delete what has ended; how many."""
        return session.execute(delete(states).where(states.c.expires_ms <= self._clock())).rowcount  # type: ignore[attr-defined]

    def _find(self, session: Session, purpose: str, secret: str, *, lock: bool = False) -> Any:
        if not well_formed(secret):
            return None
        query = select(states).where(
            states.c.state_hash == secret_hash(secret),
            states.c.purpose == purpose,
            states.c.expires_ms > self._clock(),
            states.c.attempts < MAX_ATTEMPTS,
        )
        return session.execute(query.with_for_update() if lock else query).first()


def _context(purpose: str, account: str, binding: str) -> str:
    return f"{purpose}|{account}|{hashlib.sha256(binding.encode()).hexdigest()}"
