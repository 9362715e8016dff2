"""SearchMessages against a real server."""

from __future__ import annotations

from typing import Any

import pytest
from imapclient import IMAPClient

from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from tests.rpc.mailstore.conftest import Client, message


async def search(client: Client, text: str, *mailboxes: str, **fields: Any) -> list[Any]:
    query = types_pb.SearchQuery(text=text, mailboxes=mailboxes)
    return await client.stream("SearchMessages", pb.SearchMessagesRequest(query=query, **fields))


def subjects(steps: list[Any]) -> list[str]:
    return [row.envelope.subject for step in steps for row in step.messages]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("subject:plums", ["plums"]),
        ("from:carol", ["pears"]),
        ("is:unread -subject:apples", ["plums", "pears"]),
        ('"in the garden"', ["plums"]),
        ("is:starred", ["apples"]),
        ("larger:1k", []),
        ("müsli", ["pears"]),
        ("", ["plums", "pears", "apples"]),
    ],
)
async def test_operators(client: Client, imap: IMAPClient, text: str, expected: list[str]) -> None:
    imap.append("INBOX", message("apples"), flags=[rb"\Flagged", rb"\Seen"])
    imap.append("INBOX", message("pears", "mit Müsli", From="Carol <carol@example.org>"))
    imap.append("INBOX", message("plums", "grow in the garden"))
    steps = await search(client, text, "INBOX")
    assert subjects(steps) == expected
    assert steps[-1].total_count == len(expected)


async def test_by_message_id(client: Client, imap: IMAPClient) -> None:
    for id_ in ("<one@example.org>", "<another-one@example.org>", "<ONE@example.org>"):
        imap.append("INBOX", message(id_, f"about <one@example.org>, {id_}", Message_ID=id_))
    for asked in ("message-id:<another-one@example.org>", 'message-id:"another-one@example.org"'):
        assert subjects(await search(client, asked)) == ["<another-one@example.org>"]
    # Not one that merely ends like it.
    assert "<another-one@example.org>" not in subjects(await search(client, "message-id:one@example.org"))
    assert "<one@example.org>" in subjects(await search(client, "message-id:one@example.org"))
    assert subjects(await search(client, "message-id:none@example.org")) == []


async def test_all_mailboxes_but_trash_newest_first(client: Client, imap: IMAPClient) -> None:
    from datetime import UTC, datetime

    for box in ("Sent", "Trash", "Projects"):
        imap.create_folder(box)
    for box, day in (("INBOX", 1), ("Projects", 3), ("Sent", 2), ("Trash", 4)):
        imap.append(box, message(f"find me {box}"), msg_time=datetime(2026, 10, day, tzinfo=UTC))
    steps = await search(client, "subject:find")
    assert subjects(steps) == ["find me Projects", "find me Sent", "find me INBOX"]
    assert subjects(await search(client, "find in:trash")) == ["find me Trash"]
    assert steps[-1].progress.done_units == steps[-1].progress.total_units == 3


async def test_pages(client: Client, imap: IMAPClient) -> None:
    imap.create_folder("Other")
    for number in range(5):
        imap.append("INBOX", message(f"in {number}"))
        imap.append("Other", message(f"other {number}"))
    seen: list[str] = []
    token = ""
    for _ in range(6):
        steps = await search(client, "", page_size=3, page_token=token)
        seen += subjects(steps)
        token = steps[-1].next_page_token
        if not token:
            break
    assert sorted(seen) == sorted([f"in {n}" for n in range(5)] + [f"other {n}" for n in range(5)])
