"""One conversation out of the index: its messages over all mailboxes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import apsw

from services.common.logging import get_logger
from services.mailstore.imap.pool import Pool
from services.mailstore.imap.session import Session
from services.mailstore.index.account import AccountIndex
from services.mailstore.index.finding import SMALL
from services.mailstore.index.kept import KeptRows
from services.mailstore.index.lists import read_rows
from services.mailstore.index.model import MailboxState
from services.mailstore.index.model import Row as IndexRow
from services.mailstore.index.rows import to_row
from services.mailstore.index.serving import DEAR, conversation_row
from services.mailstore.index.store import IndexBroken, NotNow, Store
from services.mailstore.index.summaries import (
    Summary,
    each_once,
    members,
    summarise,
    thread_of_id,
    thread_of_message,
)
from services.mailstore.index.writing import read_states
from services.mailstore.reading.rows import Row
from services.mailstore.threads.one import OneRequest, OpenedConversation

log = get_logger(__name__)
# Seconds: a look at all mailboxes that is no older does for a conversation, unless something was done through
# here since; where looking is dear, an older one does.
FRESH, FRESH_WHERE_DEAR = 3.0, 10.0


@dataclass(frozen=True, slots=True)
class _Found:
    summary: Summary
    newest: IndexRow
    rows: list[IndexRow]
    total: int
    state: MailboxState
    states: dict[str, MailboxState]


async def open_conversation(
    pool: Pool, index: AccountIndex, request: OneRequest
) -> OpenedConversation | None:
    """The conversation, as all mailboxes are now, or were a few seconds ago; what was done through here, and
    what a list has shown, is in it. None where the index cannot tell: it does not know it, does not hold
    every mailbox, or does not know the first words of a message yet.
    """
    age, dear = time.monotonic() - index.refreshed, index.cost > DEAR
    fresh = age <= (FRESH_WHERE_DEAR if dear else FRESH) and (dear or not index.acted)

    async def look() -> _Found | None:
        # Of a small account no conversation is large.
        small = sum(state.total for state in index.states.values()) <= SMALL
        return await index.read(lambda store: _find(store, index.kept, request), short=small)

    async def work(session: Session) -> OpenedConversation | None:
        current = None if fresh else await index.refresh(session)
        found = await look()
        if found is None and fresh and not dear:
            # A message may be known here since a moment ago.
            current = await index.refresh(session)
            found = await look()
        if index.missing(current) or found is None or any(row.snippet is None for row in found.rows):
            return None
        for state in {row.mailbox: found.states[row.mailbox] for row in found.rows}.values():
            uids = [row.uid for row in found.rows if row.mailbox == state.name]
            if not state.modseq and await index.flags(session, state, uids):
                found = await look()
                if found is None:
                    return None
        return opened(found)

    def opened(found: _Found) -> OpenedConversation:
        rows = tuple(to_row(row) for row in found.rows)
        newest: Row = to_row(found.newest)
        row = conversation_row(found.state, found.summary, newest)
        return OpenedConversation(row, rows, found.total)

    try:
        if fresh and not index.missing() and all(state.modseq for state in index.states.values()):
            # There is nothing to ask the server for.
            found = await look()
            if found is not None and all(row.snippet is not None for row in found.rows):
                return opened(found)
        return await pool.run(index.account, work, mailbox="INBOX")
    except (NotNow, IndexBroken, apsw.Error) as err:
        log.info("index.not_served", account=index.account.id, cause=type(err).__name__)
        return None


def _find(store: Store, kept: KeptRows, request: OneRequest) -> _Found | None:
    with store.reading() as db:
        prefer = request.message.mailbox if request.message else "INBOX"
        # As the file is now, like the rows: a mailbox that was begun anew has others under the same UIDs.
        states = {each.name: each for each in read_states(store)}
        state = states.get(prefer)
        if state is None:
            return None
        if request.message is not None:
            if state.uid_validity != request.message.uid_validity:
                return None
            thread = thread_of_message(db, state, request.message.uid)
        else:
            thread = thread_of_id(store, request.root)
        if thread is None:
            return None
        own = state.id if request.message else 0
        everywhere = members(db, [thread], hidden=request.include_trash, mailbox=own)[thread]
        once = each_once(everywhere, state.id)
        if not once:
            return None
        places = {each.id: each for each in states.values()}
        rows = read_rows(db, places, [m.id for m in request.page(once)], kept)
        within = [member for member in everywhere if member.mailbox == state.id]
        newest = next(iter(read_rows(db, places, [(within or once)[-1].id], kept)), None)
        if newest is None:
            return None
        (summary,) = summarise(db, [newest], state.id, places)
        return _Found(summary, newest, rows, len(once), state, states)
