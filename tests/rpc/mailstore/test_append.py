"""AppendMessage and SaveDraft against a real server."""

from __future__ import annotations

import asyncio
import os

import pytest
from imapclient import IMAPClient

from services.common.errors import PosternError, Reason
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from tests.rpc.mailstore.conftest import Client, message, serving, settings_for
from tests.support.dovecot import Dovecot


async def test_append_with_flags_and_date(client: Client) -> None:
    target = pb.AppendTarget(flags=[types_pb.SYSTEM_FLAG_SEEN], labels=["später"])
    target.received_time.FromJsonString("2020-02-03T04:05:06Z")
    reply = await client.append(
        message("appended"), flags=target.flags, labels=target.labels, received_time=target.received_time
    )
    assert reply.name.uid == 1
    row = (await client.list()).messages[0]
    assert row.name == reply.name
    assert row.flags.seen
    assert list(row.flags.labels) == ["später"]
    assert row.received_time == target.received_time


async def test_sent_is_made_and_filed_once(client: Client) -> None:
    data = message("sent")
    message_id = data.split(b"Message-ID: ")[1].split(b"\r\n")[0].decode()
    fields = {"mailbox": "", "special_use_sent": True, "unless_message_id": message_id}
    first, second = await asyncio.gather(client.append(data, **fields), client.append(data, **fields))
    assert {first.already_there, second.already_there} == {False, True}
    assert first.name == second.name
    assert (await client.tree())["Sent"].message_count == 1


async def test_request_id_acts_once(client: Client) -> None:
    first = await client.append(message(), request_id="r1")
    assert (await client.append(message(), request_id="r1")).name == first.name
    assert (await client.list()).total_count == 1


async def test_answered_is_marked(client: Client) -> None:
    original = await client.append(message("question"))
    await client.append(message("answer"), answered=original.name)
    await client.append(message("forward"), forwarded=original.name)
    row = (await client.list()).messages[-1]
    assert row.flags.answered
    assert row.flags.forwarded


async def test_large_message_goes_through_a_file(client: Client) -> None:
    body = os.urandom(2_500_000).hex()
    data = message("large", "\n".join(body[start : start + 900] for start in range(0, len(body), 900)))
    reply = await client.append(data)
    steps = await client.stream("ReadSource", pb.ReadSourceRequest(name=reply.name))
    assert b"".join(step.data for step in steps) == data


async def test_refusals(client: Client) -> None:
    with pytest.raises(PosternError, match="size_bytes"):
        await client.append(message(), size_bytes=5)
    with pytest.raises(PosternError, match="MAILBOX_NOT_FOUND"):
        await client.append(message(), mailbox="Nowhere")
    with pytest.raises(PosternError, match="nul"):
        await client.append(message("x", "a\0b"))
    assert (await client.list()).total_count == 0


async def test_too_large(dovecot: Dovecot) -> None:
    user = dovecot.add_user()
    async with serving(settings_for("127.0.0.1", dovecot.imap_port, max_message_bytes=1000), user) as client:
        with pytest.raises(PosternError) as caught:
            await client.append(message("x", "y" * 2000), size_bytes=0)
        assert (caught.value.reason, caught.value.metadata["limit"]) == ("TOO_LARGE", "1000")


async def test_draft_replaces_its_predecessor(client: Client) -> None:
    first = await client.save_draft(message("v1"), draft_id="draft-0001")
    second = await client.save_draft(message("v2"), draft_id="draft-0001", replaces=first.name)
    assert not second.replaced_missing
    (row,) = (await client.list("Drafts")).messages
    assert (row.envelope.subject, row.flags.draft, row.flags.seen) == ("v2", True, True)
    assert row.name == second.name


async def test_a_draft_tells_again_what_it_answers(client: Client, imap: IMAPClient) -> None:
    about = (await client.append(message("question"))).name
    saved = await client.save_draft(message("v1"), draft_id="draft-0001", answers=about)
    saved = await client.save_draft(message("v2"), draft_id="draft-0001", answers=about, replaces=saved.name)
    origin = (await client.get(saved.name)).message.draft_origin
    assert (origin.draft_id, origin.answers, origin.HasField("forwards")) == ("draft-0001", about, False)
    # Mail that is no draft may carry what it likes.
    imap.append(
        "INBOX", b"X-Postern-Draft-Id: draft-0001\r\nX-Postern-Draft-Answers: 1;1;SU5CT1g=\r\n" + message()
    )
    assert not (await client.get(await client.name())).message.HasField("draft_origin")


async def test_draft_whose_predecessor_is_gone(client: Client, imap: IMAPClient) -> None:
    first = await client.save_draft(message("v1"), draft_id="draft-0001")
    imap.select_folder("Drafts")
    imap.delete_messages([first.name.uid])
    imap.expunge()
    second = await client.save_draft(message("v2"), draft_id="draft-0001", replaces=first.name)
    assert second.replaced_missing
    assert [row.envelope.subject for row in (await client.list("Drafts")).messages] == ["v2"]


async def test_leftover_of_a_crash_is_found(client: Client, imap: IMAPClient) -> None:
    """Two versions are there when the process dies between append and expunge; the next save leaves one."""
    await client.save_draft(message("v1"), draft_id="draft-0001")
    imap.append("Drafts", b"X-Postern-Draft-Id: draft-0001\r\n" + message("v2"), flags=[rb"\Draft"])
    imap.append("Drafts", b"X-Postern-Draft-Id: draft-00012\r\n" + message("other"), flags=[rb"\Draft"])
    await client.save_draft(message("v3"), draft_id="draft-0001")
    subjects = [row.envelope.subject for row in (await client.list("Drafts")).messages]
    assert sorted(subjects) == ["other", "v3"]


async def test_a_draft_that_was_changed_elsewhere_is_not_written_over(
    client: Client, imap: IMAPClient
) -> None:
    first = await client.save_draft(message("v1"), draft_id="draft-0001")
    newer = await client.save_draft(message("theirs"), draft_id="draft-0001", replaces=first.name)
    late = {"draft_id": "draft-0001", "replaces": first.name, "must_replace": True}
    with pytest.raises(PosternError) as refused:
        await client.save_draft(message("mine"), **late)
    assert refused.value.reason == Reason.CONFLICT
    assert refused.value.metadata["uid"] == str(newer.name.uid)
    assert [row.envelope.subject for row in (await client.list("Drafts")).messages] == ["theirs"]
    # Knowing of it, one may.
    await client.save_draft(message("mine"), **{**late, "replaces": newer.name})
    assert [row.envelope.subject for row in (await client.list("Drafts")).messages] == ["mine"]
    imap.select_folder("Drafts")
    imap.delete_messages(imap.search())
    imap.expunge()
    with pytest.raises(PosternError) as refused:
        await client.save_draft(message("mine"), **late)
    assert refused.value.reason == Reason.CONFLICT and "uid" not in refused.value.metadata


async def test_no_message_but_a_draft_is_replaced(client: Client) -> None:
    precious = await client.append(message("precious"))
    reply = await client.save_draft(message("v1"), draft_id="draft-0001", replaces=precious.name)
    assert reply.replaced_missing
    assert (await client.list()).total_count == 1


async def test_missing_drafts_is_asked_for(client: Client) -> None:
    with pytest.raises(PosternError, match="SPECIAL_MAILBOX_MISSING"):
        await client.save_draft(message(), draft_id="draft-0001", create_missing=False)
    with pytest.raises(PosternError, match="draft_id"):
        await client.save_draft(message(), draft_id="x\r\ny")


async def test_sending_removes_the_draft(client: Client) -> None:
    draft = await client.save_draft(message("v1"), draft_id="draft-0001")
    await client.append(message("sent"), mailbox="", special_use_sent=True, replaces_draft=draft.name)
    assert (await client.list("Drafts")).total_count == 0
