"""LinkService over the wire: a file by a link that answers only for a message that went, and then expires."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.common.errors import PosternError
from services.common.gen.postern.sender.v1 import link_service_pb2 as pb
from services.common.gen.postern.sender.v1 import submission_service_pb2
from services.common.gen.postern.sender.v1.link_service_pb2_grpc import LinkServiceStub
from services.sender import clock
from services.sender.links.links import LinkSettings
from services.sender.links.token import ids_in, parse
from services.sender.servicer import LONG_LIVED, METHOD_SCOPES
from tests.rpc.sender.conftest import Remote
from tests.rpc.sender.test_sending import letter, send
from tests.support import rpc
from tests.unit.sender.fakes import sender_on
from tests.unit.sender.smtp_peer import smtp_peer

PIECE = 64 * 1024
MIB = 1024 * 1024


@dataclass
class Clock:
    ahead: int = 0

    def __call__(self) -> int:
        return clock.now() + self.ahead


@dataclass
class Linked:
    """A sender with links, and how to speak to it."""

    remote: Remote
    directory: Path
    clock: Clock
    links: Any

    async def create(self, size: int, name: str = "film.mkv", token: str | None = None) -> Any:
        request = pb.CreateLinkRequest(filename=name, total_bytes=size)
        return (await self.links.CreateLink(request, token=token or self.remote.token)).link

    async def upload(self, link: Any, data: bytes, offset: int = 0, token: str | None = None) -> Any:
        async def steps() -> AsyncIterator[Any]:
            start = pb.UploadLinkStart(token=link.token, offset_bytes=offset)
            yield pb.UploadLinkRequest(start=start)
            for at in range(0, len(data), PIECE):
                yield pb.UploadLinkRequest(data=data[at : at + PIECE])

        return (await self.links.UploadLink(steps(), token=token or self.remote.token)).link

    async def read(self, token: str, offset: int = 0) -> tuple[Any, bytes]:
        stream = self.links.ReadLink(pb.ReadLinkRequest(token=token, offset_bytes=offset))
        steps = [step async for step in stream]
        return steps[0].link, b"".join(step.data for step in steps[1:])

    async def gone(self, token: str) -> bool:
        try:
            await self.read(token)
        except PosternError as err:
            assert err.reason == "NOT_FOUND"
            return True
        return False

    async def sent(self, link: Any, id: str = "r1", **fields: Any) -> Any:
        text = f"Here it is: https://mail.example.org/links/{link.token}\n"
        return await send(self.remote, id, content=letter(text=text), **fields)

    def files(self) -> list[Path]:
        return list(self.directory.iterdir())


@asynccontextmanager
async def linked_on(tmp_path: Path, **bounds: Any) -> AsyncIterator[Linked]:
    directory, now = tmp_path / "links", Clock()
    settings = LinkSettings(directory, over=MIB, **{"max_bytes": 10 * MIB, **bounds})
    async with (
        smtp_peer() as peer,
        sender_on(f"sqlite:///{tmp_path / 's.db'}", peer.port, links=settings, now=now) as it,
        rpc.running("sender", it.sender.register, METHOD_SCOPES, long_lived=LONG_LIVED) as server,
    ):
        remote = Remote(it, peer, server)
        yield Linked(remote, directory, now, LinkServiceStub(server.channel("web")))


@pytest.fixture
async def linked(tmp_path: Path) -> AsyncIterator[Linked]:
    async with linked_on(tmp_path) as it:
        yield it


async def test_off_unless_the_operator_wants_it(remote) -> None:
    links = LinkServiceStub(remote.server.channel("web"))
    terms = await links.GetLinkTerms(pb.GetLinkTermsRequest(), token=remote.token)
    assert terms == pb.GetLinkTermsResponse()
    with pytest.raises(PosternError, match="UNSUPPORTED"):
        await links.CreateLink(pb.CreateLinkRequest(filename="a", total_bytes=1), token=remote.token)
    with pytest.raises(PosternError, match="UNSUPPORTED"):
        async for _ in links.ReadLink(pb.ReadLinkRequest(token="a" * 64)):
            pass


async def test_a_file_goes_by_its_link(linked: Linked) -> None:
    data = os.urandom(3 * MIB + 12_345)
    link = await linked.create(len(data), "Übersicht.pdf")
    assert link.media_type == "application/pdf" and len(link.token) == 64 and not link.received_bytes
    assert (await linked.upload(link, data)).received_bytes == len(data)
    assert await linked.gone(link.token), "it answers before any message went"
    await linked.sent(link)
    await linked.remote.inner.settle()
    head, got = await linked.read(link.token)
    assert got == data and (head.filename, head.total_bytes) == ("Übersicht.pdf", len(data))
    assert not head.token
    for offset in (1, 64 * 1024, 64 * 1024 - 1, len(data) - 1):
        assert (await linked.read(link.token, offset))[1] == data[offset:]
    with pytest.raises(PosternError, match="INVALID_ARGUMENT"):
        await linked.read(link.token, len(data))


async def test_what_is_stored_opens_nothing(linked: Linked, tmp_path: Path) -> None:
    data = b"a secret that stands in the file " * 4000
    link = await linked.create(len(data), "payroll.csv")
    await linked.upload(link, data)
    key = parse(link.token)
    assert key is not None
    kept = b"".join(file.read_bytes() for file in linked.files())
    kept += b"".join(file.read_bytes() for file in tmp_path.glob("s.db*"))
    assert b"secret that stands" not in kept and b"payroll" not in kept
    assert key.key not in kept and link.token.encode() not in kept and link.token[:22].encode() not in kept
    # The right name with another key is as unknown as any.
    await linked.sent(link)
    await linked.remote.inner.settle()
    assert not await linked.gone(link.token)
    assert await linked.gone(link.token[:24] + "A" * 40)
    assert {oct(file.stat().st_mode & 0o777) for file in linked.files()} == {"0o600"}


async def test_damage_is_never_handed_out(linked: Linked) -> None:
    data = os.urandom(200_000)
    link = await linked.create(len(data))
    await linked.upload(link, data)
    await linked.sent(link)
    await linked.remote.inner.settle()
    (file,) = linked.files()
    stored = bytearray(file.read_bytes())
    block = 64 * 1024 + 28
    swapped = stored[block : 2 * block] + stored[:block] + stored[2 * block :]
    cut, turned = stored[:-1], bytes([stored[100] ^ 1])
    for damaged in (swapped, cut, stored[:100] + turned + stored[101:]):
        file.write_bytes(damaged)
        with pytest.raises(PosternError, match="INTERNAL"):
            await linked.read(link.token)


async def test_an_upload_is_taken_up_again(linked: Linked) -> None:
    data = os.urandom(2 * MIB + 100)
    link = await linked.create(len(data))
    first = await linked.upload(link, data[: MIB + 70_000])
    assert first.received_bytes == MIB + 64 * 1024
    for wrong in (0, MIB, len(data)):
        with pytest.raises(PosternError) as caught:
            await linked.upload(link, b"x", wrong)
        assert caught.value.metadata["offset"] == str(first.received_bytes)
    with pytest.raises(PosternError, match="more_than_total"):
        await linked.upload(link, data[first.received_bytes :] + b"x", first.received_bytes)
    now = (await linked.links.GetLink(pb.GetLinkRequest(token=link.token), token=linked.remote.token)).link
    with pytest.raises(PosternError) as caught:
        await linked.sent(link)
    assert caught.value.reason == "CONFLICT" and caught.value.metadata["problem"] == "incomplete"
    await linked.upload(link, data[now.received_bytes :], now.received_bytes)
    await linked.sent(link)
    await linked.remote.inner.settle()
    assert (await linked.read(link.token))[1] == data


async def test_cancelled_it_answers_nobody(linked: Linked) -> None:
    link = await linked.create(5)
    await linked.upload(link, b"12345")
    request = {"undo_window": {"seconds": 60}}
    held = await linked.sent(link, **request)
    assert await linked.gone(link.token), "it answers while its message is held"
    cancel = submission_service_pb2.CancelSubmissionRequest(submission_id=held.submission_id)
    await linked.remote.submission.CancelSubmission(cancel, token=linked.remote.token)
    assert await linked.gone(link.token) and len(linked.files()) == 1
    # Edited and sent after all, it answers; otherwise it is gone within a day.
    await linked.sent(link, "again")
    await linked.remote.inner.settle()
    assert not await linked.gone(link.token)
    other = await linked.create(5)
    await linked.upload(other, b"12345")
    held = await linked.sent(other, "other", **request)
    await linked.remote.submission.CancelSubmission(
        submission_service_pb2.CancelSubmissionRequest(submission_id=held.submission_id),
        token=linked.remote.token,
    )
    linked.clock.ahead = clock.DAY + 60_000
    assert await linked.remote.inner.sender.links.clean() == 1 and len(linked.files()) == 1


async def test_it_expires(linked: Linked) -> None:
    link = await linked.create(5)
    await linked.upload(link, b"12345")
    await linked.sent(link)
    await linked.remote.inner.settle()
    linked.clock.ahead = 13 * clock.DAY
    await linked.remote.inner.sender.links.clean()
    assert not await linked.gone(link.token)
    linked.clock.ahead = 14 * clock.DAY + 60_000
    assert await linked.gone(link.token)
    assert await linked.remote.inner.sender.links.clean() == 1 and linked.files() == []


async def test_a_file_that_no_row_knows_is_removed(linked: Linked) -> None:
    link = await linked.create(5)
    await linked.upload(link, b"12345")
    lost = linked.directory / ("0" * 64)
    lost.write_bytes(b"x")
    for file in linked.files():
        os.utime(file, (1, 1))
    await linked.remote.inner.sender.links.clean()
    assert [file.name for file in linked.files()] == list(ids_in(f"/links/{link.token}"))


async def test_bounds(tmp_path: Path) -> None:
    async with linked_on(tmp_path, max_bytes=1000, account_bytes=1500, all_bytes=2500) as it:
        with pytest.raises(PosternError, match="TOO_LARGE"):
            await it.create(1001)
        first = await it.create(1000)
        with pytest.raises(PosternError) as caught:
            await it.create(501)
        assert caught.value.reason == "QUOTA_EXCEEDED" and caught.value.metadata["of"] == "account"
        await it.create(500)
        bob = it.remote.server.token(scopes="mail.send", account="bob@example.org", password="b")
        await it.create(1000, token=bob)
        with pytest.raises(PosternError) as caught:
            await it.create(1, token=bob)
        assert caught.value.metadata["of"] == "all"
        await it.links.DeleteLink(pb.DeleteLinkRequest(token=first.token), token=it.remote.token)
        await it.create(1, token=bob)


async def test_strangers(linked: Linked) -> None:
    """What is another's cannot be written, told of, deleted or sent; to quote it changes nothing."""
    link = await linked.create(5)
    bob = linked.remote.server.token(scopes="mail.send", account="bob@example.org", password="b")
    for call in (
        linked.upload(link, b"12345", token=bob),
        linked.links.GetLink(pb.GetLinkRequest(token=link.token), token=bob),
    ):
        with pytest.raises(PosternError, match="NOT_FOUND"):
            await call
    await linked.links.DeleteLink(pb.DeleteLinkRequest(token=link.token), token=bob)
    await linked.upload(link, b"12345")
    content = letter(text=f"> /links/{link.token}\n")
    getattr(content, "from").address = "bob@example.org"
    request = submission_service_pb2.SendMessageRequest(request_id="b", content=content)
    await linked.remote.submission.SendMessage(request, token=bob)
    await linked.remote.inner.settle()
    assert await linked.gone(link.token)
    with pytest.raises(PosternError, match="PERMISSION_DENIED"):
        stub = LinkServiceStub(linked.remote.server.channel("contacts"))
        async for _ in stub.ReadLink(pb.ReadLinkRequest(token=link.token)):
            pass


async def test_over_which_size_follows_the_server(linked: Linked) -> None:
    terms = pb.GetLinkTermsRequest()
    before = await linked.links.GetLinkTerms(terms, token=linked.remote.token)
    assert (before.offered, before.over_bytes, before.max_bytes) == (True, MIB, 10 * MIB)
    linked.remote.peer.ehlo = ["SIZE 1000000", "AUTH PLAIN"]
    await send(linked.remote)
    await linked.remote.inner.settle()
    after = await linked.links.GetLinkTerms(terms, token=linked.remote.token)
    assert after.over_bytes == 700_000 and after.keep.seconds == 14 * 86400
