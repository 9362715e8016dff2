"""Opened messages are marked as read behind the answer: what is told meanwhile, in which order things come to
the server, and what a mark that fails leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from imapclient import IMAPClient

from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.mailstore.imap.failure import ConnectionLost
from services.mailstore.imap.session import Session
from services.mailstore.imap.tracking import Pieces, Result, Selected
from services.mailstore.reading import marking
from services.mailstore.reading.marking import may_mark
from tests.rpc.mailstore.conftest import Client, message, serving, settings_for
from tests.rpc.mailstore.test_watch import take, watching
from tests.support.dovecot import Dovecot


@pytest.fixture
def gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks gather until somebody has to wait for them."""
    monkeypatch.setattr(marking, "AFTER", 60.0)
    monkeypatch.setattr(marking, "MOST_AFTER", 60.0)


def fill(imap: IMAPClient, count: int = 3) -> None:
    for number in range(count):
        imap.append("INBOX", message(f"Number {number}"))


def seen(imap: IMAPClient) -> list[int]:
    """The UIDs that the server has as read."""
    imap.select_folder("INBOX", readonly=True)
    found: list[int] = imap.search("SEEN")
    return found


def storing(meet: Callable[[Session], Any]) -> Callable[..., Any]:
    """Session.execute with `meet` called before each mark; what it gives, if anything, is the answer."""
    execute = Session.execute

    async def met(session: Session, *commands: Pieces, **options: Any) -> list[Result]:
        if any(b"+FLAGS.SILENT" in command and b"(\\Seen)" in command for command in commands):
            found = await meet(session)
            if found is not None:
                return [found for _ in commands]
        return await execute(session, *commands, **options)

    return met


def one(name: types_pb.MessageName) -> types_pb.MessageSet:
    return types_pb.MessageSet(
        range=types_pb.MessageRange(mailbox=name.mailbox, uid_validity=name.uid_validity, uids=[name.uid])
    )


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.05)


async def test_it_is_stored_soon_and_many_together(
    client: Client, imap: IMAPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(imap)
    stored: list[Session] = []

    async def count(session: Session) -> None:
        stored.append(session)

    monkeypatch.setattr(Session, "execute", storing(count))
    for row in (await client.list()).messages[:2]:
        opened = await client.get(row.name, mark_seen=True)
        assert opened.message.summary.flags.seen
    assert not stored
    await until(lambda: seen(imap) == [2, 3])
    assert len(stored) == 1


async def test_what_is_told_meanwhile(client: Client, imap: IMAPClient, gathering: None) -> None:
    fill(imap)
    before = await client.list()
    name = before.messages[0].name
    await client.get(name, mark_seen=True)
    listed = await client.list()
    assert [row.flags.seen for row in listed.messages] == [True, False, False]
    assert listed.unread_count == 2 and listed.state != before.state
    assert (await client.tree())["INBOX"].unread_count == 2
    request = pb.ListConversationsRequest(mailbox="INBOX")
    page = await client.messages.ListConversations(request, token=client.token())
    assert [row.unread_count for row in page.conversations] == [0, 1, 1] and page.unread_count == 2
    assert page.conversations[0].newest.flags.seen
    asked = pb.GetConversationRequest(message=name)
    thread = await client.messages.GetConversation(asked, token=client.token())
    assert thread.conversation.unread_count == 0 and thread.messages[0].flags.seen
    assert (await client.get(name)).message.summary.flags.seen
    assert seen(imap) == []
    # Words that may mean "unread" wait for the server.
    filtered = await client.list(filter=types_pb.SearchQuery(text="is:unread"))
    assert name not in [row.name for row in filtered.messages] and filtered.total_count == 2
    assert seen(imap) == [name.uid]
    other = before.messages[1].name
    await client.get(other, mark_seen=True)
    steps = await client.stream("SearchMessages", pb.SearchMessagesRequest(query={"text": "is:unread"}))
    assert other not in [row.name for step in steps for row in step.messages]
    assert seen(imap) == [other.uid, name.uid]


async def test_events_meanwhile(client: Client, imap: IMAPClient, gathering: None) -> None:
    fill(imap)
    name = await client.name()
    async with aclosing(aiter(watching(client))) as stream:
        await take(stream, "heartbeat")
        await client.get(name, mark_seen=True)
        imap.select_folder("INBOX")
        imap.add_flags([name.uid], [rb"\Flagged"])
        change = (await take(stream, "mailbox_change")).mailbox_change
    assert [(row.flags.seen, row.flags.flagged) for row in change.modified] == [(True, True)]
    assert change.mailbox.unread_count == 2


async def test_marking_as_unread_is_not_overtaken(
    client: Client, imap: IMAPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(imap)

    async def slow(session: Session) -> None:
        await asyncio.sleep(0.3)

    monkeypatch.setattr(Session, "execute", storing(slow))
    for pause in (0.0, marking.AFTER + 0.1):
        # Before it is begun, and while it is being stored.
        name = await client.name()
        await client.get(name, mark_seen=True)
        await asyncio.sleep(pause)
        unread = pb.ModifyMessagesRequest(
            messages=one(name), remove_flags=[types_pb.SYSTEM_FLAG_SEEN], request_id=f"unread-{pause}"
        )
        await client.stream("ModifyMessages", unread)
        assert not (await client.list()).messages[0].flags.seen
        await asyncio.sleep(marking.AFTER + 0.6)
        assert seen(imap) == []


async def test_a_moved_message_is_read(client: Client, imap: IMAPClient, gathering: None) -> None:
    fill(imap)
    imap.create_folder("Elsewhere")
    name = await client.name()
    await client.get(name, mark_seen=True)
    await client.stream("MoveMessages", pb.MoveMessagesRequest(messages=one(name), destination="Elsewhere"))
    assert [row.flags.seen for row in (await client.list("Elsewhere")).messages] == [True]


async def test_a_refused_mark_shows_as_unread_again(
    client: Client, imap: IMAPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(imap)
    name = await client.name()

    async def refuse(session: Session) -> Result:
        return Result("NO", "", b"", b"not now", [])

    async with aclosing(aiter(watching(client))) as stream:
        await take(stream, "heartbeat")
        monkeypatch.setattr(Session, "execute", storing(refuse))
        assert (await client.get(name, mark_seen=True)).message.summary.flags.seen
        # Whoever shows it as read is told to look again.
        await take(stream, "restarted")
    listed = await client.list()
    assert not listed.messages[0].flags.seen and listed.unread_count == 3
    assert seen(imap) == []


async def test_a_lost_connection_is_tried_again_once(
    client: Client, imap: IMAPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(imap)
    lost: list[Session] = []

    async def lose(session: Session) -> None:
        lost.append(session)
        if len(lost) in (1, 3, 4):
            session.close()
            raise ConnectionLost("cut")

    monkeypatch.setattr(Session, "execute", storing(lose))
    first, second = [row.name for row in (await client.list()).messages[:2]]
    await client.get(first, mark_seen=True)
    await client.service.marking.settle(client.user.address)
    assert seen(imap) == [first.uid] and len(lost) == 2
    await client.get(second, mark_seen=True)
    await client.service.marking.settle(client.user.address)
    assert seen(imap) == [first.uid] and len(lost) == 4
    assert [row.flags.seen for row in (await client.list()).messages] == [True, False, False]


async def test_what_is_left_is_stored_at_the_end(
    dovecot: Dovecot, imap: IMAPClient, client: Client, gathering: None
) -> None:
    fill(imap)
    async with serving(settings_for("127.0.0.1", dovecot.imap_port), client.user) as other:
        for row in (await other.list()).messages:
            await other.get(row.name, mark_seen=True)
        assert seen(imap) == []
    assert seen(imap) == [1, 2, 3]


async def test_a_full_queue_is_waited_for(
    client: Client, imap: IMAPClient, gathering: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marking, "MOST", 2)
    fill(imap, 5)
    for row in (await client.list()).messages:
        await client.get(row.name, mark_seen=True)
        assert len(client.service.marking.marked(client.user.address)) <= 2
    assert seen(imap) == [2, 3, 4, 5]


async def test_a_message_that_went_meanwhile(client: Client, imap: IMAPClient, gathering: None) -> None:
    fill(imap)
    name = await client.name()
    await client.get(name, mark_seen=True)
    imap.select_folder("INBOX")
    imap.delete_messages([name.uid])
    imap.expunge()
    await client.service.marking.settle(client.user.address)
    listed = await client.list()
    assert (listed.total_count, listed.unread_count) == (2, 2)


def selected(flags: Sequence[bytes], *, read_only: bool = False) -> Selected:
    return Selected("INBOX", read_only, permanent_flags=frozenset(flags))


def test_where_nothing_is_marked() -> None:
    assert may_mark(selected([rb"\Seen", rb"\*"]))
    assert may_mark(selected([]))  # not told: all are kept (RFC 9051 section 7.1)
    assert not may_mark(selected([rb"\Seen"], read_only=True))
    assert not may_mark(selected([rb"\Flagged", rb"\*"]))
