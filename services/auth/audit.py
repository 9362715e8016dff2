"""The audit trail: what was done to an account, for its owner to read.

`record` runs inside the transaction of what it records. Only accounts that have signed in here are recorded,
so that a stranger's guesses at names do not fill the table.
"""

from __future__ import annotations

import json
import secrets

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from services.auth.model import AuditEvent, Client
from services.auth.rows import page_limit, page_token, read_page_token
from services.auth.tables import accounts, audit

Details = dict[str, str] | None

SIGN_IN = "sign-in"
SIGN_IN_REFUSED = "sign-in-refused"
SIGN_OUT = "sign-out"
SESSIONS_REVOKED = "sessions-revoked"
IDENTITY_CREATED = "identity-created"
IDENTITY_CHANGED = "identity-changed"
IDENTITY_DELETED = "identity-deleted"
FACTOR_ENROLLED = "factor-enrolled"
FACTOR_REMOVED = "factor-removed"
FACTOR_REFUSED = "factor-refused"
PASSKEY_COUNTER = "passkey-counter"
RECOVERY_CODES_CREATED = "recovery-codes-created"
APP_TOKEN_CREATED = "app-token-created"  # noqa: S105 a word of the trail
APP_TOKEN_REVOKED = "app-token-revoked"  # noqa: S105
API_CLIENT_CREATED = "api-client-created"
API_CLIENT_REVOKED = "api-client-revoked"


def record(
    session: Session,
    account: str,
    action: str,
    client: Client,
    now: int,
    details: dict[str, str] | None = None,
) -> None:
    """Write one event."""
    row = {
        "event_id": f"{now:013d}-{secrets.token_hex(8)}",
        "account": account,
        "event_ms": now,
        "action": action,
        "client_address": client.address[:64],
        "user_agent": client.user_agent[:300],
        "details": json.dumps(details or {}, ensure_ascii=False),
    }
    session.execute(insert(audit), [row])


def record_if_known(
    session: Session,
    account: str,
    action: str,
    client: Client,
    now: int,
    details: dict[str, str] | None = None,
) -> None:
    """Write one event unless the account has never signed in here."""
    if session.execute(select(accounts.c.account).where(accounts.c.account == account)).first():
        record(session, account, action, client, now, details)


def list_events(session: Session, account: str, page_size: int, token: str) -> tuple[list[AuditEvent], str]:
    """A page of the account's events, newest first, and the token of the next."""
    limit, after = page_limit(page_size), read_page_token(token, str)
    query = select(audit).where(audit.c.account == account)
    if after:
        query = query.where(audit.c.event_id < after[0])
    rows = session.execute(query.order_by(audit.c.event_id.desc()).limit(limit + 1)).all()
    events = [
        AuditEvent(
            event_id=row.event_id,
            event_ms=row.event_ms,
            action=row.action,
            client_address=row.client_address,
            user_agent=row.user_agent,
            details=json.loads(row.details),
        )
        for row in rows[:limit]
    ]
    return events, page_token(events[-1].event_id) if len(rows) > limit else ""
