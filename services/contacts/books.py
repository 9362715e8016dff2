"""Address books: whose they are, who may use them."""

import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.common.errors import PosternError, Reason, error, not_found
from services.contacts.check import checked_name
from services.contacts.clock import now
from services.contacts.model import Access, Book, Share
from services.contacts.once import made_before, remember
from services.contacts.schema import books, contacts, shares

MAX_BOOKS = 200
MAX_SHARES = 500
DEFAULT_NAME = "Contacts"


def _visible(account: str) -> sa.Select:
    access = sa.case((books.c.owner == account, int(Access.OWN)), else_=sa.func.coalesce(shares.c.access, 0))
    count = (
        sa.select(sa.func.count())
        .where(contacts.c.book_id == books.c.id, contacts.c.deleted.is_(None))
        .scalar_subquery()
    )
    return (
        sa.select(books, access.label("access"), count.label("contact_count"))
        .outerjoin(shares, sa.and_(shares.c.book_id == books.c.id, shares.c.account == account))
        .where(books.c.deleted.is_(None), sa.or_(books.c.owner == account, shares.c.access > 0))
    )


def _book(row: sa.Row) -> Book:
    return Book(
        id=row.id,
        owner=row.owner,
        name=row.name,
        access=Access(row.access),
        is_default=row.is_default,
        is_collected=row.is_collected,
        contact_count=row.contact_count,
        revision=row.revision,
    )


def list_books(session: Session, account: str) -> list[Book]:
    """The account's own books and those shared with it, the default one first; makes the default one where
    the account has none yet."""
    own_default = sa.select(books.c.id).where(books.c.default_of == account)
    if session.scalar(own_default) is None:
        _insert(session, account, DEFAULT_NAME, default=True)
    rows = session.execute(_visible(account).order_by(books.c.name, books.c.id)).all()
    found = [_book(row) for row in rows]
    return sorted(found, key=lambda book: not (book.is_default and book.owner == account))


def _insert(session: Session, account: str, name: str, default: bool = False) -> str:
    book_id = uuid.uuid4().hex
    session.execute(
        sa.insert(books).values(
            id=book_id,
            owner=account,
            name=name,
            is_default=default,
            is_collected=False,
            revision=1,
            default_of=account if default else None,
        )
    )
    return book_id


def get_book(session: Session, account: str, book_id: str, need: Access = Access.READ) -> Book:
    """One book; NOT_FOUND where the account may not even read it, PERMISSION_DENIED where it may do less
    than it needs. An empty id means the account's default book."""
    if not book_id:
        return list_books(session, account)[0]
    row = session.execute(_visible(account).where(books.c.id == book_id)).one_or_none()
    if row is None:
        raise not_found("address_book")
    book = _book(row)
    if book.access < need:
        raise error(Reason.PERMISSION_DENIED, what="address_book")
    return book


def create_book(session: Session, account: str, name: str, request_id: str) -> Book:
    """A new book of the account's own."""
    before = made_before(session, account, request_id)
    if before is None:
        name = checked_name(name)
        if len(list_books(session, account)) >= MAX_BOOKS:
            raise error(Reason.RATE_LIMITED, what="address_book", limit=str(MAX_BOOKS))
        before = _insert(session, account, name)
        remember(session, account, request_id, before)
    return get_book(session, account, before)


def rename_book(session: Session, account: str, book_id: str, name: str) -> Book:
    """Give a book another name; its owner may."""
    name = checked_name(name)
    book = get_book(session, account, book_id, Access.OWN)
    session.execute(
        sa.update(books).where(books.c.id == book.id).values(name=name, revision=books.c.revision + 1)
    )
    return get_book(session, account, book.id)


def delete_book(session: Session, account: str, book_id: str) -> None:
    """Put a book away with all that is in it. The default one stays: new contacts need a place."""
    if not book_id:
        raise not_found("address_book")
    try:
        book = get_book(session, account, book_id, Access.OWN)
    except PosternError as err:
        if err.reason == Reason.NOT_FOUND:
            return  # sent twice: gone is gone
        raise
    if book.is_default:
        raise error(Reason.CONFLICT, what="address_book", problem="default_book")
    session.execute(sa.update(books).where(books.c.id == book.id).values(deleted=now()))


def list_shares(session: Session, account: str, book_id: str) -> list[Share]:
    """With whom a book is shared; its owner may ask."""
    book = get_book(session, account, book_id, Access.OWN)
    rows = session.execute(
        sa.select(shares.c.account, shares.c.access)
        .where(shares.c.book_id == book.id)
        .order_by(shares.c.account)
    )
    return [Share(row.account, Access(row.access)) for row in rows]


def set_share(session: Session, account: str, book_id: str, share: Share) -> None:
    """Share a book with an account, change that, or end it (`Access.NONE`)."""
    book = get_book(session, account, book_id, Access.OWN)
    other = share.account.strip().lower()
    if not other or other == account or share.access > Access.WRITE:
        raise error(Reason.INVALID_ARGUMENT, field="share", problem="not_allowed")
    session.execute(sa.delete(shares).where(shares.c.book_id == book.id, shares.c.account == other))
    if share.access:
        if len(list_shares(session, account, book.id)) >= MAX_SHARES:
            raise error(Reason.RATE_LIMITED, what="share", limit=str(MAX_SHARES))
        session.execute(sa.insert(shares).values(book_id=book.id, account=other, access=int(share.access)))
