"""Lists, conversations and search out of the index: the same answers as from the server, at every moment."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from imapclient import IMAPClient

from services.common.errors import PosternError, Reason
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.mailstore.imap.session import Pieces, Result, Seen, Session
from services.mailstore.index import account, opening, service
from services.mailstore.index.account import AccountIndex
from services.mailstore.index.shelf import IndexSettings
from services.mailstore.mailboxes.model import Mailbox, Tree
from services.mailstore.reading.marking import Marking
from tests.rpc.mailstore.conftest import Client, message, serving, settings_for
from tests.support.dovecot import Dovecot, DovecotOptions

SERVERS = {
    "qresync": DovecotOptions(),
    "neither": DovecotOptions(without=("CONDSTORE", "QRESYNC")),
}
KEYS = types_pb.SortOrder
SORTED_BY: dict[int, Callable[[types_pb.MessageSummary], object]] = {
    KEYS.KEY_SUBJECT: lambda row: row.envelope.subject.removeprefix("Re: ").replace("Ä", "A").lower(),
    KEYS.KEY_SIZE: lambda row: row.size_bytes,
    KEYS.KEY_FROM: lambda row: (
        getattr(row.envelope, "from")[0].name.replace("É", "E").replace("ë", "e").lower()
    ),
}


@pytest.fixture(params=list(SERVERS))
def server(request: pytest.FixtureRequest, dovecot_with: Callable[[DovecotOptions], Dovecot]) -> Dovecot:
    return dovecot_with(SERVERS[request.param])


@pytest.fixture
async def both(server: Dovecot, tmp_path: Path) -> AsyncIterator[tuple[Client, Client, IMAPClient]]:
    """mailstore with an index, mailstore without, and another client, of one account."""
    user = server.add_user()
    plain = settings_for("127.0.0.1", server.imap_port)
    with server.connect(user) as other:
        for name in ("Sent", "Trash", "Elsewhere"):
            other.create_folder(name)
        async with (
            serving(replace(plain, index=IndexSettings(tmp_path / "index")), user) as indexed,
            serving(plain, user) as direct,
        ):
            yield indexed, direct, other


def fill(other: IMAPClient, count: int = 40) -> None:
    rng = random.Random(7)
    for number in range(count):
        date = f"Mon, 02 Nov 2026 {10 + number // 60:02d}:{number * 7 % 60:02d}:00 +0000"
        box = rng.choice(["INBOX", "INBOX", "INBOX", "Sent", "Elsewhere"])
        fields = {
            "Date": date,
            "From": f"{rng.choice(['Ann', 'Émile', 'bob', 'Zoë'])} <p{number % 5}@example.org>",
        }
        if number % 3 == 0 and number:
            fields |= {"In_Reply_To": f"<i{number - 3}@x>", "References": f"<i{number - 3}@x>"}
        flags = rng.sample([rb"\Seen", rb"\Flagged", rb"\Answered", b"work"], rng.randint(0, 2))
        subject = rng.choice(["Re: Plans", "budget of May", "Ärger", "meeting"]) + f" {number % 4}"
        text = f"word{number} lorem " + "ipsum " * rng.randint(1, 300)
        other.append(box, message(subject, text, Message_ID=f"<i{number}@x>", **fields), flags)


async def until_indexed(client: Client, *mailboxes: str, words: bool = True) -> None:
    """Use the account until its mailboxes are held."""
    deadline = time.monotonic() + 30
    index = client.service.index
    assert index is not None
    while time.monotonic() < deadline:
        await client.list()
        for each in index._open.values():
            held = [each.complete(name) for name in mailboxes or ("INBOX",)]
            if all(state is not None and (state.searchable or not words) for state in held):
                return
        await asyncio.sleep(0.1)
    raise AssertionError("not indexed in time")


def rows(reply: pb.ListMessagesResponse) -> list[types_pb.MessageSummary]:
    return list(reply.messages)


async def test_pages_are_the_same(both: tuple[Client, Client, IMAPClient]) -> None:
    indexed, direct, other = both
    fill(other)
    await until_indexed(indexed, "INBOX", "Sent", "Elsewhere", "Trash")
    for key in (KEYS.KEY_ARRIVAL, KEYS.KEY_DATE, KEYS.KEY_SUBJECT, KEYS.KEY_SIZE, KEYS.KEY_FROM):
        for ascending in (False, True):
            order = types_pb.SortOrder(key=key, ascending=ascending)
            token = their_token = ""
            for _ in range(3):
                mine = await indexed.list(order=order, page_size=7, page_token=token)
                theirs = await direct.list(order=order, page_size=7, page_token=their_token)
                # Rows that are equal in the key may stand in another order.
                sort = SORTED_BY.get(key)
                if sort:
                    assert [sort(row) for row in rows(mine)] == [sort(row) for row in rows(theirs)], key
                else:
                    assert rows(mine) == rows(theirs), (key, ascending)
                assert (mine.total_count, mine.unread_count, mine.position, mine.uid_validity) == (
                    theirs.total_count,
                    theirs.unread_count,
                    theirs.position,
                    theirs.uid_validity,
                )
                token, their_token = mine.next_page_token, theirs.next_page_token
            back = await indexed.list(order=order, page_size=7, page_token=mine.previous_page_token)
            assert back.position == mine.position - 7
    skipped = await indexed.list(skip=5, page_size=3)
    assert rows(skipped) == rows(await direct.list(skip=5, page_size=3))


async def test_what_anybody_does_shows_at_once(
    both: tuple[Client, Client, IMAPClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed, direct, other = both
    fill(other)
    await until_indexed(indexed, "INBOX", "Sent", "Elsewhere", "Trash")
    rng = random.Random(1)
    known = []
    real = AccountIndex.read_if_same

    async def counted(*given, **options):
        found = await real(*given, **options)
        known.append(found is not None)
        return found

    monkeypatch.setattr(AccountIndex, "read_if_same", counted)
    for number in range(24):
        other.select_folder("INBOX")
        uids = other.search()
        chosen = rng.sample(uids, 2)
        name = (await indexed.list()).messages[rng.randrange(10)].name
        match number % 6:
            case 0:
                other.append("INBOX", message("new", "news"))
            case 1:
                other.add_flags(chosen, [rng.choice([rb"\Seen", rb"\Flagged", b"later"])])
            case 2:
                other.move(chosen, "Elsewhere")
            case 3:
                other.delete_messages(chosen)
                other.expunge(chosen)
            case 4:
                target = types_pb.MessageSet(
                    range=types_pb.MessageRange(
                        mailbox="INBOX", uid_validity=name.uid_validity, uids=[name.uid]
                    )
                )
                label = [rng.choice("abcdef")]
                request = pb.ModifyMessagesRequest(messages=target, add_labels=label)
                await indexed.stream("ModifyMessages", request)
            case 5:
                await indexed.get(name, mark_seen=True)
                opened = next(row for row in (await indexed.list()).messages if row.name == name)
                assert opened.flags.seen
                # Another replica knows once the mark is stored.
                await indexed.service.marking.settle(indexed.user.address)
        for _ in range(2):
            mine, theirs = await indexed.list(page_size=50), await direct.list(page_size=50)
            assert rows(mine) == rows(theirs)
            assert (mine.total_count, mine.unread_count) == (theirs.total_count, theirs.unread_count)
    # Where the server tells of every change, most lists need no further question.
    has_modseq = "CONDSTORE" in {name.decode() for name in other.capabilities()}
    assert any(known) is has_modseq


async def test_a_list_asks_little(
    both: tuple[Client, Client, IMAPClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands of a list after an act, where the server keeps MODSEQ: the changed flags come with the answer
    to whether anything has changed."""
    indexed, _, other = both
    has_modseq = b"CONDSTORE" in other.capabilities()
    fill(other)
    await until_indexed(indexed, "INBOX", "Sent", "Elsewhere", "Trash")
    name = (await indexed.list()).messages[3].name
    target = types_pb.MessageSet(
        range=types_pb.MessageRange(mailbox="INBOX", uid_validity=name.uid_validity, uids=[name.uid])
    )
    asked: list[list[bytes]] = []
    execute = Session.execute

    async def counted(session: Session, *commands: Pieces, seen: Seen | None = None) -> list[Result]:
        # What goes on behind is not counted.
        if not any(command[0] == b"LIST" for command in commands):
            asked.append([b" ".join(command[:2]) for command in commands])
        return await execute(session, *commands, seen=seen)

    monkeypatch.setattr(Session, "execute", counted)
    monkeypatch.setattr(AccountIndex, "refresh", _nothing)
    monkeypatch.setattr(Marking, "_follow", _nothing)
    await indexed.list()
    for number in range(4):
        flagged = number % 2 == 0
        flag = [types_pb.SYSTEM_FLAG_FLAGGED]
        changes = {"add_flags": flag} if flagged else {"remove_flags": flag}
        asked.clear()
        await indexed.stream("ModifyMessages", pb.ModifyMessagesRequest(messages=target, **changes))
        assert len(asked) <= 1, asked
        asked.clear()
        listed = await indexed.list()
        assert next(row for row in rows(listed) if row.name == name).flags.flagged is flagged
        assert len(asked) <= 2 or not has_modseq, asked
        asked.clear()
        await indexed.get(name, mark_seen=True, with_neighbours=True)
        # Without the mark, which is stored behind the answer.
        assert len(asked) <= 3, asked
        await indexed.service.marking.settle(indexed.user.address)
    for row in rows(await indexed.list())[:3]:
        where = types_pb.MessageRange(mailbox="INBOX", uid_validity=name.uid_validity, uids=[row.name.uid])
        asked.clear()
        request = pb.MoveMessagesRequest(messages=types_pb.MessageSet(range=where), destination="Elsewhere")
        (moved,) = await indexed.stream("MoveMessages", request)
        assert len(moved.moved[0].destination.uids) == 1
        assert len(asked) <= 1, asked
        asked.clear()
        assert row.name not in [each.name for each in rows(await indexed.list())]
        assert len(asked) <= 2 or not has_modseq, asked


async def test_a_conversation_asks_little_and_knows_what_is_new(
    both: tuple[Client, Client, IMAPClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed, direct, other = both
    has_modseq = b"CONDSTORE" in other.capabilities()
    fill(other)
    await until_indexed(indexed, "INBOX", "Sent", "Elsewhere", "Trash")
    looks = 0
    refresh = AccountIndex.refresh

    async def counted(index: AccountIndex, session: Session) -> frozenset[str]:
        nonlocal looks
        looks += 1
        return await refresh(index, session)

    async def opened(name: types_pb.MessageName) -> pb.GetConversationResponse:
        wanted = pb.GetConversationRequest(message=name)
        return await indexed.messages.GetConversation(wanted, token=indexed.token())

    name = (await indexed.list()).messages[3].name
    first = await opened(name)
    monkeypatch.setattr(opening, "FRESH", 600.0)
    # None goes on behind.
    monkeypatch.setattr(service, "REFRESH_AFTER", 600.0)
    await asyncio.gather(*indexed.service.index._tasks.values(), return_exceptions=True)
    monkeypatch.setattr(AccountIndex, "refresh", counted)
    assert await opened(name) == first and not looks
    # What was done here is in it, and what is not known yet is looked for.
    target = types_pb.MessageSet(
        range=types_pb.MessageRange(mailbox="INBOX", uid_validity=name.uid_validity, uids=[name.uid])
    )
    add = pb.ModifyMessagesRequest(messages=target, add_flags=[types_pb.SYSTEM_FLAG_FLAGGED])
    await indexed.stream("ModifyMessages", add)
    assert (await opened(name)).conversation.any_flagged and looks
    other.append("INBOX", message("new", "x"))
    new = (await direct.list()).messages[0].name
    assert [row.name for row in (await opened(new)).messages] == [new]
    looks = 0
    assert [row.name for row in (await opened(new)).messages] == [new]
    assert not looks or not has_modseq


async def test_an_act_is_done_to_what_is_there(both: tuple[Client, Client, IMAPClient]) -> None:
    """Of named messages some are gone and some have come that the connection has not seen: those that are
    there are acted on, and the others told."""
    indexed, direct, other = both
    for number in range(4):
        other.append("INBOX", message(f"number {number}", "x"))
    validity = (await indexed.list()).uid_validity
    first = [row.name.uid for row in rows(await direct.list())]
    await indexed.stream(
        "ModifyMessages", pb.ModifyMessagesRequest(messages=_named(validity, first), add_labels=["a"])
    )
    other.select_folder("INBOX")
    other.delete_messages(first[:1])
    other.expunge(first[:1])
    other.append("INBOX", message("late", "x"))
    uids = sorted([*first, *(row.name.uid for row in rows(await direct.list()))])
    here = sorted(set(uids) - {first[0]})
    asked = _named(validity, sorted(set(uids)))
    steps = await indexed.stream("ModifyMessages", pb.ModifyMessagesRequest(messages=asked, add_labels=["a"]))
    assert sorted(uid for step in steps for each in step.changed for uid in each.uids) == here
    assert [uid for step in steps for each in step.gone for uid in each.uids] == first[:1]
    other.add_flags(here[:1], [rb"\Flagged"])
    request = pb.MoveMessagesRequest(messages=asked, destination="Elsewhere")
    steps = await indexed.stream("MoveMessages", request)
    assert sorted(uid for step in steps for each in step.moved for uid in each.source.uids) == here
    assert [uid for step in steps for each in step.gone for uid in each.uids] == first[:1]
    assert steps[-1].progress.done_units == steps[-1].progress.total_units == len(here) + 1
    assert not rows(await indexed.list())
    labelled = other.select_folder("Elsewhere") and other.search(["KEYWORD", "a"])
    assert len(labelled) == len(here)


def _named(validity: int, uids: list[int]) -> types_pb.MessageSet:
    return types_pb.MessageSet(range=types_pb.MessageRange(mailbox="INBOX", uid_validity=validity, uids=uids))


async def _nothing(*_: object) -> frozenset[str]:
    return frozenset()


async def test_conversations(both: tuple[Client, Client, IMAPClient]) -> None:
    indexed, direct, other = both
    fill(other)
    await until_indexed(indexed, "INBOX", "Sent", "Elsewhere", "Trash")
    request = pb.ListConversationsRequest(mailbox="INBOX", page_size=30)
    mine = await indexed.messages.ListConversations(request, token=indexed.token())
    assert mine.total_count == len(mine.conversations) and mine.total_count > 5
    uids = [name.uid for row in mine.conversations for name in row.messages]
    assert sorted(uids) == [row.name.uid for row in reversed(rows(await direct.list(page_size=100)))]
    for row in mine.conversations:
        wanted = pb.GetConversationRequest(conversation_id=row.conversation_id)
        opened = await indexed.messages.GetConversation(wanted, token=indexed.token())
        assert len(opened.messages) == row.message_count == opened.conversation.message_count
        assert row.newest.name in [each.name for each in opened.messages]
        assert row.unread_count == sum(not each.flags.seen for each in opened.messages)
        by_name = pb.GetConversationRequest(message=row.newest.name)
        assert await indexed.messages.GetConversation(by_name, token=indexed.token()) == opened
        # From the newest end, a page at a time.
        wanted.page_size, found, more = 2, list[types_pb.MessageSummary](), True
        while more:
            part = await indexed.messages.GetConversation(wanted, token=indexed.token())
            found[:0] = part.messages
            wanted.page_token = part.next_page_token
            more = bool(part.next_page_token)
        assert found == list(opened.messages)
    pages: list[str] = []
    token = ""
    while True:
        request = pb.ListConversationsRequest(mailbox="INBOX", page_size=4, page_token=token)
        page = await indexed.messages.ListConversations(request, token=indexed.token())
        assert page.position == len(pages)
        pages += [row.conversation_id for row in page.conversations]
        token = page.next_page_token
        if not token:
            break
    assert pages == [row.conversation_id for row in mine.conversations]


async def find(client: Client, text: str, **fields: object) -> tuple[list[types_pb.MessageSummary], int]:
    """All rows of a search, page by page, and the number told."""
    found: list[types_pb.MessageSummary] = []
    token, total = "", 0
    for _ in range(100):
        request = pb.SearchMessagesRequest(
            query=types_pb.SearchQuery(text=text), page_size=7, page_token=token, **fields
        )
        steps = await client.stream("SearchMessages", request)
        for step in steps:
            found.extend(step.messages)
        total, token = steps[-1].total_count, steps[-1].next_page_token
        if not token:
            return found, total
    raise AssertionError("pages without end")


QUERIES = [
    "word17",
    "budget",
    "from:bob",
    "subject:meeting",
    "is:unread",
    "is:starred budget",
    "after:2020-01-01 -budget",
    "in:sent lorem",
    "larger:1k",
    '"word17 lorem"',
    "ärger",
    "to:alice label:work",
    "nothingatall",
    "subject:budget OR from:bob is:unread",
    "word17 OR word18 OR is:starred",
    "from:bob OR larger:1k -is:read OR label:work",
    "-budget OR -from:bob in:sent",
    "ärger OR word3 in:inbox OR in:sent",
    "straße",
    "subject:ärger OR straße",
    "subject:meeting -straße",
]


async def test_search_finds_the_same(both: tuple[Client, Client, IMAPClient]) -> None:
    indexed, direct, other = both
    fill(other)
    for spelt in ("Straße", "Strasse", "STRASSE"):
        other.append("INBOX", message("meeting", f"in der {spelt}", Content_Type="text/plain; charset=utf-8"))
    await until_indexed(indexed, "INBOX", "Sent", "Elsewhere", "Trash")
    for text in QUERIES:
        mine, total = await find(indexed, text)
        assert mine or text in ("nothingatall",), text
        theirs, _ = await find(direct, text)
        names = [(row.name.mailbox, row.name.uid) for row in mine]
        assert len(names) == len(set(names)) == total, text
        assert sorted(names) == sorted((row.name.mailbox, row.name.uid) for row in theirs), text
        assert text != "straße" or total == 3
        # Where more than 16 arrive in a second, their order is that of the next second's too.
        times = [row.received_time.seconds for row in mine]
        assert all(later + 3 >= earlier for later, earlier in itertools.pairwise(times)), text


def only(row: types_pb.MessageSummary) -> types_pb.MessageSet:
    name = row.name
    return types_pb.MessageSet(
        range=types_pb.MessageRange(mailbox=name.mailbox, uid_validity=name.uid_validity, uids=[name.uid])
    )


async def test_a_search_knows_what_its_asker_has_just_done(both: tuple[Client, Client, IMAPClient]) -> None:
    indexed, _, other = both
    fill(other)
    await until_indexed(indexed, "INBOX", "Sent", "Elsewhere", "Trash")
    for _ in range(3):
        (found,), _ = await find(indexed, "word17")
        there = "Elsewhere" if found.name.mailbox != "Elsewhere" else "INBOX"
        move = pb.MoveMessagesRequest(messages=only(found), destination=there)
        await indexed.stream("MoveMessages", move)
        (moved,), _ = await find(indexed, "word17")
        assert moved.name.mailbox == there
        for unread in (True, False):
            seen = [types_pb.SYSTEM_FLAG_SEEN]
            change = pb.ModifyMessagesRequest(
                messages=only(moved),
                add_flags=[] if unread else seen,
                remove_flags=seen if unread else [],
            )
            await indexed.stream("ModifyMessages", change)
            if unread:
                # Who looks elsewhere has not looked there.
                await indexed.list("Sent")
            assert len((await find(indexed, "word17 is:unread"))[0]) == unread


async def test_a_mailbox_that_was_deleted_just_now_fails_no_search(
    both: tuple[Client, Client, IMAPClient],
) -> None:
    indexed, _, other = both
    fill(other)
    await until_indexed(indexed, "INBOX", "Sent", "Elsewhere", "Trash")
    mine, _ = await find(indexed, "lorem")
    assert indexed.service.index is not None
    (held,) = indexed.service.index._open.values()
    await asyncio.gather(*indexed.service.index._tasks.values())
    assert held.tree is not None
    held.tree = Tree((*held.tree.mailboxes, Mailbox("Gone", selectable=True)))
    held.refreshed = time.monotonic() + 60
    again, _ = await find(indexed, "lorem")
    assert mine and [row.name for row in again] == [row.name for row in mine]
    with pytest.raises(PosternError) as failure:
        await find(indexed, "lorem in:gone")
    assert failure.value.reason == Reason.MAILBOX_NOT_FOUND


async def test_who_waits_for_the_index_asks_the_server(
    both: tuple[Client, Client, IMAPClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed, direct, other = both
    fill(other)
    await until_indexed(indexed, "INBOX", "Sent", "Elsewhere", "Trash")
    monkeypatch.setattr(account, "WRITE_WAIT", 0.3)
    assert indexed.service.index is not None
    (held,) = indexed.service.index._open.values()
    begun = time.monotonic()
    async with held.writing():
        other.append("INBOX", message("new", "news"))
        mine = await indexed.list(page_size=50)
        request = pb.ListConversationsRequest(mailbox="INBOX")
        page = await indexed.messages.ListConversations(request, token=indexed.token())
        assert page.conversations[0].newest.name == mine.messages[0].name
    assert time.monotonic() - begun < 5
    assert rows(mine) == rows(await direct.list(page_size=50))
    # Nothing of it has thrown the open index away.
    assert list(indexed.service.index._open.values()) == [held]


async def test_the_list_stays_while_the_server_is_away(own_dovecot: Dovecot, tmp_path: Path) -> None:
    user = own_dovecot.add_user()
    with own_dovecot.connect(user) as other:
        for number in range(5):
            other.append("INBOX", message(f"kept {number}"))
    plain = settings_for("127.0.0.1", own_dovecot.imap_port, connect_timeout=1.0, io_timeout=2.0)
    async with serving(replace(plain, index=IndexSettings(tmp_path / "index")), user) as indexed:
        await until_indexed(indexed, "INBOX")
        before = await indexed.list()
        own_dovecot.stop()
        after = await indexed.list()
        assert rows(after) == rows(before)
        assert after.stale_seconds >= 1 and before.stale_seconds == 0
