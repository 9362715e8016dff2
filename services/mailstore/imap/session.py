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

from services.mailstore.imap import utf7
from services.mailstore.imap.deadline import time_left
from services.mailstore.imap.failure import (
    CommandRefused,
    ConnectionLost,
    ImapError,
    ProtocolError,
    ServerTimeout,
)
from services.mailstore.imap.parser import Response, parse_values
from services.mailstore.imap.syntax import Literal, astring, check_line
from services.mailstore.imap.tracking import (
    HARMLESS,
    Agreed,
    Pieces,
    Result,
    Selected,
    follow,
    owner,
    words,
)
from services.mailstore.imap.transport import ImapTransport

Seen = Callable[[Response], None]


class Session:
    """One authenticated connection."""

    # Whether the mailboxes but INBOX, and all flags, are kept by us and not by the server.
    local = False

    def __init__(self, transport: ImapTransport, io_timeout: float) -> None:
        self.transport = transport
        self.io_timeout = io_timeout
        self.capabilities: frozenset[str] = frozenset()
        self.enabled: frozenset[str] = frozenset()
        self.selected: Selected | None = None
        self.selected_at = 0.0
        # Set by those who compared the open mailbox with what they know.
        self.agreed: Agreed | None = None
        # Where it is a list: what the server tells of the open mailbox that nobody asked for.
        self.overheard: list[Response] | None = None
        self.opened_at = self.last_used = time.monotonic()
        # How often it was lent; more than once means that it was kept.
        self.uses = 0
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

    async def execute(self, *commands: Pieces, seen: Seen | None = None) -> list[Result]:
        """Send all commands at once, then collect their answers, in order (RFC 9051 section 5.5).

        Only commands that do not hang on each other's answers may stand together. Nothing is raised for NO
        or BAD. `seen` is called with each untagged response as it comes, while the server is still busy with
        the next ones.
        """
        # As `_exclusive`, written out: this is on every path, several times a page.
        self._enter()
        try:
            return await self._converse(commands, seen)
        except BaseException:
            self.close()
            raise
        finally:
            self._leave()

    async def _converse(self, commands: Sequence[Pieces], seen: Seen | None) -> list[Result]:
        waiting: dict[bytes, Pieces] = {}
        answers: dict[bytes, Result] = {}
        untagged: dict[bytes, list[Response]] = {}

        def take(response: Response) -> None:
            if response.tag == b"*":
                self._follow(response)
                # Nearly always there is one command only.
                tag = next(iter(waiting)) if len(waiting) == 1 else owner(response, waiting)
                untagged[tag].append(response)
                if seen is not None:
                    seen(response)
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

        out = bytearray()
        tags: list[bytes] = []
        for pieces in commands:
            tag = self._next_tag()
            tags.append(tag)
            waiting[tag] = pieces
            untagged[tag] = []
            await self._put(out, tag, pieces, take, waiting)
        # In one piece: each write of its own is a system call here and a packet for the server.
        if out:
            self.transport.write(bytes(out))
        await self.transport.drain(self._timeout())
        while waiting:
            # Most are here already, and to wait for each would take longer than to read it.
            response = self._noted(self.transport.take()) or await self._receive()
            if response.tag == b"+":
                raise ProtocolError("continuation not asked for")
            take(response)
        return [answers[tag] for tag in tags]

    async def authenticate(self, mechanism: bytes, initial: bytes, on_error: bytes) -> Result:
        """AUTHENTICATE with one response, in base64. A server that refuses says why first and waits for
        `on_error` (RFC 7628 section 3.2.3)."""
        async with self._exclusive():
            tag, given, untagged = self._next_tag(), self.has("SASL-IR"), list[Response]()
            pieces = [b"AUTHENTICATE", mechanism, *([initial] if given else [])]
            self.transport.write(tag + b" " + b" ".join(pieces) + b"\r\n")
            while True:
                response = await self._receive()
                if response.tag == b"+":
                    self.transport.write((on_error if given else initial) + b"\r\n")
                    given = True
                elif response.tag == b"*":
                    self._follow(response)
                    untagged.append(response)
                elif response.tag == tag:
                    result = Result(response.name, response.code, response.code_data, response.text, untagged)
                    self._after(pieces, result)
                    return result
                else:
                    raise ProtocolError("unexpected tag")

    async def append(self, head: Pieces, size: int, chunks: AsyncIterator[bytes]) -> Result:
        """APPEND with its literal streamed; the server says first whether it wants it. `size` must be
        exact.
        """
        self.agreed = None
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

    async def idle(self, seconds: float, settle: float = 0.05) -> list[Response]:
        """IDLE (RFC 2177) until the server tells of something or `seconds` are over; what came within
        `settle` seconds after the first news comes along. Empty where nothing happened.
        """
        async with self._exclusive():
            tag = self._next_tag()
            self.transport.write(tag + b" IDLE\r\n")
            news: list[Response] = []
            begun = False
            end = time.monotonic() + seconds
            while True:
                try:
                    left = max(0.001, end - time.monotonic()) if begun else self._timeout()
                    response = await self.transport.receive(left)
                except ServerTimeout:
                    if begun:
                        break
                    raise
                if response.tag == b"+":
                    begun = True
                elif response.tag == tag:
                    raise CommandRefused("IDLE", response.name, response.code, "")
                elif response.name == "BYE":
                    raise ConnectionLost("BYE")
                else:
                    self._follow(response)
                    # STATUS and LIST: of other mailboxes, where NOTIFY asked for it (RFC 5465).
                    if response.name in ("EXISTS", "EXPUNGE", "FETCH", "VANISHED", "STATUS", "LIST"):
                        news.append(response)
                        end = min(end, time.monotonic() + settle)
            self.transport.write(b"DONE\r\n")
            while (response := await self._receive()).tag != tag:
                self._follow(response)
                news.append(response)
            return news

    @asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        self._enter()
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
            self._leave()

    def _enter(self) -> None:
        if self._busy:
            raise ProtocolError("connection in use")
        if self.transport.lost:
            raise ConnectionLost("kept connection is gone")
        self._busy = True

    def _leave(self) -> None:
        self._busy = False
        self.last_used = time.monotonic()

    def _timeout(self) -> float:
        return time_left(self.io_timeout)

    async def _receive(self) -> Response:
        response = self._noted(await self.transport.receive(self._timeout()))
        assert response is not None
        return response

    def _noted(self, response: Response | None) -> Response | None:
        if response is not None and response.name == "BYE" and response.tag == b"*" and not self._bye:
            self._bye = response.text or b"BYE"
        return response

    def _next_tag(self) -> bytes:
        self._tag += 1
        return b"p%d" % self._tag

    async def _put(
        self,
        out: bytearray,
        tag: bytes,
        pieces: Pieces,
        take: Callable[[Response], None],
        waiting: dict[bytes, Pieces],
    ) -> None:
        """Add a command to what is to be sent. Where the server is to ask for a literal, all that is there
        goes out first.
        """
        out += tag
        for piece in pieces:
            if not isinstance(piece, Literal):
                out += b" "
                out += check_line(piece)
                continue
            if "LITERAL+" in self.capabilities or ("LITERAL-" in self.capabilities and len(piece) <= 4096):
                out += b" {%d+}\r\n" % len(piece) + piece
                continue
            out += b" {%d}\r\n" % len(piece)
            self.transport.write(bytes(out))
            out[:] = piece
            while True:
                response = await self._receive()
                if response.tag == b"+":
                    break
                take(response)
                if tag not in waiting:
                    # Refused: the literal and the rest of the command are not sent.
                    out.clear()
                    return
        out += b"\r\n"

    # following the server

    def _follow(self, response: Response) -> None:
        selected = self.selected
        if response.name == "CAPABILITY":
            self.capabilities = words(response.values)
        elif response.code == "CAPABILITY":
            self.capabilities = words(parse_values([response.code_data]))
        elif response.name == "ENABLED":
            self.enabled |= words(response.values)
        if selected is not None:
            changes = selected.changes
            follow(selected, response)
            if self.overheard is not None and selected.changes != changes:
                self.overheard.append(response)

    def _after(self, pieces: Pieces, result: Result) -> None:
        if result.code == "CAPABILITY":
            self.capabilities = words(parse_values([result.code_data]))
        if (pieces[1] if pieces[0] == b"UID" else pieces[0]) not in HARMLESS:
            self.agreed = None
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
