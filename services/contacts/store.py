"""Contacts in their books: list, find, create, replace, put away and bring back."""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.common.errors import Reason, error, not_found
from services.contacts import books as book_store
from services.contacts.cards import dump, load
from services.contacts.check import checked_card
from services.contacts.clock import now
from services.contacts.model import Access, Card, Contact, card_words, fold, words
from services.contacts.once import made_before, remember
from services.contacts.schema import books, contacts
from services.contacts.schema import words as word_table

MAX_CONTACTS = 50_000
"""Most contacts of one book."""


def _contact(row: sa.Row) -> Contact:
    return Contact(row.id, row.book_id, row.uid, load(row.card), row.revision, row.updated)


def starts_with(column: sa.ColumnElement[str], prefix: str) -> sa.ColumnElement[bool]:
    """Whether a column starts with a folded prefix, by a range that an index serves on both databases."""
    return sa.and_(column >= prefix, column < prefix + "\U0010ffff")


def matching(query: str) -> list[sa.ColumnElement[bool]]:
    """Conditions that a contact fulfils when each word of the query begins one of its words."""
    return [
        contacts.c.id.in_(sa.select(word_table.c.contact_id).where(starts_with(word_table.c.word, word)))
        for word in words(query)[:8]
    ]


def list_contacts(
    session: Session, account: str, book_id: str, query: str, limit: int, after: tuple[str, str] | None
) -> tuple[list[Contact], int]:
    """One page by name, and how many there are in all.

    `after` is the sort key and id of the last contact of the page before, so that a page stays right while
    the book changes. An empty `book_id` means every book that the account may read.
    """
    if book_id:
        ids = [book_store.get_book(session, account, book_id).id]
    else:
        ids = [book.id for book in book_store.list_books(session, account)]
    found = sa.and_(contacts.c.book_id.in_(ids), contacts.c.deleted.is_(None), *matching(query))
    total = session.scalar(sa.select(sa.func.count()).select_from(contacts).where(found)) or 0
    page = sa.select(contacts).where(found).order_by(contacts.c.sort_key, contacts.c.id).limit(limit)
    if after:
        key, last = after
        page = page.where(
            sa.or_(contacts.c.sort_key > key, sa.and_(contacts.c.sort_key == key, contacts.c.id > last))
        )
    return [_contact(row) for row in session.execute(page)], total


def sort_key(card: Card) -> str:
    """What contacts are ordered by: the shown name, folded."""
    return fold(card.shown_name())[:200]


def get_contact(
    session: Session, account: str, contact_id: str, need: Access = Access.READ, *, lock: bool = False
) -> Contact:
    """One contact; NOT_FOUND where the account may not read it. With `lock` the row is held until the end of
    the transaction."""
    query = sa.select(contacts).where(contacts.c.id == contact_id, contacts.c.deleted.is_(None))
    row = session.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise not_found("contact")
    try:
        book_store.get_book(session, account, row.book_id, need)
    except Exception as err:
        # A book that the account may not see must not tell that the contact exists.
        if getattr(err, "reason", "") == Reason.NOT_FOUND:
            raise not_found("contact") from err
        raise
    return _contact(row)


def _write_words(session: Session, contact_id: str, book_id: str, card: Card) -> None:
    session.execute(sa.delete(word_table).where(word_table.c.contact_id == contact_id))
    rows = [{"word": word, "contact_id": contact_id, "book_id": book_id} for word in card_words(card)]
    if rows:
        session.execute(sa.insert(word_table), rows)


def _touch(session: Session, book_id: str) -> int:
    """Count the book's revision up and return it: the row also serialises writers of one book."""
    session.execute(sa.update(books).where(books.c.id == book_id).values(revision=books.c.revision + 1))
    return session.scalar(sa.select(books.c.revision).where(books.c.id == book_id)) or 0


def create_contact(session: Session, account: str, book_id: str, card: Card, request_id: str) -> Contact:
    """A new contact in a book; the account's default one where none is named."""
    before = made_before(session, account, request_id)
    if before is not None:
        return get_contact(session, account, before)
    card = checked_card(card)
    book = book_store.get_book(session, account, book_id, Access.WRITE)
    if book.contact_count >= MAX_CONTACTS:
        raise error(Reason.RATE_LIMITED, what="contact", limit=str(MAX_CONTACTS))
    contact_id = uuid.uuid4().hex
    session.execute(
        sa.insert(contacts).values(
            id=contact_id,
            book_id=book.id,
            uid=f"urn:uuid:{uuid.uuid4()}",
            sort_key=sort_key(card),
            card=dump(card),
            is_group=card.is_group,
            revision=_touch(session, book.id),
            updated=now(),
        )
    )
    _write_words(session, contact_id, book.id, card)
    remember(session, account, request_id, contact_id)
    return get_contact(session, account, contact_id)


def update_contact(
    session: Session, account: str, contact_id: str, etag: str, card: Card, request_id: str
) -> Contact:
    """Replace a contact; CONFLICT where it changed since it was read, so that nobody's change is lost."""
    before = made_before(session, account, request_id)
    if before is not None:
        return get_contact(session, account, before)
    card = checked_card(card)
    contact = get_contact(session, account, contact_id, Access.WRITE, lock=True)
    revision = _touch(session, contact.book_id)
    # The condition stands in the UPDATE, so that it holds without row locks too (SQLite).
    result = session.execute(
        sa.update(contacts)
        .where(contacts.c.id == contact.id, contacts.c.revision == (int(etag) if etag.isdigit() else -1))
        .values(
            sort_key=sort_key(card),
            card=dump(card),
            is_group=card.is_group,
            revision=revision,
            updated=now(),
        )
    )
    if result.rowcount != 1:  # type: ignore[attr-defined]
        raise error(Reason.CONFLICT, what="contact")
    _write_words(session, contact.id, contact.book_id, card)
    remember(session, account, request_id, contact.id)
    return get_contact(session, account, contact.id)


def set_deleted(session: Session, account: str, ids: Sequence[str], deleted: bool) -> int:
    """Put contacts away, or bring them back; returns how many changed. Those that the account may not
    write are passed over like those that do not exist."""
    writable = [book.id for book in book_store.list_books(session, account) if book.access >= Access.WRITE]
    state = contacts.c.deleted.is_(None) if deleted else contacts.c.deleted.is_not(None)
    chosen = sa.and_(contacts.c.id.in_(ids), contacts.c.book_id.in_(writable), state)
    touched = session.scalars(sa.select(contacts.c.book_id).where(chosen).distinct()).all()
    changed = 0
    for book_id in sorted(touched):
        result = session.execute(
            sa.update(contacts)
            .where(chosen, contacts.c.book_id == book_id)
            .values(deleted=now() if deleted else None, revision=_touch(session, book_id))
        )
        changed += result.rowcount  # type: ignore[attr-defined]
    return changed
