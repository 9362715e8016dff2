"""Rows that are kept say what the file says, whatever changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.mailstore import convert
from services.mailstore.index.account import AccountIndex
from services.mailstore.index.kept import KeptRows
from services.mailstore.index.lists import Place, list_rows
from services.mailstore.index.model import Row
from services.mailstore.index.rows import to_row
from services.mailstore.index.store import Store
from services.mailstore.index.writing import Writer, read_state
from services.mailstore.names import Flags
from services.mailstore.reading.orders import Order
from services.mailstore.reading.rows import Row as Told
from tests.unit.mailstore.index.support import add, entry, new_store


def page(store: Store, name: str, kept: KeptRows | None) -> list[Row]:
    with store.reading() as db:
        state = read_state(store, name)
        assert state is not None
        return list_rows(db, state, Order(), 50, Place(), kept=kept).rows


def told(rows: Iterable[Told]) -> pb.ListMessagesResponse:
    answer = pb.ListMessagesResponse(state="x")
    convert.rows_to(rows, answer)
    return answer


def test_what_changes_is_read_anew(tmp_path: Path) -> None:
    store, kept = new_store(tmp_path), KeptRows()
    inbox = add(store, "INBOX", [entry(uid, message_id=f"{uid}@x") for uid in range(1, 9)]).id
    writer = Writer(store)
    changes: list[Callable[[], object]] = [
        lambda: writer.set_flags(inbox, [(3, 1, None)]),
        lambda: writer.set_flags(inbox, [(3, 1, "$Work"), (4, 4, None)]),
        lambda: writer.remove(inbox, [5]),
        # Two conversations become one.
        lambda: writer.add(inbox, [entry(20, message_id="20@x", references=("1@x", "2@x"))]),
        lambda: writer.rename_mailbox("INBOX", "Elsewhere"),
    ]
    name = "INBOX"
    before = page(store, name, kept)
    assert all(one is other for one, other in zip(page(store, name, kept), before, strict=True))
    for change in changes:
        with store.writing():
            change()
        name = "INBOX" if read_state(store, "INBOX") else "Elsewhere"
        plain, rows = page(store, name, None), page(store, name, kept)
        assert rows == plain != before
        assert told(map(to_row, rows)) == told(map(to_row, plain))
        before = rows


def test_few_are_kept_and_only_whole_ones(tmp_path: Path) -> None:
    store, kept = new_store(tmp_path), KeptRows(most=3)
    add(store, "INBOX", [entry(uid) for uid in range(1, 6)])
    rows = page(store, "INBOX", kept)
    assert sum(kept.near([row.id]) for row in rows) == 3
    whole = rows[0]
    whole.snippet = None
    fresh = KeptRows()
    fresh.put(whole)
    assert not fresh.near([whole.id])


@pytest.mark.parametrize("words", [0, 40, 130, 20_000])
def test_a_row_is_told_the_same_again(tmp_path: Path, words: int) -> None:
    store = new_store(tmp_path)
    add(store, "INBOX", [entry(uid, subject="w" * words) for uid in (1, 2)])
    rows = page(store, "INBOX", None)
    plain = [convert.row_to(to_row(row)) for row in rows]
    for answer in (pb.ListMessagesResponse, pb.SearchMessagesResponse, pb.GetConversationResponse):
        for _ in range(2):
            found = answer()
            convert.rows_to(map(to_row, rows), found)
            assert list(found.messages) == plain
    # What is made of a row is told as it is then.
    seen = replace(to_row(rows[0]), flags=Flags(seen=True))
    assert told([seen]).messages[0].flags.seen and not plain[0].flags.seen
    assert told([to_row(rows[0]).with_snippet("first")]).messages[0].snippet == "first"


def test_what_was_done_is_looked_at_where_it_was_done(tmp_path: Path) -> None:
    index = AccountIndex(None, tmp_path / "x", b"", None)  # type: ignore[arg-type]
    index.acted = {"INBOX": 5.0, "Sent": 5.0, "": 5.0}
    index._looked(4.0, "INBOX")
    assert set(index.acted) == {"INBOX", "Sent", ""}
    index._looked(5.0, "INBOX")
    assert set(index.acted) == {"Sent", ""}
    index._looked(6.0, *index.acted)
    assert not index.acted
