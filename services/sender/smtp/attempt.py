"""One attempt at one message over one connection, and what came of it for each recipient.

What is retried and what is not (RFC 5321, 4.2.1 and 4.5.4.1; RFC 1047):

* the server cannot be reached, breaks off or answers 4yz before the final dot: nothing was taken; try again;
* 5yz: refused for good; to MAIL for every recipient, to RCPT for that one, to DATA or the dot for all that
  were left;
* the connection lost, or no answer, after the final dot: unknown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from services.sender import faults
from services.sender.model import Fate, Recipient
from services.sender.smtp import wire
from services.sender.smtp.session import Session, SessionLost, SessionTimeout
from services.sender.smtp.wire import Reply

UNREACHABLE = "MAIL_SERVER_UNREACHABLE"
TIMEOUT = "MAIL_SERVER_TIMEOUT"
REFUSED = "MAIL_SERVER_REFUSED"
TLS_FAILED = "MAIL_SERVER_TLS_FAILED"
AUTH_FAILED = "AUTHENTICATION_FAILED"
TOO_LARGE = "TOO_LARGE"
UNSUPPORTED = "UNSUPPORTED"

# RFC 5321, 4.5.3.2: the least that a client should wait.
COMMAND_SECONDS = 300.0
DATA_SECONDS = 180.0
DOT_SECONDS = 600.0

# Octets of a message that are gathered for one write.
WRITE = 64 * 1024


@dataclass(frozen=True)
class Envelope:
    """What SMTP needs to know of a message."""

    id: str
    sender: str
    recipients: tuple[str, ...]
    size: int
    needs_smtputf8: bool = False
    eight_bit: bool = False
    delivery_report: bool = False


@dataclass
class Outcome:
    """What came of an attempt. Recipients without a result are to be tried again."""

    results: dict[str, Recipient] = field(default_factory=dict)
    problem: str = ""
    # Whether the connection is fit for another message.
    reusable: bool = False
    # Whether nothing but the connection was at fault, before anything was said on it.
    stale: bool = False


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait for: the connection, a command's reply, room to write data, the reply to the dot."""

    connect: float = 20.0
    command: float = COMMAND_SECONDS
    data: float = DATA_SECONDS
    dot: float = DOT_SECONDS


BeforeDot = Callable[[], Awaitable[None]]
# Gives the message from its start, each time it is called.
Octets = Callable[[], AsyncIterator[bytes]]


async def send(
    session: Session,
    envelope: Envelope,
    octets: AsyncIterator[bytes],
    before_dot: BeforeDot,
    timeouts: Timeouts,
) -> Outcome:
    """Submits the message. `before_dot` is awaited when all but the final dot has been written; where it
    raises, the dot is not sent and the connection is closed."""
    outcome = Outcome()
    refusal = _cannot(session, envelope)
    if refusal:
        _settle(outcome, envelope.recipients, 0, refusal)
        outcome.reusable = True
        return outcome
    try:
        accepted = await _envelope(session, envelope, outcome, timeouts)
        if accepted:
            await _data(session, accepted, octets, before_dot, outcome, timeouts)
    except SessionTimeout:
        outcome.problem = TIMEOUT
    except (SessionLost, OSError):
        outcome.problem = UNREACHABLE
    finally:
        if not outcome.reusable:
            # Mid-command, or broken: what comes next on it could be taken for something else.
            session.close()
    return outcome


def _cannot(session: Session, envelope: Envelope) -> tuple[str, str] | None:
    """Why the server cannot take this message at all, as (problem, enhanced status code)."""
    if 0 < size_limit(session.extensions) < envelope.size:
        return TOO_LARGE, "5.3.4"  # RFC 3463; RFC 1870, 6.1
    if envelope.needs_smtputf8 and not session.offers("smtputf8"):
        return UNSUPPORTED, "5.6.7"  # RFC 6531, 3.5
    if envelope.eight_bit and not session.offers("8bitmime"):
        return UNSUPPORTED, "5.6.3"  # RFC 3463: conversion required but not supported
    return None


def size_limit(extensions: Mapping[str, str]) -> int:
    """The largest message that the server takes (RFC 1870); 0 where it does not say."""
    limit = extensions.get("size", "")
    return int(limit) if limit.isascii() and limit.isdigit() else 0


def _settle(outcome: Outcome, addresses: Sequence[str], code: int, refusal: tuple[str, str]) -> None:
    outcome.problem = refusal[0]
    for address in addresses:
        outcome.results[address] = Recipient(address, Fate.REFUSED, code, refusal[1], "")


class _Dialogue:
    """Commands and their replies: all commands at once where the server offers that, else one after the
    other."""

    def __init__(self, session: Session, commands: Sequence[bytes], seconds: float) -> None:
        self._session, self._seconds = session, seconds
        pipelined = session.offers("pipelining")
        self._unsent = deque(() if pipelined else commands)
        # Commands that have left and have no reply yet.
        self.unanswered = 0
        if pipelined:
            self._send(*commands)

    def _send(self, *commands: bytes) -> None:
        self._session.send(*commands)
        self.unanswered += len(commands)

    async def reply(self) -> Reply:
        """The reply to the next command."""
        if not self.unanswered:
            self._send(self._unsent.popleft())
        reply = await self._session.reply(self._seconds)
        self.unanswered -= 1
        return reply


async def _envelope(session: Session, envelope: Envelope, outcome: Outcome, timeouts: Timeouts) -> list[str]:
    """MAIL, RCPT and DATA; the recipients for whom the server now waits for the message."""
    await faults.at("smtp.before_data")
    outcome.stale = True
    # RFC 2920, 3.1: all these may leave together, DATA last.
    dialogue = _Dialogue(session, _commands(session, envelope), timeouts.command)
    reply = await dialogue.reply()
    if not _positive(reply.code):
        for address in envelope.recipients:
            _answer(outcome, address, reply)
        if reply.code == 421:  # RFC 5321, 3.8: the server is about to close
            raise SessionLost("421")
    outcome.stale = False
    accepted = []
    if _positive(reply.code):
        for address in envelope.recipients:
            reply = await dialogue.reply()
            if _positive(reply.code):
                accepted.append(address)
            else:
                _answer(outcome, address, reply)
            if reply.code == 421:
                raise SessionLost("421")
    if not accepted:
        await _leave_it(session, dialogue, outcome, timeouts)
        return []
    reply = await dialogue.reply()
    if reply.code == 354:
        return accepted
    for address in accepted:
        _answer(outcome, address, reply)
    if reply.code != 421:
        await _reset(session, outcome, timeouts)
    return []


async def _leave_it(session: Session, dialogue: _Dialogue, outcome: Outcome, timeouts: Timeouts) -> None:
    """Nobody was accepted. What the server says to the commands that have left already changes nothing."""
    code = 0
    try:
        while dialogue.unanswered:
            code = (await dialogue.reply()).code
    except (SessionLost, SessionTimeout, OSError):
        return
    if code != 354:
        await _reset(session, outcome, timeouts)
    # Else it waits for a message that is for nobody. RFC 2920, 3.1 would have a lone dot sent; the connection
    # is closed instead, for which a server forgets the message, whatever it took for a recipient.


async def _reset(session: Session, outcome: Outcome, timeouts: Timeouts) -> None:
    """Makes the session fit for another message; where that fails it is not kept."""
    try:
        session.send(b"RSET")
        outcome.reusable = _positive((await session.reply(timeouts.command)).code)
    except (SessionLost, SessionTimeout, OSError):
        pass


def _commands(session: Session, envelope: Envelope) -> list[bytes]:
    options, encoding, notify = [], "ascii", b""
    if session.offers("size"):
        options.append(b"SIZE=%d" % envelope.size)
    if envelope.eight_bit:
        options.append(b"BODY=8BITMIME")
    if envelope.needs_smtputf8:
        options.append(b"SMTPUTF8")
        encoding = "utf-8"
    if envelope.delivery_report and session.offers("dsn"):
        options += [b"RET=HDRS", b"ENVID=" + envelope.id.encode("ascii")]
        notify = b" NOTIFY=SUCCESS,FAILURE,DELAY"
    mail = b" ".join([b"MAIL FROM:<" + envelope.sender.encode(encoding) + b">", *options])
    recipients = [b"RCPT TO:<" + to.encode(encoding) + b">" + notify for to in envelope.recipients]
    return [mail, *recipients, b"DATA"]


async def _data(
    session: Session,
    accepted: list[str],
    octets: AsyncIterator[bytes],
    before_dot: BeforeDot,
    outcome: Outcome,
    timeouts: Timeouts,
) -> None:
    stuffing, held = wire.Stuffing(), bytearray()
    async for chunk in octets:
        held += stuffing.feed(chunk)
        if len(held) >= WRITE:
            await session.write(bytes(held), timeouts.data)
            held.clear()
    await session.write(bytes(held + stuffing.finish()), timeouts.data)
    await faults.at("dot.before_mark")
    await before_dot()
    await faults.at("dot.marked")
    # Raises where a reply came that belongs to nothing: it would be read as the reply to the dot.
    session.end()
    await faults.at("dot.sent")
    try:
        reply = await session.reply(timeouts.dot)
    except (SessionLost, SessionTimeout, OSError) as err:
        outcome.problem = TIMEOUT if isinstance(err, SessionTimeout) else UNREACHABLE
        for address in accepted:
            outcome.results[address] = Recipient(address, Fate.UNKNOWN)
        return
    await faults.at("dot.answered")
    for address in accepted:
        _answer(outcome, address, reply, final=True)
    outcome.reusable = reply.code != 421 and session.is_good


def _positive(code: int) -> bool:
    """RFC 5321, 4.3.2: the first digit is what counts."""
    return 200 <= code < 300


def _answer(outcome: Outcome, address: str, reply: Reply, *, final: bool = False) -> None:
    """What a reply means for a recipient. Only the reply to the `final` dot can say that the message was
    taken: a positive one elsewhere is out of place, and no reason to believe it."""
    code = reply.code
    enhanced, text = wire.reply_text(code, reply.message)
    if final and _positive(code):
        fate = Fate.ACCEPTED
    elif 500 <= code < 600:
        fate = Fate.REFUSED
    else:
        # 4yz, and whatever no server should say: never a reason to give a message up.
        fate = Fate.PENDING
    if fate is not Fate.ACCEPTED:
        outcome.problem = REFUSED
    outcome.results[address] = Recipient(address, fate, code, enhanced, text)
