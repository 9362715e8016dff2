"""Lists and conversations out of the index, where it holds the mailbox and agrees with the server.

Each call asks the server first whether anything has changed (STATUS, one round trip) and brings what has
into the index, so that a list is never older than the moment it was asked for; only with the server out of
reach is it, and says so. None is answered where the index does not serve: the caller then asks the server.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import apsw

from services.common.errors import PosternError, Reason, error
from services.common.logging import get_logger
from services.mailstore.imap.pool import Account, Pool
from services.mailstore.imap.session import Session
from services.mailstore.index import searching
from services.mailstore.index.account import AccountIndex
from services.mailstore.index.lists import Listed, Place, list_rows
from services.mailstore.index.model import MailboxState
from services.mailstore.index.rows import to_row, with_snippets
from services.mailstore.index.store import IndexBroken, NotNow, Store
from services.mailstore.index.summaries import Summary, summarise
from services.mailstore.index.sync import TooMuch
from services.mailstore.index.writing import read_state, read_states
from services.mailstore.names import MessageName
from services.mailstore.reading import tokens
from services.mailstore.reading.opening import is_open, open_mailbox
from services.mailstore.reading.orders import Order
from services.mailstore.reading.page import Page, PageRequest
from services.mailstore.reading.rows import Row
from services.mailstore.reading.served import Served
from services.mailstore.reading.snippets import Snippets
from services.mailstore.searching.query import Query
from services.mailstore.threads.listing import ConversationPage, ConversationRequest, ConversationRow

log = get_logger(__name__)
T = TypeVar("T")
# Seconds: looking at all mailboxes before each list of conversations is given up where it takes longer.
DEAR = 0.05
# Rows before a page that are passed over in no time.
NEAR = 500
_OUT_OF_REACH = frozenset({Reason.MAIL_SERVER_UNREACHABLE, Reason.MAIL_SERVER_TIMEOUT})


@dataclass(frozen=True, slots=True)
class _View:
    """What one look at the file brought."""

    listed: Listed
    state: MailboxState
    summaries: tuple[Summary, ...] = ()


class Lists:
    """Pages of one account's mailboxes."""

    def __init__(self, pool: Pool, snippets: Snippets) -> None:
        self._pool = pool
        self._snippets = snippets

    async def page(self, index: AccountIndex, request: PageRequest) -> Served[Page] | None:
        """A page of messages. MAILBOX_CHANGED where the token is of another UIDVALIDITY."""
        condition = _condition(request.query)
        if condition is _UNANSWERABLE or not _serves(index, request.mailbox, request.query):
            return None
        token = tokens.decode_page(request.token, request.list_key)
        short = _near(request, token, condition)

        def look(store: Store) -> _View:
            return _look(store, index, request, token, condition, conversations=False)

        def placed(store: Store) -> tuple[MailboxState, _View]:
            view = look(store)
            return view.state, view

        async def live(session: Session) -> Page:
            known = await index.read_if_same(session, request.mailbox, placed, short=short)
            if known is not None:
                return await complete(session, known, known.state.unread)
            state, unread = await index.verify(session, request.mailbox)
            view = await index.read(look, short=short)
            uids = [row.uid for row in view.listed.rows]
            if not state.modseq and await index.flags(session, view.state, uids):
                view = await index.read(look, short=short)
            return await complete(session, view, unread)

        async def complete(session: Session, view: _View, unread: int) -> Page:
            return _page(request, view, await self._rows(session, index, view), unread)

        async def kept() -> Page:
            view = await index.read(look, short=short)
            return _page(request, view, [to_row(row) for row in view.listed.rows], view.state.unread)

        return await self._serve(index, request.mailbox, live, kept)

    async def conversations(
        self, index: AccountIndex, request: ConversationRequest
    ) -> Served[ConversationPage] | None:
        """A page of conversations. As `page`."""
        condition = _condition(request.query)
        if condition is _UNANSWERABLE or not _serves(index, request.mailbox, request.query):
            return None
        token = tokens.decode_page(request.token, request.list_key)
        short = _near(request, token, condition)

        def look(store: Store) -> _View:
            return _look(store, index, request, token, condition, conversations=True)

        def placed(store: Store) -> tuple[MailboxState, _View]:
            view = look(store)
            return view.state, view

        async def live(session: Session) -> ConversationPage:
            if index.cost > DEAR:
                known = await index.read_if_same(session, request.mailbox, placed, short=short)
                if known is not None:
                    return await complete(session, known)
                state, _ = await index.verify(session, request.mailbox)
            else:
                # All mailboxes: an answer that was just filed in Sent counts.
                current = await index.refresh(session)
                held = index.complete(request.mailbox)
                if held is None or request.mailbox not in current:
                    raise TooMuch
                state = held
            view = await index.read(look, short=short)
            if not state.modseq:
                uids = [uid for summary in view.summaries for uid in summary.uids]
                if await index.flags(session, view.state, uids):
                    view = await index.read(look, short=short)
            return await complete(session, view)

        async def complete(session: Session, view: _View) -> ConversationPage:
            return _conversation_page(request, view, await self._rows(session, index, view))

        async def kept() -> ConversationPage:
            view = await index.read(look, short=short)
            return _conversation_page(request, view, [to_row(row) for row in view.listed.rows])

        return await self._serve(index, request.mailbox, live, kept)

    async def _rows(self, session: Session, index: AccountIndex, view: _View) -> list[Row]:
        if not all(row.snippet is not None for row in view.listed.rows):
            await _opened(session, view.state)
        return await with_snippets(session, index.account.id, view.listed.rows, self._snippets)

    async def _serve(
        self,
        index: AccountIndex,
        mailbox: str,
        live: Callable[[Session], Awaitable[T]],
        kept: Callable[[], Awaitable[T]],
    ) -> Served[T] | None:
        try:
            return Served(await self._pool.run(index.account, live, mailbox=mailbox))
        except (NotNow, IndexBroken, apsw.Error) as err:
            log.info("index.not_served", account=index.account.id, cause=type(err).__name__)
            return None
        except PosternError as err:
            state = index.complete(mailbox)
            if err.reason not in _OUT_OF_REACH or state is None:
                raise
            try:
                return Served(await kept(), max(1, int(time.time() - state.synced)))
            except (IndexBroken, apsw.Error):
                raise err from None


async def _opened(session: Session, state: MailboxState) -> None:
    if not is_open(session, state.name):
        await open_mailbox(session, state.name, uid_validity=state.uid_validity)
    elif session.selected is None or session.selected.uid_validity != state.uid_validity:
        raise NotNow


_UNANSWERABLE = searching.Condition("unanswerable", ())


def _condition(query: Query) -> searching.Condition | None:
    """None for every message."""
    if query.empty:
        return None
    plan = searching.plan(query)
    return _UNANSWERABLE if plan is None else plan.condition


def _near(
    request: PageRequest | ConversationRequest, token: tokens.PageToken | None, condition: object
) -> bool:
    """Whether a page reads little more than its own rows: neither a filter nor a place deep in the list."""
    return condition is None and (token.position if token is not None else request.skip) < NEAR


def _serves(index: AccountIndex, mailbox: str, query: Query) -> bool:
    state = index.complete(mailbox)
    return state is not None and (query.empty or state.searchable)


def _look(
    store: Store,
    index: AccountIndex,
    request: PageRequest | ConversationRequest,
    token: tokens.PageToken | None,
    condition: searching.Condition | None,
    *,
    conversations: bool,
) -> _View:
    with store.reading() as db:
        state = read_state(store, request.mailbox)
        if state is None or not state.complete:
            raise TooMuch
        if token is not None and token.uid_validity != state.uid_validity:
            raise error(Reason.MAILBOX_CHANGED)
        place = Place(token.uid, token.back, token.position) if token else Place(skip=request.skip)
        order: Order = request.order
        listed = list_rows(
            db,
            state,
            order,
            request.size,
            place,
            conversations=conversations,
            condition=condition,
            marks=index.marks,
            kept=index.kept,
        )
        if not conversations:
            return _View(listed, state)
        states = {each.id: each for each in read_states(store)}
        return _View(listed, state, tuple(summarise(db, listed.rows, state.id, states)))


def _page(request: PageRequest, view: _View, rows: list[Row], unread: int) -> Page:
    listed, validity = view.listed, view.state.uid_validity
    following, previous = page_tokens(request.list_key, validity, [row.name.uid for row in rows], listed)
    digest = _digest([(row.uid, row.flags, row.keywords) for row in listed.rows])
    state = f"{validity:x}.{listed.total:x}.{unread:x}.{listed.position:x}.{digest}"
    return Page(tuple(rows), following, previous, listed.total, unread, listed.position, validity, state)


def _digest(shown: object) -> str:
    return hashlib.sha256(repr(shown).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def page_tokens(list_key: str, validity: int, uids: list[int], listed: Listed) -> tuple[str, str]:
    """Tokens of the next and of the previous page; they are those of lists that come from the server, too."""
    following = previous = ""
    end = listed.position + len(uids)
    if uids and end < listed.total:
        following = tokens.encode_page(tokens.PageToken(list_key, validity, uids[-1], end))
    if uids and listed.position > 0:
        token = tokens.PageToken(list_key, validity, uids[0], listed.position, back=True)
        previous = tokens.encode_page(token)
    return following, previous


def _conversation_page(request: ConversationRequest, view: _View, rows: list[Row]) -> ConversationPage:
    listed, state = view.listed, view.state
    found = [conversation_row(state, summary, row) for row, summary in zip(rows, view.summaries, strict=True)]
    uids = [row.name.uid for row in rows]
    following, previous = page_tokens(request.list_key, state.uid_validity, uids, listed)
    digest = _digest(
        [
            (row.uid, row.flags, row.keywords, summary.message_count, summary.unread_count, summary.uids)
            for row, summary in zip(listed.rows, view.summaries, strict=True)
        ]
    )
    word = f"{state.uid_validity:x}.{listed.total:x}.{listed.position:x}.{digest}"
    return ConversationPage(
        tuple(found),
        following,
        previous,
        listed.total,
        state.unread,
        listed.position,
        state.uid_validity,
        word,
    )


def conversation_row(state: MailboxState, summary: Summary, newest: Row) -> ConversationRow:
    """A conversation as lists tell it."""
    return ConversationRow(
        id=summary.id,
        newest=newest,
        message_count=summary.message_count,
        unread_count=summary.unread_count,
        participants=summary.participants,
        any_flagged=summary.any_flagged,
        any_attachment=summary.any_attachment,
        names=tuple(MessageName(state.name, state.uid_validity, uid) for uid in summary.uids),
    )


__all__ = ["Account", "Lists", "Served"]
