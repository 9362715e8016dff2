"""Showing messages as read whose marks are on their way (see `marking`): rows, pages and counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol, TypeVar

from services.mailstore.imap.pool import Account
from services.mailstore.mailboxes.model import Mailbox, Tree
from services.mailstore.reading.marking import Marked, Marking
from services.mailstore.reading.page import Page
from services.mailstore.reading.rows import Row
from services.mailstore.reading.served import Served
from services.mailstore.searching.query import Query

T = TypeVar("T")


class _Filtered(Protocol):
    @property
    def query(self) -> Query: ...


async def listed(
    marking: Marking,
    account: Account,
    request: _Filtered,
    read: Callable[[], Awaitable[Served[T]]],
    put: Callable[[T, Marked], T],
) -> Served[T]:
    """A page of a list. One that is filtered waits for the marks: "unread" is among the words of a filter."""

    def put_served(served: Served[T], marked: Marked) -> Served[T]:
        return replace(served, value=put(served.value, marked))

    if not request.query.empty:
        await marking.settle(account.id)
        return await read()
    return await marking.shown(account.id, read, put_served)


def row(shown: Row) -> Row:
    """A row, read."""
    return shown if shown.flags.seen else replace(shown, flags=replace(shown.flags, seen=True))


def rows(shown: tuple[Row, ...], marked: Marked) -> tuple[Row, ...]:
    """Rows, those of marked messages read."""
    return tuple(row(each) if each.name in marked else each for each in shown)


def page(shown: Page, marked: Marked) -> Page:
    """A page of messages."""
    if not shown.rows:
        return shown
    mailbox = shown.rows[0].name.mailbox
    unread = {
        name.uid for name in marked if (name.mailbox, name.uid_validity) == (mailbox, shown.uid_validity)
    } - {each.name.uid for each in shown.rows if each.flags.seen}
    if not unread:
        return shown
    return replace(
        shown,
        rows=rows(shown.rows, marked),
        unread=max(0, shown.unread - len(unread)),
        state=state(shown.state, unread),
    )


def state(word: str, uids: set[int]) -> str:
    """A list's word for its state, where these messages are shown otherwise than the server has them."""
    return f"{word}.{'.'.join(f'{uid:x}' for uid in sorted(uids))}"


def mailbox(box: Mailbox, marked: Marked) -> Mailbox:
    """The counts of a mailbox."""
    count = sum((name.mailbox, name.uid_validity) == (box.name, box.uid_validity) for name in marked)
    return replace(box, unread_count=max(0, box.unread_count - count)) if count else box


def tree(shown: Tree, marked: Marked) -> Tree:
    """The counts of all mailboxes."""
    return Tree(tuple(mailbox(box, marked) for box in shown.mailboxes))
