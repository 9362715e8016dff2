"""Messages to begin others with, by name."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from services.common.errors import Reason, error, invalid_argument, not_found, too_large
from services.sender import clock
from services.sender.storage.tables import templates

MOST = 200
MAX_NAME = 200
MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Template:
    """`content` is the request's as it came; empty in a list."""

    id: str
    name: str
    content: bytes
    updated_at: int


def save(session: Session, account: str, name: str, content: bytes, now: int) -> Template:
    """Keeps it under its name, in place of one of that name. QUOTA_EXCEEDED where there are too many."""
    name = " ".join(name.split())
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise invalid_argument("name", "missing" if not name else "malformed")
    if len(content) > MAX_BYTES:
        raise too_large(MAX_BYTES)
    mine = templates.c.account == account
    found = session.execute(select(templates.c.id).where(mine, templates.c.name == name).with_for_update())
    id = found.scalar_one_or_none()
    if id is not None:
        session.execute(update(templates).where(templates.c.id == id).values(content=content, updated_at=now))
        return Template(id, name, b"", now)
    if session.execute(select(func.count()).select_from(templates).where(mine)).scalar_one() >= MOST:
        raise error(Reason.QUOTA_EXCEEDED, what="templates", most=str(MOST))
    id = clock.new_id(now)
    session.execute(
        insert(templates).values(id=id, account=account, name=name, content=content, updated_at=now)
    )
    return Template(id, name, b"", now)


def names(session: Session, account: str) -> list[Template]:
    query = (
        select(templates.c.id, templates.c.name, templates.c.updated_at)
        .where(templates.c.account == account)
        .order_by(templates.c.name)
        .limit(MOST)
    )
    return [Template(row.id, row.name, b"", row.updated_at) for row in session.execute(query)]


def get(session: Session, account: str, id: str) -> Template:
    """NOT_FOUND where it is not there, or another account's."""
    query = select(templates).where(templates.c.id == id, templates.c.account == account)
    row = session.execute(query).one_or_none()
    if row is None:
        raise not_found("template")
    return Template(row.id, row.name, row.content, row.updated_at)


def remove(session: Session, account: str, id: str) -> None:
    session.execute(delete(templates).where(templates.c.id == id, templates.c.account == account))
