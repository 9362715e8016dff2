"""Commands that leave together (RFC 2920): each reply is the one to its command, and a message goes out only
where the server waits for one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.sender.model import EmailAddress, Fate, State
from services.sender.smtp.attempt import Timeouts
from services.sender.smtp.wire import BadReply, Replies, Reply
from tests.unit.sender.fakes import sender_on, state_of
from tests.unit.sender.smtp_peer import smtp_peer

SHORT = Timeouts(connect=0.5, command=0.5, data=0.5, dot=0.5)
EHLO = "250-peer\r\n250-{}\r\n250 AUTH PLAIN\r\n"
THREE = tuple(EmailAddress("", f"{name}@example.org") for name in ("bob", "carol", "dan"))


@dataclass
class Raw:
    """A peer that answers each piece that arrives with what `answers` makes of it, and keeps the pieces."""

    answers: Callable[[bytes], list[bytes]]
    keyword: str = "PIPELINING"
    pieces: list[list[bytes]] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine: list[bytes] = []
        self.pieces.append(mine)
        with contextlib.suppress(OSError):
            writer.write(b"220 peer ESMTP\r\n")
            while piece := await reader.read(100_000):
                mine.append(piece)
                if piece.startswith(b"EHLO"):
                    said = [EHLO.format(self.keyword).encode()]
                elif piece.startswith(b"AUTH"):
                    said = [b"235 in\r\n"]
                else:
                    said = self.answers(piece)
                for text in said:
                    writer.write(text)
                    await writer.drain()
                    await asyncio.sleep(0.005)
                if not said:
                    break
        writer.close()


@contextlib.asynccontextmanager
async def raw(answers: Callable[[bytes], list[bytes]], keyword: str = "PIPELINING") -> AsyncIterator[Raw]:
    peer = Raw(answers, keyword)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()


def obliging(piece: bytes) -> list[bytes]:
    """250 to everything, 354 to DATA; a piece that ends in a final dot is one message."""
    if piece.endswith(b"\r\n.\r\n") or piece == b".\r\n":
        return [b"250 2.0.0 taken\r\n"]
    if not piece.startswith((b"MAIL", b"RCPT", b"DATA", b"RSET", b"QUIT")):
        return [b""]
    lines = piece.removesuffix(b"\r\n").split(b"\r\n")
    return [b"".join(b"354 go\r\n" if line == b"DATA" else b"250 ok\r\n" for line in lines)]


async def one(tmp_path: Path, port: int, rounds: int = 1):
    async with sender_on(f"sqlite:///{tmp_path / 's.db'}", port, timeouts=SHORT) as it:
        accepted = await it.send(to=THREE)
        await it.settle(rounds)
        return await state_of(it, accepted.id)


async def test_the_envelope_leaves_in_one_write_where_that_is_offered(tmp_path: Path) -> None:
    async with raw(obliging) as peer:
        assert (await one(tmp_path, peer.port)).state is State.FILED
    (pieces,) = peer.pieces
    assert pieces[2] == (
        b"MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<carol@example.org>\r\n"
        b"RCPT TO:<dan@example.org>\r\nDATA\r\n"
    )


async def test_and_one_command_at_a_time_where_it_is_not(tmp_path: Path) -> None:
    async with raw(obliging, "DSN") as peer:
        assert (await one(tmp_path, peer.port)).state is State.FILED
    (pieces,) = peer.pieces
    assert [piece.split()[0] for piece in pieces[2:7]] == [b"MAIL", b"RCPT", b"RCPT", b"RCPT", b"DATA"]
    assert all(piece.count(b"\r\n") == 1 for piece in pieces[2:7])


MIXED = (
    b"250 ok\r\n250-2.1.5 yes\r\n250 2.1.5 he is here\r\n550 5.1.1 no carol\r\n450 4.2.0 later\r\n354 go\r\n"
)


@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_each_reply_is_its_commands_however_they_arrive(tmp_path: Path, step: int) -> None:
    def answers(piece: bytes) -> list[bytes]:
        if piece.startswith(b"MAIL"):
            return [MIXED[at : at + step] for at in range(0, len(MIXED), step)]
        return obliging(piece)

    async with raw(answers) as peer:
        after = await one(tmp_path, peer.port)
    assert [(one.fate, one.server_text) for one in after.recipients] == [
        (Fate.ACCEPTED, "taken"),
        (Fate.REFUSED, "no carol"),
        (Fate.PENDING, "later"),
    ]


@pytest.mark.parametrize("kept", range(1, 5))
async def test_a_server_that_hangs_up_among_its_replies_took_nothing(tmp_path: Path, kept: int) -> None:
    replies = [b"250 ok\r\n"] * 4 + [b"354 go\r\n"]

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 peer\r\n")
        for said in (EHLO.format("PIPELINING").encode(), b"235 in\r\n", b"".join(replies[:kept])):
            await reader.read(100_000)
            writer.write(said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    after = await one(tmp_path, server.sockets[0].getsockname()[1])
    server.close()
    assert (after.state, after.problem) == (State.DEFERRED, "MAIL_SERVER_UNREACHABLE")


@pytest.mark.parametrize("refused", ["MAIL", "RCPT"])
async def test_a_server_that_waits_for_a_message_to_nobody_gets_none(tmp_path: Path, refused: str) -> None:
    async with smtp_peer(replies={refused: "550 5.7.1 no"}) as peer:
        after = await one(tmp_path, peer.port)
        assert (after.state, after.problem) == (State.REFUSED, "MAIL_SERVER_REFUSED")
        await asyncio.sleep(0.05)
        assert peer.commands[-1] == "DATA" and peer.seen == []


async def test_a_refused_envelope_costs_no_connection(tmp_path: Path) -> None:
    replies = {"RCPT": ["550 5.1.1 no"], "DATA": ["503 5.5.1 no recipients"]}
    async with smtp_peer(replies=replies) as peer:  # noqa: SIM117
        async with sender_on(f"sqlite:///{tmp_path / 's.db'}", peer.port, timeouts=SHORT) as it:
            states = []
            for name in ("a", "b"):
                accepted = await it.send(name)
                await it.settle(1)
                states.append((await state_of(it, accepted.id)).state)
    assert states == [State.REFUSED, State.FILED]
    assert peer.connections == 1 and peer.commands.count("RSET") == 1


@pytest.mark.parametrize("extra", [b"250 2.0.0 taken\r\n", b"hello\r\n", b"250-" + b"x" * 9000])
async def test_what_nobody_asked_for_is_no_answer_to_the_dot(tmp_path: Path, extra: bytes) -> None:
    said = b"250 ok\r\n" * 4 + b"354 go\r\n" + extra

    async with raw(lambda piece: [said] if piece.startswith(b"MAIL") else obliging(piece)) as peer:
        after = await one(tmp_path, peer.port)
    assert (after.state, after.problem) == (State.DEFERRED, "MAIL_SERVER_UNREACHABLE")
    assert not any(piece.endswith(b"\r\n.\r\n") for pieces in peer.pieces for piece in pieces)


def test_replies_are_split_whatever_the_pieces() -> None:
    text = b"250-a\r\n250 b\r\n354\r\n550-5.1.1 x\n550 5.1.1 \xff\r\n"
    expected = [Reply(250, "a\nb"), Reply(354, ""), Reply(550, "5.1.1 x\n5.1.1 \udcff")]
    for step in range(1, len(text) + 1):
        replies = Replies()
        found = [one for at in range(0, len(text), step) for one in replies.feed(text[at : at + step])]
        assert found == expected


@pytest.mark.parametrize(
    "text", [b"yes\r\n", b"25\r\n", b"250x\r\n", b"\r\n", b"250-a\r\n" * 6000, b"250 " + b"a" * 8200]
)
def test_what_is_no_reply(text: bytes) -> None:
    with pytest.raises(BadReply):
        list(Replies().feed(text))
