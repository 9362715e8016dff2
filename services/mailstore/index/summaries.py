"""Conversations as lists show them and as they are opened: what is told of all their messages together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import apsw

from services.mailstore.index import schema
from services.mailstore.index.coding import hash64
from services.mailstore.index.conversations import carray, find_by_id
from services.mailstore.index.convert import author, conversation_id
from services.mailstore.index.model import MailboxState, Row
from services.mailstore.index.store import Store
from services.mailstore.mime.model import Address
from services.mailstore.names import MessageName

MOST_NAMES = 200
# Authors that are told of one conversation.
MOST_PEOPLE = 50


class Member(NamedTuple):
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
    listed mailbox itself. `id` is the conversation's as its first message knows it, `uids` are those in the
    listed mailbox, newest first.
    """

    id: str

    message_count: int
    unread_count: int
    any_flagged: bool
    any_attachment: bool
    participants: tuple[Address, ...]
    uids: tuple[int, ...]


def members(
    db: apsw.Connection, threads: Sequence[int], *, hidden: bool, mailbox: int = 0
) -> dict[int, list[Member]]:
    """All messages of some conversations, oldest first, every copy; those in Trash and Junk only with
    `hidden`, or where `mailbox` is that one.
    """
    found: dict[int, list[Member]] = {thread: [] for thread in threads}
    if not found:
        return found
    hiding = {id_ for (id_,) in db.execute("SELECT id FROM mailbox WHERE hidden")} - {mailbox}
    rows: list[Any] = db.execute(
        "SELECT received, uid, id, mailbox, flags, attachment, mid, from_key, thread FROM message "
        "WHERE thread IN (SELECT value FROM carray(?))",
        (carray(found),),
    ).fetchall()
    rows.sort()
    for _, uid, id_, where, flags, attachment, mid, from_key, thread in rows:
        if hidden or where not in hiding:
            found[thread].append(Member(id_, where, uid, flags, attachment, mid, from_key))
    return found


def each_once(found: list[Member], mailbox: int = 0) -> list[Member]:
    """One copy of each message in the same order; a copy in `mailbox` before others."""
    chosen: dict[int, Member] = {}
    for number, member in enumerate(found):
        key = member.mid or -number - 1
        kept = chosen.get(key)
        if kept is None or (member.mailbox == mailbox != kept.mailbox):
            chosen[key] = member
    return list(chosen.values())


def summarise(
    db: apsw.Connection, rows: Sequence[Row], mailbox: int, mailboxes: Mapping[int, MailboxState]
) -> list[Summary]:
    """For each row of a list of conversations of `mailbox` its summary."""
    conversations = members(db, [row.thread for row in rows], hidden=False, mailbox=mailbox)
    once = {thread: each_once(found, mailbox) for thread, found in conversations.items()}
    authors: dict[int, list[int]] = {}
    for thread, found in once.items():
        people: dict[str, int] = {}
        for member in found:
            people.setdefault(member.from_key, member.id)
        authors[thread] = list(people.values())[:MOST_PEOPLE]
    first = {thread: found[0] for thread, found in once.items() if found}
    known = {row.id: row.encoded for row in rows}
    wanted = {id_ for ids in authors.values() for id_ in ids} | {member.id for member in first.values()}
    known.update(_encoded(db, wanted - known.keys()))
    places = {id_: (box.name, box.uid_validity) for id_, box in mailboxes.items()}
    summaries: list[Summary] = []
    for row in rows:
        oldest = first.get(row.thread)
        place = places.get(oldest.mailbox) if oldest is not None else None
        if oldest is None or place is None or oldest.id not in known:
            id_ = conversation_id(row.encoded, MessageName(row.mailbox, row.uid_validity, row.uid))
        else:
            id_ = conversation_id(known[oldest.id], MessageName(*place, oldest.uid))
        told = [known[each] for each in authors[row.thread] if each in known]
        summaries.append(_summary(id_, once[row.thread], conversations[row.thread], mailbox, told))
    return summaries


def _encoded(db: apsw.Connection, wanted: set[int]) -> dict[int, bytes]:
    if not wanted:
        return {}
    rows = db.execute(
        "SELECT id, summary FROM detail WHERE id IN (SELECT value FROM carray(?))", (carray(sorted(wanted)),)
    )
    return dict(rows.fetchall())  # type: ignore[arg-type]


def _summary(
    id_: str, once: list[Member], copies: list[Member], mailbox: int, authors: list[bytes]
) -> Summary:
    people: dict[str, Address] = {}
    for encoded in authors:
        who = author(encoded)
        if who is not None:
            people.setdefault((who.addr or who.name).casefold(), who)
    return Summary(
        id=id_,
        message_count=len(once),
        unread_count=sum(not member.flags & schema.SEEN for member in once),
        any_flagged=any(member.flags & schema.FLAGGED for member in once),
        any_attachment=any(member.attachment for member in once),
        participants=tuple(people.values()),
        uids=tuple(member.uid for member in reversed(copies) if member.mailbox == mailbox)[:MOST_NAMES],
    )


def thread_of_id(store: Store, message_id: str) -> int | None:
    """The conversation that a Message-ID (without brackets) leads to, None where it is not known."""
    return find_by_id(store.db, hash64(message_id, store.salt))


def thread_of_message(db: apsw.Connection, state: MailboxState, uid: int) -> int | None:
    """The conversation of a message, None where the message is not held."""
    row = db.execute("SELECT thread FROM message WHERE mailbox = ? AND uid = ?", (state.id, uid)).fetchone()
    return row[0] if row else None
