"""sender's two parsers of other people's octets: a structured request becomes a message on the wire, and what
an SMTP server says becomes the fate of each recipient. Both with seeded mutations; a failure prints its
number, which with the seed makes it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator

from google.protobuf.message import DecodeError

from bench.agreement.drafts import FILES, HTMLS, LOCALS, NAMES, SUBJECTS, TEXTS
from bench.figures import Figure, benchmark, full
from services.common.endpoint import Endpoint, TlsMode
from services.common.errors import PosternError, Reason
from services.common.gen.postern.sender.v1 import types_pb2
from services.sender import convert
from services.sender.compose.checks import media_type
from services.sender.model import Fate
from services.sender.smtp.attempt import Envelope, Timeouts
from services.sender.smtp.connections import Connections
from services.sender.smtp.wire import Stuffing, reply_text
from tests.unit.sender.composed import Attached, compose, parse

SEED = 20260301
WIRE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\x00")
HEADER = re.compile(
    rb"(?:Date|From|Reply-To|To|Cc|Subject|Message-ID|In-Reply-To|References|Importance|X-Priority|"
    rb"Disposition-Notification-To|MIME-Version|Content-Type|Content-Transfer-Encoding|List-Id): ?"
)
EVIL: tuple[str, ...] = (
    "\r\n",
    "\r",
    "\n",
    "\x00",
    "\u2028",
    "\x85",
    "=?",
    "?=",
    '"',
    "\\",
    ",",
    ";",
    ":",
    "<",
    ">",
    "@",
    "(",
    "\t",
)
EVIL += (
    "\r\n.\r\n",
    "\r\nBcc: v@example.org",
    "\u202e",
    "\ufeff",
    "\ud7ff",
    "é",
    "👩‍🚀",
    " ",
    "." * 5,
    "x" * 1200,
)


def _text(rnd: random.Random, pool: tuple[str, ...]) -> str:
    """One of the pool, more or less as it is."""
    text = rnd.choice(pool)
    for _ in range(rnd.choice((0,) * 30 + (1, 1, 3))):
        at = rnd.randrange(len(text) + 1)
        text = text[:at] + rnd.choice(EVIL) + text[at + rnd.choice((0, 0, 1, 5)) :]
    return text


def _person(rnd: random.Random) -> types_pb2.EmailAddress:
    address = f"{_text(rnd, LOCALS)}@{rnd.choice(('example.org', 'bücher.example', 'a.b.example'))}"
    group = _text(rnd, NAMES) if rnd.random() < 0.2 else ""
    return types_pb2.EmailAddress(name=_text(rnd, NAMES), address=address, group=group)


def _request(rnd: random.Random) -> bytes:
    """A MessageContent's octets, some of them wrong."""
    content = types_pb2.MessageContent(
        to=[_person(rnd) for _ in range(rnd.randrange(4))],
        cc=[_person(rnd) for _ in range(rnd.randrange(2))],
        bcc=[types_pb2.EmailAddress(address="hidden@example.net")] * rnd.randrange(2),
        reply_to=[_person(rnd) for _ in range(rnd.randrange(2))],
        subject=_text(rnd, SUBJECTS),
        text=_text(rnd, TEXTS),
        html=_text(rnd, HTMLS),
        in_reply_to=[_text(rnd, ("<a@b.example>", "", "no id"))],
        references=[
            _text(rnd, ("<a@b.example>", "<x>", "<" + "y" * 300 + "@b>")) for _ in range(rnd.randrange(4))
        ],
        request_read_receipt=rnd.random() < 0.2,
        draft_id=_text(rnd, ("", "", "d1")),
    )
    getattr(content, "from").address = "alice@example.org"
    getattr(content, "from").name = _text(rnd, NAMES)
    for _ in range(rnd.randrange(3)):
        content.attachments.add(
            upload_id="u",
            filename=_text(rnd, FILES),
            media_type=_text(rnd, ("", "image/png", "message/rfc822", "text/plain; charset=x")),
            content_id=_text(rnd, ("", "a@b")),
        )
    content.priority = rnd.choice((0, 1, 2, 3, 9))  # type: ignore[assignment]
    raw = bytearray(content.SerializeToString())
    for _ in range(rnd.choice((0,) * 8 + (1, 4)) if raw else 0):
        raw[rnd.randrange(len(raw))] = rnd.randrange(256)
    return bytes(raw)


def build_one(rnd: random.Random) -> str:
    """ "refused" or "sent"; AssertionError or anything else where the builder is wrong."""
    try:
        content = convert.content(types_pb2.MessageContent.FromString(_request(rnd)))
        attached = [
            Attached(
                rnd.randbytes(rnd.choice((0, 10, 3000))),
                a.filename,
                media_type(a.media_type or "image/png", "media_type"),
                a.content_id,
            )
            for a in content.attachments
        ]
        wire, kept, built = compose(content, *attached)
    except DecodeError:
        return "refused"
    except PosternError as err:
        assert err.reason == Reason.INVALID_ARGUMENT, err
        assert err.metadata.get("field"), "a refusal that names no field"
        return "refused"
    for data in (wire, kept):
        assert not WIRE.search(data), "a line end that is none"
        assert max(map(len, data.split(b"\r\n"))) <= 998, "a line too long"
    header = wire.partition(b"\r\n\r\n")[0]
    for line in header.split(b"\r\n"):
        assert line[:1] in b" \t" or HEADER.match(line), f"a field of nobody's: {line!r}"
    assert wire.partition(b"\r\n\r\n")[0].count(b"\r\nFrom:") == 1
    assert not re.search(rb"(?mi)^bcc:", header), "Bcc on the wire"
    wanted = [one.address.rpartition("@")[0].strip(" ") for one in content.to if one.address.strip()]
    found = [one.username for one in parse(wire)["to"].addresses] if parse(wire)["to"] else []
    assert len(found) == len(wanted), (found, wanted)
    assert not re.search(rb"\r\n\.\r\n", _stuffed(rnd, wire)), "the end before the end"
    assert built.message_id.endswith("@example.org>")
    return "sent"


def _stuffed(rnd: random.Random, wire: bytes) -> bytes:
    stuffing, out, at = Stuffing(), b"", 0
    while at < len(wire):
        step = rnd.choice((1, 2, 3, 100, 70_000))
        out += stuffing.feed(wire[at : at + step])
        at += step
    out += stuffing.finish()
    assert re.sub(rb"(?m)^\.", b"", out) == wire, "dots lost or won"
    return out


# Replies

_CODES = (
    b"250",
    b"354",
    b"220",
    b"221",
    b"235",
    b"421",
    b"450",
    b"550",
    b"554",
    b"000",
    b"999",
    b"2500",
    b"25",
    b"",
)


def _reply(rnd: random.Random, good: bytes) -> bytes:
    """What a server might say: mostly well, then anything."""
    kind = rnd.random()
    if kind < 0.85:
        return good
    code = rnd.choice(_CODES)
    text = rnd.choice((b"ok", b"", b"2.0.0 ok", b"5.1.1 \xff\xfe\x00\x1b[0m", b"x" * 600, "é 👍".encode()))
    end = rnd.choice((b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b""))
    line = code + rnd.choice((b" ", b" ", b"-", b"")) + text + end
    if kind < 0.95:
        return line
    if kind < 0.985:
        return (
            b"".join(
                rnd.choice(_CODES) + rnd.choice((b"-", b" ")) + b"part\r\n" for _ in range(rnd.randrange(4))
            )
            + line
        )
    return rnd.randbytes(rnd.randrange(1, 300))


class _Server:
    """Says what `rnd` makes it say; remembers its reply to the final dot."""

    def __init__(self, rnd: random.Random) -> None:
        self.rnd = rnd
        self.to_dot: bytes | None = None
        self.messages = 0
        # Whether all that it said before the dot was in order.
        self.clean = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._session(reader, writer)
        finally:
            writer.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_reply(self.rnd, b"220 hi\r\n"))
        while True:
            verb = (await reader.readuntil(b"\r\n"))[:4].upper()
            good = {b"EHLO": b"250-hi\r\n250-SIZE\r\n250 8BITMIME\r\n", b"DATA": b"354 go\r\n"}.get(
                verb, b"250 ok\r\n"
            )
            said = _reply(self.rnd, good)
            writer.write(said)
            self.clean &= said == good
            if verb == b"DATA" and said.startswith(b"354"):
                await reader.readuntil(b"\r\n.\r\n")
                self.messages += 1
                self.to_dot = _reply(self.rnd, b"250 taken\r\n")
                writer.write(self.to_dot)
            elif self.rnd.random() < 0.02:
                return


@contextlib.asynccontextmanager
async def speaking() -> AsyncIterator[tuple[_Server, Connections]]:
    """A server, and the pool that speaks to it."""
    server = _Server(random.Random(0))
    running = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    endpoint = Endpoint("smtp", "127.0.0.1", running.sockets[0].getsockname()[1], TlsMode.PLAIN)
    short = Timeouts(connect=0.1, command=0.1, data=0.1, dot=0.1)
    try:
        yield server, Connections(endpoint, timeouts=short)
    finally:
        running.close()


async def reply_one(rnd: random.Random, server: _Server, connections: Connections) -> str:
    """The fates of an attempt's recipients; AssertionError or anything else where its judgement is wrong."""
    server.rnd, server.to_dot, server.messages, server.clean = rnd, None, 0, True
    marked: list[bool] = []

    async def octets() -> AsyncIterator[bytes]:
        yield b"Subject: x\r\n\r\nhello\r\n"

    async def mark() -> None:
        marked.append(True)

    envelope = Envelope("id", "a@example.org", ("b@example.org", "c@example.org"), 20)
    try:
        outcome = await asyncio.wait_for(connections.submit(None, envelope, octets, mark), 5)
    finally:
        await connections.close()
    fates = {result.fate for result in outcome.results.values()}
    lines = [line for line in re.split(rb"\r\n|\n", server.to_dot or b"") if line]
    if Fate.ACCEPTED in fates:
        assert server.messages == 1, "taken, and nothing was there to take"
        assert any(line[:1] == b"2" for line in lines), f"taken on the word of {server.to_dot!r}"
    if server.messages and server.clean and server.to_dot == b"250 taken\r\n":
        assert fates == {Fate.ACCEPTED}, f"taken, and not known: {fates}"
    if server.messages:
        assert marked, "the dot was sent before that was written down"
    for result in outcome.results.values():
        assert len(result.server_text) <= 500 and not re.search("[\x00-\x1f\x7f]", result.server_text)
        assert 0 <= result.smtp_code <= 999
    assert len(outcome.results) == len(envelope.recipients) or outcome.problem, "no word about a recipient"
    return ",".join(sorted(fates)) or "none"


def text_one(rnd: random.Random) -> str:
    raw = rnd.choice((rnd.randbytes(rnd.randrange(700)), b"5.1.1 a\n5.1.1 b", b"2.0.0", b"4.99999.1 x"))
    enhanced, text = reply_text(rnd.randrange(-1, 1000), raw.decode("utf-8", "surrogateescape"))
    assert len(text) <= 500 and not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", text)
    assert re.fullmatch(r"|[245]\.\d{1,3}\.\d{1,3}", enhanced)
    text.encode()
    return "text"


def _try(name: str, count: int, one: Callable[[random.Random], str]) -> Figure:
    """Runs so many cases, or as many as a minute has; each has a generator of its own."""
    failures, until, done = 0, time.monotonic() + (600 if full() else 20), 0
    outcomes: dict[str, int] = {}
    for number in range(count):
        if time.monotonic() > until:
            break
        done += 1
        try:
            kind = one(random.Random(f"{SEED} {name} {number}"))
            outcomes[kind] = outcomes.get(kind, 0) + 1
        except Exception:
            failures += 1
            if failures <= 5:
                print(f"  {name} {number}:", file=sys.stderr)
                traceback.print_exc(limit=3)
    print(f"  {name}: {outcomes}", file=sys.stderr)
    return Figure(name, failures, "failures", n=done)


@benchmark("sender.fuzz_messages")
def messages() -> Iterator[Figure]:
    yield _try("sender.fuzz_messages", 50_000 if full() else 3_000, build_one)


@benchmark("sender.fuzz_replies")
def replies() -> Iterator[Figure]:
    logging.getLogger("services").setLevel(logging.ERROR)
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        server, connections = runner.run(stack.enter_async_context(speaking()))
        yield _try(
            "sender.fuzz_replies",
            20_000 if full() else 1_500,
            lambda rnd: runner.run(reply_one(rnd, server, connections)),
        )
        runner.run(stack.aclose())


@benchmark("sender.fuzz_reply_texts")
def reply_texts() -> Iterator[Figure]:
    yield _try("sender.fuzz_reply_texts", 200_000 if full() else 20_000, text_one)
