"""What the rest of mailstore takes for an IMAP connection: commands answered from an account's file.

Invariant: as of an IMAP session, what `execute` gives belongs to the command that asked for it; a session
that was cancelled or failed in the middle is not used again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import apsw

from services.mailstore.imap.failure import CommandRefused, ConnectionLost, LoginRefused, ProtocolError
from services.mailstore.imap.parser import Response, parse_lazily
from services.mailstore.imap.session import Seen, Session
from services.mailstore.imap.syntax import parse_date_time
from services.mailstore.imap.tracking import Pieces, Result
from services.mailstore.pop3.account import PopAccount
from services.mailstore.pop3.bringing import described
from services.mailstore.pop3.commands import CAPABILITIES, Answer, Commands, no
from services.mailstore.pop3.fetching import Missing
from services.mailstore.pop3.store import Store

# How often a command may find that something more is to be brought in: the maildrop changes meanwhile.
_MOST_TRIES = 4


class _Line:
    """In place of a connection."""

    def __init__(self) -> None:
        self.lost = False

    def abort(self) -> None:
        self.lost = True


class LocalSession(Session):
    """One session of an account. `open` makes one."""

    local = True

    def __init__(self, account: PopAccount, store: Store) -> None:
        super().__init__(_Line(), account.settings.endpoint.io_timeout)  # type: ignore[arg-type]
        self.capabilities = CAPABILITIES
        self._account, self._store = account, store
        self._commands = Commands(store, self._room)
        account.users += 1

    @classmethod
    async def open(cls, account: PopAccount) -> LocalSession:
        """A session, the password being right. Fails as `imap.connect.connect` does."""
        await account.open()
        return cls(account, await account.run(Store, account.path, account.key))

    def close(self) -> None:
        if self.transport.lost:
            return
        super().close()
        self._account.users -= 1
        self._account.used = time.monotonic()
        self._account.close_soon(self._store)

    async def logout(self) -> None:
        self.close()

    def _room(self) -> bool:
        return self._store.used_bytes() < self._account.settings.account_bytes

    async def execute(self, *commands: Pieces, seen: Seen | None = None) -> list[Result]:
        async with self._exclusive():
            results = []
            for pieces in commands:
                await self._freshen(pieces)
                answer = await self._answer(pieces)
                result = self._told(answer)
                self._after(pieces, result)
                if seen is not None:
                    for response in result.untagged:
                        seen(response)
                results.append(result)
                if answer.changed:
                    self._account.tell()
                if answer.purge:
                    await self._account.purge()
            return results

    def _told(self, answer: Answer) -> Result:
        untagged = [parse_lazily(parts) for parts in answer.lines]
        for response in untagged:
            self._follow(response)
        return Result(answer.status, answer.code, answer.data, b"", untagged)

    async def _freshen(self, pieces: Pieces) -> None:
        """Have the maildrop looked at where it is time, before INBOX is. It is not opened where the last look
        failed, for what it holds is not known then.
        """
        name = pieces[0].upper()
        selected = self.selected
        if selected is not None and selected.name == "INBOX" and name in (b"SELECT", b"EXAMINE", b"NOOP"):
            failure = await self._account.fresh()
            if failure is not None and (name != b"NOOP" or isinstance(failure, LoginRefused)):
                raise failure

    async def _answer(self, pieces: Pieces) -> Answer:
        without: frozenset[int] = frozenset()
        for left in range(_MOST_TRIES, 0, -1):
            try:
                return await self._account.run(self._commands.run, pieces, without)
            except apsw.BusyError:
                return no("UNAVAILABLE")
            except Missing as missing:
                without |= await self._account.ensure(missing.headers, missing.wholes)
                if left <= 2:
                    without |= missing.headers | missing.wholes
        raise ConnectionLost("the maildrop changes all the time")

    async def append(self, head: Pieces, size: int, chunks: AsyncIterator[bytes]) -> Result:
        self.agreed = None
        async with self._exclusive():
            if size > self._account.settings.max_message_bytes:
                return Result("NO", "TOOBIG", b"", b"")
            box, flags, when = await self._account.run(self._commands.append, head)
            if box is None:
                return Result("NO", "TRYCREATE", b"", b"")
            if not await self._account.run(self._room):
                return Result("NO", "OVERQUOTA", b"", b"")
            raw = bytearray()
            async for chunk in chunks:
                raw += chunk
            if len(raw) != size:
                raise ProtocolError("literal of another size than said")
            found = await described(bytes(raw))
            moment = parse_date_time(when.strip(b'"')) or datetime.now(UTC)

            def write() -> int:
                with self._store.writing():
                    id_, uid = self._store.add(
                        box.id, flags=flags, received=int(moment.timestamp()), size=len(raw)
                    )
                    self._store.hold(id_, bytes(raw), found)
                return uid

            try:
                uid = await self._account.run(write)
            except (apsw.FullError, apsw.BusyError) as err:
                code = "OVERQUOTA" if isinstance(err, apsw.FullError) else "UNAVAILABLE"
                return Result("NO", code, b"", b"")
            self._account.tell()
            return Result("OK", "APPENDUID", b"%d %d" % (box.uid_validity, uid), b"")

    async def authenticate(self, mechanism: bytes, initial: bytes, on_error: bytes) -> Result:
        raise CommandRefused("AUTHENTICATE", "BAD", "", "")

    async def idle(self, seconds: float, settle: float = 0.05) -> list[Response]:
        """News of the open mailbox within `seconds`; the maildrop is looked at whenever it is time."""
        async with self._exclusive():
            end = time.monotonic() + seconds
            woken = False
            with self._account.listening() as event:
                while True:
                    event.clear()
                    if self._account.due == 0.0:
                        self._account.look_soon()
                    answer = await self._account.run(self._commands.news)
                    news = self._told(answer).untagged
                    news = [each for each in news if each.name in ("EXISTS", "EXPUNGE", "FETCH")]
                    left = end - time.monotonic()
                    # Woken without news: of another mailbox, which the watcher looks at itself.
                    if news or woken or left <= 0:
                        return news
                    wait = min(left, max(self._account.due, 0.5))
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(wait):
                            await event.wait()
                            woken = True
