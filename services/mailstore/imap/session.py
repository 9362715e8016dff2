"""Commands over one connection, and the mailbox that is selected on it (RFC 9051 sections 3 and 5).

Invariants: one task at a time; whatever goes wrong between a command and its tagged answer (time-out,
cancelled, out of step) drops the connection; a refused command (NO, BAD) leaves it usable. `selected`
agrees with the server: EXISTS, EXPUNGE and the response codes of SELECT are followed as they come.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.mailstore.imap import utf7
from services.mailstore.imap.deadline import time_left
from services.mailstore.imap.failure import CommandRefused, ConnectionLost, ImapError, ProtocolError
from services.mailstore.imap.parser import Response, pairs, parse_values
from services.mailstore.imap.syntax import Literal, astring, check_line
from services.mailstore.imap.transport import ImapTransport

Pieces = Sequence[bytes]


@dataclass(slots=True)
class Selected:
    """The mailbox that is open on the connection."""

    name: str
    read_only: bool
    exists: int = 0
    uid_validity: int = 0
    uid_next: int = 0
    highest_modseq: int = 0
    permanent_flags: frozenset[bytes] = frozenset()
    # Grows whenever the server tells of something new: messages that came or went, flags that changed.
    changes: int = 0


@dataclass(slots=True)
class Result:
    """The tagged answer of one command and the untagged data that came with it."""

    status: str
    code: str
    code_data: bytes
    text: bytes
    untagged: list[Response] = field(default_factory=list)

    def data(self, name: str) -> list[Response]:
        """The untagged responses of this name."""
        return [response for response in self.untagged if response.name == name]


class Session:
    """One authenticated connection."""

    def __init__(self, transport: ImapTransport, io_timeout: float) -> None:
        self.transport = transport
        self.io_timeout = io_timeout
        self.capabilities: frozenset[str] = frozenset()
        self.enabled: frozenset[str] = frozenset()
        self.selected: Selected | None = None
        self.selected_at = 0.0
        self.last_used = time.monotonic()
        # How often it was lent; more than once means that it was kept.
        self.uses = 0
        self.on_untagged: Callable[[Response], None] | None = None
        self._tag = 0
        self._busy = False
        # Set when the connection is not to be used again, though it still answers.
        self._bye = b""

    # state

    def has(self, capability: str) -> bool:
        """Whether the server offers it (upper case, with its value: "THREAD=REFERENCES")."""
        return capability in self.capabilities

    @property
    def rev2(self) -> bool:
        return "IMAP4REV2" in self.enabled or (
            "IMAP4REV2" in self.capabilities and "IMAP4REV1" not in self.capabilities
        )

    @property
    def utf8(self) -> bool:
        """Whether names go as UTF-8 (RFC 6855, RFC 9051)."""
        return "UTF8=ACCEPT" in self.enabled or self.rev2

    @property
    def usable(self) -> bool:
        return not self.transport.lost and not self._busy and not self._bye

    def mailbox(self, name: str) -> bytes:
        """A mailbox's name as a piece of a command. ValueError on control characters."""
        if name.upper() == "INBOX":
            return b"INBOX"
        return astring(utf7.encode(name, utf8=self.utf8))

    def close(self) -> None:
        """Drop the connection at once."""
        self.transport.abort()

    async def logout(self) -> None:
        """End politely, within a second; never fails."""
        try:
            async with asyncio.timeout(1):
                await self.execute([b"LOGOUT"])
        except (ImapError, TimeoutError):
            pass
        finally:
            self.close()

    # commands

    async def command(self, *pieces: bytes) -> Result:
        """One command; CommandRefused unless it is answered OK."""
        (result,) = await self.execute(list(pieces))
        return self.require(result, pieces)

    @staticmethod
    def require(result: Result, pieces: Sequence[bytes]) -> Result:
        """`result`, which must be OK."""
        if result.status != "OK":
            name = (
                b" ".join(pieces[:2]).decode("ascii", "replace")
                if pieces[0] == b"UID"
                else pieces[0].decode()
            )
            raise CommandRefused(name, result.status, result.code, result.text.decode("utf-8", "replace"))
        return result

    async def execute(self, *commands: Pieces) -> list[Result]:
        """Send all commands at once, then collect their answers, in order (RFC 9051 section 5.5).

        Only commands that do not hang on each other's answers may stand together. Nothing is raised for NO
        or BAD.
        """
        async with self._exclusive():
            waiting: dict[bytes, Pieces] = {}
            answers: dict[bytes, Result] = {}
            untagged: dict[bytes, list[Response]] = {}

            def take(response: Response) -> None:
                if response.tag == b"*":
                    self._follow(response)
                    untagged[_owner(response, waiting)].append(response)
                    return
                pieces = waiting.pop(response.tag, None)
                if pieces is None:
                    raise ProtocolError("unexpected tag")
                answers[response.tag] = Result(
                    response.name, response.code, response.code_data, response.text, untagged[response.tag]
                )
                self._after(pieces, answers[response.tag])
                if response.code == "SERVERBUG":
                    # Such as a mailbox deleted under us: what is selected is not to be built upon.
                    self._bye = b"SERVERBUG"

            tags: list[bytes] = []
            for pieces in commands:
                tag = self._next_tag()
                tags.append(tag)
                waiting[tag] = pieces
                untagged[tag] = []
                await self._send(tag, pieces, take, waiting)
            while waiting:
                response = await self._receive()
                if response.tag == b"+":
                    raise ProtocolError("continuation not asked for")
                take(response)
            return [answers[tag] for tag in tags]

    async def append(self, head: Pieces, size: int, chunks: AsyncIterator[bytes]) -> Result:
        """APPEND with its literal streamed; the server says first whether it wants it. `size` must be
        exact.
        """
        async with self._exclusive():
            tag = self._next_tag()
            collected: list[Response] = []
            # A synchronizing literal also where LITERAL+ is offered: one round trip more, and a server that
            # refuses (quota, size, no such mailbox) does so before megabytes are sent to be thrown away.
            self.transport.write(tag + b" " + b" ".join(map(check_line, head)) + b" {%d}\r\n" % size)
            sent = False
            while True:
                response = await self._receive()
                if response.tag == b"*":
                    self._follow(response)
                    collected.append(response)
                elif response.tag == b"+":
                    if sent:
                        raise ProtocolError("continuation not asked for")
                    sent = True
                    total = 0
                    async for chunk in chunks:
                        total += len(chunk)
                        if total > size:
                            raise ProtocolError("literal longer than said")
                        self.transport.write(chunk)
                        await self.transport.drain(self._timeout())
                    if total != size:
                        raise ProtocolError("literal shorter than said")
                    self.transport.write(b"\r\n")
                elif response.tag == tag:
                    return Result(response.name, response.code, response.code_data, response.text, collected)
                else:
                    raise ProtocolError("unexpected tag")

    @asynccontextmanager
    async def idle(self) -> AsyncIterator[AsyncIterator[Response]]:
        """IDLE (RFC 2177): gives untagged responses as they come; ends when the block is left."""
        async with self._exclusive():
            tag = self._next_tag()
            self.transport.write(tag + b" IDLE\r\n")
            first = await self._receive()
            while first.tag == b"*":
                self._follow(first)
                first = await self._receive()
            if first.tag != b"+":
                raise CommandRefused("IDLE", first.name, first.code, "")
            yield self._idle_responses(tag)
            if self._bye:
                return
            self.transport.write(b"DONE\r\n")
            while True:
                response = await self._receive()
                if response.tag == tag:
                    return
                self._follow(response)

    async def _idle_responses(self, tag: bytes) -> AsyncIterator[Response]:
        while True:
            response = await self.transport.receive(29 * 60)
            if response.tag == tag:
                raise ConnectionLost("IDLE ended by the server")
            self._follow(response)
            if response.name == "BYE":
                raise ConnectionLost("BYE")
            yield response

    @asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        if self._busy:
            raise ProtocolError("connection in use")
        if self.transport.lost:
            raise ConnectionLost("kept connection is gone")
        self._busy = True
        try:
            yield
        except CommandRefused:
            raise
        except BaseException:
            # Also CancelledError: the answer that is still to come would be taken for that of the next
            # command.
            self.close()
            raise
        finally:
            self._busy = False
            self.last_used = time.monotonic()

    def _timeout(self) -> float:
        return time_left(self.io_timeout)

    async def _receive(self) -> Response:
        response = await self.transport.receive(self._timeout())
        if response.tag == b"*" and response.name == "BYE" and not self._bye:
            self._bye = response.text or b"BYE"
        return response

    def _next_tag(self) -> bytes:
        self._tag += 1
        return b"p%d" % self._tag

    async def _send(
        self,
        tag: bytes,
        pieces: Pieces,
        take: Callable[[Response], None],
        waiting: dict[bytes, Pieces],
    ) -> None:
        out = bytearray(tag)
        for piece in pieces:
            if not isinstance(piece, Literal):
                out += b" " + check_line(piece)
                continue
            if "LITERAL+" in self.capabilities or ("LITERAL-" in self.capabilities and len(piece) <= 4096):
                out += b" {%d+}\r\n" % len(piece) + piece
                continue
            out += b" {%d}\r\n" % len(piece)
            self.transport.write(bytes(out))
            out = bytearray(piece)
            while True:
                response = await self._receive()
                if response.tag == b"+":
                    break
                take(response)
                if tag not in waiting:
                    return
        self.transport.write(bytes(out) + b"\r\n")
        await self.transport.drain(self._timeout())

    # following the server

    def _follow(self, response: Response) -> None:
        selected = self.selected
        if self.on_untagged is not None:
            self.on_untagged(response)
        if response.name == "CAPABILITY":
            self.capabilities = _words(response.values)
        elif response.code == "CAPABILITY":
            self.capabilities = _words(parse_values([response.code_data]))
        elif response.name == "ENABLED":
            self.enabled |= _words(response.values)
        if selected is None:
            return
        if response.name == "EXISTS":
            selected.changes += response.number != selected.exists
            selected.exists = response.number
        elif response.name == "EXPUNGE":
            selected.exists = max(0, selected.exists - 1)
            selected.changes += 1
        elif response.name == "FETCH":
            # Unasked-for news of flags comes without a UID (RFC 9051 section 7.5.2); what was asked for has
            # one.
            selected.changes += not (response.values and b"UID" in pairs(response.values[0]))
        elif response.name == "OK" and response.code:
            _follow_code(selected, response)

    def _after(self, pieces: Pieces, result: Result) -> None:
        if result.code == "CAPABILITY":
            self.capabilities = _words(parse_values([result.code_data]))
        if pieces[0] in (b"SELECT", b"EXAMINE"):
            if result.status != "OK":
                self.selected = None
            elif self.selected is not None:
                self.selected.read_only = pieces[0] == b"EXAMINE" or result.code == "READ-ONLY"
        elif pieces[0] in (b"CLOSE", b"UNSELECT"):
            self.selected = None

    def begin_select(self, name: str, read_only: bool) -> Pieces:
        """The SELECT or EXAMINE to put into `execute`; from here on `selected` speaks of the new mailbox."""
        self.selected = Selected(name, read_only)
        self.selected_at = time.monotonic()
        return [b"EXAMINE" if read_only else b"SELECT", self.mailbox(name)]


# Which command's data an untagged response is. Servers work on commands that were sent together side by
# side (Dovecot answers NOOP last), so the order alone does not tell.
_DATA_OF: dict[str, frozenset[bytes]] = {
    "FETCH": frozenset({b"FETCH", b"STORE"}),
    "SEARCH": frozenset({b"SEARCH"}),
    "SORT": frozenset({b"SORT"}),
    "THREAD": frozenset({b"THREAD"}),
    "STATUS": frozenset({b"STATUS", b"LIST"}),
    "LIST": frozenset({b"LIST"}),
    "LSUB": frozenset({b"LSUB"}),
    "NAMESPACE": frozenset({b"NAMESPACE"}),
}


def _owner(response: Response, waiting: dict[bytes, Pieces]) -> bytes:
    """The tag of the command that the response belongs to: by its own word (ESEARCH, RFC 4731), else the
    first of its kind that has no answer yet, else the first.
    """
    if not waiting:
        raise ProtocolError("data without a command")
    if response.name == "ESEARCH" and response.values and isinstance(response.values[0], tuple):
        tag = pairs(response.values[0]).get(b"TAG")
        if tag in waiting:
            return tag
    kinds = _DATA_OF.get(response.name)
    if kinds:
        for tag, pieces in waiting.items():
            if (pieces[1] if pieces[0] == b"UID" else pieces[0]) in kinds:
                return tag
    return next(iter(waiting))


def _words(values: tuple[object, ...]) -> frozenset[str]:
    return frozenset(
        value.decode("ascii", "replace").upper() for value in values if isinstance(value, bytes)
    ) | frozenset(str(value) for value in values if isinstance(value, int))


def _follow_code(selected: Selected, response: Response) -> None:
    data = response.code_data
    if response.code == "UIDVALIDITY" and data.isdigit():
        selected.uid_validity = int(data)
    elif response.code == "UIDNEXT" and data.isdigit():
        selected.uid_next = int(data)
    elif response.code == "HIGHESTMODSEQ" and data.isdigit():
        selected.highest_modseq = int(data)
    elif response.code == "PERMANENTFLAGS":
        values = parse_values([data])
        flags = values[0] if values and isinstance(values[0], tuple) else values
        selected.permanent_flags = frozenset(flag for flag in flags if isinstance(flag, bytes))
