"""One page of a mailbox's conversations.

Threaded are the newest messages of the mailbox (WINDOW, more when somebody pages on) together with the
newest of Sent, so that one's own answers count. What is older than that stands alone until it is reached.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from services.common.errors import Reason, error, invalid_argument
from services.mailstore.imap.session import Session
from services.mailstore.imap.syntax import uid_sets
from services.mailstore.mailboxes import listing as mailbox_listing
from services.mailstore.mailboxes.model import Use
from services.mailstore.mime.model import Address
from services.mailstore.mime.select import select
from services.mailstore.mime.structure import from_bodystructure
from services.mailstore.names import MessageName
from services.mailstore.reading import tokens
from services.mailstore.reading.opening import open_mailbox
from services.mailstore.reading.orders import Key, Order, fold, search_uids
from services.mailstore.reading.rows import Row, RowCache, gather
from services.mailstore.reading.snippets import Snippets
from services.mailstore.searching.query import Query
from services.mailstore.threads.build import Conversation, build
from services.mailstore.threads.cache import ThreadCache
from services.mailstore.threads.subject import base_subject

WINDOW, MOST_WINDOW = 2_000, 20_000
SENT_WINDOW = 2_000
MOST_NAMES = 200


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """One row: the newest message of the listed mailbox, and what is known of the whole."""

    id: str
    newest: Row
    message_count: int
    unread_count: int
    participants: tuple[Address, ...]
    any_flagged: bool
    any_attachment: bool
    names: tuple[MessageName, ...]


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """The rows of a page in order, and where it stands in the list."""

    rows: tuple[ConversationRow, ...]
    next_token: str
    previous_token: str
    total: int
    unread: int
    position: int
    uid_validity: int
    state: str


@dataclass(frozen=True, slots=True)
class ConversationRequest:
    """Which page."""

    mailbox: str
    size: int = 50
    token: str = ""
    order: Order = field(default_factory=Order)
    query: Query = field(default_factory=Query)
    skip: int = 0

    @property
    def list_key(self) -> str:
        text = repr(("conversations", self.mailbox, self.order, self.query))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


async def list_conversations(
    session: Session,
    account: str,
    request: ConversationRequest,
    cache: ThreadCache,
    row_cache: RowCache,
    snippets: Snippets,
) -> ConversationPage:
    """The page. MAILBOX_NOT_FOUND, MAILBOX_CHANGED."""
    token = tokens.decode_page(request.token, request.list_key)
    wanted = (token.position if token else request.skip) + request.size
    sent = await _sent(session, account, request.mailbox, cache)
    # A conversation has some messages: a window that is surely large enough for the page's end.
    window = min(MOST_WINDOW, max(WINDOW, wanted * 8))
    lights, selected = await cache.load(session, account, request.mailbox, window)
    if token is not None and token.uid_validity != selected.uid_validity:
        raise error(Reason.MAILBOX_CHANGED)
    mailbox = request.mailbox
    found = [each for each in build([*lights, *sent]) if each.within(mailbox)]
    if not request.query.empty:
        matching = set(await search_uids(session, request.query))
        found = [each for each in found if any(m.name.uid in matching for m in each.within(mailbox))]
    found.sort(key=_sort_key(request), reverse=not request.order.ascending)
    start = _start(found, request, token)
    page = found[start : start + request.size]
    rows = await _rows(session, account, mailbox, selected.uid_validity, page, cache, row_cache, snippets)
    unthreaded = selected.exists - len(lights) if request.query.empty else 0
    return _page(request, rows, start, len(found) + unthreaded, selected.uid_validity, lights)


async def _sent(session: Session, account: str, mailbox: str, cache: ThreadCache) -> list[Any]:
    tree = await mailbox_listing.list_mailboxes(session, counts=False)
    box = tree.by_use(Use.SENT)
    if box is None or box.name == mailbox:
        return []
    lights, _ = await cache.load(session, account, box.name, SENT_WINDOW)
    return lights


def _sort_key(request: ConversationRequest) -> Callable[[Conversation], Any]:
    """By the newest message of each conversation in the listed mailbox."""
    mailbox = request.mailbox

    def newest_uid(each: Conversation) -> int:
        return max(message.name.uid for message in each.within(mailbox))

    match request.order.key:
        case Key.ARRIVAL:
            return newest_uid
        case Key.DATE:
            return lambda each: (each.within(mailbox)[-1].received, newest_uid(each))
        case Key.FROM:
            return lambda each: (_author(each.within(mailbox)[-1].author), newest_uid(each))
        case Key.SUBJECT:
            return lambda each: (fold(base_subject(each.within(mailbox)[-1].subject)), newest_uid(each))
        case Key.SIZE:
            return lambda each: (each.within(mailbox)[-1].size, newest_uid(each))
    raise invalid_argument("order.key", "unsupported")


def _author(address: Address | None) -> str:
    return fold(address.name or address.addr) if address else ""


def _start(found: list[Conversation], request: ConversationRequest, token: tokens.PageToken | None) -> int:
    if token is None:
        return min(request.skip, len(found))
    for index, each in enumerate(found):
        if any(message.name.uid == token.uid for message in each.within(request.mailbox)):
            return max(0, index - request.size) if token.back else index + 1
    return max(0, min(token.position - request.size if token.back else token.position, len(found)))


async def _rows(
    session: Session,
    account: str,
    mailbox: str,
    uid_validity: int,
    page: list[Conversation],
    cache: ThreadCache,
    row_cache: RowCache,
    snippets: Snippets,
) -> list[ConversationRow]:
    await open_mailbox(session, mailbox, uid_validity=uid_validity)
    newest = {max(message.name.uid for message in each.within(mailbox)): each for each in page}
    fetched = await row_cache.fetch(session, account, mailbox, uid_validity, list(newest))
    for row in fetched:
        cache.note_attachment(account, row.name, row.has_attachment)
    filled = await snippets.fill(session, account, fetched)
    names = [message.name for each in page for message in each.within(mailbox)]
    await note_attachments(session, account, names, cache)
    return [conversation_row(account, newest[row.name.uid], row, mailbox, cache) for row in filled]


def conversation_row(
    account: str, each: Conversation, newest: Row, mailbox: str, cache: ThreadCache
) -> ConversationRow:
    """The row of a conversation; `mailbox` is the listed one."""
    once = each.each_once(mailbox)
    people: dict[str, Address] = {}
    for message in once:
        if message.author is not None:
            people.setdefault((message.author.addr or message.author.name).casefold(), message.author)
    return ConversationRow(
        id=each.id,
        newest=newest,
        message_count=len(once),
        unread_count=sum(not message.flags.seen for message in once),
        participants=tuple(people.values()),
        any_flagged=any(message.flags.flagged for message in once),
        any_attachment=newest.has_attachment
        or any(cache.has_attachment(account, message.name) for message in each.messages),
        names=tuple(message.name for message in reversed(each.within(mailbox)))[:MOST_NAMES],
    )


async def note_attachments(
    session: Session, account: str, names: list[MessageName], cache: ThreadCache
) -> None:
    """Look once at the structure of each message of the open mailbox that was not looked at before."""
    unknown = {name.uid: name for name in names if cache.has_attachment(account, name) is None}
    commands = [[b"UID", b"FETCH", numbers, b"(UID BODYSTRUCTURE)"] for _, numbers in uid_sets(unknown)]
    if not commands:
        return
    for uid, data in gather(await session.execute(*commands)).items():
        root = from_bodystructure(data.get(b"BODYSTRUCTURE"))
        if uid in unknown and b"BODYSTRUCTURE" in data:
            has = root is not None and select(root).has_attachments
            cache.note_attachment(account, unknown[uid], has)


def _page(
    request: ConversationRequest,
    rows: list[ConversationRow],
    start: int,
    total: int,
    validity: int,
    lights: list[Any],
) -> ConversationPage:
    following = previous = ""
    end = start + len(rows)
    if rows and end < total:
        token = tokens.PageToken(request.list_key, validity, rows[-1].newest.name.uid, end)
        following = tokens.encode_page(token)
    if rows and start > 0:
        token = tokens.PageToken(request.list_key, validity, rows[0].newest.name.uid, start, back=True)
        previous = tokens.encode_page(token)
    unread = sum(not message.flags.seen for message in lights)
    shown = repr([(replace(row, newest=row.newest.name), row.newest.flags) for row in rows])  # type: ignore[arg-type]
    state = f"{validity:x}.{total:x}.{start:x}.{hashlib.sha256(shown.encode()).hexdigest()[:16]}"
    return ConversationPage(tuple(rows), following, previous, total, unread, start, validity, state)
