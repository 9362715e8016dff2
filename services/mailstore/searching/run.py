"""Searching several mailboxes at once, the rows newest first.

Mailboxes are searched side by side over a few connections. A person waits for PATIENCE seconds at most
before what was found so far is shown; rows come in one order over all mailboxes as far as the search was
quicker than that, and after it in order within each step.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.common.errors import PosternError, Reason, invalid_argument
from services.mailstore.imap.pool import Account, Pool
from services.mailstore.imap.session import Session
from services.mailstore.imap.syntax import parse_date_time, uid_sets
from services.mailstore.mailboxes import listing
from services.mailstore.mailboxes.model import Tree
from services.mailstore.reading import tokens
from services.mailstore.reading.opening import open_mailbox
from services.mailstore.reading.orders import Key, Order, ordered_uids
from services.mailstore.reading.rows import Row, RowCache, gather
from services.mailstore.reading.snippets import Snippets
from services.mailstore.searching.places import mailboxes_of
from services.mailstore.searching.query import Query

PATIENCE = 1.5
# Connections that one search uses; the rest of the account's stay free for what a person does meanwhile.
SIDE_BY_SIDE = 2
_BATCH = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Of these a search cannot go on in another mailbox either.
_FATAL = frozenset({Reason.AUTHENTICATION_FAILED, Reason.MAIL_SERVER_UNREACHABLE, Reason.MAIL_SERVER_TIMEOUT})
_GONE = frozenset({Reason.MAILBOX_NOT_FOUND, Reason.MAILBOX_CHANGED})


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What to find, where, and which page of it."""

    query: Query
    mailboxes: tuple[str, ...] = ()
    size: int = 50
    token: str = ""
    order: Order = field(default_factory=Order)

    @property
    def list_key(self) -> str:
        text = repr((self.query, self.mailboxes, self.order)).encode("utf-8", "surrogatepass")
        return hashlib.sha256(text).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class SearchStep:
    """Rows found since the last step, and how far the search is. The last step has the rest."""

    rows: tuple[Row, ...]
    searched: int
    mailboxes: int
    last: bool = False
    total: int = 0
    next_token: str = ""
    failed: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    """Matches of one mailbox in order, from the page's start on; `keys` orders them among other
    mailboxes'.
    """

    mailbox: str
    uid_validity: int
    uids: list[int]
    total: int
    before: int
    anchor: int
    keys: dict[int, datetime] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    sent: int = 0


@dataclass(frozen=True, slots=True)
class _Anchor:
    """Where the last page ended in one mailbox: UIDVALIDITY, the last UID shown, how many were shown."""

    uid_validity: int = 0
    uid: int = 0
    shown: int = 0


async def search(
    pool: Pool, account: Account, request: SearchRequest, cache: RowCache, snippets: Snippets
) -> AsyncIterator[SearchStep]:
    """The search, step by step. Ends early, with what runs stopped, when the caller stops taking steps."""
    anchors = _anchors(request)
    tree = await pool.run(account, _tree)
    names = mailboxes_of(tree, request.query, request.mailboxes)
    places = [name for name in names if anchors is None or name in anchors]
    found: list[_Found] = []
    failed: list[str] = []
    gate = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(mailbox: str) -> _Found:
        async def work(session: Session) -> _Found:
            anchor = anchors[mailbox] if anchors else _Anchor()
            found = await _search_one(session, mailbox, request, anchor)
            if len(places) > 1:
                await _add_keys(session, account, request, found, cache)
            return found

        async with gate:
            return await pool.run(account, work, mailbox=mailbox)

    tasks = {asyncio.create_task(one(mailbox)): mailbox for mailbox in places}
    waiting = set(tasks)
    left = request.size
    patience = asyncio.get_running_loop().time() + PATIENCE
    try:
        while waiting:
            rest = max(0.0, patience - asyncio.get_running_loop().time())
            done, waiting = await asyncio.wait(
                waiting, timeout=rest or None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                _collect(task, tasks[task], found, failed, len(places))
            late = asyncio.get_running_loop().time() >= patience
            rows: list[Row] = []
            if late and waiting and left:
                rows = await _take(pool, account, request, cache, snippets, found, left, failed)
                left -= len(rows)
            if waiting and (done or rows):
                yield SearchStep(tuple(rows), len(places) - len(waiting), len(places))
        while left:
            rows = await _take(pool, account, request, cache, snippets, found, min(left, _BATCH), failed)
            if not rows and not any(item.sent < len(item.uids) for item in found):
                break
            left -= len(rows)
            yield SearchStep(tuple(rows), len(places), len(places))
        yield SearchStep(
            (),
            len(places),
            len(places),
            last=True,
            total=sum(item.total for item in found),
            next_token=_next_token(request, found),
            failed=tuple(sorted(failed)),
        )
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


async def _tree(session: Session) -> Tree:
    return await listing.list_mailboxes(session, counts=False)


def _collect(
    task: asyncio.Task[_Found], mailbox: str, found: list[_Found], failed: list[str], places: int
) -> None:
    try:
        found.append(task.result())
    except PosternError as err:
        if places == 1 or err.reason in _FATAL:
            raise
        failed.append(mailbox)


async def _search_one(session: Session, mailbox: str, request: SearchRequest, anchor: _Anchor) -> _Found:
    selected, _ = await open_mailbox(session, mailbox, reopen=True)
    if anchor.uid_validity and anchor.uid_validity != selected.uid_validity:
        anchor = _Anchor()
    uids = await ordered_uids(session, request.query, request.order)
    start = _start(uids, anchor, request.order)
    page = uids[start : start + request.size]
    return _Found(mailbox, selected.uid_validity, page, len(uids), start, anchor.uid)


async def _add_keys(
    session: Session, account: Account, request: SearchRequest, found: _Found, cache: RowCache
) -> None:
    """What orders the matches of one mailbox, which is open, among those of others."""
    if request.order.key is not Key.ARRIVAL:
        rows = await cache.fetch(session, account.id, found.mailbox, found.uid_validity, found.uids)
        found.rows = {row.name.uid: row for row in rows}
        return
    for _, numbers in uid_sets(found.uids):
        (fetched,) = await session.execute([b"UID", b"FETCH", numbers, b"(UID INTERNALDATE)"])
        for uid, data in gather([fetched]).items():
            found.keys[uid] = parse_date_time(data.get(b"INTERNALDATE")) or _EPOCH


def _start(uids: list[int], anchor: _Anchor, order: Order) -> int:
    """Where the page begins. By arrival a UID tells it for good; else the anchor's place, or where it was."""
    if not anchor.uid:
        return 0
    if order.key is Key.ARRIVAL:
        passed = (uid <= anchor.uid if order.ascending else uid >= anchor.uid for uid in uids)
        return sum(passed)
    try:
        return uids.index(anchor.uid) + 1
    except ValueError:
        return min(anchor.shown, len(uids))


async def _take(
    pool: Pool,
    account: Account,
    request: SearchRequest,
    cache: RowCache,
    snippets: Snippets,
    found: list[_Found],
    count: int,
    failed: list[str],
) -> list[Row]:
    """The next `count` rows over all mailboxes found so far, in order. A mailbox that was deleted or replaced
    since it was searched has none, and is one of `failed`, unless it is the only one.
    """
    chosen: list[tuple[_Found, int]] = []
    while len(chosen) < count:
        heads = [item for item in found if item.sent < len(item.uids)]
        if not heads:
            break
        best = max(heads, key=lambda item: _rank(item, request.order))
        chosen.append((best, best.uids[best.sent]))
        best.sent += 1
    rows: dict[tuple[str, int], Row] = {}
    for item in {id(item): item for item, _ in chosen}.values():
        uids = [uid for owner, uid in chosen if owner is item]
        try:
            for row in await _rows(pool, account, cache, snippets, item, uids):
                rows[item.mailbox, row.name.uid] = row
        except PosternError as err:
            if len(found) == 1 or err.reason not in _GONE:
                raise
            item.uids, item.total = item.uids[: item.sent], 0
            failed.append(item.mailbox)
    return [rows[item.mailbox, uid] for item, uid in chosen if (item.mailbox, uid) in rows]


async def _rows(
    pool: Pool, account: Account, cache: RowCache, snippets: Snippets, item: _Found, uids: list[int]
) -> list[Row]:
    async def work(session: Session) -> list[Row]:
        await open_mailbox(session, item.mailbox, uid_validity=item.uid_validity)
        rows = await cache.fetch(session, account.id, item.mailbox, item.uid_validity, uids)
        return await snippets.fill(session, account.id, rows)

    return await pool.run(account, work, mailbox=item.mailbox)


def _rank(item: _Found, order: Order) -> tuple[float, int]:
    """Larger comes first, among the heads of several mailboxes."""
    uid = item.uids[item.sent]
    row = item.rows.get(uid)
    moment = item.keys.get(uid) or _EPOCH
    if row is not None:
        if order.key is Key.SIZE:
            return (row.size if not order.ascending else -row.size, 0)
        moment = (row.envelope.date if order.key is Key.DATE else row.received) or _EPOCH
    value = moment.timestamp()
    return (value if not order.ascending else -value, 0)


def _anchors(request: SearchRequest) -> dict[str, _Anchor] | None:
    """By mailbox, from the token; None for the first page."""
    if not request.token:
        return None
    match tokens.decode(request.token):
        case ["search", str(key), dict(places)]:
            if key != request.list_key:
                raise invalid_argument("page_token", "other_list")
            anchors = {}
            for mailbox, value in places.items():
                match value:
                    case [int(validity), int(uid), int(shown)]:
                        anchors[str(mailbox)] = _Anchor(validity, uid, shown)
            return anchors
    raise invalid_argument("page_token", "malformed")


def _next_token(request: SearchRequest, found: list[_Found]) -> str:
    places = {}
    for item in found:
        shown = item.before + item.sent
        if shown < item.total:
            # Nothing of it on this page: the next one begins there where this one did.
            uid = item.uids[item.sent - 1] if item.sent else item.anchor
            places[item.mailbox] = [item.uid_validity, uid, shown]
    if not places:
        return ""
    token = tokens.encode(["search", request.list_key, places])
    # Hundreds of mailboxes with long names: better no further page than a token that is refused.
    return token if len(token) <= tokens.MAX_TOKEN else ""
