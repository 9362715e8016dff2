"""Watching one account: IDLE on INBOX where the server has it, with news of all other mailboxes where it has
NOTIFY, a look at all counts every POLL seconds, and again after every interruption.

The connection is renewed now and then, as pooled ones are: servers tell it the shared mailboxes, and the
rights in them, that they found when it was new. The old one listens until the new one does.

New messages in INBOX come with their rows, what was expunged there with its UIDs where the server has
QRESYNC; other mailboxes come as "read the list again".
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace

from services.common.logging import get_logger
from services.mailstore.imap.connect import Account, ImapServer, ServerBusy, connect
from services.mailstore.imap.failure import ImapError, LoginRefused
from services.mailstore.imap.parser import Response, pairs
from services.mailstore.imap.session import Session
from services.mailstore.imap.syntax import uid_set
from services.mailstore.index.source import read_vanished
from services.mailstore.mailboxes import listing
from services.mailstore.mailboxes.model import Mailbox
from services.mailstore.reading.items import ITEMS
from services.mailstore.reading.opening import open_mailbox
from services.mailstore.reading.rows import gather, read_rows
from services.mailstore.watching.events import (
    MOST_ADDED,
    MOST_MODIFIED,
    MOST_REMOVED,
    Event,
    MailboxChange,
    Snapshot,
    compare,
)

log = get_logger(__name__)
POLL = 20.0
# Seconds after which a connection is renewed, and after which that is tried again where it failed.
RENEW, RENEW_AGAIN = 900.0, 60.0
# RFC 5465. INBOX tells of itself as without NOTIFY; other mailboxes by STATUS and LIST, which come while the
# connection idles.
_NOTIFY = (
    b"NOTIFY",
    b"SET",
    b"(SELECTED-DELAYED (MessageNew MessageExpunge FlagChange))",
    b"(PERSONAL (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))",
)
_SHORTEST_WAIT, _LONGEST_WAIT = 1.0, 60.0


class AccountWatch:
    """Looks, and tells `emit`. Runs until cancelled, or until the server refuses the credential."""

    def __init__(
        self,
        server: ImapServer,
        account: Account,
        emit: Callable[[Event], None],
        poll: float = POLL,
        renew: float = RENEW,
    ) -> None:
        self._server, self._account, self._emit, self._poll, self._renew = server, account, emit, poll, renew
        self._renew_at = 0.0
        self._seen: Snapshot | None = None
        self._uid_validity = self._uid_next = 0
        self._lost = False
        # Set once the first look is done: what happens from then on is told.
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """LoginRefused where the credential is no longer good."""
        wait = _SHORTEST_WAIT
        while True:
            try:
                session = await self._connect()
                if self._lost:
                    self._lost = False
                    self._emit(Event(server_lost=False))
                wait = _SHORTEST_WAIT
                await self._until_lost(session)
            except LoginRefused:
                raise
            except ImapError as err:
                log.info("watch.lost", account=self._account.id, cause=err)
                if not self._lost:
                    self._lost = True
                    self._emit(Event(server_lost=True))
                self.ready.set()
            # A crowd of watchers does not come back all at once.
            await asyncio.sleep(wait * random.uniform(0.7, 1.3))  # noqa: S311 nothing secret
            wait = min(_LONGEST_WAIT, wait * 2)

    async def _connect(self) -> Session:
        session = await connect(self._server, self._account)
        # Not all watchers of a crowd that came at once are renewed at once.
        self._renew_at = time.monotonic() + self._renew * random.uniform(0.7, 1.0)  # noqa: S311 as above
        return session

    async def _until_lost(self, session: Session) -> None:
        """Watch over this connection, and over each that takes the place of the last."""
        try:
            while True:
                await self._watch(session)
                session = await self._renewed(session)
        finally:
            session.close()

    async def _renewed(self, old: Session) -> Session:
        """Another connection, which has INBOX open; the same where there is none to be had now."""
        try:
            new = await self._connect()
        except ServerBusy:
            # There is no room for two.
            old.close()
            return await self._connect()
        except ImapError as err:
            # That an access token has run out says nothing of the account's right.
            if isinstance(err, LoginRefused) and self._account.kind != "oauth":
                raise
            log.info("watch.not_renewed", account=self._account.id, cause=err)
            self._renew_at = time.monotonic() + RENEW_AGAIN
            return old
        try:
            await open_mailbox(new, "INBOX")
            new.overheard = []
            # What happened before the new one began to listen.
            await old.execute([b"NOOP"])
            await self._hear(old)
        except BaseException:
            new.close()
            raise
        old.close()
        return new

    async def _watch(self, session: Session) -> None:
        """Look and listen until it is time for another connection."""
        before = self._seen.get("INBOX") if self._seen else None
        await self._look(session)
        selected, _ = await open_mailbox(session, "INBOX")
        interrupted = session.overheard is None
        if session.overheard is None:
            session.overheard = []
        if self._uid_validity not in (0, selected.uid_validity):
            self._uid_next = 0
        self._uid_validity = selected.uid_validity
        if self._uid_next and selected.uid_next > self._uid_next:
            await self._tell_new(session, [])
        self._uid_next = max(self._uid_next, selected.uid_next)
        now = self._seen.get("INBOX") if self._seen else None
        if interrupted and before and now and before.state != now.state:
            # Flags that changed and messages that went meanwhile are not told one by one.
            self._emit(Event(change=MailboxChange(now, incomplete=True)))
        if session.has("NOTIFY"):
            # Refused (too much to watch): other mailboxes are looked at every POLL seconds as well.
            await session.execute(_NOTIFY)
            # What happened before that was not told.
            await self._look(session)
        self.ready.set()
        while True:
            # Also what came along with the answers to other commands.
            if not session.overheard:
                await self._wait(session)
            await self._hear(session)
            await self._look(session)
            if not session.overheard and time.monotonic() >= self._renew_at:
                return

    async def _hear(self, session: Session) -> None:
        """Tell what the server has told of INBOX."""
        news, session.overheard = session.overheard, []
        if news:
            await self._tell_new(session, news)

    async def _wait(self, session: Session) -> None:
        if session.has("IDLE") or session.rev2:
            await session.idle(self._poll)
            return
        await asyncio.sleep(self._poll)
        await session.execute([b"NOOP"])

    async def _look(self, session: Session) -> None:
        """Compare the tree and its counts with the last look."""
        tree = await listing.list_mailboxes(session, counts=True)
        now = {box.name: box for box in tree.mailboxes}
        if self._seen is not None:
            for event in compare(self._seen, now):
                if event.change is None or event.change.mailbox.name != "INBOX" or not self._uid_next:
                    self._emit(event)
        self._seen = now

    async def _tell_new(self, session: Session, news: list[Response]) -> None:
        """Rows of INBOX that came or changed, and the UIDs of those that are gone."""
        removed = sorted({uid for r in news if r.name == "VANISHED" for uid in read_vanished(r)})
        # Without QRESYNC the server tells numbers, which have been others since.
        expunged = any(response.name == "EXPUNGE" for response in news)
        uids, numbers = _changed(news)
        commands = [[b"UID", b"FETCH", b"%d:*" % max(1, self._uid_next), ITEMS]]
        if uids:
            commands.append([b"UID", b"FETCH", uid_set(uids[:MOST_MODIFIED]), ITEMS])
        if numbers and not expunged and not removed:
            commands.append([b"FETCH", uid_set(numbers[:MOST_MODIFIED]), ITEMS])
        results = await session.execute(*commands)
        # "n:*" gives the last message also where it is older than n (RFC 9051 section 6.4.9).
        rows = read_rows("INBOX", self._uid_validity, results)
        added = [row for uid, row in sorted(rows.items(), reverse=True) if uid >= self._uid_next]
        numbers_of = {uid: data[b"SEQ"] for uid, data in gather(results).items()}
        asked = commands[-1][0] == b"FETCH"
        modified = tuple(
            row
            for uid, row in sorted(rows.items())
            if uid < self._uid_next and (uid in uids or (asked and numbers_of.get(uid) in numbers))
        )
        incomplete = (
            expunged
            or (bool(numbers) and not asked)
            or len(added) > MOST_ADDED
            or max(len(uids), len(numbers)) > MOST_MODIFIED
            or len(removed) > MOST_REMOVED
        )
        box = await listing.status(session, "INBOX")
        if self._seen is not None and "INBOX" in self._seen:
            known = self._seen["INBOX"]
            box = _with_counts(known, box)
            self._seen["INBOX"] = box
        if added or modified or removed or incomplete or uids or numbers:
            change = MailboxChange(
                box, tuple(added[:MOST_ADDED]), modified, tuple(removed[:MOST_REMOVED]), incomplete
            )
            self._emit(Event(change=change))
        # Not the server's UIDNEXT of now: what came since the rows were asked for is told next time.
        self._uid_next = max(self._uid_next, *(uid + 1 for uid in rows), 1)


def _changed(news: list[Response]) -> tuple[list[int], list[int]]:
    """UIDs and numbers of the messages whose flags changed: numbers where the server tells no UID."""
    uids, numbers = set(), set()
    for response in news:
        if response.name == "FETCH":
            uid = pairs(response.values[0]).get(b"UID") if response.values else None
            if isinstance(uid, int):
                uids.add(uid)
            else:
                numbers.add(response.number)
    return sorted(uids), sorted(numbers)


def _with_counts(known: Mailbox, counted: Mailbox) -> Mailbox:
    """What the tree knows of a mailbox, with the counts of now."""
    return replace(
        known,
        message_count=counted.message_count,
        unread_count=counted.unread_count,
        uid_next=counted.uid_next,
        uid_validity=counted.uid_validity,
        highest_modseq=counted.highest_modseq,
    )
