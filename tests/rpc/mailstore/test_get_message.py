"""GetMessage, ReadPart and ReadSource against a real server."""

from __future__ import annotations

import base64
import os
from email.message import EmailMessage
from typing import Any

import pytest
from imapclient import IMAPClient

from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.mailstore.imap.session import Session
from tests.rpc.mailstore.conftest import Client, message


def with_attachment(data: bytes, name: str = "data.bin") -> bytes:
    mail = EmailMessage()
    mail["From"] = "Bob <bob@example.org>"
    mail["To"] = "alice@example.org"
    mail["Subject"] = "Grüße"
    mail["Message-ID"] = "<attached@example.org>"
    mail.set_content("Plain text.\n")
    mail.add_alternative("<p>HTML text.</p>", subtype="html")
    mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


async def read_part(client: Client, name: types_pb.MessageName, part_id: str, offset: int = 0) -> bytes:
    request = pb.ReadPartRequest(name=name, part_id=part_id, offset_bytes=offset)
    steps = await client.stream("ReadPart", request)
    assert steps[0].part.part_id == part_id
    assert all(len(step.data) <= 65536 for step in steps)
    return b"".join(step.data for step in steps)


async def test_plain_message(client: Client, imap: IMAPClient) -> None:
    imap.append("INBOX", message("Plain", "One.\nTwo.", List_Unsubscribe="<https://example.org/u>"))
    reply = await client.get(await client.name())
    assert [part.text for part in reply.message.text_parts] == ["One.\nTwo.\n"]
    assert reply.message.summary.envelope.message_id.startswith("<m")
    assert not reply.message.summary.flags.seen
    assert [(field.name, field.value) for field in reply.message.headers] == [
        ("List-Unsubscribe", "<https://example.org/u>")
    ]


async def test_alternatives_and_attachment(client: Client, imap: IMAPClient) -> None:
    data = os.urandom(3000)
    imap.append("INBOX", with_attachment(data, "Übersicht ▲.bin"))
    row = (await client.list()).messages[0]
    assert row.has_attachment
    assert row.envelope.subject == "Grüße"
    reply = await client.get(row.name, mark_seen=True)
    parts = reply.message.text_parts
    assert [(part.media_type, part.alternative_group) for part in parts] == [
        ("text/plain", 1),
        ("text/html", 1),
    ]
    (attachment,) = reply.message.attachments
    assert attachment.filename == "Übersicht ▲.bin"
    assert await read_part(client, row.name, attachment.part_id) == data
    assert await read_part(client, row.name, attachment.part_id, offset=1234) == data[1234:]
    assert (await client.list()).messages[0].flags.seen


async def test_large_part_in_chunks(client: Client, imap: IMAPClient) -> None:
    data = os.urandom(2_000_000)
    imap.append("INBOX", with_attachment(data))
    name = await client.name()
    assert await read_part(client, name, "2") == data


async def test_source(client: Client, imap: IMAPClient) -> None:
    source = with_attachment(os.urandom(700_000))
    imap.append("INBOX", source)
    name = await client.name()
    steps = await client.stream("ReadSource", pb.ReadSourceRequest(name=name))
    assert steps[0].size_bytes == len(source)
    assert b"".join(step.data for step in steps) == source
    steps = await client.stream("ReadSource", pb.ReadSourceRequest(name=name, headers_only=True))
    assert b"".join(step.data for step in steps) == source[: source.index(b"\r\n\r\n") + 4]


async def test_neighbours(client: Client, imap: IMAPClient) -> None:
    for number in range(3):
        imap.append("INBOX", message(f"Number {number}"))
    names = [row.name for row in (await client.list()).messages]
    reply = await client.get(names[1], with_neighbours=True)
    assert (reply.newer, reply.older) == (names[0], names[2])
    reply = await client.get(names[0], with_neighbours=True)
    assert not reply.HasField("newer")
    assert reply.older == names[1]


async def test_neighbours_are_asked_for_along_with_the_texts(
    client: Client, imap: IMAPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        imap.append("INBOX", message(f"Number {number}"))
    names = [row.name for row in (await client.list()).messages]
    asked: list[int] = []
    execute = Session.execute

    async def counted(session: Session, *commands: Any, **options: Any) -> Any:
        asked.append(len(commands))
        return await execute(session, *commands, **options)

    monkeypatch.setattr(Session, "execute", counted)
    reply = await client.get(names[1], with_neighbours=True)
    assert (reply.newer, reply.older) == (names[0], names[2])
    assert asked == [2, 2]  # the message with NOOP, its text with the neighbours


async def test_message_within_a_message(client: Client, imap: IMAPClient) -> None:
    inner = with_attachment(b"inner data")
    outer = (
        b"From: a@example.org\r\nSubject: outer\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\n"
        b"--o\r\nContent-Type: text/plain\r\n\r\nsee below\r\n"
        b"--o\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--o--\r\n"
    )
    imap.append("INBOX", outer)
    name = await client.name()
    reply = await client.get(name)
    (attached,) = reply.message.attachments
    assert attached.media_type == "message/rfc822"
    assert attached.envelope.subject == "Grüße"
    reply = await client.get(name, within_part_id=attached.part_id)
    assert reply.message.summary.envelope.subject == "Grüße"
    assert [part.text.strip() for part in reply.message.text_parts] == ["Plain text.", "<p>HTML text.</p>"]
    (file,) = reply.message.attachments
    assert await read_part(client, name, file.part_id) == b"inner data"


async def test_uuencoded_file_in_the_text(client: Client, imap: IMAPClient) -> None:
    block = "begin 644 hello.txt\n%:&5L;&\\\n`\nend"
    imap.append("INBOX", message("uu", f"before\n{block}\nafter"))
    name = await client.name()
    reply = await client.get(name)
    (file,) = reply.message.attachments
    assert (file.part_id, file.filename) == ("1#1", "hello.txt")
    assert await read_part(client, name, file.part_id) == b"hello"
    with pytest.raises(PosternError, match="PART_NOT_FOUND"):
        await read_part(client, name, "1#2")


async def test_text_is_cut_at_the_bound(client: Client, imap: IMAPClient) -> None:
    imap.append("INBOX", message("long", "word " * 5000))
    reply = await client.get(await client.name(), max_text_bytes=1000)
    (part,) = reply.message.text_parts
    assert part.truncated
    assert len(part.text) == 1000


async def test_gone_changed_and_malformed_names(client: Client, imap: IMAPClient) -> None:
    imap.append("INBOX", message())
    name = await client.name()
    with pytest.raises(PosternError, match="MESSAGE_GONE"):
        await client.get(types_pb.MessageName(mailbox="INBOX", uid_validity=name.uid_validity, uid=4000))
    with pytest.raises(PosternError, match="MAILBOX_CHANGED"):
        await client.get(types_pb.MessageName(mailbox="INBOX", uid_validity=name.uid_validity + 1, uid=1))
    with pytest.raises(PosternError, match="MAILBOX_NOT_FOUND"):
        await client.get(types_pb.MessageName(mailbox="None", uid_validity=1, uid=1))
    with pytest.raises(PosternError, match="INVALID_ARGUMENT"):
        await client.get(types_pb.MessageName(mailbox="INBOX", uid=1))
    with pytest.raises(PosternError, match="INVALID_ARGUMENT"):
        await client.get(types_pb.MessageName(mailbox="IN\r\nBOX", uid_validity=1, uid=1))
    with pytest.raises(PosternError, match="PART_NOT_FOUND"):
        await read_part(client, name, "7")
    with pytest.raises(PosternError, match="PART_NOT_FOUND"):
        await read_part(client, name, "1] BODY[2")


async def test_encoding_that_only_the_parts_own_header_tells(client: Client, imap: IMAPClient) -> None:
    content = base64.encodebytes(b"hidden").replace(b"\n", b"\r\n")
    source = (
        b"From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: text/plain\r\n\r\ntext\r\n--x\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Disposition: attachment; filename=f\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + content
        + b"--x--\r\n"
    )
    imap.append("INBOX", source)
    assert await read_part(client, await client.name(), "2") == b"hidden"


async def test_message_that_came_after_the_mailbox_was_opened(client: Client, imap: IMAPClient) -> None:
    """The connection has the mailbox open from before; what came since is not gone for that."""
    imap.append("INBOX", message("first"))
    name = await client.name()
    for step, call in enumerate((client.get, lambda name: read_part(client, name, "1"), client.get), 2):
        imap.append("INBOX", message(f"number {step}"))
        name.uid = step
        assert await call(name)
    imap.select_folder("INBOX")
    imap.add_flags([name.uid], [rb"\Flagged"])
    assert (await client.get(name)).message.summary.flags.flagged
    imap.append("INBOX", message("last"))
    target = types_pb.MessageSet(
        range=types_pb.MessageRange(mailbox="INBOX", uid_validity=name.uid_validity, uids=[name.uid + 1])
    )
    request = pb.ModifyMessagesRequest(messages=target, add_flags=[types_pb.SYSTEM_FLAG_SEEN])
    (step,) = await client.stream("ModifyMessages", request)
    assert not step.gone
