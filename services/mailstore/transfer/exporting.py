"""Messages out: one .eml, an mbox, or a zip of .eml files, as a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum

from services.common.errors import PosternError, Reason, invalid_argument
from services.mailstore.acting.targets import Target, resolve
from services.mailstore.imap.pool import Account, Pool
from services.mailstore.imap.session import Session
from services.mailstore.mime.filenames import safe_filename
from services.mailstore.names import MessageRange
from services.mailstore.reading.octets import chunks, windows
from services.mailstore.reading.opening import open_mailbox
from services.mailstore.threads.build import Light
from services.mailstore.threads.cache import fetch_lights
from services.mailstore.transfer.mbox import Quoter, separator
from services.mailstore.transfer.zips import ZipWriter

_BATCH = 200


class Format(StrEnum):
    """How several messages are one file."""

    GUESS = ""
    EML = "eml"
    MBOX = "mbox"
    ZIP = "zip"


@dataclass(frozen=True, slots=True)
class ExportStep:
    """Octets of the file, and messages done of all."""

    data: bytes
    done: int
    total: int


async def export(
    pool: Pool, account: Account, target: Target, file_format: Format
) -> AsyncIterator[ExportStep]:
    """The file. INVALID_ARGUMENT where several messages should be one .eml; messages that vanish meanwhile
    are left out.
    """
    ranges = await pool.run(account, lambda session: resolve(session, target))
    total = sum(len(messages.uids) for messages in ranges)
    if file_format is Format.EML and total != 1:
        raise invalid_argument("format", "not_one_message")
    writer = ZipWriter()
    done = 0
    async for light in _lights(pool, account, ranges):
        pieces = _message(pool, account, light, file_format, writer, done + 1)
        async with aclosing(pieces):  # type: ignore[type-var]
            async for data in pieces:
                for chunk in chunks(data):
                    yield ExportStep(chunk, done, total)
        done += 1
        yield ExportStep(b"", done, total)
    if file_format in (Format.ZIP, Format.GUESS):
        writer.finish()
        for chunk in chunks(writer.take()):
            yield ExportStep(chunk, done, total)


async def _lights(pool: Pool, account: Account, ranges: list[MessageRange]) -> AsyncIterator[Light]:
    """Who wrote each message, when, and about what, for names and separators."""
    for messages in ranges:
        for start in range(0, len(messages.uids), _BATCH):
            batch = list(messages.uids[start : start + _BATCH])

            async def work(
                session: Session, of: MessageRange = messages, uids: list[int] = batch
            ) -> list[Light]:
                await open_mailbox(session, of.mailbox, uid_validity=of.uid_validity)
                return await fetch_lights(session, of.mailbox, of.uid_validity, uids)

            for light in await pool.run(account, work, mailbox=messages.mailbox):
                yield light


async def _message(
    pool: Pool, account: Account, light: Light, file_format: Format, writer: ZipWriter, number: int
) -> AsyncIterator[bytes]:
    quoter = Quoter()
    if file_format is Format.MBOX:
        yield separator(light.author.addr if light.author else "", light.received)
    elif file_format is not Format.EML:
        writer.begin(_file_name(light, number), light.received)
    source = windows(pool, account, light.name, "")
    try:
        async for window in source:
            if file_format is Format.EML:
                yield window
            elif file_format is Format.MBOX:
                yield quoter.feed(window)
            else:
                writer.write(window)
                yield writer.take()
    except PosternError as err:
        if err.reason != Reason.MESSAGE_GONE or file_format is Format.EML:
            raise
    finally:
        await source.aclose()  # type: ignore[attr-defined]
    if file_format is Format.MBOX:
        yield quoter.finish()


def _file_name(light: Light, number: int) -> str:
    subject = safe_filename(light.subject)[:80].strip(" .") or "message"
    return f"{number:05d} {light.received:%Y-%m-%d} {subject}.eml"
