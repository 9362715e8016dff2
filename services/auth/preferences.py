"""Preferences and identities of an account; the functions run inside one transaction.

Invariants: an account has at least one identity, and exactly one is the default; changes to an account's
settings lock its row first, so that two at once are one after the other, and change its tag: whoever
remembers settings goes by that (sessions.py).
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from services.auth.accounts import MalformedAddress, normalise
from services.auth.model import MailIdentity, Preferences
from services.auth.rows import insert_or_keep, page_limit, page_token, read_page_token
from services.auth.tables import accounts, identities
from services.auth.vault import new_id
from services.common.errors import PosternError, Reason, invalid_argument, not_found

MAX_EXTRA, MAX_EXTRA_NAME, MAX_EXTRA_VALUE = 100, 64, 2000
MAX_IDENTITIES = 50
MAX_NAME, MAX_SIGNATURE, MAX_REQUEST_ID = 200, 50_000, 64
IDENTITY_COLUMNS = tuple(identities.c[field.name] for field in dataclasses.fields(MailIdentity))
_FIELDS = {field.name: field for field in dataclasses.fields(Preferences)}
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z")  # RFC 5646, 2.1 in outline
_TIME_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+){0,2}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def ensure_account(
    session: Session, account: str, now: int, undo_send_seconds: int = 0, conversations: bool = False
) -> None:
    """Make the account's row and its first identity where it signs in for the first time. A new account
    begins with that time to undo sending and with lists of conversations or of single messages; one that is
    there keeps what it has."""
    begun: dict[str, Any] = {"undo_send_seconds": undo_send_seconds} if undo_send_seconds else {}
    if conversations:
        begun["conversations"] = True
    row = {"account": account, "created_ms": now, "preferences": json.dumps(begun)}
    insert_or_keep(session, accounts, row)
    if session.execute(
        select(identities.c.identity_id).where(identities.c.account == account).limit(1)
    ).first():
        return
    _lock(session, account)
    if session.execute(
        select(identities.c.identity_id).where(identities.c.account == account).limit(1)
    ).first():
        return
    row = _row(MailIdentity(new_id(), "", account, is_default=True))
    session.execute(insert(identities), [{**row, "account": account, "created_ms": now, "etag": new_id()}])


def preferences_of(stored: Mapping[str, Any]) -> Preferences:
    """From what was stored; what a later version knew and this one does not is left alone."""
    return Preferences(**{name: value for name, value in stored.items() if name in _FIELDS})


def get_preferences(session: Session, account: str) -> Preferences:
    row = session.execute(select(accounts.c.preferences).where(accounts.c.account == account)).first()
    return preferences_of(json.loads(row.preferences)) if row else Preferences()


def update_preferences(
    session: Session, account: str, new: Preferences, paths: Collection[str]
) -> Preferences:
    """Set the named fields ("extra.NAME" is one entry; none named means all) and keep the others."""
    row = _lock(session, account)
    stored = json.loads(row.preferences)
    for path in paths or _FIELDS:
        name, dot, entry = path.partition(".")
        if name not in _FIELDS or (dot and (name != "extra" or not entry)):
            raise invalid_argument("update_mask", "unknown_field")
        if not dot:
            stored[name] = getattr(new, name)
            continue
        extra = stored.setdefault("extra", {})
        extra.pop(entry, None)
        if entry in new.extra:
            extra[entry] = new.extra[entry]
    changed = preferences_of(stored)
    _check_preferences(changed)
    text = json.dumps(stored, ensure_ascii=False)
    session.execute(update(accounts).where(accounts.c.account == account).values(preferences=text))
    return changed


def list_identities(
    session: Session, account: str, page_size: int = 0, token: str = ""
) -> tuple[list[MailIdentity], str]:
    """A page of the identities, the default one first. At most MAX_IDENTITIES exist, so an offset is stable
    enough."""
    limit, after = page_limit(page_size), read_page_token(token, int)
    offset = max(0, after[0]) if after else 0
    query = select(identities).where(identities.c.account == account)
    query = query.order_by(identities.c.is_default.desc(), identities.c.created_ms, identities.c.identity_id)
    rows = session.execute(query.offset(offset).limit(limit + 1)).all()
    found = [identity_of(row._mapping) for row in rows[:limit]]
    return found, page_token(offset + limit) if len(rows) > limit else ""


def create_identity(
    session: Session, account: str, new: MailIdentity, request_id: str, now: int
) -> tuple[MailIdentity, bool]:
    """The identity, and whether this call made it (and not an earlier one of the same request id)."""
    _lock(session, account)
    if request_id:
        made = identities.c.create_request_id == _request_id(request_id)
        before = session.execute(select(identities).where(identities.c.account == account, made)).first()
        if before is not None:
            return identity_of(before._mapping), False
    if _count(session, account) >= MAX_IDENTITIES:
        raise PosternError(Reason.QUOTA_EXCEEDED, metadata={"limit": str(MAX_IDENTITIES)})
    made_now = dataclasses.replace(_checked(new), identity_id=new_id(), etag=new_id())
    if made_now.is_default:
        _clear_default(session, account)
    row = {"account": account, "created_ms": now, "create_request_id": request_id or None, **_row(made_now)}
    session.execute(insert(identities), [row])
    return made_now, True


def update_identity(session: Session, account: str, new: MailIdentity, request_id: str) -> MailIdentity:
    """Replace an identity. CONFLICT where its etag is another by now."""
    _lock(session, account)
    row = _find(session, account, new.identity_id)
    if request_id and row.update_request_id == _request_id(request_id):
        return identity_of(row._mapping)
    if row.etag != new.etag:
        raise PosternError(Reason.CONFLICT, metadata={"what": "identity"})
    changed = dataclasses.replace(_checked(new), etag=new_id())
    if row.is_default and not changed.is_default:
        # There is always a default: another one takes over only by being made it.
        changed = dataclasses.replace(changed, is_default=True)
    elif changed.is_default:
        _clear_default(session, account)
    statement = update(identities).where(identities.c.identity_id == new.identity_id)
    session.execute(statement.values(**_row(changed), update_request_id=request_id or None))
    return changed


def delete_identity(session: Session, account: str, identity_id: str) -> MailIdentity | None:
    """Delete an identity; what it was, or None where it is gone already. Never the last one."""
    _lock(session, account)
    query = select(identities).where(identities.c.account == account)
    rows = session.execute(query.order_by(identities.c.created_ms, identities.c.identity_id)).all()
    gone = next((row for row in rows if row.identity_id == identity_id), None)
    if gone is None:
        return None
    others = [row for row in rows if row is not gone]
    if not others:
        raise PosternError(Reason.CONFLICT, metadata={"what": "identity", "problem": "last_one"})
    session.execute(delete(identities).where(identities.c.identity_id == identity_id))
    if gone.is_default:
        heir = update(identities).where(identities.c.identity_id == others[0].identity_id)
        session.execute(heir.values(is_default=True, etag=new_id()))
    return identity_of(gone._mapping)


def identity_of(row: Mapping[Any, Any]) -> MailIdentity:
    """From a row of the identities, alone or joined."""
    table = identities.c
    return MailIdentity(
        identity_id=row[table.identity_id],
        display_name=row[table.display_name],
        address=row[table.address],
        reply_to=row[table.reply_to],
        signature_text=row[table.signature_text],
        signature_html=row[table.signature_html],
        is_default=bool(row[table.is_default]),
        etag=row[table.etag],
    )


def _row(identity: MailIdentity) -> dict[str, Any]:
    return dataclasses.asdict(identity)


def _lock(session: Session, account: str) -> Any:
    """Lock the account's row for a change of its settings, and say so by a new tag."""
    session.execute(update(accounts).where(accounts.c.account == account).values(settings_tag=new_id()))
    row = session.execute(select(accounts).where(accounts.c.account == account).with_for_update()).first()
    if row is None:
        raise not_found("account")
    return row


def _find(session: Session, account: str, identity_id: str) -> Any:
    mine = select(identities).where(identities.c.account == account, identities.c.identity_id == identity_id)
    row = session.execute(mine).first()
    if row is None:
        raise not_found("identity")
    return row


def _count(session: Session, account: str) -> int:
    query = select(func.count()).select_from(identities).where(identities.c.account == account)
    return session.execute(query).scalar_one()


def _clear_default(session: Session, account: str) -> None:
    own_default = (identities.c.account == account) & identities.c.is_default
    session.execute(update(identities).where(own_default).values(is_default=False))


def _request_id(request_id: str) -> str:
    if len(request_id) > MAX_REQUEST_ID:
        raise invalid_argument("request_id", "too_long")
    return request_id


def _checked(identity: MailIdentity) -> MailIdentity:
    """The identity with its addresses tidied; INVALID_ARGUMENT names what is wrong."""
    if len(identity.display_name) > MAX_NAME:
        raise invalid_argument("identity.display_name", "too_long")
    if _CONTROL.search(identity.display_name):
        raise invalid_argument("identity.display_name", "control_character")  # it becomes a header field
    for name in ("signature_text", "signature_html"):
        if len(getattr(identity, name)) > MAX_SIGNATURE:
            raise invalid_argument(f"identity.{name}", "too_long")
    address = _mail_address("identity.address", identity.address)
    reply_to = _mail_address("identity.reply_to", identity.reply_to) if identity.reply_to else ""
    return dataclasses.replace(identity, address=address, reply_to=reply_to)


def _mail_address(field: str, text: str) -> str:
    """The address as typed, but trimmed and with its domain in A-labels; the local part keeps its case."""
    text = text.strip()
    try:
        normal = normalise(text)
    except MalformedAddress as err:
        raise invalid_argument(field, "malformed", err) from None
    return f"{text.rpartition('@')[0]}@{normal.rpartition('@')[2]}"


def _check_preferences(new: Preferences) -> None:
    if new.language and (len(new.language) > 35 or not _LANGUAGE.match(new.language)):
        raise invalid_argument("preferences.language", "malformed")
    if new.time_zone and (len(new.time_zone) > 64 or not _TIME_ZONE.match(new.time_zone)):
        raise invalid_argument("preferences.time_zone", "malformed")
    if new.theme not in ("", "light", "dark"):
        raise invalid_argument("preferences.theme", "unknown")
    if new.density not in ("", "compact", "default", "roomy"):
        raise invalid_argument("preferences.density", "unknown")
    if new.page_rows > 500:
        raise invalid_argument("preferences.page_rows", "out_of_range")
    if new.undo_send_seconds > 120:
        raise invalid_argument("preferences.undo_send_seconds", "out_of_range")
    if len(new.extra) > MAX_EXTRA:
        raise invalid_argument("preferences.extra", "too_many")
    for name, value in new.extra.items():
        if not name or len(name) > MAX_EXTRA_NAME or len(value) > MAX_EXTRA_VALUE:
            raise invalid_argument("preferences.extra", "too_long")
