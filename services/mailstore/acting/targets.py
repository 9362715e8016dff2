"""Which messages an action means: named ones, or all that a query matches now; in bounded batches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.common.errors import Reason, error
from services.mailstore.imap.failure import CommandRefused
from services.mailstore.imap.session import Session
from services.mailstore.imap.syntax import uid_set, uid_sets
from services.mailstore.mailboxes import listing
from services.mailstore.names import MessageRange, check_mailbox, check_uids
from services.mailstore.reading.opening import is_open, open_mailbox
from services.mailstore.reading.orders import read_search, search_command, search_uids
from services.mailstore.searching.places import mailboxes_of
from services.mailstore.searching.query import Query

BATCH = 500
# Messages that are acted on without a question whether they are there.
AT_ONCE = 50
# "All that match": beyond this the caller repeats the action.
MOST = 200_000


@dataclass(frozen=True, slots=True)
class Target:
    """Named messages, or a query over `mailboxes` (none: all but Trash and Junk)."""

    range: MessageRange | None = None
    query: Query | None = None
    mailboxes: tuple[str, ...] = ()

    @property
    def mailbox(self) -> str:
        """The one whose messages are named; empty for a query."""
        return self.range.mailbox if self.range is not None else ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of the open mailbox that are there, and those that are not any more."""

    mailbox: str
    uid_validity: int
    uids: tuple[int, ...]
    gone: tuple[int, ...]

    def here(self, uids: tuple[int, ...] | list[int]) -> MessageRange:
        return MessageRange(self.mailbox, self.uid_validity, tuple(uids))


async def resolve(session: Session, target: Target) -> list[MessageRange]:
    """The messages meant, by mailbox. MAILBOX_NOT_FOUND, MAILBOX_CHANGED."""
    if target.range is not None:
        check_mailbox(target.range.mailbox)
        return [MessageRange(target.range.mailbox, target.range.uid_validity, check_uids(target.range.uids))]
    assert target.query is not None
    tree = await listing.list_mailboxes(session, counts=False)
    ranges: list[MessageRange] = []
    total = 0
    for mailbox in mailboxes_of(tree, target.query, target.mailboxes):
        selected, _ = await open_mailbox(session, mailbox, reopen=True)
        uids = await search_uids(session, target.query)
        total += len(uids)
        if total > MOST:
            raise error(Reason.TOO_LARGE, limit=str(MOST))
        if uids:
            ranges.append(MessageRange(mailbox, selected.uid_validity, tuple(uids)))
    return ranges


def surely_open(session: Session, ranges: list[MessageRange]) -> MessageRange | None:
    """The messages meant, where they are few of the one mailbox that is open for writing, under the
    UIDVALIDITY that they are named by: what is done to them needs no question before it, if its answer tells
    to which it was done. The connection may not know of all of them yet (RFC 9051 section 6.1.2): to those
    that the answer does not name, `batches` comes again.
    """
    if len(ranges) != 1 or not 0 < len(ranges[0].uids) <= AT_ONCE:
        return None
    messages, selected = ranges[0], session.selected
    if selected is None or not is_open(session, messages.mailbox, write=True):
        return None
    return messages if selected.uid_validity == messages.uid_validity else None


async def batches(
    session: Session, ranges: list[MessageRange], *, write: bool = True
) -> AsyncIterator[Batch]:
    """Each batch with its mailbox open, for writing unless it is only to be read, and its UIDVALIDITY
    checked.
    """
    for messages in ranges:
        for uids, numbers in uid_sets(messages.uids, BATCH):
            there = set(await _still_there(session, messages, numbers, write))
            yield Batch(
                messages.mailbox,
                messages.uid_validity,
                tuple(uid for uid in uids if uid in there),
                tuple(uid for uid in uids if uid not in there),
            )


async def _still_there(session: Session, messages: MessageRange, numbers: bytes, write: bool) -> list[int]:
    """Which of them are there, in the one round trip that opens their mailbox."""
    command = search_command(session, [b"UID", numbers])
    for again in (False, True):
        try:
            _, (result,) = await open_mailbox(
                session,
                messages.mailbox,
                uid_validity=messages.uid_validity,
                write=write,
                reopen=again,
                then=[command],
            )
            return read_search(session.require(result, command))
        except CommandRefused:
            # The mailbox was open from before and was deleted meanwhile; whether there is one of that name
            # again, and which, opening it tells.
            if again:
                raise
    raise AssertionError("unreachable")


def numbers(batch: Batch) -> bytes:
    """The batch's messages as a sequence set."""
    return uid_set(batch.uids)
