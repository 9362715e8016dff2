"""Searching the index: newest first over all mailboxes, the first page without a word with the server.

What the index does not hold, or cannot answer, the server is asked for in the same search. Whether the
index is still true is looked at while its answer is on its way, for whoever searches next.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import apsw

from services.common.errors import PosternError, Reason, invalid_argument
from services.mailstore.index import searching
from services.mailstore.index.account import AccountIndex
from services.mailstore.index.kept import KeptRows
from services.mailstore.index.lists import COLUMN, read_rows
from services.mailstore.index.model import MailboxState
from services.mailstore.index.rows import to_row
from services.mailstore.index.store import IndexBroken, Store
from services.mailstore.index.writing import read_states
from services.mailstore.mailboxes.model import Tree
from services.mailstore.reading import tokens
from services.mailstore.reading.orders import Key
from services.mailstore.reading.rows import Row
from services.mailstore.searching.places import mailboxes_of
from services.mailstore.searching.run import SearchRequest, SearchStep

# Matches that are counted; beyond, "as far as is known".
MOST_COUNTED = 20_000
# Messages of an account that is searched in the event loop.
SMALL = 3_000
_ALL_AT_SERVER = -2

ServerSearch = Callable[[SearchRequest], AsyncIterator[SearchStep]]


@dataclass(frozen=True, slots=True)
class _Token:
    """`shown` rows of the index, the last of them number `before`; -1: none is left, _ALL_AT_SERVER: all of
    the search is the server's. `server`: the token of the server's part, None where it has no more.
    """

    before: int
    shown: int
    server: str | None


async def find(
    index: AccountIndex, request: SearchRequest, server: ServerSearch, settle: Callable[[], object]
) -> AsyncIterator[SearchStep] | None:
    """The search, step by step; None where only the server can answer. `server` searches there; `settle`
    begins to look whether the index is true.
    """
    plan = searching.plan(request.query)
    tree = index.tree
    if plan is None or tree is None:
        return None
    names = mailboxes_of(tree, request.query, request.mailboxes)
    held = {
        name: index.states[name] for name in names if name in index.states and index.states[name].searchable
    }
    if not held:
        return None
    token = _read_token(request)
    if request.token and token is None:
        return None
    return _steps(index, request, plan, tree, names, held, token or _Token(0, 0, ""), server, settle)


async def _steps(
    index: AccountIndex,
    request: SearchRequest,
    plan: searching.Plan,
    tree: Tree,
    names: list[str],
    held: dict[str, MailboxState],
    token: _Token,
    server: ServerSearch,
    settle: Callable[[], object],
) -> AsyncIterator[SearchStep]:
    rest = [name for name in names if name not in held]
    # Whatever it is asked for, it has no more to look at.
    small = sum(state.total for state in index.states.values()) <= SMALL
    rows: list[Row] = []
    together: tuple[Row, ...] = ()
    last = -1
    failed: tuple[str, ...] = ()
    if token.before == _ALL_AT_SERVER:
        rest, held, last = names, {}, _ALL_AT_SERVER
    elif token.before >= 0:
        try:
            rows, last = await index.read(
                lambda store: _rows(store, index.kept, request, plan, held, token), short=small
            )
        except (IndexBroken, apsw.Error):
            rest, held = names, {}
        else:
            if not rows and not token.before and request.query.names_a_message:
                # Asked for one message: "there is none" is the server's word, not that of what was known.
                rest, held, last = names, {}, _ALL_AT_SERVER
            if rest or not small:
                yield SearchStep(tuple(rows), len(held), len(names))
            else:
                # The rest is here in no time, and goes along.
                together = tuple(rows)
    settle()
    total, server_token = 0, None
    if rest and token.server is not None:
        # The places are told by name from here on.
        query = replace(request.query, places=())
        asked = replace(request, query=query, mailboxes=tuple(rest), token=token.server)
        steps = server(asked)
        try:
            async with aclosing(steps):  # type: ignore[type-var]
                async for step in steps:
                    total, failed = step.total, step.failed
                    server_token = step.next_token or None
                    searched = len(held) + step.searched
                    yield replace(step, searched=searched, mailboxes=len(names), last=False, next_token="")
        except PosternError as err:
            # One that nobody has named, and that was deleted since the tree was looked at.
            if err.reason != Reason.MAILBOX_NOT_FOUND or request.mailboxes or request.query.places:
                raise
    if held and last < 0 and token.before == token.shown == 0:
        # All that there are.
        total += len(rows)
    elif held:
        total += await index.read(lambda store: _count(store, plan, held), short=small)
    shown = token.shown + len(rows)
    following = ""
    if last >= 0 or server_token:
        following = tokens.encode(["index", request.list_key, last, shown, server_token])
    yield SearchStep(
        together, len(names), len(names), last=True, total=total, next_token=following, failed=failed
    )


def _rows(
    store: Store,
    kept: KeptRows,
    request: SearchRequest,
    plan: searching.Plan,
    held: dict[str, MailboxState],
    token: _Token,
) -> tuple[list[Row], int]:
    """A page, and the number of its last row; -1 where there are no more."""
    with store.reading() as db:
        # As the file is now: a worker may have put in a mailbox that is not known here yet.
        now = {state.id: state for state in read_states(store)}
        states = {state.id: now[state.id] for state in held.values() if state.id in now}
        scope = searching.Scope.of(now.values(), states)
        if request.order.key is Key.ARRIVAL and not request.order.ascending:
            found = searching.newest_first(plan, scope, token.before, request.size + 1)
        else:
            column = COLUMN[request.order.key] if request.order.key is not Key.ARRIVAL else "id"
            found = searching.sorted_by(
                plan, scope, column, request.order.ascending, request.size + 1, token.shown
            )
        numbers = [row[0] for row in db.execute(found.sql, found.parameters)]
        more = len(numbers) > request.size
        numbers = numbers[: request.size]
        rows = [to_row(row) for row in read_rows(db, states, numbers, kept)]
    return rows, numbers[-1] if more and numbers else -1


def _count(store: Store, plan: searching.Plan, held: dict[str, MailboxState]) -> int:
    with store.reading() as db:
        scope = searching.Scope.of(read_states(store), [state.id for state in held.values()])
        found = searching.count(plan, scope, MOST_COUNTED)
        for row in db.execute(found.sql, found.parameters):
            return int(row[0])
    return 0


def _read_token(request: SearchRequest) -> _Token | None:
    """None for the first page, and for a token of the server's search."""
    if not request.token:
        return None
    match tokens.decode(request.token):
        case ["index", str(key), int(before), int(shown), (str() | None) as server]:
            if key != request.list_key:
                raise invalid_argument("page_token", "other_list")
            return _Token(before, shown, server)
    return None


def is_index_token(token: str) -> bool:
    """Whether a page token was made here."""
    if not token:
        return False
    match tokens.decode(token):
        case ["index", *_]:
            return True
    return False
