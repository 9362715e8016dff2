"""Whatever a request's fields hold, the wire sees one message, from its writer, to whom the writer named.

The fields come from the contract itself, so that one added later is tried as well.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from services.common.endpoint import Endpoint, TlsMode
from services.common.errors import PosternError
from services.common.gen.postern.sender.v1 import compose_service_pb2, types_pb2
from services.common.gen.postern.sender.v1 import submission_service_pb2 as pb
from services.common.gen.postern.sender.v1.submission_service_pb2_grpc import SubmissionServiceStub
from services.sender.acceptance import Order, Writer
from services.sender.model import Attachment, Content, EmailAddress, State, StoredName
from services.sender.ports import PartHead
from services.sender.servicer import LONG_LIVED, MAILSTORE_AUTHORIZATION, METHOD_SCOPES
from services.sender.storage import submissions
from services.sender.uploads import Start
from tests.support import rpc
from tests.support.dovecot import Dovecot
from tests.support.postfix import Postfix
from tests.unit.sender.fakes import Fixture, octets_of, sender_on
from tests.unit.sender.smtp_peer import smtp_peer

VICTIM = "victim@example.org"
EVILS = (
    "\r",
    "\n",
    "\x00",
    f"\r\nBcc: {VICTIM}",
    f"\nBcc: {VICTIM}\n\nbody",
    f"\rRCPT TO:<{VICTIM}>",
    f">\r\nRCPT TO:<{VICTIM}>\r\nDATA",
    f"\r\n.\r\nMAIL FROM:<{VICTIM}>\r\nRCPT TO:<{VICTIM}>\r\n",
    f"\x00\r\nX-Evil: {VICTIM}",
    f"\u2028Bcc: {VICTIM}",
    f"\x85Bcc: {VICTIM}",
    f"\x0b\x0cBcc: {VICTIM}",
)
HEADERS = {"Date", "From", "Reply-To", "To", "Cc", "Subject", "Message-ID", "In-Reply-To", "References"}
HEADERS |= {"Importance", "X-Priority", "Disposition-Notification-To", "MIME-Version", "Content-Type"}
HEADERS |= {"Content-Transfer-Encoding", "List-Id", "X-Odd"}
NAME = StoredName("Archive", 7, 12)

# What each field of text holds in a request that is in order; by its name, else by its type's name before it.
GOOD = {
    "request_id": "r",
    "address": "bob@example.org",
    "name": "Bob",
    "group": "",
    "mailbox": "Archive",
    "part_id": "2",
    "upload_id": "",
    "media_type": "application/pdf",
    "content_id": "cid@example.org",
    "filename": "a.pdf",
    "in_reply_to": "<a@example.net>",
    "references": "<b@example.net>",
    "text": "text",
    "html": "<p>html</p>",
    "subject": "subject",
    "draft_id": "d1",
    "identity_id": "",
    "value": "odd value",
}
Path_ = tuple[str, ...]


def text_fields(descriptor: Descriptor, at: Path_ = ()) -> Iterator[Path_]:
    """The path of every field of text, messages within messages included."""
    for field in descriptor.fields:
        if field.type == FieldDescriptor.TYPE_STRING:
            yield (*at, field.name)
        elif field.type == FieldDescriptor.TYPE_MESSAGE and field.message_type.file.package.startswith(
            "postern"
        ):
            yield from text_fields(field.message_type, (*at, field.name))


FIELDS = list(text_fields(pb.SendMessageRequest.DESCRIPTOR))


def put(message: Any, path: Path_, evil: str) -> None:
    """Sets the field to what it holds when in order, with the evil within."""
    for step in path[:-1]:
        field = message.DESCRIPTOR.fields_by_name[step]
        inner = getattr(message, step)
        message = (inner[0] if inner else inner.add()) if field.is_repeated else inner
    name = path[-1]
    good = GOOD[name]
    value = good[: len(good) // 2] + evil + good[len(good) // 2 :]
    if message.DESCRIPTOR.fields_by_name[name].is_repeated:
        getattr(message, name).append(value)
    else:
        setattr(message, name, value)


def whole() -> pb.SendMessageRequest:
    """A request with something in every field that can stand beside the others."""
    people = {"name": "Bob", "address": "bob@example.org"}
    stored = {"mailbox": NAME.mailbox, "uid_validity": NAME.uid_validity, "uid": NAME.uid}
    content = types_pb2.MessageContent(
        to=[people],
        subject="subject",
        text="text",
        attachments=[{"stored_message": stored}],
        priority=types_pb2.PRIORITY_HIGH,
        request_read_receipt=True,
        extra_fields=[{"name": "X-Odd", "value": "odd value"}],
    )
    return pb.SendMessageRequest(content=content)


def test_every_field_of_the_contract_has_a_good_value() -> None:
    assert {path[-1] for path in FIELDS} == set(GOOD)
    assert len(FIELDS) > 30


async def test_control_characters_in_every_field(tmp_path: Path) -> None:
    """Refused, or sent as one message whose header and recipients are the writer's."""
    accepted = refused = 0
    async with (
        smtp_peer() as peer,
        sender_on(f"sqlite:///{tmp_path / 's.db'}", peer.port) as it,
        rpc.running("sender", it.sender.register, METHOD_SCOPES, long_lived=LONG_LIVED) as server,
    ):
        octets = b"Subject: x\r\n\r\nhello\r\n"
        for part in ("", "2"):
            it.mailstore.parts[NAME, part] = PartHead("a", "message/rfc822", len(octets)), octets
        token = server.token(scopes="mail.send", password="alice")
        stub: Any = SubmissionServiceStub(server.channel())
        metadata = ((MAILSTORE_AUTHORIZATION, "Bearer mailstore-token"),)
        for path in FIELDS:
            for number, evil in enumerate(EVILS):
                request = whole()
                request.request_id = f"{'.'.join(path)} {number}"
                put(request, path, evil)
                peer.commands.clear()
                peer.taken.clear()
                try:
                    await stub.SendMessage(request, token=token, metadata=metadata)
                except PosternError as err:
                    refused += 1
                    assert err.reason in (
                        "INVALID_ARGUMENT",
                        "MESSAGE_GONE",
                        "PART_NOT_FOUND",
                        "NOT_FOUND",
                    ), path
                    continue
                accepted += 1
                await it.settle()
                (message,) = peer.taken
                assert message.sender == "alice@example.org", (path, evil)
                assert message.recipients == ["bob@example.org"], (path, evil)
                check_commands(peer.commands, path)
                check_header(message.data, path)
    # Neither branch is empty: a body may hold line ends, a name may not.
    assert accepted > 30 and refused > 200, (accepted, refused)


def check_commands(commands: list[str], at: object) -> None:
    verbs = [command.split(" ")[0] for command in commands if not command.startswith(("EHLO", "AUTH"))]
    assert verbs == ["MAIL", "RCPT", "DATA"], (at, commands)
    assert not any("\r" in c or "\n" in c or "\x00" in c or VICTIM in c for c in commands), (at, commands)


def check_header(data: bytes, at: object) -> None:
    header = data.partition(b"\r\n\r\n")[0]
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\x00", data), at
    names = {line.partition(b":")[0].decode() for line in header.split(b"\r\n") if line[:1] not in b" \t"}
    assert names <= HEADERS, (at, names - HEADERS)


async def test_control_characters_in_an_uploads_name_and_type(tmp_path: Path) -> None:
    fields = [
        path for path in text_fields(compose_service_pb2.UploadStart.DESCRIPTOR) if path != ("upload_id",)
    ]
    assert {path[-1] for path in fields} <= {"filename", "media_type"}
    async with smtp_peer() as peer, sender_on(f"sqlite:///{tmp_path / 's.db'}", peer.port) as it:
        for (name,) in fields:
            for number, evil in enumerate(EVILS):
                peer.commands.clear()
                peer.taken.clear()
                try:
                    start = Start(**{"filename": "a.pdf", name: GOOD[name] + evil})
                    blob = await it.sender.uploads.take("alice@example.org", start, octets_of(b"x"))
                    await it.send(f"{name}{number}", attachments=(Attachment(upload_id=blob.id),))
                except PosternError as err:
                    assert err.reason == "INVALID_ARGUMENT"
                    continue
                await it.settle()
                (message,) = peer.taken
                check_commands(peer.commands, name)
                assert VICTIM.encode() not in message.data.partition(b"\r\n\r\n")[0]
                assert not re.search(rb"(?mi)^(bcc|x-evil):", message.data), (name, evil)


# Ways of writing an end of data that some server somewhere takes for one (SMTP smuggling, 2023).
ENDS = (
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\r",
    "\n.\r",
    "\r.\n",
    "\r\n.\r\n",
    "\r\n\x00.\r\n",
    "\r\n.\x00\r\n",
    "\n\x00.\n",
)
LAX_END = re.compile(rb"(?:\r\n|\r|\n)\x00*\.\x00*(?:\r\n|\r|\n)")


async def smuggler(it: Fixture, end: str, number: int, writer: Writer, to: str, victim: str) -> Any:
    """A message whose every body tries to end before its end."""
    envelope = f"MAIL FROM:<{writer.account}>\r\nRCPT TO:<{victim}>\r\nDATA\r\nSubject: smuggled\r\n\r\nevil"
    evil = f"a{end}{envelope}{end}QUIT\r\n"
    typed = evil.replace("\x00", "")
    raw = b"Subject: x\r\n\r\n" + evil.encode()
    forwarded = await it.sender.uploads.take(
        writer.account, Start(filename="m.eml", media_type="message/rfc822"), octets_of(raw, 7)
    )
    plain = await it.sender.uploads.take(
        writer.account, Start(filename="t.txt", media_type="text/plain"), octets_of(evil.encode())
    )
    content = Content(
        sender=EmailAddress("", writer.account),
        to=(EmailAddress("", to),),
        subject=f"smuggling {number}",
        text=typed,
        html=f"<pre>{typed}</pre>" if number % 2 else "",
        attachments=(Attachment(upload_id=forwarded.id), Attachment(upload_id=plain.id)),
    )
    return await it.sender.acceptance.accept(writer, Order(f"smuggle{number}", content))


async def test_no_way_of_ending_the_data_early(tmp_path: Path) -> None:
    """The octets on the wire hold nothing that even a lax server could take for the end, but the end."""
    sections: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 raw\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            writer.write(
                b"354 go\r\n"
                if verb == b"DATA"
                else b"250-raw\r\n250 8BITMIME\r\n"
                if verb == b"EHLO"
                else b"250 ok\r\n"
            )
            if verb == b"DATA":
                sections.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 ok\r\n")

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**24)
    port = server.sockets[0].getsockname()[1]
    writer = Writer(rpc.ACCOUNT, rpc.mint("sender", "mail.send", password="alice"), "t")
    async with sender_on(f"sqlite:///{tmp_path / 's.db'}", port) as it:
        for number, end in enumerate(ENDS):
            await smuggler(it, end, number, writer, "bob@example.org", VICTIM)
            await it.settle()
    server.close()
    assert len(sections) == len(ENDS)
    for data, end in zip(sections, ENDS, strict=True):
        assert [match.end() for match in LAX_END.finditer(data)] == [len(data)], repr(end)
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\x00", data), repr(end)


async def test_postfix_sees_one_message_each(tmp_path: Path, dovecot: Dovecot, postfix: Postfix) -> None:
    """Debian 12's Postfix takes a bare LF for a line end: what was smuggled would arrive."""
    author, reader, victim = dovecot.add_user(), dovecot.add_user(), dovecot.add_user()
    endpoint = Endpoint("smtp", "127.0.0.1", postfix.submission_port, TlsMode.PLAIN)
    token = rpc.mint("sender", "mail.send", account=author.address, password=author.password)
    async with sender_on(f"sqlite:///{tmp_path / 's.db'}", smtp=endpoint) as it:
        writer = Writer(author.address, token, "t")
        ids = [
            (await smuggler(it, end, number, writer, reader.address, victim.address)).id
            for number, end in enumerate(ENDS)
        ]
        await it.settle(60)
        for id in ids:
            found = await it.sender.db.read(lambda s, id=id: submissions.get(s, author.address, id=id))
            assert found.state is State.FILED, found
    until = time.monotonic() + 20
    while count(dovecot, reader) < len(ENDS):
        assert time.monotonic() < until
        await asyncio.sleep(0.2)
    assert (count(dovecot, reader), count(dovecot, victim)) == (len(ENDS), 0)


def count(dovecot: Dovecot, user: Any) -> int:
    with dovecot.connect(user) as client:
        client.select_folder("INBOX", readonly=True)
        return len(client.search())
