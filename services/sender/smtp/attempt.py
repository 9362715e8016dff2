"""One attempt at one message over one connection, and what came of it for each recipient.

What is retried and what is not (RFC 5321, 4.2.1 and 4.5.4.1; RFC 1047):

* the server cannot be reached, breaks off or answers 4yz before the final dot: nothing was taken; try again;
* 5yz: refused for good; to MAIL for every recipient, to RCPT for that one, to DATA or the dot for all that
  were left;
* the connection lost, or no answer, after the final dot: unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import aiosmtplib
from aiosmtplib import SMTP

from services.sender import faults
from services.sender.model import Fate, Recipient
from services.sender.smtp import wire

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
    smtp: SMTP, envelope: Envelope, octets: AsyncIterator[bytes], before_dot: BeforeDot, timeouts: Timeouts
) -> Outcome:
    """Submits the message. `before_dot` is awaited when all but the final dot has been written; where it
    raises, the dot is not sent and the connection is closed."""
    outcome = Outcome()
    refusal = _cannot(smtp, envelope)
    if refusal:
        _settle(outcome, envelope.recipients, 0, refusal)
        outcome.reusable = True
        return outcome
    try:
        accepted = await _envelope(smtp, envelope, outcome, timeouts)
        if not accepted:
            await _reset(smtp, outcome, timeouts)
            return outcome
        await _data(smtp, accepted, octets, before_dot, outcome, timeouts)
    except aiosmtplib.SMTPTimeoutError:
        outcome.problem = TIMEOUT
    except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPResponseException, OSError):
        outcome.problem = UNREACHABLE
    finally:
        if not outcome.reusable:
            # Mid-command, or broken: what comes next on it could be taken for something else.
            smtp.close()
    return outcome


def _cannot(smtp: SMTP, envelope: Envelope) -> tuple[str, str] | None:
    """Why the server cannot take this message at all, as (problem, enhanced status code)."""
    limit = smtp.esmtp_extensions.get("size", "")
    if limit.isascii() and limit.isdigit() and 0 < int(limit) < envelope.size:
        return TOO_LARGE, "5.3.4"  # RFC 3463; RFC 1870, 6.1
    if envelope.needs_smtputf8 and not smtp.supports_extension("smtputf8"):
        return UNSUPPORTED, "5.6.7"  # RFC 6531, 3.5
    if envelope.eight_bit and not smtp.supports_extension("8bitmime"):
        return UNSUPPORTED, "5.6.3"  # RFC 3463: conversion required but not supported
    return None


def _settle(outcome: Outcome, addresses: Sequence[str], code: int, refusal: tuple[str, str]) -> None:
    outcome.problem = refusal[0]
    for address in addresses:
        outcome.results[address] = Recipient(address, Fate.REFUSED, code, refusal[1], "")


async def _envelope(smtp: SMTP, envelope: Envelope, outcome: Outcome, timeouts: Timeouts) -> list[str]:
    """MAIL and RCPT; the recipients that the server will take."""
    options, encoding = _mail_options(smtp, envelope)
    outcome.stale = True
    reply = await smtp.execute_command(
        b"MAIL", b"FROM:<" + envelope.sender.encode(encoding) + b">", *options, timeout=timeouts.command
    )
    if not _positive(reply.code):
        for address in envelope.recipients:
            _answer(outcome, address, reply.code, reply.message)
        if reply.code == 421:  # RFC 5321, 3.8: the server is about to close
            raise aiosmtplib.SMTPServerDisconnected("421")
    outcome.stale = False
    if not _positive(reply.code):
        return []
    notify = [b"NOTIFY=SUCCESS,FAILURE,DELAY"] if _reports(smtp, envelope) else []
    accepted = []
    for address in envelope.recipients:
        reply = await smtp.execute_command(
            b"RCPT", b"TO:<" + address.encode(encoding) + b">", *notify, timeout=timeouts.command
        )
        if _positive(reply.code):
            accepted.append(address)
        else:
            _answer(outcome, address, reply.code, reply.message)
        if reply.code == 421:
            raise aiosmtplib.SMTPServerDisconnected("421")
    return accepted


async def _reset(smtp: SMTP, outcome: Outcome, timeouts: Timeouts) -> None:
    """Makes the session fit for another message; where that fails it is not kept."""
    try:
        await smtp.rset(timeout=timeouts.command)
        outcome.reusable = True
    except (aiosmtplib.SMTPException, OSError):
        pass


def _reports(smtp: SMTP, envelope: Envelope) -> bool:
    return envelope.delivery_report and smtp.supports_extension("dsn")


def _mail_options(smtp: SMTP, envelope: Envelope) -> tuple[list[bytes], str]:
    options, encoding = [], "ascii"
    if smtp.supports_extension("size"):
        options.append(b"SIZE=%d" % envelope.size)
    if envelope.eight_bit:
        options.append(b"BODY=8BITMIME")
    if envelope.needs_smtputf8:
        options.append(b"SMTPUTF8")
        encoding = "utf-8"
    if _reports(smtp, envelope):
        options += [b"RET=HDRS", b"ENVID=" + envelope.id.encode("ascii")]
    return options, encoding


async def _data(
    smtp: SMTP,
    accepted: list[str],
    octets: AsyncIterator[bytes],
    before_dot: BeforeDot,
    outcome: Outcome,
    timeouts: Timeouts,
) -> None:
    await faults.at("smtp.before_data")
    reply = await smtp.execute_command(b"DATA", timeout=timeouts.command)
    if reply.code != 354:
        for address in accepted:
            _answer(outcome, address, reply.code, reply.message)
        if reply.code != 421:
            await _reset(smtp, outcome, timeouts)
        return
    stuffing = wire.Stuffing()
    async for chunk in octets:
        await _write(smtp, stuffing.feed(chunk), timeouts)
    await _write(smtp, stuffing.finish(), timeouts)
    await faults.at("dot.before_mark")
    await before_dot()
    await faults.at("dot.marked")
    protocol = smtp.protocol
    if protocol is None or not protocol.is_connected:
        raise aiosmtplib.SMTPServerDisconnected("lost before the final dot")
    if protocol._buffer:
        # More replies than commands: what is left over would be read as the reply to the dot.
        raise aiosmtplib.SMTPServerDisconnected("out of step")
    protocol.write(wire.END)
    # Before anything else is awaited: the library drops a reply that comes while nobody waits for one.
    reading = asyncio.create_task(protocol.read_response(timeout=timeouts.dot))
    try:
        await faults.at("dot.sent")
        reply = await reading
    except (aiosmtplib.SMTPException, OSError) as err:
        timed_out = isinstance(err, aiosmtplib.SMTPTimeoutError)
        outcome.problem = TIMEOUT if timed_out else UNREACHABLE
        for address in accepted:
            outcome.results[address] = Recipient(address, Fate.UNKNOWN)
        return
    finally:
        reading.cancel()
    await faults.at("dot.answered")
    for address in accepted:
        _answer(outcome, address, reply.code, reply.message, final=True)
    outcome.reusable = reply.code != 421 and not protocol._buffer


async def _write(smtp: SMTP, data: bytes, timeouts: Timeouts) -> None:
    if not data or smtp.protocol is None:
        if data:
            raise aiosmtplib.SMTPServerDisconnected("lost while writing")
        return
    smtp.protocol.write(data)
    try:
        # The library has no call that writes a message piece by piece and waits for room. This is what its
        # own protocol inherits from asyncio for the purpose; a test of the locked version holds it.
        await asyncio.wait_for(smtp.protocol._drain_helper(), timeouts.data)
    except TimeoutError as err:
        raise aiosmtplib.SMTPReadTimeoutError("no room to write") from err


def _positive(code: int) -> bool:
    """RFC 5321, 4.3.2: the first digit is what counts."""
    return 200 <= code < 300


def _answer(outcome: Outcome, address: str, code: int, message: str, *, final: bool = False) -> None:
    """What a reply means for a recipient. Only the reply to the `final` dot can say that the message was
    taken: a positive one elsewhere is out of place, and no reason to believe it."""
    enhanced, text = wire.reply_text(code, message)
    if final and _positive(code):
        fate = Fate.ACCEPTED
    elif 500 <= code < 600:
        fate = Fate.REFUSED
    else:
        # 4yz, and whatever no server should say: never a reason to give a message up.
        fate = Fate.PENDING
    if fate is not Fate.ACCEPTED:
        outcome.problem = REFUSED
    outcome.results[address] = Recipient(address, fate, max(code, 0), enhanced, text)
