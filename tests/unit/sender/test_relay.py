"""With the operator's relay account no credential of anybody's rests in the database, and every message comes
to Sent all the same, once."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from services.common.errors import Reason, error
from services.common.sealing import Credential
from services.sender import clock
from services.sender.model import EmailAddress, Fate, State
from services.sender.outbox.keeping import Kept
from services.sender.outbox.states import Retry
from services.sender.storage import leases, submissions
from services.sender.storage.tables import metadata
from tests.unit.sender.fakes import ALICE, FakeMailstore, Fixture, sender_on, state_of, writer
from tests.unit.sender.smtp_peer import Peer, smtp_peer

RELAY = Credential("password", "relay", "operator's own")


def relayed(database_url: str, peer: Peer, mailstore: FakeMailstore, **changes: Any) -> Any:
    return sender_on(database_url, peer.port, mailstore=mailstore, relay=RELAY, **changes)


async def everything(it: Fixture) -> str:
    """All that is in the database, as text."""
    found = []
    for table in metadata.sorted_tables:
        found += await it.sender.db.read(lambda s, t=table: s.execute(select(t)).all())  # type: ignore[misc]
    return repr(found)


def users(peer: Peer) -> list[str]:
    """As whom each message was submitted (RFC 4616)."""
    return [base64.b64decode(one.user.split()[1]).split(b"\0")[1].decode() for one in peer.taken]


async def visit(it: Fixture) -> str:
    token = writer().token
    await it.sender.outbox.visited(ALICE, token)
    return token


async def test_the_token_is_never_written(database_url: str) -> None:
    async with smtp_peer() as peer, relayed(database_url, peer, FakeMailstore()) as it:
        written: list[str] = []
        token = writer().token
        it.sender.outbox.start()
        it.mailstore.fails = error(Reason.UNAVAILABLE)
        held = await it.send("later", order={"undo": 60_000})
        begun = await it.send("now")
        assert (held.state, begun.state) == (State.HELD, State.SUBMITTING)
        async with asyncio.timeout(10):
            while not it.mailstore.requests:
                written.append(await everything(it))
                await asyncio.sleep(0.01)
        written.append(await everything(it))
        it.mailstore.fails = None
        await it.sender.outbox.visited(ALICE, token)
        async with asyncio.timeout(10):
            while (await state_of(it, begun.id)).state is not State.FILED:
                written.append(await everything(it))
                await asyncio.sleep(0.01)
        assert users(peer) == ["relay"] and it.mailstore.appended == 1
        signature = token.rpartition(".")[2]
        assert all("eyJ" not in text and signature not in text for text in written)


async def test_filing_is_tried_again_from_memory_and_by_nobody_else(database_url: str) -> None:
    mailstore = FakeMailstore(fails=error(Reason.UNAVAILABLE))
    async with (
        smtp_peer() as peer,
        relayed(database_url, peer, mailstore) as it,
        relayed(database_url, peer, mailstore) as other,
    ):
        accepted = await it.send()
        await it.settle(1)
        waiting = await state_of(it, accepted.id)
        assert (waiting.state, waiting.problem, waiting.next_attempt_at) == (State.ACCEPTED, "UNAVAILABLE", 0)
        mailstore.fails = None
        assert await other.sender.outbox.take() == 0
        async with asyncio.timeout(15):
            while (await state_of(it, accepted.id)).state is not State.FILED:
                await asyncio.sleep(0.02)
                await it.settle()
        assert mailstore.appended == 1 and len(it.sender.outbox._kept or ()) == 0


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_after_a_crash_the_next_visit_files_it_once(database_url: str, where: str) -> None:
    """The replica that accepted it is gone, between Send and delivery."""
    mailstore = FakeMailstore()
    async with smtp_peer() as peer:
        async with relayed(database_url, peer, mailstore) as gone:
            accepted = await gone.send(bcc=(EmailAddress("", "secret@example.org"),))
        async with (
            relayed(database_url, peer, mailstore) as it,
            relayed(database_url, peer, mailstore) as other,
        ):
            await it.settle()
            waiting = await state_of(it, accepted.id)
            assert (waiting.state, waiting.problem) == (State.ACCEPTED, "SESSION_ENDED")
            assert len(peer.taken) == 1 and not mailstore.sent
            # Nobody takes it again and again for nothing.
            assert await it.sender.outbox.take() == await other.sender.outbox.take() == 0
            visited = it if where == "here" else other
            await visit(visited)
            await visit(it)
            await asyncio.gather(it.settle(), other.settle())
            done = await state_of(it, accepted.id)
            assert (done.state, done.problem) == (State.FILED, "")
            assert mailstore.appended == 1 and len(peer.taken) == 1
            assert b"Bcc: secret@example.org" in mailstore.sent[accepted.message_id]


async def test_one_that_dies_while_it_files_is_found_and_waits_for_its_writer(tmp_path: Path) -> None:
    mailstore = FakeMailstore()
    url = f"sqlite:///{tmp_path / 's.db'}"
    async with smtp_peer() as peer, relayed(url, peer, mailstore) as it:
        mailstore.fails = error(Reason.UNAVAILABLE)
        accepted = await it.send()
        await it.settle(1)
        claimed, over = await it.sender.db.run(
            lambda s: leases.claim_to_file(s, [accepted.id, "gone"], now=clock.now(), lease=-1)
        )
        assert len(claimed.work) == 1 and over == {"gone"}
        mailstore.fails = None
        async with relayed(url, peer, mailstore) as other:
            await other.settle()
            assert (await state_of(it, accepted.id)).problem == "SESSION_ENDED"
            await visit(other)
            await other.settle()
        assert (await state_of(it, accepted.id)).state is State.FILED and mailstore.appended == 1


async def test_the_other_recipients_go_on_while_the_copy_waits(database_url: str) -> None:
    replies = {"RCPT grey@example.org": ["451 4.7.1 later"]}
    mailstore = FakeMailstore()
    people = tuple(EmailAddress("", f"{name}@example.org") for name in ("bob", "grey"))
    async with smtp_peer(replies=replies) as peer:
        async with relayed(database_url, peer, mailstore) as gone:
            accepted = await gone.send(to=people)
        async with relayed(database_url, peer, mailstore) as it:
            for _ in range(4):
                await it.settle(4)
                await asyncio.sleep(0.02)
            waiting = await state_of(it, accepted.id)
            assert waiting.state is State.ACCEPTED and not mailstore.sent
            assert [one.fate for one in waiting.recipients] == [Fate.ACCEPTED, Fate.ACCEPTED]
            assert [one.recipients for one in peer.taken] == [["bob@example.org"], ["grey@example.org"]]
            await visit(it)
            await it.settle()
            assert (await state_of(it, accepted.id)).state is State.FILED and mailstore.appended == 1


async def test_without_a_way_to_file_it_waits_and_is_not_tried_for_ever(database_url: str) -> None:
    """Such as the token of an API client, which has no mailbox to file into."""
    async with smtp_peer() as peer, relayed(database_url, peer, FakeMailstore()) as it:
        it.tokens.fails = error(Reason.TOKEN_INVALID)
        accepted = await it.send()
        await it.settle()
        assert (await state_of(it, accepted.id)).problem == "TOKEN_INVALID"
        assert it.tokens.asked == 1 and len(it.sender.outbox._kept or ()) == 0


async def test_what_waits_goes_on_when_there_is_no_relay_any_more(database_url: str) -> None:
    mailstore = FakeMailstore()
    async with smtp_peer() as peer:
        async with relayed(database_url, peer, mailstore) as before:
            sent = await before.send("sent")
            before.tokens.fails = error(Reason.TOKEN_INVALID)
            await before.settle()
            held = await before.send("held", order={"undo": 60_000})
        async with sender_on(database_url, peer.port, mailstore=mailstore) as it:
            now = clock.now()
            await it.sender.db.run(
                lambda s: submissions.reschedule(s, ALICE, held.id, send_at=now, date_field=b"", now=now)
            )
            await it.settle()
            assert (await state_of(it, held.id)).problem == "AUTHENTICATION_FAILED"
            await visit(it)
            await it.settle()
            assert (await state_of(it, sent.id)).state is (await state_of(it, held.id)).state is State.FILED
            assert users(peer) == ["relay", ALICE]


def test_what_is_in_memory_has_bounds() -> None:
    now = [1_000_000]
    kept = Kept(Retry(first=100, longest=400), most=3, keep=10_000, now=lambda: now[0])
    for number in range(5):
        kept.put(f"id{number}", f"token{number}", now[0] + 10)
    assert len(kept) == 3 and kept.get("id1") == "" and kept.get("id4") == "token4"
    assert kept.due(9) == []
    now[0] += 20
    assert kept.due(2) == ["id2", "id3"] and kept.due(2) == ["id4"] and kept.due(2) == []
    kept.forget("id2", "another")
    kept.forget("id3", "token3")
    assert (kept.get("id2"), kept.get("id3")) == ("token2", "")
    now[0] += 200
    assert sorted(kept.due(9)) == ["id2", "id4"]
    now[0] += 10_000
    assert kept.get("id2") == "" and kept.due(9) == [] and len(kept) == 0
    assert "token" not in repr(kept._entries)
