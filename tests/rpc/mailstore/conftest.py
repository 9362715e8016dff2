"""mailstore over real gRPC in front of a real Dovecot."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from imapclient import IMAPClient

from services.common.endpoint import HostPort, TlsMode
from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as mailbox_pb
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as message_pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.common.gen.postern.mailstore.v1.mailbox_service_pb2_grpc import MailboxServiceStub
from services.common.gen.postern.mailstore.v1.message_service_pb2_grpc import MessageServiceStub
from services.common.gen.postern.mailstore.v1.watch_service_pb2_grpc import WatchServiceStub
from services.common.rpc.server import ServerSettings
from services.mailstore.imap.connect import ImapServer
from services.mailstore.imap.pool import PoolLimits
from services.mailstore.service import Service
from services.mailstore.servicer import LONG_LIVED, METHOD_SCOPES, register
from services.mailstore.settings import MailstoreSettings
from tests.support.dovecot import Dovecot, MailUser
from tests.support.rpc import running, sealing_key

_numbers = itertools.count(1)


def settings_for(
    host: str,
    port: int,
    *,
    pool: PoolLimits | None = None,
    connect_timeout: float = 5.0,
    io_timeout: float = 20.0,
    max_message_bytes: int = 64 * 1024 * 1024,
) -> MailstoreSettings:
    return MailstoreSettings(
        server=ServerSettings(HostPort("127.0.0.1", 0)),
        imap=ImapServer(host, port, TlsMode.PLAIN, None, connect_timeout, io_timeout),
        pool=pool or PoolLimits(),
        sealing_key=sealing_key("mailstore"),
        max_message_bytes=max_message_bytes,
    )


@dataclass
class Client:
    """Calls mailstore as one account."""

    service: Service
    mailboxes: Any
    messages: Any
    watch: Any
    mint: Callable[..., str]
    user: MailUser
    channel: Any

    def token(self, **options: Any) -> str:
        return self.mint(account=self.user.address, password=self.user.password, **options)

    async def tree(self, **fields: Any) -> dict[str, mailbox_pb.Mailbox]:
        request = mailbox_pb.ListMailboxesRequest(**fields)
        reply = await self.mailboxes.ListMailboxes(request, token=self.token())
        return {box.name: box for box in reply.mailboxes}

    async def list(self, mailbox: str = "INBOX", **fields: Any) -> message_pb.ListMessagesResponse:
        request = message_pb.ListMessagesRequest(mailbox=mailbox, **fields)
        return await self.messages.ListMessages(request, token=self.token())

    async def name(self, mailbox: str = "INBOX", index: int = 0) -> types_pb.MessageName:
        """The name of the row at `index` of the first page."""
        return (await self.list(mailbox)).messages[index].name

    async def get(self, name: types_pb.MessageName, **fields: Any) -> message_pb.GetMessageResponse:
        request = message_pb.GetMessageRequest(name=name, **fields)
        return await self.messages.GetMessage(request, token=self.token())

    async def stream(self, method: str, request: Any, **options: Any) -> list[Any]:
        """All responses of a streaming call."""
        call = getattr(self.messages, method)(request, token=self.token(), **options)
        return [response async for response in call]

    async def append(self, data: bytes, **target: Any) -> message_pb.AppendMessageResponse:
        """AppendMessage in 64 KiB chunks."""

        def steps() -> Iterable[message_pb.AppendMessageRequest]:
            fields = {"mailbox": "INBOX", "size_bytes": len(data), **target}
            yield message_pb.AppendMessageRequest(target=message_pb.AppendTarget(**fields))
            for start in range(0, len(data), 65536):
                yield message_pb.AppendMessageRequest(data=data[start : start + 65536])

        return await self.messages.AppendMessage(_async(steps()), token=self.token())

    async def save_draft(self, data: bytes, **target: Any) -> message_pb.SaveDraftResponse:
        """SaveDraft in 64 KiB chunks."""

        def steps() -> Iterable[message_pb.SaveDraftRequest]:
            fields = {"size_bytes": len(data), "create_missing": True, **target}
            yield message_pb.SaveDraftRequest(target=message_pb.DraftTarget(**fields))
            for start in range(0, len(data), 65536):
                yield message_pb.SaveDraftRequest(data=data[start : start + 65536])

        return await self.messages.SaveDraft(_async(steps()), token=self.token())


async def _async(items: Iterable[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


@contextlib.asynccontextmanager
async def serving(settings: MailstoreSettings, user: MailUser) -> AsyncIterator[Client]:
    """mailstore with these settings, and a client of it."""
    service = Service(settings)
    service.start()
    try:
        async with running(
            "mailstore", partial(register, service), METHOD_SCOPES, long_lived=LONG_LIVED
        ) as server:
            channel = server.channel()
            yield Client(
                service,
                MailboxServiceStub(channel),
                MessageServiceStub(channel),
                WatchServiceStub(channel),
                server.token,
                user,
                channel,
            )
    finally:
        await service.close()


@pytest.fixture
async def client(dovecot: Dovecot, mail_user: MailUser) -> AsyncIterator[Client]:
    """mailstore in front of the session's Dovecot, as a fresh user."""
    async with serving(settings_for("127.0.0.1", dovecot.imap_port), mail_user) as made:
        yield made


@pytest.fixture
def imap(dovecot: Dovecot, mail_user: MailUser) -> Iterable[IMAPClient]:
    """Another client of the same mailboxes."""
    other = dovecot.connect(mail_user)
    yield other
    with contextlib.suppress(Exception):
        other.logout()


def message(subject: str = "Hello", body: str = "Some text.", **headers: str) -> bytes:
    """A small message with CRLF line ends. Header names with "_" for "-"."""
    number = next(_numbers)
    fields = {
        "From": "Bob <bob@example.org>",
        "To": "Alice <alice@example.org>",
        "Subject": subject,
        "Date": "Mon, 02 Nov 2026 10:00:00 +0000",
        "Message-ID": f"<m{number}@example.org>",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return (head + "\r\n" + body.replace("\n", "\r\n") + "\r\n").encode("utf-8")
