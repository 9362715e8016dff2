"""Pages and searches agree with the plain way of doing them."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from services.mailstore.index import lists, schema, searching
from services.mailstore.index.lists import Place, list_rows
from services.mailstore.index.marks import Marks
from services.mailstore.index.model import Entry, MailboxState
from services.mailstore.index.sortkeys import fold, spaced
from services.mailstore.index.store import Store
from services.mailstore.index.writing import Writer, read_state
from services.mailstore.reading.orders import Key, Order
from services.mailstore.searching.query import parse
from services.mailstore.threads.subject import base_subject
from tests.unit.mailstore.index.support import START, add, entry, new_store

KEYS: dict[Key, Callable[[Entry], object]] = {
    Key.ARRIVAL: lambda e: e.uid,
    Key.DATE: lambda e: e.received,
    Key.FROM: lambda e: fold(e.envelope.from_[0].name),
    Key.TO: lambda e: e.envelope.to[0].addr,
    Key.SUBJECT: lambda e: fold(base_subject(e.envelope.subject)),
    Key.SIZE: lambda e: e.size,
}


@pytest.fixture
def held(tmp_path: Path) -> tuple[Store, MailboxState, list[Entry]]:
    rng = random.Random(3)
    entries = [
        entry(
            uid,
            subject=rng.choice(["Re: Über", "uber", "Zoo", "alpha"]),
            sender=rng.choice(["Ann", "Émile", "bob"]),
            to=rng.choice("xyz"),
            size=rng.randint(1, 6) * 1000,
            flags=rng.choice([0, 1, 4, 5]),
            received=START + rng.randint(0, 10**6),
            references=(f"{rng.randint(1, 60)}@x",) if rng.random() < 0.5 else (),
        )
        for uid in rng.sample(range(1, 500), 60)
    ]
    store = new_store(tmp_path)
    state = add(store, "INBOX", entries)
    add(store, "Other", [entry(7, message_id="other@x")])
    store.make_orders()
    return store, state, entries


@pytest.mark.parametrize("key", list(Key))
@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("conversations", [False, True])
@pytest.mark.parametrize("step", [2, 500])
def test_pages(
    held: tuple[Store, MailboxState, list[Entry]],
    monkeypatch: pytest.MonkeyPatch,
    key: Key,
    ascending: bool,
    conversations: bool,
    step: int,
) -> None:
    monkeypatch.setattr(lists, "STEP", step)
    store, state, entries = held
    marks = Marks()
    order = Order(key, ascending)
    if conversations:
        newest = {
            uid
            for (uid,) in store.db.execute(
                "SELECT uid FROM message WHERE newest AND mailbox = ?", (state.id,)
            )
        }
        entries = [each for each in entries if each.uid in newest]
    expected = [
        each.uid
        for each in sorted(entries, key=lambda e: (KEYS[key](e), e.uid), reverse=not ascending)  # type: ignore[arg-type]
    ]

    def page(place: Place) -> tuple[list[int], int]:
        with store.reading() as db:
            listed = list_rows(db, state, order, 7, place, conversations=conversations, marks=marks)
        assert listed.total == len(expected)
        return [row.uid for row in listed.rows], listed.position

    for start in range(0, len(expected), 7):
        assert page(Place(skip=start)) == (expected[start : start + 7], start)
        if start:
            anchor = expected[start - 1]
            assert page(Place(after=anchor, position=start)) == (expected[start : start + 7], start)
            # However wrong the position that is remembered.
            assert page(Place(after=anchor, position=0))[1] == start
            assert page(Place(after=anchor, position=len(expected) // 2))[1] == start
            before = expected[max(0, start - 7) : start]
            assert page(Place(after=expected[start], back=True, position=start)) == (
                before,
                max(0, start - 7),
            )
    # The anchor is gone.
    assert page(Place(after=999, position=7)) == (expected[7:14], 7)
    assert page(Place(skip=len(expected) + 3)) == ([], 0)
    # What the marks are of is seen to have changed.
    with store.writing():
        Writer(store).remove(state.id, expected[:1])
    now = read_state(store, "INBOX")
    assert now is not None and now.shape != state.shape
    if not conversations:
        state, expected = now, expected[1:]
        for start in range(0, len(expected), 7):
            assert page(Place(skip=start)) == (expected[start : start + 7], start)


def test_counts_follow(held: tuple[Store, MailboxState, list[Entry]]) -> None:
    store, state, entries = held
    unread = sum(not each.flags & 1 for each in entries)
    assert (state.total, state.unread) == (60, unread)
    first, second = entries[0], entries[1]
    with store.writing():
        writer = Writer(store)
        writer.set_flags(state.id, [(first.uid, first.flags ^ schema.SEEN, "x"), (9999, 1, None)])
        writer.remove(state.id, [second.uid, 12345])
    after = read_state(store, "INBOX")
    assert after is not None
    changed = -1 if not first.flags & 1 else 1
    assert (after.total, after.unread) == (59, unread + changed - (not second.flags & 1))
    assert after.changes > state.changes


def test_flags_that_are_told_twice_count_once(held: tuple[Store, MailboxState, list[Entry]]) -> None:
    """As where another client changes them while they are asked for."""
    store, state, entries = held
    unread = next(each for each in entries if not each.flags & schema.SEEN)
    with store.writing():
        writer = Writer(store)
        told = [(unread.uid, flags, None) for flags in (0, schema.SEEN, schema.SEEN | schema.FLAGGED)]
        assert writer.set_flags(state.id, told) == 1
    after = read_state(store, "INBOX")
    assert after is not None and after.unread == state.unread - 1


QUERIES: list[tuple[str, set[int]]] = [
    ("apple", {1, 2}),
    ("APPLE", {1, 2}),
    ("appl", {1, 2}),
    ("app", set()),
    ('"apple pie"', {1}),
    ('"pie apple"', set()),
    ("apple -pie", {2}),
    ("-apple", {3, 4, 5, 6}),
    ("cafe", {3}),
    ("CAFÉ", {3}),
    ("from:ann", {1, 2, 3, 5, 6}),
    ("from:bob@example.org", {4}),
    ("to:zed", {6}),
    ("cc:zed", set()),
    ("subject:report", {4}),
    ("body:report", set()),
    ("is:unread", {1, 2, 3, 4, 6}),
    ("is:read", {5}),
    ("-is:read", {1, 2, 3, 4, 6}),
    ("is:starred", {5}),
    ("has:attachment", {2}),
    ("-has:attachment apple", {1}),
    ("larger:1k", {6}),
    ("smaller:1k", {1, 2, 3, 4, 5}),
    ("label:work", {3}),
    ("after:2023-11-16", {6}),
    ("before:2023-11-16", {1, 2, 3, 4, 5}),
    ("on:2023-11-14", {1, 2, 3, 4, 5}),
    ("会議", {5}),
    ("議事録", {5}),
    ("事", {5}),
    ("議会", set()),
    ("user@host.example", {4}),
    ("nothing", set()),
    ("message-id:<THREE@x>", {3}),
    ("message-id:three@x", set()),
    ("message-id:four@x", {4}),
    ("message-id:five@x", set()),
    ("-message-id:four@x apple", {1, 2}),
    ("pie OR cafe", {1, 3}),
    ("pie OR cafe OR label:work -has:attachment", {1, 3}),
    ("apple OR cafe -pie", {2, 3}),
    ("pie OR is:starred", {1, 5}),
    ("-is:unread OR to:zed", {5, 6}),
    ("-apple OR -pie", {2, 3, 4, 5, 6}),
    ("apple has:attachment OR before:2000-01-01", {2}),
    ("message-id:four@x OR -smaller:1k", {4, 6}),
]


@pytest.mark.parametrize(("text", "found"), QUERIES)
def test_search(tmp_path: Path, text: str, found: set[int]) -> None:
    store = new_store(tmp_path)
    entries = [
        entry(1),
        entry(2, attachment=True),
        entry(3, keywords="other work", message_id="THREE@x"),
        # An answer to one that is not there, so that one conversation has several ids.
        entry(
            4, subject="Report of May", sender="Bob", message_id="four@x", references=("THREE@x", "five@x")
        ),
        entry(5, flags=schema.SEEN | schema.FLAGGED),
        entry(6, size=5000, received=START + 5 * 86400, to="zed"),
    ]
    words = {
        1: "an apple pie",
        2: "apples and pears",
        3: "Café",
        4: "user@host.example",
        5: "今日の会議の議事録です",
    }
    state = add(store, "INBOX", entries, words=words)
    plan = searching.plan(parse(text, date(2026, 11, 24)))
    assert plan is not None
    scope = searching.Scope.of([state], [state.id])
    condition = searching.newest_first(plan, scope, 0, 100)
    ids = [row[0] for row in store.db.execute(condition.sql, condition.parameters)]
    assert ids == sorted(ids, reverse=True)
    uids = {uid for id_ in ids for (uid,) in store.db.execute("SELECT uid FROM message WHERE id = ?", (id_,))}
    assert uids == found
    counted = searching.count(plan, scope, 100)
    assert store.db.execute(counted.sql, counted.parameters).fetchone() == (len(found),)
    with store.reading() as db:
        listed = list_rows(db, state, Order(), 50, Place(), condition=plan.condition)
    assert {row.uid for row in listed.rows} == found and listed.total == len(found)


@pytest.mark.parametrize("few", [0, 10_000])
def test_where_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(searching, "_FEW", few)
    store = new_store(tmp_path)
    boxes = {"INBOX": range(1, 30), "Sent": range(40, 45), "Trash": range(50, 70)}
    held = {
        name: add(store, name, [entry(uid) for uid in uids], words=dict.fromkeys(uids, "apple"))
        for name, uids in boxes.items()
    }
    plan = searching.plan(parse("apple"))
    assert plan is not None
    for chosen in (["INBOX"], ["Sent"], ["INBOX", "Sent"], ["Trash"], list(boxes)):
        scope = searching.Scope.of(held.values(), [held[name].id for name in chosen])
        condition = searching.newest_first(plan, scope, 0, 100)
        found = store.db.execute(condition.sql, condition.parameters).fetchall()
        counted = searching.count(plan, scope, 100)
        expected = sum(len(boxes[name]) for name in chosen)
        assert store.db.execute(counted.sql, counted.parameters).fetchone() == (expected,)
        uids = [store.db.execute("SELECT uid FROM message WHERE id = ?", row).fetchone() for row in found]
        assert [uid for (uid,) in uids] == sorted(  # type: ignore[misc]
            (uid for name in chosen for uid in boxes[name]), reverse=True
        )


def test_dates_hold_where_all_came_in_the_same_second(tmp_path: Path) -> None:
    """As an import may do: their numbers run far beyond their own second."""
    store = new_store(tmp_path)
    day = START // 86400 * 86400
    entries = [entry(uid, received=day + 86399) for uid in range(1, 200)]
    state = add(store, "INBOX", [*entries, entry(500, received=day + 86400)])
    for text, expected in (("before:2023-11-15", 199), ("on:2023-11-14", 199), ("after:2023-11-15", 1)):
        plan = searching.plan(parse(text))
        assert plan is not None
        found = searching.count(plan, searching.Scope.of([state], [state.id]))
        assert store.db.execute(found.sql, found.parameters).fetchone() == (expected,)


def test_no_query_breaks_the_search(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    state = add(store, "INBOX", [entry(1)])
    for text in [
        '"',
        "*",
        "a*b",
        "AND",
        "NOT x",
        "NEAR(a b)",
        "x:y",
        "-",
        "(",
        "^a",
        "from:*",
        'a"b',
        "\u0000",
        "+",
        "'",
    ]:
        plan = searching.plan(parse(text))
        if plan is not None:
            condition = searching.newest_first(plan, searching.Scope.of([state], [state.id]), 0, 10)
            list(store.db.execute(condition.sql, condition.parameters))


def test_unspaced_scripts_are_pairs() -> None:
    assert spaced("今日は").split() == ["今日", "日は", "は"]
    assert spaced("plain words") == "plain words"
    assert spaced("a今b").split() == ["a", "今", "b"]
