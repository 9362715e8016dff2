"""Conversations as lists show them and as they are opened: what is told of all their messages together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import apsw

from services.mailstore.index import schema
from services.mailstore.index.coding import decode_envelope, hash64
from services.mailstore.index.conversations import find_by_id
from services.mailstore.index.model import MailboxState
from services.mailstore.index.store import Store
from services.mailstore.mime.model import Address

MOST_NAMES = 200
# Authors that are told of one conversation.
MOST_PEOPLE = 50


@dataclass(frozen=True, slots=True)
class Member:
    """A message of a conversation, as far as counting needs it."""

    id: int
    mailbox: int
    uid: int
    flags: int
    attachment: int
    mid: int
    from_key: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What is told of a conversation. Each Message-ID counts once; Trash and Junk do not count, save the
    listed mailbox itself. `oldest` is the envelope's root and place of its first message, `uids` are those
    in the listed mailbox, newest first.
    """

    oldest: int
    message_count: int
    unread_count: int
    any_flagged: bool
    any_attachment: bool
    participants: tuple[Address, ...]
    uids: tuple[int, ...]


def members(db: apsw.Connection, thread: int, *, hidden: bool, mailbox: int = 0) -> list[Member]:
    """All messages of a conversation, oldest first, every copy; those in Trash and Junk only with `hidden`,
    or where `mailbox` is that one.
    """
    return [
        Member(*row[:7])
        for row in db.execute(
            "SELECT m.id, m.mailbox, m.uid, m.flags, m.attachment, m.mid, m.from_key FROM message m "
            "JOIN mailbox b ON b.id = m.mailbox WHERE m.thread = ? AND (? OR NOT b.hidden OR m.mailbox = ?) "
            "ORDER BY m.received, m.uid",
            (thread, hidden, mailbox),
        )
    ]


def each_once(found: list[Member], mailbox: int = 0) -> list[Member]:
    """One copy of each message in the same order; a copy in `mailbox` before others."""
    chosen: dict[int, Member] = {}
    for number, member in enumerate(found):
        key = member.mid or -number - 1
        kept = chosen.get(key)
        if kept is None or (member.mailbox == mailbox != kept.mailbox):
            chosen[key] = member
    return list(chosen.values())


def summarise(db: apsw.Connection, thread: int, mailbox: int) -> Summary:
    """The summary of a conversation for the list of `mailbox`."""
    found = members(db, thread, hidden=False, mailbox=mailbox)
    once = each_once(found, mailbox)
    people: dict[str, int] = {}
    for member in once:
        people.setdefault(member.from_key, member.id)
    return Summary(
        oldest=once[0].id if once else 0,
        message_count=len(once),
        unread_count=sum(not member.flags & schema.SEEN for member in once),
        any_flagged=any(member.flags & schema.FLAGGED for member in once),
        any_attachment=any(member.attachment for member in once),
        participants=_authors(db, list(people.values())[:MOST_PEOPLE]),
        uids=tuple(member.uid for member in reversed(found) if member.mailbox == mailbox)[:MOST_NAMES],
    )


def _authors(db: apsw.Connection, ids: list[int]) -> tuple[Address, ...]:
    people: dict[str, Address] = {}
    for id_ in ids:
        row: Any = db.execute("SELECT envelope FROM detail WHERE id = ?", (id_,)).fetchone()
        authors = decode_envelope(row[0]).from_ if row else ()
        if authors:
            people.setdefault((authors[0].addr or authors[0].name).casefold(), authors[0])
    return tuple(people.values())


def thread_of_id(store: Store, message_id: str) -> int | None:
    """The conversation that a Message-ID (without brackets) leads to, None where it is not known."""
    return find_by_id(store.db, hash64(message_id, store.salt))


def thread_of_message(db: apsw.Connection, state: MailboxState, uid: int) -> int | None:
    """The conversation of a message, None where the message is not held."""
    row = db.execute("SELECT thread FROM message WHERE mailbox = ? AND uid = ?", (state.id, uid)).fetchone()
    return row[0] if row else None
