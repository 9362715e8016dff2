"""Against the embedded server of `make run` (pymap): no SORT, THREAD, ESEARCH, LIST-EXTENDED, SPECIAL-USE,
CONDSTORE.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as mailbox_pb
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.common.gen.postern.mailstore.v1 import watch_service_pb2 as watch_pb
from tests.rpc.mailstore.conftest import Client, message, serving, settings_for
from tests.support.dovecot import MailUser
from tests.support.process import Daemon, answers, free_port


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an embedded server with the demo mailboxes."""
    imap, smtp = free_port(), free_port()
    out: Path = tmp_path_factory.mktemp("embedded") / "out"
    argv = [
        sys.executable,
        "-m",
        "deploy.local.mailserver",
        "--imap-port",
        str(imap),
        "--smtp-port",
        str(smtp),
    ]
    daemon = Daemon("mailserver", argv, out, lambda: answers(imap, b"* OK"))
    daemon.start()
    yield imap
    daemon.stop()


@pytest.fixture
async def demo(embedded: int) -> AsyncIterator[Client]:
    """mailstore in front of it, as alice."""
    async with serving(settings_for("127.0.0.1", embedded), MailUser("alice@example.org", "alice")) as made:
        yield made


def named(name: types_pb.MessageName) -> types_pb.MessageSet:
    return types_pb.MessageSet(
        range=types_pb.MessageRange(mailbox=name.mailbox, uid_validity=name.uid_validity, uids=[name.uid])
    )


async def test_tree_by_names(demo: Client) -> None:
    tree = await demo.tree()
    assert tree["Trash"].special_use == mailbox_pb.SPECIAL_USE_TRASH
    assert tree["Sent"].special_use == mailbox_pb.SPECIAL_USE_SENT
    assert tree["INBOX"].message_count > 10


async def test_every_message_opens(demo: Client) -> None:
    seen = 0
    for box in (await demo.tree()).values():
        if not box.selectable:
            continue
        token = ""
        while True:
            page = await demo.list(box.name, page_size=7, page_token=token)
            for row in page.messages:
                opened = await demo.get(row.name, with_neighbours=True)
                assert opened.message.text_parts or opened.message.attachments
                for part in opened.message.attachments:
                    await demo.stream("ReadPart", pb.ReadPartRequest(name=row.name, part_id=part.part_id))
                seen += 1
            token = page.next_page_token
            if not token:
                break
    assert seen > 30


@pytest.mark.parametrize("key", ["DATE", "FROM", "SUBJECT", "SIZE", "TO"])
async def test_orders(demo: Client, key: str) -> None:
    order = types_pb.SortOrder(key=getattr(types_pb.SortOrder, f"KEY_{key}"))
    down = [row.name.uid for row in (await demo.list(order=order)).messages]
    order.ascending = True
    assert [row.name.uid for row in (await demo.list(order=order)).messages] == down[::-1]


@pytest.mark.parametrize("text", ["subject:lunch", "from:bob", "is:unread", "has:attachment", "-is:unread"])
async def test_search(demo: Client, text: str) -> None:
    query = types_pb.SearchQuery(text=text, mailboxes=["INBOX"])
    steps = await demo.stream("SearchMessages", pb.SearchMessagesRequest(query=query))
    assert steps[-1].total_count == sum(len(step.messages) for step in steps) > 0


async def test_conversations(demo: Client) -> None:
    page = await demo.messages.ListConversations(
        pb.ListConversationsRequest(mailbox="INBOX"), token=demo.token()
    )
    assert max(each.message_count for each in page.conversations) > 1
    request = pb.GetConversationRequest(conversation_id=page.conversations[1].conversation_id)
    opened = await demo.messages.GetConversation(request, token=demo.token())
    assert len(opened.messages) == opened.conversation.message_count > 1


async def test_a_message_from_draft_to_the_end(demo: Client) -> None:
    draft = await demo.save_draft(message("v1"), draft_id="draft-0001")
    draft = await demo.save_draft(message("v2"), draft_id="draft-0001", replaces=draft.name)
    assert "v1" not in [row.envelope.subject for row in (await demo.list("Drafts")).messages]
    data = message("sent", Message_ID="<sent@example.org>")
    fields: dict[str, Any] = {
        "mailbox": "",
        "special_use_sent": True,
        "unless_message_id": "<sent@example.org>",
    }
    sent = await demo.append(data, replaces_draft=draft.name, **fields)
    assert (await demo.append(data, **fields)).already_there
    flags = [types_pb.SYSTEM_FLAG_FLAGGED]
    await demo.stream("ModifyMessages", pb.ModifyMessagesRequest(messages=named(sent.name), add_flags=flags))
    assert (await demo.get(sent.name)).message.summary.flags.flagged
    (step,) = await demo.stream("DeleteMessages", pb.DeleteMessagesRequest(messages=named(sent.name)))
    trashed = types_pb.MessageSet(range=step.trashed[0].destination)
    await demo.stream("DeleteMessages", pb.DeleteMessagesRequest(messages=trashed, permanently=True))
    with pytest.raises(PosternError, match="MESSAGE_GONE"):
        await demo.get(
            types_pb.MessageName(
                mailbox="Trash", uid_validity=trashed.range.uid_validity, uid=trashed.range.uids[0]
            )
        )


async def test_watch(demo: Client) -> None:
    call = demo.watch.WatchAccount(watch_pb.WatchAccountRequest(), token=demo.token(), timeout=20)
    async with aclosing(aiter(call)) as stream:
        assert (await anext(stream)).heartbeat
        await demo.append(message("watched"))
        change = (await anext(stream)).mailbox_change
        assert [row.envelope.subject for row in change.added] == ["watched"]
