"""ModifyMessages, MoveMessages, CopyMessages, DeleteMessages against a real server."""

from __future__ import annotations

from typing import Any

import pytest
from imapclient import IMAPClient

from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from tests.rpc.mailstore.conftest import Client, message
from tests.support.dovecot import Dovecot, DovecotOptions


async def messages(client: Client, imap: IMAPClient, count: int = 3) -> types_pb.MessageSet:
    """`count` new messages in INBOX."""
    for number in range(count):
        imap.append("INBOX", message(f"Number {number}"))
    names = [row.name for row in (await client.list(page_size=count)).messages]
    return named(names[0].uid_validity, *(name.uid for name in names))


def named(validity: int, *uids: int, mailbox: str = "INBOX") -> types_pb.MessageSet:
    return types_pb.MessageSet(range=types_pb.MessageRange(mailbox=mailbox, uid_validity=validity, uids=uids))


async def modify(client: Client, target: types_pb.MessageSet, **fields: Any) -> list[Any]:
    return await client.stream("ModifyMessages", pb.ModifyMessagesRequest(messages=target, **fields))


async def test_flags_and_labels(client: Client, imap: IMAPClient) -> None:
    target = await messages(client, imap, 2)
    steps = await modify(
        client,
        target,
        add_flags=[types_pb.SYSTEM_FLAG_SEEN, types_pb.SYSTEM_FLAG_FORWARDED],
        add_labels=["Wichtig für später", "todo"],
    )
    assert sorted(steps[-1].changed[0].uids) == [1, 2]
    assert (steps[-1].progress.done_units, steps[-1].progress.total_units) == (2, 2)
    row = (await client.list()).messages[0]
    assert row.flags.seen
    assert row.flags.forwarded
    assert list(row.flags.labels) == ["Wichtig für später", "todo"]
    await modify(client, target, remove_labels=["todo"], remove_flags=[types_pb.SYSTEM_FLAG_SEEN])
    row = (await client.list()).messages[0]
    assert not row.flags.seen
    assert list(row.flags.labels) == ["Wichtig für später"]


async def test_gone_messages_are_told(client: Client, imap: IMAPClient) -> None:
    target = await messages(client, imap, 1)
    target.range.uids.append(77)
    steps = await modify(client, target, add_flags=[types_pb.SYSTEM_FLAG_FLAGGED])
    assert [uid for step in steps for each in step.changed for uid in each.uids] == [1]
    assert [uid for step in steps for each in step.gone for uid in each.uids] == [77]
    assert steps[-1].progress.done_units == steps[-1].progress.total_units == 2


async def test_all_that_match(client: Client, imap: IMAPClient) -> None:
    await messages(client, imap, 3)
    query = types_pb.SearchQuery(text='subject:"Number 1"', mailboxes=["INBOX"])
    await modify(client, types_pb.MessageSet(query=query), add_flags=[types_pb.SYSTEM_FLAG_SEEN])
    assert [row.flags.seen for row in (await client.list()).messages] == [False, True, False]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "missing"),
        ({"add_labels": ["a\r\nb"]}, "malformed"),
        ({"add_labels": ["\\Deleted"]}, "system_flag"),
        ({"add_labels": ["x"], "remove_labels": ["x"]}, "contradiction"),
    ],
)
async def test_changes_that_are_refused(
    client: Client, imap: IMAPClient, fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(PosternError) as caught:
        await modify(client, named(1, 1), **fields)
    assert caught.value.metadata["problem"] == problem


async def test_stale_name_changes_nothing(client: Client, imap: IMAPClient) -> None:
    target = await messages(client, imap, 1)
    target.range.uid_validity += 1
    with pytest.raises(PosternError, match="MAILBOX_CHANGED"):
        await modify(client, target, add_flags=[types_pb.SYSTEM_FLAG_SEEN])
    with pytest.raises(PosternError, match="MAILBOX_CHANGED"):
        await client.stream("DeleteMessages", pb.DeleteMessagesRequest(messages=target, permanently=True))
    assert [row.flags.seen for row in (await client.list()).messages] == [False]


async def test_mailbox_made_again_under_the_same_name(client: Client, imap: IMAPClient) -> None:
    imap.create_folder("Again")
    imap.append("Again", message("old"))
    name = await client.name("Again")
    imap.delete_folder("Again")
    imap.create_folder("Again")
    imap.append("Again", message("new"))
    target = named(name.uid_validity, name.uid, mailbox="Again")
    request = pb.DeleteMessagesRequest(messages=target, permanently=True)
    # The server may only find out on the connection that had the old one open; the next knows.
    with pytest.raises(PosternError, match=r"MAILBOX_CHANGED|MAIL_SERVER_"):
        await client.stream("DeleteMessages", request)
    with pytest.raises(PosternError, match="MAILBOX_CHANGED"):
        await client.stream("DeleteMessages", request)
    assert [row.envelope.subject for row in (await client.list("Again")).messages] == ["new"]


async def test_move_tells_the_new_names(client: Client, imap: IMAPClient) -> None:
    imap.create_folder("Elsewhere")
    target = await messages(client, imap, 3)
    (step,) = await client.stream(
        "MoveMessages", pb.MoveMessagesRequest(messages=target, destination="Elsewhere")
    )
    (moved,) = step.moved
    assert list(moved.source.uids) == [1, 2, 3]
    assert len(moved.destination.uids) == 3
    assert (await client.list()).total_count == 0
    # Undo with what was told.
    await client.stream(
        "MoveMessages",
        pb.MoveMessagesRequest(messages=types_pb.MessageSet(range=moved.destination), destination="INBOX"),
    )
    assert (await client.list()).total_count == 3


async def test_move_to_nowhere_moves_nothing(client: Client, imap: IMAPClient) -> None:
    target = await messages(client, imap, 1)
    with pytest.raises(PosternError, match="MAILBOX_NOT_FOUND"):
        await client.stream("MoveMessages", pb.MoveMessagesRequest(messages=target, destination="Nowhere"))
    with pytest.raises(PosternError, match="INVALID_ARGUMENT"):
        await client.stream("MoveMessages", pb.MoveMessagesRequest(messages=target, destination="INBOX"))
    assert (await client.list()).total_count == 1


async def test_copy(client: Client, imap: IMAPClient) -> None:
    imap.create_folder("Elsewhere")
    target = await messages(client, imap, 2)
    (step,) = await client.stream(
        "CopyMessages", pb.CopyMessagesRequest(messages=target, destination="Elsewhere")
    )
    assert len(step.copied[0].destination.uids) == 2
    assert (await client.list()).total_count == 2
    assert (await client.list("Elsewhere")).total_count == 2


async def test_delete_goes_to_trash_and_only_then_for_good(client: Client, imap: IMAPClient) -> None:
    target = await messages(client, imap, 2)
    with pytest.raises(PosternError) as caught:
        await client.stream("DeleteMessages", pb.DeleteMessagesRequest(messages=target))
    assert (caught.value.reason, caught.value.metadata["use"]) == ("SPECIAL_MAILBOX_MISSING", "trash")
    assert (await client.list()).total_count == 2
    imap.create_folder("Trash")
    (step,) = await client.stream("DeleteMessages", pb.DeleteMessagesRequest(messages=target))
    assert step.trashed[0].destination.mailbox == "Trash"
    in_trash = types_pb.MessageSet(range=step.trashed[0].destination)
    with pytest.raises(PosternError, match="already_in_trash"):
        await client.stream("DeleteMessages", pb.DeleteMessagesRequest(messages=in_trash))
    assert (await client.list("Trash")).total_count == 2
    (step,) = await client.stream(
        "DeleteMessages", pb.DeleteMessagesRequest(messages=in_trash, permanently=True)
    )
    assert len(step.destroyed[0].uids) == 2
    assert (await client.list("Trash")).total_count == 0


async def test_destroying_spares_what_others_marked(client: Client, imap: IMAPClient) -> None:
    target = await messages(client, imap, 3)
    imap.select_folder("INBOX")
    imap.add_flags([2], [rb"\Deleted"])
    only = named(target.range.uid_validity, 1)
    await client.stream("DeleteMessages", pb.DeleteMessagesRequest(messages=only, permanently=True))
    assert [row.name.uid for row in (await client.list()).messages] == [3, 2]


async def test_same_request_id_acts_once(client: Client, imap: IMAPClient) -> None:
    imap.create_folder("Elsewhere")
    target = await messages(client, imap, 2)
    request = pb.CopyMessagesRequest(messages=target, destination="Elsewhere", request_id="once")
    first = await client.stream("CopyMessages", request)
    assert await client.stream("CopyMessages", request) == first
    assert (await client.list("Elsewhere")).total_count == 2


async def test_without_uidplus_and_move(dovecot_with: Any) -> None:
    """Nothing is expunged then: originals stay, marked; destroying is refused."""
    from tests.rpc.mailstore.conftest import serving, settings_for

    server: Dovecot = dovecot_with(DovecotOptions(without=("UIDPLUS", "MOVE")))
    user = server.add_user()
    imap = server.connect(user)
    imap.create_folder("Elsewhere")
    async with serving(settings_for("127.0.0.1", server.imap_port), user) as client:
        target = await messages(client, imap, 2)
        only = named(target.range.uid_validity, 1)
        (step,) = await client.stream(
            "MoveMessages", pb.MoveMessagesRequest(messages=only, destination="Elsewhere")
        )
        assert list(step.moved[0].source.uids) == [1]
        assert (await client.list("Elsewhere")).total_count == 1
        assert [row.flags.deleted for row in (await client.list()).messages] == [False, True]
        with pytest.raises(PosternError, match="UNSUPPORTED"):
            await client.stream("DeleteMessages", pb.DeleteMessagesRequest(messages=only, permanently=True))
    imap.logout()
