"""Stand-ins for the mailstore and auth, and a sender built on them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

from services.common.endpoint import Endpoint, HostPort, TlsMode
from services.common.errors import PosternError, Reason, error
from services.common.rpc.server import ServerSettings
from services.sender import clock, service
from services.sender.acceptance import Order, Writer
from services.sender.identities import Identities
from services.sender.model import Content, EmailAddress, StoredName, Submission
from services.sender.outbox.states import Retry
from services.sender.outbox.worker import WorkerSettings
from services.sender.ports import DraftRequest, FileRequest, PartHead, PartStream, SavedDraft
from services.sender.service import Sender
from services.sender.settings import MEBIBYTE, SenderSettings
from services.sender.smtp.attempt import Timeouts
from services.sender.smtp.connections import Connections
from services.sender.storage import submissions
from services.sender.storage.usage import Limits
from tests.support import rpc

ALICE = rpc.ACCOUNT
NAME = StoredName("INBOX", 7, 12)


async def octets_of(data: bytes, step: int = 40_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), step):
        yield data[start : start + step]


@dataclass
class FakeMailstore:
    """ports.Mailstore in memory: one Sent, one Drafts; `fails` is raised instead of filing."""

    sent: dict[str, bytes] = field(default_factory=dict)
    requests: list[FileRequest] = field(default_factory=list)
    drafts: list[tuple[DraftRequest, bytes]] = field(default_factory=list)
    parts: dict[tuple[StoredName, str], tuple[PartHead, bytes]] = field(default_factory=dict)
    reads: int = 0
    elsewhere: set[str] = field(default_factory=set)
    fails: PosternError | None = None
    appended: int = 0

    async def read_part(self, token: str, message: StoredName, part_id: str) -> PartStream:
        self.reads += 1
        if (message, part_id) not in self.parts:
            raise error(Reason.MESSAGE_GONE)
        head, data = self.parts[message, part_id]
        return PartStream(head, octets_of(data))

    async def read_source(self, token: str, message: StoredName) -> PartStream:
        return await self.read_part(token, message, "")

    async def file_sent(self, token: str, request: FileRequest, octets: AsyncIterator[bytes]) -> bool:
        self.requests.append(request)
        if self.fails:
            raise self.fails
        data = b"".join([piece async for piece in octets])
        assert len(data) == request.size
        if request.message_id in self.sent:
            return True
        self.sent[request.message_id] = data
        self.appended += 1
        return False

    async def has_message(self, token: str, message_id: str, since: int) -> bool:
        return message_id in self.elsewhere or message_id in self.sent

    async def save_draft(self, token: str, request: DraftRequest, octets: AsyncIterator[bytes]) -> SavedDraft:
        data = b"".join([piece async for piece in octets])
        assert len(data) == request.size
        self.drafts.append((request, data))
        return SavedDraft(StoredName("Drafts", 1, len(self.drafts)), False)


@dataclass
class FakeTokens:
    fails: PosternError | None = None
    asked: int = 0

    async def for_filing(self, sender_token: str) -> str:
        self.asked += 1
        if self.fails:
            raise self.fails
        return "filing-token"


@dataclass
class Fixture:
    sender: Sender
    mailstore: FakeMailstore
    tokens: FakeTokens

    async def send(self, request_id: str = "r1", **changes: Any) -> Any:
        order = changes.pop("order", {})
        return await self.sender.acceptance.accept(
            writer(), Order(request_id, letter(**changes), b"", **order)
        )

    async def settle(self, rounds: int = 20) -> None:
        """Works until nothing is due any more."""
        await self.sender.outbox.drain()
        for _ in range(rounds):
            if not await self.sender.outbox.take():
                return
            await self.sender.outbox.drain()


def writer(account: str = ALICE, password: str = "alice") -> Writer:
    return Writer(
        account, rpc.mint("sender", "mail.send", account=account, password=password), "mailstore-token"
    )


def letter(**changes: Any) -> Content:
    """A small message from alice to bob."""
    plain = Content(
        sender=EmailAddress("Alice", ALICE),
        to=(EmailAddress("Bob", "bob@example.org"),),
        subject="Hello",
        text="Good morning\n",
    )
    return replace(plain, **changes)


def settings(database_url: str, smtp_port: int = 1, **changes: Any) -> SenderSettings:
    base = SenderSettings(
        server=ServerSettings(HostPort("127.0.0.1", 0)),
        database_url=database_url,
        smtp=Endpoint("smtp", "127.0.0.1", smtp_port, TlsMode.PLAIN),
        mail_ca_file=None,
        auth_address="",
        mailstore_address="",
        sealing_key=rpc.sealing_key("sender"),
        relay=None,
        max_message_bytes=36 * MEBIBYTE,
        max_recipients=500,
        ehlo_name="[127.0.0.1]",
        limits=Limits(),
        identities=Identities(),
        retry=Retry(first=1, longest=1),
        filing_retry=Retry(first=1, longest=1),
        worker=WorkerSettings(),
    )
    return replace(base, **changes)


@contextlib.asynccontextmanager
async def sender_on(
    database_url: str,
    smtp_port: int = 1,
    *,
    mailstore: FakeMailstore | None = None,
    tokens: FakeTokens | None = None,
    timeouts: Timeouts = Timeouts(connect=2, command=2, data=2, dot=2),
    now: clock.Clock = clock.now,
    **changes: Any,
) -> AsyncIterator[Fixture]:
    """A sender whose workers run only when a test says so (`settle`)."""
    mailstore, tokens = mailstore or FakeMailstore(), tokens or FakeTokens()
    chosen = settings(database_url, smtp_port, **changes)
    connections = Connections(chosen.smtp, ca_file=chosen.mail_ca_file, timeouts=timeouts)
    built = await service.build(chosen, mailstore, tokens, connections=connections, now=now)
    try:
        yield Fixture(built, mailstore, tokens)
    finally:
        await built.close()


async def state_of(it: Fixture, id: str) -> Submission:
    return await it.sender.db.read(lambda s: submissions.get(s, ALICE, id=id))
