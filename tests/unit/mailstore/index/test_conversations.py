"""Conversations come out the same in whatever order their messages come in."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.mailstore.index.lists import Place, list_rows
from services.mailstore.index.model import Entry
from services.mailstore.index.store import Store
from services.mailstore.index.summaries import summarise, thread_of_id
from services.mailstore.index.writing import Writer
from services.mailstore.reading.orders import Order
from services.mailstore.threads.ids import parse
from tests.unit.mailstore.index.support import add, entry, new_store


def groups(store: Store) -> set[frozenset[tuple[int, int]]]:
    found: dict[int, set[tuple[int, int]]] = {}
    for thread, mailbox, uid in store.db.execute("SELECT thread, mailbox, uid FROM message"):
        found.setdefault(thread, set()).add((mailbox, uid))
    return {frozenset(group) for group in found.values()}


def expected(entries: list[Entry]) -> set[frozenset[tuple[int, int]]]:
    """Connected by any id they share, the plain way."""
    sets: list[tuple[set[str], set[int]]] = []
    for each in entries:
        ids = {each.envelope.message_id, *each.envelope.references} - {""}
        uids = {each.uid}
        rest = []
        for other_ids, other_uids in sets:
            if ids & other_ids:
                ids |= other_ids
                uids |= other_uids
            else:
                rest.append((other_ids, other_uids))
        sets = [*rest, (ids, uids)]
    return {frozenset((1, uid) for uid in uids) for _, uids in sets}


def sound(store: Store) -> None:
    newest = set(store.db.execute("SELECT mailbox, thread, max(uid) FROM message GROUP BY 1, 2"))
    assert newest == set(store.db.execute("SELECT mailbox, thread, uid FROM message WHERE newest"))
    assert store.db.execute(
        "SELECT count(*) FROM merged a JOIN merged b ON b.thread = a.into_thread"
    ).fetchone() == (0,)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.integers(2, 25))
def test_any_order(tmp_path_factory: pytest.TempPathFactory, rng: random.Random, count: int) -> None:
    entries = []
    for uid in range(1, count + 1):
        named = tuple(f"{rng.randint(1, count)}@x" for _ in range(rng.choice([0, 0, 1, 1, 2, 4])))
        entries.append(
            entry(uid, references=named, subject=f"s{uid}", message_id="" if uid % 9 == 8 else None)
        )
    rng.shuffle(entries)
    store = new_store(tmp_path_factory.mktemp("index"))
    start = 0
    while start < len(entries):
        size = rng.randint(1, 6)
        add(store, "INBOX", entries[start : start + size])
        start += size
        sound(store)
    assert groups(store) == expected(entries)
    gone = rng.sample(range(1, count + 1), count // 3)
    with store.writing():
        Writer(store).remove(1, gone)
    sound(store)
    store.close()


def test_a_moved_message_stays_in_its_conversation(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    add(store, "INBOX", [entry(1), entry(2, references=("1@x",))])
    before = thread_of_id(store, "2@x")
    with store.writing():
        Writer(store).remove(1, [2])
    add(store, "Archive", [entry(1, message_id="2@x", references=("1@x",))])
    assert thread_of_id(store, "2@x") == before == thread_of_id(store, "1@x")
    sound(store)


def test_a_reply_that_names_nothing_joins_by_subject(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    day = 1440
    add(store, "INBOX", [entry(1 * day, subject="Plans"), entry(2 * day, subject="Re: plans")])
    add(store, "INBOX", [entry(3 * day, subject="Plans"), entry(90 * day, subject="AW: Plans")])
    assert len(groups(store)) == 3
    # The other way round: the reply was there first.
    add(store, "INBOX", [entry(200 * day, subject="Re: Later")])
    add(store, "INBOX", [entry(199 * day, subject="Later")])
    assert len(groups(store)) == 4
    sound(store)


def test_summaries(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    inbox = add(
        store,
        "INBOX",
        [entry(1, sender="Ann", flags=1), entry(5, sender="Bob", references=("1@x",), attachment=True)],
    )
    sent = add(store, "Sent", [entry(3, message_id="s@x", references=("1@x",), sender="Me", flags=5)])
    add(store, "Trash", [entry(4, message_id="t@x", references=("1@x",), sender="Spam")], hidden=True)
    # A copy of what is in INBOX counts once.
    add(store, "Sent", [entry(6, message_id="5@x", references=("1@x",), sender="Bob")])
    with store.reading() as db:
        listed = list_rows(db, inbox, Order(), 10, Place(), conversations=True)
        assert [row.uid for row in listed.rows] == [5] and listed.total == 1
        (summary,) = summarise(db, listed.rows, inbox.id, {inbox.id: inbox, sent.id: sent})
    assert (summary.message_count, summary.unread_count) == (3, 1)
    assert summary.any_flagged and summary.any_attachment
    assert [person.name for person in summary.participants] == ["Ann", "Me", "Bob"]
    assert summary.uids == (5, 1)
    assert parse(summary.id) == "1@x"
