"""Watching one account: IDLE on INBOX where the server has it, with news of all other mailboxes where it has
NOTIFY, a look at all counts every POLL seconds, and again after every interruption.

New messages in INBOX come with their rows; other mailboxes, and what was expunged, as "read the list again".
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

from services.common.logging import get_logger
from services.mailstore.imap.connect import Account, ImapServer, connect
from services.mailstore.imap.failure import ImapError, LoginRefused
from services.mailstore.imap.parser import Response
from services.mailstore.imap.session import Session
from services.mailstore.mailboxes import listing
from services.mailstore.mailboxes.model import Mailbox
from services.mailstore.reading.items import ITEMS
from services.mailstore.reading.opening import open_mailbox
from services.mailstore.reading.rows import gather, read_rows
from services.mailstore.watching.events import (
    MOST_ADDED,
    MOST_MODIFIED,
    Event,
    MailboxChange,
    Snapshot,
    compare,
)

log = get_logger(__name__)
POLL = 20.0
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
        self, server: ImapServer, account: Account, emit: Callable[[Event], None], poll: float = POLL
    ) -> None:
        self._server, self._account, self._emit, self._poll = server, account, emit, poll
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
                session = await connect(self._server, self._account)
                try:
                    if self._lost:
                        self._lost = False
                        self._emit(Event(server_lost=False))
                    wait = _SHORTEST_WAIT
                    await self._watch(session)
                finally:
                    session.close()
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

    async def _watch(self, session: Session) -> None:
        await self._look(session)
        selected, _ = await open_mailbox(session, "INBOX")
        if self._uid_validity not in (0, selected.uid_validity):
            self._uid_next = 0
        self._uid_validity = selected.uid_validity
        if self._uid_next and selected.uid_next > self._uid_next:
            await self._tell_new(session, [])
        self._uid_next = max(self._uid_next, selected.uid_next)
        if session.has("NOTIFY"):
            # Refused (too much to watch): other mailboxes are looked at every POLL seconds as well.
            await session.execute(_NOTIFY)
            # What happened before that was not told.
            await self._look(session)
        self.ready.set()
        while True:
            news = await self._wait(session)
            if any(response.name in ("EXISTS", "EXPUNGE", "FETCH") for response in news):
                await self._tell_new(session, news)
            await self._look(session)

    async def _wait(self, session: Session) -> list[Response]:
        if session.has("IDLE") or session.rev2:
            return await session.idle(self._poll)
        await asyncio.sleep(self._poll)
        (result,) = await session.execute([b"NOOP"])
        return result.untagged

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
        """Rows of INBOX that came or changed."""
        changed = sorted({response.number for response in news if response.name == "FETCH"})
        commands = [[b"UID", b"FETCH", b"%d:*" % max(1, self._uid_next), ITEMS]]
        expunged = any(response.name == "EXPUNGE" for response in news)
        if changed and not expunged:
            numbers = b",".join(b"%d" % number for number in changed[:MOST_MODIFIED])
            commands.append([b"FETCH", numbers, ITEMS])
        results = await session.execute(*commands)
        # "n:*" gives the last message also where it is older than n (RFC 9051 section 6.4.9).
        rows = read_rows("INBOX", self._uid_validity, results)
        added = [row for uid, row in sorted(rows.items(), reverse=True) if uid >= self._uid_next]
        numbers_of = {uid: data[b"SEQ"] for uid, data in gather(results).items()}
        modified = tuple(
            row
            for uid, row in sorted(rows.items())
            if uid < self._uid_next and not expunged and numbers_of.get(uid) in changed
        )
        box = await listing.status(session, "INBOX")
        if self._seen is not None and "INBOX" in self._seen:
            known = self._seen["INBOX"]
            box = _with_counts(known, box)
            self._seen["INBOX"] = box
        if added or modified or expunged or changed:
            self._emit(
                Event(
                    change=MailboxChange(
                        box,
                        tuple(added[:MOST_ADDED]),
                        modified,
                        incomplete=expunged or len(added) > MOST_ADDED or len(changed) > MOST_MODIFIED,
                    )
                )
            )
        self._uid_next = max(self._uid_next, box.uid_next, *(uid + 1 for uid in rows), 1)


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
