"""Messages in: one .eml, an mbox, or a zip of these, as a stream. Each message passes through a spool of
its own.
"""

from __future__ import annotations

import lzma
import tempfile
import zipfile
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.common.errors import PosternError, Reason, invalid_argument, too_large
from services.mailstore.acting.append import append_spool, find_message
from services.mailstore.acting.spool import Spool
from services.mailstore.imap.pool import Account, Pool
from services.mailstore.mime.headers import parse_headers, read_envelope
from services.mailstore.names import MessageName, check_mailbox
from services.mailstore.transfer import zips
from services.mailstore.transfer.exporting import Format
from services.mailstore.transfer.mbox import Splitter

# A zip has its table at the end, so it is kept whole in a temporary file.
MAX_ARCHIVE = 1024 * 1024 * 1024
# What was imported is old mail: not new to anybody.
_FLAGS = ("\\Seen",)
# Reasons to leave one message out; with any other the whole import ends.
_ONE_MESSAGE = frozenset({Reason.TOO_LARGE, Reason.INVALID_ARGUMENT, Reason.MAIL_SERVER_REFUSED})
# What the standard library raises on archives that are damaged, or of a kind that it does not know.
BAD_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    ValueError,
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """Where to, and what the file is."""

    mailbox: str
    file_format: Format = Format.GUESS
    skip_duplicates: bool = False


@dataclass(slots=True)
class ImportStep:
    """What happened since the last step; `done` counts messages in all."""

    done: int
    imported: list[MessageName] = field(default_factory=list)
    skipped: int = 0
    refused: list[str] = field(default_factory=list)


class Importer:
    """One import."""

    def __init__(self, pool: Pool, account: Account, request: ImportRequest, max_message: int) -> None:
        self._pool, self._account, self._request = pool, account, request
        self._mailbox = check_mailbox(request.mailbox)
        self._max_message = max_message
        self._done = 0

    async def run(self, source: AsyncIterator[bytes]) -> AsyncIterator[ImportStep]:
        """A step for each message. MAILBOX_NOT_FOUND, QUOTA_EXCEEDED, TOO_LARGE."""
        first = b""
        async for data in source:
            first += data
            if len(first) >= 8:
                break
        if not first:
            raise invalid_argument("data", "missing")
        kind = self._request.file_format or _guess(first)
        everything = _chain(first, source)
        if kind is Format.ZIP:
            async for step in self._zip(everything):
                yield step
        elif kind is Format.MBOX:
            async for step in self._mbox(everything, "mbox"):
                yield step
        else:
            line_ends = _LineEnds()
            with Spool(self._max_message) as spool:
                async for data in everything:
                    spool.write(line_ends(data))
                yield await self._one(spool, "message")

    async def _mbox(self, source: AsyncIterator[bytes], name: str) -> AsyncIterator[ImportStep]:
        splitter = Splitter()
        spool: Spool | None = None
        refused = False
        number = 0
        try:
            async for data in _with_end(source):
                for kind, content in splitter.finish() if data is None else splitter.feed(data):
                    if kind == "begin":
                        if spool is not None:
                            yield await self._end(spool, f"{name} {number}", refused)
                        spool, refused, number = Spool(self._max_message), False, number + 1
                    elif spool is not None and not refused:
                        try:
                            spool.write(content)
                        except PosternError:
                            refused = True
            if spool is not None:
                yield await self._end(spool, f"{name} {number}", refused)
                spool = None
            else:
                yield ImportStep(self._done, refused=[name])
        finally:
            if spool is not None:
                spool.close()

    async def _end(self, spool: Spool, name: str, refused: bool) -> ImportStep:
        with spool:
            return ImportStep(self._done, refused=[name]) if refused else await self._one(spool, name)

    async def _zip(self, source: AsyncIterator[bytes]) -> AsyncIterator[ImportStep]:
        with tempfile.TemporaryFile() as file:
            size = 0
            async for data in source:
                size += len(data)
                if size > MAX_ARCHIVE:
                    raise too_large(MAX_ARCHIVE)
                file.write(data)
            file.seek(0)
            try:
                archive = zipfile.ZipFile(file)
            except BAD_ARCHIVE as err:
                raise invalid_argument("data", "not_a_zip", err) from None
            with archive:
                for entry in zips.entries(archive, self._max_message):
                    if entry.refused:
                        yield ImportStep(self._done, refused=[entry.name])
                        continue
                    try:
                        async for step in self._entry(archive, entry):
                            yield step
                    except BAD_ARCHIVE:
                        yield ImportStep(self._done, refused=[entry.name])

    async def _entry(self, archive: zipfile.ZipFile, entry: zips.Entry) -> AsyncIterator[ImportStep]:
        if entry.mbox:
            async for step in self._mbox(_async(archive, entry), entry.name):
                yield step
            return
        line_ends = _LineEnds()
        with Spool(self._max_message) as spool:
            try:
                for data in zips.read(archive, entry):
                    spool.write(line_ends(data))
            except PosternError:
                yield ImportStep(self._done, refused=[entry.name])
                return
            yield await self._one(spool, entry.name)

    async def _one(self, spool: Spool, name: str) -> ImportStep:
        headers = parse_headers(spool.header()) if spool.size else None
        if not headers:
            return ImportStep(self._done, refused=[name])
        envelope = read_envelope(headers)
        received = envelope.date if envelope.date and envelope.date < datetime.now(UTC) else None
        try:
            async with self._pool.lease(self._account) as session:
                if self._request.skip_duplicates and envelope.message_id:
                    found = await find_message(session, self._mailbox, f"<{envelope.message_id}>")
                    if found is not None:
                        return ImportStep(self._done, skipped=1)
                added = await append_spool(session, self._mailbox, _FLAGS, received, spool)
        except PosternError as err:
            if err.reason in _ONE_MESSAGE:
                return ImportStep(self._done, refused=[name])
            raise
        self._done += 1
        return ImportStep(self._done, imported=[added])


def _guess(first: bytes) -> Format:
    if first.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Format.ZIP
    return Format.MBOX if first.startswith(b"From ") else Format.EML


class _LineEnds:
    """Octets in pieces with line ends as IMAP wants them: every LF that has no CR gets one."""

    def __init__(self) -> None:
        self._after_cr = False

    def __call__(self, data: bytes) -> bytes:
        if not data:
            return data
        head = b""
        if self._after_cr and data.startswith(b"\n"):
            head, data = b"\n", data[1:]
            self._after_cr = False
        if data:
            self._after_cr = data.endswith(b"\r")
        return head + data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for data in rest:
        yield data


async def _with_end(source: AsyncIterator[bytes]) -> AsyncIterator[bytes | None]:
    async for data in source:
        yield data
    yield None


async def _async(archive: zipfile.ZipFile, entry: zips.Entry) -> AsyncIterator[bytes]:
    for data in zips.read(archive, entry):
        yield data
