"""One conversation over all mailboxes.

What is threaded already (the message's own mailbox, INBOX, Sent) is looked at first; other mailboxes are
asked by the Message-ID of the conversation's root, within a bound of time, since without an index that is a
search.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from services.common.errors import PosternError, Reason, error
from services.common.logging import get_logger
from services.mailstore.imap.failure import CommandRefused
from services.mailstore.imap.pool import Account, Pool
from services.mailstore.imap.session import Session
from services.mailstore.imap.syntax import string
from services.mailstore.mailboxes import listing as mailbox_listing
from services.mailstore.mailboxes.model import Tree, Use
from services.mailstore.names import MessageName, check_name
from services.mailstore.reading.opening import open_mailbox
from services.mailstore.reading.orders import search_raw
from services.mailstore.reading.rows import Row, RowCache
from services.mailstore.reading.snippets import Snippets
from services.mailstore.threads.build import Conversation, Light, build
from services.mailstore.threads.cache import ThreadCache, fetch_lights
from services.mailstore.threads.listing import (
    SENT_WINDOW,
    WINDOW,
    ConversationRow,
    conversation_row,
)

log = get_logger(__name__)
T = TypeVar("T")
# Seconds and mailboxes for the search beyond what is threaded; larger mailboxes are left to the index.
SEARCH_SECONDS, MOST_SEARCHED, LARGEST_SEARCHED = 3.0, 30, 20_000
_NEVER = frozenset({Use.ALL, Use.FLAGGED, Use.DRAFTS})
_UNWANTED = frozenset({Use.TRASH, Use.JUNK})


@dataclass(frozen=True, slots=True)
class OneRequest:
    """Which conversation: by its root's Message-ID, or by a message of it. A page is the last `size`
    of its oldest `before` messages, or of all where that is 0: who opens a long conversation wants its end,
    and what arrives meanwhile moves nothing.
    """

    root: str = ""
    message: MessageName | None = None
    include_trash: bool = False
    before: int = 0
    size: int = 100

    def bounds(self, total: int) -> tuple[int, int]:
        """Where the page begins and ends among `total` messages, oldest first."""
        end = min(self.before or total, total)
        return max(0, end - self.size), end

    def page(self, messages: Sequence[T]) -> Sequence[T]:
        """The page out of all messages, oldest first."""
        begin, end = self.bounds(len(messages))
        return messages[begin:end]


@dataclass(frozen=True, slots=True)
class OpenedConversation:
    """The row of it, a page of its messages (oldest first), and how many there are."""

    row: ConversationRow
    messages: tuple[Row, ...]
    total: int


async def get_conversation(
    pool: Pool,
    account: Account,
    request: OneRequest,
    cache: ThreadCache,
    row_cache: RowCache,
    snippets: Snippets,
) -> OpenedConversation:
    """The conversation. NOT_FOUND, MESSAGE_GONE, MAILBOX_CHANGED."""
    tree = await pool.run(account, _tree)
    prefer = request.message.mailbox if request.message else "INBOX"
    lights, own = await pool.run(account, lambda s: _threaded(s, account.id, tree, request, cache))
    each = _pick(build(lights), request, own)
    root = request.root or (own.root if own else "")
    if root:
        others = await _elsewhere(pool, account, tree, request, {m.name.mailbox for m in lights}, root)
        if others:
            each = _pick(build([*lights, *others]), request, own)
    if each is None:
        raise error(Reason.NOT_FOUND, what="conversation")
    once = each.each_once(prefer)
    rows = await _rows(pool, account, list(request.page(once)), row_cache, snippets)
    newest = each.within(prefer)[-1] if each.within(prefer) else once[-1]
    shown = next((row for row in rows if row.name == newest.name), None)
    if shown is None:
        (shown,) = await _rows(pool, account, [newest], row_cache, snippets) or (None,)
    if shown is None:
        raise error(Reason.MESSAGE_GONE)
    for row in rows:
        cache.note_attachment(account.id, row.name, row.has_attachment)
    return OpenedConversation(
        conversation_row(account.id, each, shown, prefer, cache), tuple(rows), len(once)
    )


async def _tree(session: Session) -> Tree:
    return await mailbox_listing.list_mailboxes(session, counts=True)


async def _threaded(
    session: Session, account: str, tree: Tree, request: OneRequest, cache: ThreadCache
) -> tuple[list[Light], Light | None]:
    """What is threaded, and the named message itself."""
    sent = tree.by_use(Use.SENT)
    wanted = {request.message.mailbox: WINDOW} if request.message else {}
    wanted.setdefault("INBOX", WINDOW)
    if sent is not None:
        wanted.setdefault(sent.name, SENT_WINDOW)
    lights: list[Light] = []
    for mailbox, window in wanted.items():
        found, _ = await cache.load(session, account, mailbox, window)
        lights += found
    if request.message is None:
        return lights, None
    name = check_name(request.message)
    await open_mailbox(session, name.mailbox, uid_validity=name.uid_validity, uid=name.uid)
    own = next((light for light in lights if light.name == name), None)
    if own is None:
        fetched = await fetch_lights(session, name.mailbox, name.uid_validity, [name.uid])
        if not fetched:
            raise error(Reason.MESSAGE_GONE)
        own = fetched[0]
        lights.append(own)
    return lights, own


def _pick(found: list[Conversation], request: OneRequest, own: Light | None) -> Conversation | None:
    if own is not None:
        return next((each for each in found if own in each.messages), None)
    return next((each for each in found if request.root in each.ids()), None)


async def _elsewhere(
    pool: Pool, account: Account, tree: Tree, request: OneRequest, known: set[str], root: str
) -> list[Light]:
    """Messages that name the root, in the mailboxes that are not threaded."""
    without = _NEVER if request.include_trash else _NEVER | _UNWANTED
    places = [
        box.name
        for box in tree.mailboxes
        if box.selectable
        and box.use not in without
        and box.name not in known
        and 0 < box.message_count <= LARGEST_SEARCHED
    ][:MOST_SEARCHED]
    if not places:
        return []
    found: list[Light] = []

    async def work(session: Session) -> None:
        quoted = string(root.encode("utf-8"))
        keys = [b"OR", b"HEADER", b"References", quoted, b"OR", b"HEADER", b"Message-ID", quoted]
        keys += [b"HEADER", b"In-Reply-To", quoted]
        for mailbox in places:
            try:
                selected, _ = await open_mailbox(session, mailbox, reopen=True)
                uids = await search_raw(session, keys)
                found.extend(await fetch_lights(session, mailbox, selected.uid_validity, uids[-500:]))
            except (CommandRefused, PosternError) as err:
                log.info("conversation.search_failed", account=account.id, cause=err)

    try:
        async with asyncio.timeout(SEARCH_SECONDS):
            await pool.run(account, work)
    except TimeoutError:
        log.info("conversation.search_cut", account=account.id, found_count=len(found))
    return found


async def _rows(
    pool: Pool, account: Account, lights: list[Light], row_cache: RowCache, snippets: Snippets
) -> list[Row]:
    """The rows of these messages in this order."""
    by_mailbox: dict[tuple[str, int], list[int]] = {}
    for light in lights:
        by_mailbox.setdefault((light.name.mailbox, light.name.uid_validity), []).append(light.name.uid)

    async def work(session: Session) -> dict[MessageName, Row]:
        rows: dict[MessageName, Row] = {}
        for (mailbox, validity), uids in by_mailbox.items():
            await open_mailbox(session, mailbox, uid_validity=validity)
            fetched = await row_cache.fetch(session, account.id, mailbox, validity, uids)
            rows.update((row.name, row) for row in await snippets.fill(session, account.id, fetched))
        return rows

    rows = await pool.run(account, work)
    return [rows[light.name] for light in lights if light.name in rows]
