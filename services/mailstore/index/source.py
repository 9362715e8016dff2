"""What the index asks of the mail server, and how a connection answers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.mailstore.imap.failure import PASSING
from services.mailstore.imap.parser import Response, is_flag_change
from services.mailstore.imap.session import Result, Session
from services.mailstore.imap.syntax import parse_set, uid_sets
from services.mailstore.index.fetched import read_flag_change
from services.mailstore.mailboxes import listing
from services.mailstore.reading.opening import is_fresh, refused
from services.mailstore.reading.orders import read_count, read_search

FlagChange = tuple[int, int, str | None]
# A command line is bounded (RFC 7162 section 4): at most this many UIDs of an explicit set stand in one.
MOST_IN_SET = 500


@dataclass(frozen=True, slots=True)
class Opened:
    """A mailbox as it was when it was opened. `modseq` is 0 where the server does not keep it, `object_id`
    empty where it has none (RFC 8474).
    """

    name: str
    uid_validity: int
    uid_next: int
    exists: int
    modseq: int
    object_id: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """A mailbox as it is, how many of it are unread, and of how many changes the connection had told by then
    (`Selected.changes`), -1 where it told of more than was looked at. `flags`: those that changed, None where
    that was not asked or not told; `vanished`: the UIDs that went meanwhile, where the server tells.
    """

    opened: Opened
    unread: int
    told: int
    flags: list[FlagChange] | None = None
    vanished: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """Flags that changed since a MODSEQ, and the UIDs that vanished; None where the server does not tell."""

    flags: list[FlagChange]
    vanished: list[int] | None


class Source(Protocol):
    """A connection with, after `open`, one mailbox open. Its failures are those of imap.failure."""

    async def open(self, name: str) -> Opened:
        """Open a mailbox, afresh. PosternError MAILBOX_NOT_FOUND."""

    @property
    def exists(self) -> int:
        """Messages in the open mailbox, as far as the server has told by now."""

    async def fetch(self, commands: Sequence[Sequence[bytes]]) -> list[Response]:
        """UID FETCH commands, sent at once; all their responses. CommandRefused where the server is in a
        state that passes; of messages that it refuses for good the others come.
        """

    async def count_changes(self, modseq: int) -> int:
        """How many messages of the open mailbox changed since `modseq`; 0 where the server cannot count."""

    async def changes(self, low: int, modseq: int) -> Changes:
        """What changed among UIDs from `low` on since `modseq` (RFC 7162)."""

    async def flags(self, low: int) -> list[FlagChange]:
        """The flags of all messages from UID `low` on."""

    async def uids(self, low: int, high: int) -> list[int]:
        """The UIDs from `low` to `high` (0: the end), ascending."""


class SessionSource:
    """A Source over an IMAP session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def _resync(self) -> bool:
        return "QRESYNC" in self._session.enabled

    @property
    def exists(self) -> int:
        return self._session.selected.exists if self._session.selected else 0

    async def open(self, name: str) -> Opened:
        opened, _ = await self._select(name)
        return opened

    async def look(self, name: str, since: int = 0, low: int = 1) -> Look:
        """As `open`, how many messages are unread, and with `since` also the flags that changed after that
        MODSEQ and the messages that went, of UIDs from `low` on; in one round trip.

        A mailbox that was opened just now is asked instead, in two: to open one of 100,000 messages anew
        may cost the server (Dovecot, whose log of MODSEQs is long) half a second.
        """
        session = self._session
        changed: list[list[bytes]] = []
        if since:
            changed = [[b"UID", b"FETCH", b"%d:*" % low, b"(UID FLAGS)", self._since(since)]]
        if is_fresh(session, name):
            # One after the other: sent together, Dovecot answers STATUS with what it knew before NOOP.
            await session.command(b"NOOP")
            told = session.selected.changes if session.selected else 0
            command = [b"STATUS", session.mailbox(name), listing.status_items(session)]
            result, *others = await session.execute(command, *changed)
            box = listing.counted(name, session.require(result, command), utf8=session.utf8)
            opened = Opened(
                name, box.uid_validity, box.uid_next, box.message_count, box.highest_modseq, box.mailbox_id
            )
            unread = box.unread_count
        else:
            status = [b"STATUS", session.mailbox(name), b"(UNSEEN)"]
            opened, [counted, *others] = await self._select(name, status, *changed)
            unread = listing.counted(name, counted, utf8=session.utf8).unread_count
            # Of a mailbox that was just opened its number of messages is the one news.
            told = int(opened.exists > 0)
        flags, vanished = None, list[int]()
        news = [one for result in others for one in result.untagged if one.name == "FETCH"]
        selected = session.selected
        # STATUS goes by the name, which may be another mailbox's by now.
        same = selected is not None and selected.uid_validity == opened.uid_validity
        if same and others and others[0].status == "OK":
            found = [change for one in news if (change := read_flag_change(one)) is not None]
            for result in others:
                vanished += [uid for one in result.data("VANISHED") for uid in read_vanished(one)]
            # Only where they reach up to the MODSEQ that is told beside them are they known to be all; where
            # messages went after the last flag changed, that is theirs, and their number must fit instead.
            last = max((change[3] for change in found), default=opened.modseq)
            if last == opened.modseq or (vanished and last < opened.modseq):
                flags = [change[:3] for change in found if change[0] >= low]
        # What was asked for is counted as news, too.
        told += sum(map(is_flag_change, news))
        quiet = selected is not None and selected.changes == told
        return Look(opened, unread, told if quiet else -1, flags, vanished)

    def _since(self, modseq: int) -> bytes:
        return (b"(CHANGEDSINCE %d VANISHED)" if self._resync else b"(CHANGEDSINCE %d)") % modseq

    async def _select(self, name: str, *then: list[bytes]) -> tuple[Opened, list[Result]]:
        session = self._session
        command = list(session.begin_select(name, False))
        if session.has("CONDSTORE") or session.has("QRESYNC"):
            command.append(b"(CONDSTORE)")
        result, *others = await session.execute(command, *then)
        if result.status != "OK":
            raise refused(result)
        selected = session.selected
        assert selected is not None
        uid_next = selected.uid_next
        if not uid_next and selected.exists:
            uids = await self.uids(1, 0)
            uid_next = uids[-1] + 1 if uids else 1
        opened = Opened(
            name,
            selected.uid_validity,
            uid_next or 1,
            selected.exists,
            selected.highest_modseq,
            _object_id(result),
        )
        return opened, others

    async def fetch(self, commands: Sequence[Sequence[bytes]]) -> list[Response]:
        found: list[Response] = []
        for start in range(0, len(commands), 20):
            some = commands[start : start + 20]
            for command, result in zip(some, await self._session.execute(*some), strict=True):
                if result.code in PASSING:
                    # What did not come is not gone: it comes another time.
                    self._session.require(result, command)
                found.extend(result.untagged)
        return found

    async def count_changes(self, modseq: int) -> int:
        if not (self._session.has("ESEARCH") or self._session.rev2):
            return 0
        command = [b"SEARCH", b"RETURN", b"(COUNT)", b"MODSEQ", b"%d" % (modseq + 1)]
        (result,) = await self._session.execute(command)
        return read_count(result) if result.status == "OK" else 0

    async def changes(self, low: int, modseq: int) -> Changes:
        command = [b"UID", b"FETCH", b"%d:*" % low, b"(UID FLAGS)", self._since(modseq)]
        (result,) = await self._session.execute(command)
        self._session.require(result, command)
        flags, vanished = [], []
        for response in result.untagged:
            if response.name == "VANISHED":
                vanished.extend(read_vanished(response))
            elif response.name == "FETCH":
                change = read_flag_change(response)
                if change is not None and change[0] >= low:
                    flags.append(change[:3])
        return Changes(flags, vanished if self._resync else None)

    async def flags(self, low: int) -> list[FlagChange]:
        command = [b"UID", b"FETCH", b"%d:*" % low, b"(UID FLAGS)"]
        (result,) = await self._session.execute(command)
        self._session.require(result, command)
        found = []
        for response in result.data("FETCH"):
            change = read_flag_change(response)
            if change is not None and change[0] >= low:
                found.append(change[:3])
        return found

    async def flags_of(self, uids: list[int]) -> list[FlagChange]:
        """The flags of these messages of the open mailbox."""
        commands = [[b"UID", b"FETCH", numbers, b"(UID FLAGS)"] for _, numbers in uid_sets(uids)]
        changes = [read_flag_change(response) for response in await self.fetch(commands)]
        return [change[:3] for change in changes if change is not None]

    async def uids(self, low: int, high: int) -> list[int]:
        session = self._session
        command = [b"UID", b"SEARCH"]
        if session.has("ESEARCH") or session.rev2:
            command += [b"RETURN", b"(ALL)"]
        command += [b"UID", b"%d:%s" % (low, b"%d" % high if high else b"*")]
        (result,) = await session.execute(command)
        found = read_search(session.require(result, command))
        return sorted(uid for uid in found if uid >= low and (not high or uid <= high))


def read_vanished(response: Response) -> list[int]:
    """The UIDs of a VANISHED response (RFC 7162 section 3.2.10)."""
    numbers = response.values[-1] if response.values else b""
    if isinstance(numbers, int):
        return [numbers]
    try:
        return parse_set(numbers) if isinstance(numbers, bytes) else []
    except ValueError:
        return []


def _object_id(result: Result) -> str:
    for response in result.untagged:
        if response.code == "MAILBOXID":
            return response.code_data.decode("ascii", "replace").strip("()")
    return ""
