"""From Send to Sent, on SQLite and MariaDB."""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from services.common.errors import PosternError, Reason, error
from services.sender import clock
from services.sender.acceptance import Order
from services.sender.model import Attachment, EmailAddress, Fate, State, StoredName
from services.sender.outbox.states import Retry
from services.sender.storage import blobs as store
from services.sender.storage import submissions, upkeep
from services.sender.storage.tables import blobs, chunks, segments
from services.sender.storage.tables import submissions as table
from services.sender.uploads import Start
from tests.unit.sender.fakes import ALICE, letter, octets_of, sender_on, state_of, writer
from tests.unit.sender.smtp_peer import smtp_peer


async def test_a_message_is_sent_and_filed(database_url: str) -> None:
    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        accepted = await it.send()
        assert accepted.state is State.QUEUED
        await it.settle()
        done = await state_of(it, accepted.id)
        assert (done.state, done.problem, done.attempt_count) == (State.FILED, "", 1)
        assert [r.fate for r in done.recipients] == [Fate.ACCEPTED]
        assert done.recipients[0].enhanced_status == "2.0.0"
        (taken,) = peer.taken
        assert (taken.sender, taken.recipients) == (ALICE, ["bob@example.org"])
        assert it.mailstore.sent == {accepted.message_id: taken.data}
        assert await it.sender.outbox.take() == 0


async def test_the_same_request_id_a_hundred_times_at_once_is_one_message(database_url: str) -> None:
    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        answers = await asyncio.gather(*(it.send("same") for _ in range(100)))
        assert len({answer.id for answer in answers}) == 1
        assert len({answer.message_id for answer in answers}) == 1
        await it.settle()
        assert len(peer.taken) == 1 and it.mailstore.appended == 1


async def test_the_mailstore_may_be_away_and_nothing_is_lost(database_url: str) -> None:
    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        it.mailstore.fails = error(Reason.UNAVAILABLE)
        accepted = await it.send(bcc=(EmailAddress("", "secret@example.org"),))
        await it.settle(3)
        waiting = await state_of(it, accepted.id)
        assert (waiting.state, waiting.problem) == (State.ACCEPTED, "UNAVAILABLE")
        it.mailstore.fails = None
        await asyncio.sleep(0.05)
        await it.settle()
        assert (await state_of(it, accepted.id)).state is State.FILED
        copy = it.mailstore.sent[accepted.message_id]
        (taken,) = peer.taken
        assert b"Bcc: secret@example.org\r\n" in copy and b"secret" not in taken.data
        assert sorted(taken.recipients) == ["bob@example.org", "secret@example.org"]


async def test_filing_asks_for_flags_and_the_drafts_removal(database_url: str) -> None:
    answered, draft = StoredName("INBOX", 1, 2), StoredName("Drafts", 3, 4)
    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        accepted = await it.send(answered=answered, order={"replaces_draft": draft})
        await it.settle()
        (request,) = it.mailstore.requests
        assert (request.answered, request.forwarded, request.replaces_draft) == (answered, None, draft)
        assert (request.message_id, request.request_id) == (accepted.message_id, accepted.id)


async def test_nothing_secret_stays_once_it_is_filed(database_url: str) -> None:
    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        await it.send()
        await it.settle()
        row = await it.sender.db.read(lambda s: s.execute(select(table)).one())
        assert row.token is None and row.content is None and row.due_at is None
        assert await it.sender.db.read(lambda s: s.execute(select(segments)).all()) == []


async def test_refused_keeps_the_message_but_not_the_credential(database_url: str) -> None:
    async with (
        smtp_peer(replies={"RCPT": "550 5.1.1 no such user"}) as peer,
        sender_on(database_url, peer.port) as it,
    ):
        accepted = await it.send()
        await it.settle()
        refused = await state_of(it, accepted.id)
        assert (refused.state, refused.problem) == (State.REFUSED, "MAIL_SERVER_REFUSED")
        assert refused.recipients[0].server_text == "no such user"
        row = await it.sender.db.read(lambda s: s.execute(select(table)).one())
        assert row.token is None and row.content is not None


async def test_a_new_password_sets_waiting_mail_going(database_url: str) -> None:
    replies = {"AUTH": ["535 5.7.8 wrong"]}
    async with smtp_peer(replies=replies) as peer, sender_on(database_url, peer.port) as it:
        accepted = await it.send()
        await it.settle(1)
        waiting = await state_of(it, accepted.id)
        assert (waiting.state, waiting.problem) == (State.DEFERRED, "AUTHENTICATION_FAILED")
        await it.sender.db.run(
            lambda s: upkeep.refresh_token(s, ALICE, writer().token, ["AUTHENTICATION_FAILED"], 1)
        )
        await it.settle()
        assert (await state_of(it, accepted.id)).state is State.FILED


async def test_a_partial_refusal_is_filed_once_and_only_the_rest_is_tried_again(database_url: str) -> None:
    replies = {
        "RCPT gone@example.org": "550 5.1.1 no",
        "RCPT grey@example.org": ["451 4.7.1 later", "451 4.7.1 later"],
    }
    people = [EmailAddress("", f"{name}@example.org") for name in ("bob", "gone", "grey")]
    async with smtp_peer(replies=replies) as peer, sender_on(database_url, peer.port) as it:
        accepted = await it.send(to=tuple(people))
        await it.settle(1)
        first = await state_of(it, accepted.id)
        assert first.state is State.DEFERRED and first.filed_at and it.mailstore.appended == 1
        assert [r.fate for r in first.recipients] == [Fate.ACCEPTED, Fate.REFUSED, Fate.PENDING]
        for _ in range(3):
            await asyncio.sleep(0.02)
            await it.settle(3)
        done = await state_of(it, accepted.id)
        assert done.state is State.FILED and it.mailstore.appended == 1
        assert [message.recipients for message in peer.taken] == [["bob@example.org"], ["grey@example.org"]]


async def test_an_upload_lives_as_long_as_a_message_needs_it(database_url: str) -> None:

    far = 2**45
    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        blob = await it.sender.uploads.take(ALICE, Start(filename="a.bin"), octets_of(bytes(700_000)))
        content = letter(attachments=(Attachment(upload_id=blob.id),))
        await it.sender.acceptance.accept(writer(), Order("r", content))
        assert await it.sender.db.run(lambda s: store.drop_expired(s, far)) == 0
        await it.settle()
        assert len(peer.taken) == 1
        assert await it.sender.db.run(lambda s: store.drop_expired(s, 1)) == 0
        assert await it.sender.db.run(lambda s: store.drop_expired(s, far)) == 1
        for what in (blobs, chunks):
            assert await it.sender.db.read(lambda s, t=what: s.execute(select(t)).all()) == []


async def test_old_settled_rows_are_purged_and_open_ones_stay(database_url: str) -> None:
    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        await it.send("done")
        await it.settle()
        held = await it.send("held", order={"undo": 60_000})
        assert await it.sender.db.run(lambda s: upkeep.purge(s, now=2**45, keep=1)) == 1
        assert (await state_of(it, held.id)).state is State.HELD


async def test_the_row_says_too_old_after_the_set_age(database_url: str) -> None:

    retry = Retry(first=1, longest=1, max_age=1)
    async with sender_on(database_url, 1, retry=retry) as it:
        accepted = await it.send()
        await asyncio.sleep(0.02)
        await it.settle()
        old = await state_of(it, accepted.id)
        assert old.state is State.REFUSED and old.problem == "MAIL_SERVER_UNREACHABLE"


async def test_cancel_and_claim_exclude_each_other(database_url: str) -> None:

    async with smtp_peer() as peer, sender_on(database_url, peer.port) as it:
        outcomes = []
        for number in range(12):
            item = await it.send(f"r{number}")

            async def cancel(id: str = item.id) -> bool:
                try:
                    await it.sender.db.run(lambda s: submissions.cancel(s, ALICE, id, clock.now()))
                except PosternError as err:
                    assert err.reason == "CONFLICT"
                    return False
                return True

            cancelled, _ = await asyncio.gather(cancel(), it.sender.outbox.take())
            await it.settle()
            state = (await state_of(it, item.id)).state
            outcomes.append(state)
            assert state is (State.CANCELLED if cancelled else State.FILED)
        assert len(peer.taken) == outcomes.count(State.FILED)
