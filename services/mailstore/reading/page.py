"""One page of a mailbox.

By arrival and unfiltered, rows are a window over sequence numbers, whose size never depends on the
mailbox's. Any other list is the server's (or our own) ordering of UIDs, and a slice of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter

from services.common.errors import Reason, error
from services.mailstore.imap.parser import Response, Value
from services.mailstore.imap.session import Result, Seen, Selected, Session
from services.mailstore.imap.syntax import uid_sets
from services.mailstore.names import Flags, MessageName
from services.mailstore.reading import tokens
from services.mailstore.reading.arriving import Arriving
from services.mailstore.reading.items import FLAGS_ONLY, ITEMS, WITH_BEGINNING
from services.mailstore.reading.opening import is_fresh, open_mailbox
from services.mailstore.reading.orders import Key, Order, count_command, ordered_uids, read_count
from services.mailstore.reading.rows import Row, RowCache
from services.mailstore.reading.snippets import Snippets
from services.mailstore.searching.query import Query


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page. `skip` counts rows from the start and is ignored where there is a token."""

    mailbox: str
    size: int = 50
    token: str = ""
    order: Order = field(default_factory=Order)
    query: Query = field(default_factory=Query)
    skip: int = 0

    @property
    def list_key(self) -> str:
        text = repr((self.mailbox, self.order, self.query)).encode("utf-8", "surrogatepass")
        return hashlib.sha256(text).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of a page in order, and where it stands in the list."""

    rows: tuple[Row, ...]
    next_token: str
    previous_token: str
    total: int
    unread: int
    position: int
    uid_validity: int
    state: str


async def read_page(
    session: Session, account: str, request: PageRequest, cache: RowCache, snippets: Snippets
) -> Page:
    """The page. MAILBOX_NOT_FOUND; MAILBOX_CHANGED where the token is from before a UIDVALIDITY change."""
    token = tokens.decode_page(request.token, request.list_key)
    if request.order.key is Key.ARRIVAL and request.query.empty:
        page = await _by_sequence(session, account, request, token, cache, snippets)
    else:
        page = await _by_uids(session, account, request, token, cache)
    rows = await snippets.fill(session, account, page.rows)
    return replace(page, rows=tuple(rows))


Commands = list[list[bytes]]
_FLAGS = attrgetter(*(field.name for field in fields(Flags)))


async def _refresh(
    session: Session,
    mailbox: str,
    commands: Callable[[Selected | None], Commands],
    seen: Seen | None = None,
) -> tuple[Selected, list[Result]]:
    """The mailbox open and as it is now, with the answers to `commands`; one round trip where nothing has
    changed. `seen` is told of the answers as they come (Session.execute), also of those that are asked for
    again.

    NOOP comes last, for servers put off what it would tell until the other commands are done; where it
    tells of anything, the answers before it were of the past and are asked for again.
    """
    if is_fresh(session, mailbox):
        selected = session.selected
        assert selected is not None
        results: list[Result] = []
        for _ in range(3):
            before = selected.changes
            wanted = commands(selected)
            *results, _ = await session.execute(*wanted, [b"NOOP"], seen=seen)
            if selected.changes == before:
                break
        if all(result.status == "OK" for result in results):
            return selected, results
        # Deleted meanwhile, or replaced by another of the same name.
    selected, results = await open_mailbox(session, mailbox, reopen=True, then=commands(None))
    return selected, results


def _check_validity(selected: Selected, token: tokens.PageToken | None) -> None:
    if token is not None and token.uid_validity != selected.uid_validity:
        raise error(Reason.MAILBOX_CHANGED)


@dataclass(frozen=True, slots=True)
class _Window:
    """Sequence numbers low to high, both included; empty where low > high."""

    low: int
    high: int


def _window(request: PageRequest, exists: int, token: tokens.PageToken | None, below: int) -> _Window:
    """`below`: how many messages have a UID below the token's."""
    size, ascending = request.size, request.order.ascending
    if token is None:
        if ascending:
            return _Window(request.skip + 1, min(exists, request.skip + size))
        high = exists - request.skip
        return _Window(max(1, high - size + 1), high)
    if token.back != ascending:
        # Towards higher UIDs: from the first message above the token's.
        return _Window(below + 1, min(exists, below + size))
    return _Window(max(1, below - size + 1), below)


async def _by_sequence(
    session: Session,
    account: str,
    request: PageRequest,
    token: tokens.PageToken | None,
    cache: RowCache,
    snippets: Snippets,
) -> Page:
    arriving: Arriving | None = None

    def items(selected: Selected) -> bytes:
        known = cache.knows(account, selected.name, selected.uid_validity)
        return FLAGS_ONLY if known else WITH_BEGINNING

    def commands(selected: Selected | None) -> Commands:
        nonlocal arriving
        arriving = Arriving(account, selected, snippets) if selected is not None else None
        wanted = []
        if token is not None:
            # Towards higher UIDs the token's own message counts as passed.
            upper = token.uid if token.back != request.order.ascending else token.uid - 1
            # Nothing is below UID 1: a key that matches nothing.
            keys = [b"UID", b"1:%d" % upper] if upper else [b"DELETED", b"UNDELETED"]
            wanted.append(count_command(session, keys))
        elif selected is not None:
            window = _window(request, selected.exists, None, 0)
            if window.low <= window.high:
                wanted.append([b"FETCH", b"%d:%d" % (window.low, window.high), items(selected)])
        # Last, for it takes the server long in a large mailbox: the rows are made meanwhile.
        return [*wanted, count_command(session, [b"UNSEEN"])]

    def seen(response: Response) -> None:
        if arriving is not None:
            arriving.take(response)

    selected, results = await _refresh(session, request.mailbox, commands, seen)
    _check_validity(selected, token)
    unread = results[-1]
    below = read_count(results[0]) if token is not None else 0
    window = _window(request, selected.exists, token, below)
    if arriving is None:
        arriving = Arriving(account, selected, snippets)
    if window.low <= window.high and not _covers(arriving.found, window):
        arriving = Arriving(account, selected, snippets)
        for wanted in (items(selected), ITEMS):
            command = [b"FETCH", b"%d:%d" % (window.low, window.high), wanted]
            (fetched,) = await session.execute(command, seen=arriving.take)
            if fetched.status == "OK":
                break
    found = arriving.found
    shown = [uid for uid in sorted(found) if window.low <= found[uid][b"SEQ"] <= window.high]
    rows = await _complete(session, account, selected, shown, arriving, cache)
    if request.order.ascending:
        position = window.low - 1
    else:
        rows = rows[::-1]
        position = selected.exists - window.high
    position = max(0, position) if rows else 0
    return _page(request, selected, rows, selected.exists, read_count(unread), position)


async def _complete(
    session: Session,
    account: str,
    selected: Selected,
    uids: list[int],
    arriving: Arriving,
    cache: RowCache,
) -> list[Row]:
    """The rows of a window; what only has flags so far and is not known is fetched."""
    validity = selected.uid_validity
    missing = [
        uid
        for uid in uids
        if b"RFC822.SIZE" not in arriving.found[uid]
        and cache.get(account, MessageName(selected.name, validity, uid)) is None
    ]
    if missing:
        commands = [[b"UID", b"FETCH", numbers, WITH_BEGINNING] for _, numbers in uid_sets(missing)]
        await session.execute(*commands, seen=arriving.take)
    return cache.merge(account, selected.name, validity, uids, arriving.found, arriving.rows)


def _covers(found: dict[int, dict[bytes, Value]], window: _Window) -> bool:
    """Whether every message of the window is there: it moves where messages came or went in between."""
    numbers = {data[b"SEQ"] for data in found.values() if b"FLAGS" in data}
    return all(number in numbers for number in range(window.low, window.high + 1))


async def _by_uids(
    session: Session, account: str, request: PageRequest, token: tokens.PageToken | None, cache: RowCache
) -> Page:
    selected, results = await _refresh(
        session, request.mailbox, lambda _: [count_command(session, [b"UNSEEN"])]
    )
    _check_validity(selected, token)
    uids = await ordered_uids(session, request.query, request.order)
    if token is None:
        start = min(request.skip, len(uids))
    else:
        try:
            anchor = uids.index(token.uid)
            start = anchor - request.size if token.back else anchor + 1
        except ValueError:
            # The anchor is gone: where it stood is the best that is known.
            start = token.position - request.size if token.back else token.position
        start = max(0, min(start, len(uids)))
    page = uids[start : start + request.size]
    rows = await cache.fetch(session, account, selected.name, selected.uid_validity, page)
    return _page(request, selected, rows, len(uids), read_count(results[0]), start)


def _page(
    request: PageRequest, selected: Selected, rows: list[Row], total: int, unread: int, position: int
) -> Page:
    validity = selected.uid_validity
    following = previous = ""
    if rows and position + len(rows) < total:
        token = tokens.PageToken(request.list_key, validity, rows[-1].name.uid, position + len(rows))
        following = tokens.encode_page(token)
    if rows and position > 0:
        token = tokens.PageToken(request.list_key, validity, rows[0].name.uid, position, back=True)
        previous = tokens.encode_page(token)
    shown = repr([(row.name.uid, _FLAGS(row.flags)) for row in rows]).encode("utf-8")
    state = f"{validity:x}.{total:x}.{unread:x}.{position:x}.{hashlib.sha256(shown).hexdigest()[:16]}"
    return Page(tuple(rows), following, previous, total, unread, position, validity, state)
