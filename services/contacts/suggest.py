"""Who to suggest while somebody types: people of the address books and people written to before."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.common.errors import PosternError
from services.contacts.books import list_books
from services.contacts.cards import load
from services.contacts.check import checked_address
from services.contacts.clock import now
from services.contacts.model import Card, Suggestion, fold, words
from services.contacts.once import made_before, remember
from services.contacts.schema import contacts, uses
from services.contacts.store import matching

_LOOKED_AT = 200
"""Most rows looked at for one answer; typing one more letter narrows further than any ranking."""
_USES_KEPT = 2_000
"""Most addresses remembered for one account; the ones used longest ago go."""


def suggest(
    session: Session, account: str, prefix: str, limit: int, exclude: Sequence[str]
) -> list[Suggestion]:
    """People whose name or address begins with what was typed, the likeliest first: written to most, then
    by name. Each address once."""
    typed = words(prefix)
    if not typed:
        return []
    used = {
        row.address: row
        for row in session.execute(
            sa.select(uses)
            .where(uses.c.account == account)
            .order_by(uses.c.last_used.desc())
            .limit(_USES_KEPT)
        )
    }
    rows = session.execute(
        sa.select(contacts.c.id, contacts.c.card)
        .where(
            contacts.c.book_id.in_([book.id for book in list_books(session, account)]),
            contacts.c.deleted.is_(None),
            *matching(prefix),
        )
        .order_by(contacts.c.sort_key)
        .limit(_LOOKED_AT)
    )
    found: dict[str, Suggestion] = {}
    for row in rows:
        card = load(row.card)
        if card.is_group:
            found[row.id] = Suggestion(card.shown_name(), "", row.id, group_members=_members(session, card))
        for email in card.emails:
            found.setdefault(fold(email.value), Suggestion(card.shown_name(), email.value, row.id))
    for address, row in used.items():
        own_words = words(row.name) + words(address) + [fold(address)]
        if all(any(word.startswith(part) for word in own_words) for part in typed):
            found.setdefault(fold(address), Suggestion(row.name, address, collected=True))
    for address in exclude:
        found.pop(fold(address.strip()), None)

    def rank(item: Suggestion) -> tuple[int, str]:
        row = used.get(item.address.lower())
        return (-row.use_count if row else 0, fold(item.name))

    return sorted(found.values(), key=rank)[:limit]


def _members(session: Session, card: Card) -> tuple[str, ...]:
    rows = session.execute(
        sa.select(contacts.c.card).where(contacts.c.id.in_(card.member_ids), contacts.c.deleted.is_(None))
    )
    members = [load(row.card) for row in rows]
    return tuple(f"{item.shown_name()} <{item.emails[0].value}>" for item in members if item.emails)


def record_use(session: Session, account: str, people: Sequence[tuple[str, str]], request_id: str) -> None:
    """Note that people (name, address) were written to. What is no address is passed over: the note must
    never stand in the way of a message."""
    if made_before(session, account, request_id) is not None:
        return
    remember(session, account, request_id, "use")
    for name, address in people:
        try:
            key = checked_address(address).lower()
        except PosternError:
            continue
        old = session.execute(
            sa.select(uses).where(uses.c.account == account, uses.c.address == key)
        ).one_or_none()
        if old is None:
            session.execute(
                sa.insert(uses).values(
                    account=account, address=key, name=name[:200], use_count=1, last_used=now()
                )
            )
        else:
            session.execute(
                sa.update(uses)
                .where(uses.c.account == account, uses.c.address == key)
                .values(name=name[:200] or old.name, use_count=uses.c.use_count + 1, last_used=now())
            )
    _prune(session, account)


def _prune(session: Session, account: str) -> None:
    oldest = session.scalar(
        sa.select(uses.c.last_used)
        .where(uses.c.account == account)
        .order_by(uses.c.last_used.desc())
        .offset(_USES_KEPT)
        .limit(1)
    )
    if oldest is not None:
        session.execute(sa.delete(uses).where(uses.c.account == account, uses.c.last_used <= oldest))
