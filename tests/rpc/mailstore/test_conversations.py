"""ListConversations and GetConversation against a real server."""

from __future__ import annotations

from typing import Any

import pytest
from imapclient import IMAPClient

from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from tests.rpc.mailstore.conftest import Client, message


async def conversations(client: Client, mailbox: str = "INBOX", **fields: Any) -> Any:
    request = pb.ListConversationsRequest(mailbox=mailbox, **fields)
    return await client.messages.ListConversations(request, token=client.token())


async def one(client: Client, **fields: Any) -> Any:
    return await client.messages.GetConversation(pb.GetConversationRequest(**fields), token=client.token())


@pytest.fixture
def talk(imap: IMAPClient) -> None:
    """A question, one's own answer in Sent, the reply to it, and something else."""
    imap.create_folder("Sent")
    imap.create_folder("Projects")
    imap.append("INBOX", message("Plan", Message_ID="<a@x>"))
    imap.append(
        "Sent",
        message(
            "Re: Plan", From="alice@example.org", Message_ID="<b@x>", In_Reply_To="<a@x>", References="<a@x>"
        ),
        flags=[rb"\Seen"],
    )
    imap.append("INBOX", message("Other", Message_ID="<o@x>"))
    imap.append("INBOX", message("AW: Plan", Message_ID="<c@x>", References="<a@x> <b@x>"))
    imap.append("Projects", message("Re: Plan", Message_ID="<d@x>", References="<a@x> <c@x>"))


@pytest.mark.usefixtures("talk")
async def test_sent_belongs_to_it(client: Client) -> None:
    page = await conversations(client)
    assert [(c.newest.envelope.subject, c.message_count, c.unread_count) for c in page.conversations] == [
        ("AW: Plan", 3, 2),
        ("Other", 1, 1),
    ]
    first = page.conversations[0]
    assert [name.uid for name in first.messages] == [3, 1]
    assert [person.address for person in first.participants] == ["bob@example.org", "alice@example.org"]
    assert page.total_count == 2


@pytest.mark.usefixtures("talk")
async def test_opened_over_all_mailboxes(client: Client, imap: IMAPClient) -> None:
    page = await conversations(client)
    opened = await one(client, conversation_id=page.conversations[0].conversation_id)
    assert [row.name.mailbox for row in opened.messages] == ["INBOX", "Sent", "INBOX", "Projects"]
    assert opened.conversation.message_count == 4
    by_message = await one(client, message=page.conversations[0].newest.name, page_size=2)
    assert [row.envelope.message_id for row in by_message.messages] == ["<c@x>", "<d@x>"]
    # What arrives between two pages moves nothing.
    imap.append("INBOX", message("Re: Plan", Message_ID="<e@x>", References="<a@x> <d@x>"))
    rest = await one(client, message=page.conversations[0].newest.name, page_token=by_message.next_page_token)
    assert [row.envelope.message_id for row in rest.messages] == ["<a@x>", "<b@x>"]
    assert not rest.next_page_token


async def test_id_of_a_row_opens_its_conversation(client: Client, talk: None) -> None:
    row = (await client.list()).messages[0]
    opened = await one(client, conversation_id=row.conversation_id)
    assert len(opened.messages) == 4


async def test_pages_and_filter(client: Client, imap: IMAPClient) -> None:
    for number in range(5):
        imap.append("INBOX", message(f"Number {number}"))
    page = await conversations(client, page_size=2)
    assert [c.newest.envelope.subject for c in page.conversations] == ["Number 4", "Number 3"]
    imap.append("INBOX", message("Number 5"))
    page = await conversations(client, page_size=2, page_token=page.next_page_token)
    assert [c.newest.envelope.subject for c in page.conversations] == ["Number 2", "Number 1"]
    assert page.position == 3
    page = await conversations(client, filter=types_pb.SearchQuery(text='subject:"Number 3"'))
    assert [c.newest.envelope.subject for c in page.conversations] == ["Number 3"]


async def test_message_without_any_id(client: Client, imap: IMAPClient) -> None:
    imap.append("INBOX", b"From: a@example.org\r\nSubject: bare\r\n\r\nx\r\n")
    page = await conversations(client)
    opened = await one(client, conversation_id=page.conversations[0].conversation_id)
    assert [row.envelope.subject for row in opened.messages] == ["bare"]


async def test_unknown(client: Client) -> None:
    with pytest.raises(PosternError, match="INVALID_ARGUMENT"):
        await one(client, conversation_id="nonsense")
    with pytest.raises(PosternError, match="NOT_FOUND"):
        await one(client, conversation_id="r" + "eEB5")
