"""The file: unreadable without its key, begun anew where it does not open, bounded."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from services.mailstore.index.keys import Keys, derive_key, file_name
from services.mailstore.index.shelf import IndexSettings, Shelf
from services.mailstore.index.store import IndexBroken, Store
from services.mailstore.index.writing import read_states
from tests.unit.mailstore.index.support import KEY, add, entry, new_store


def test_nothing_of_the_mail_is_readable_on_disk(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    add(store, "Secretplans", [entry(1, subject="Treasureisland")], words={1: "xmarksthespot"})
    files = [path for path in tmp_path.iterdir() if not path.name.endswith("-shm")]
    before = b"".join(path.read_bytes() for path in files)
    store.close()
    after = (tmp_path / "index.db").read_bytes()
    shared = b"".join(path.read_bytes() for path in tmp_path.glob("*-shm"))
    for octets in (before, after, shared):
        for word in (
            b"Secretplans",
            b"Treasure",
            b"treasure",
            b"xmarks",
            b"ann@example",
            b"SQLite format",
            b"CREATE",
        ):
            assert word not in octets


def test_opens_again(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    add(store, "INBOX", [entry(1)])
    store.close()
    again = Store(tmp_path / "index.db", KEY, create=False)
    assert [state.name for state in read_states(again)] == ["INBOX"]


@pytest.mark.parametrize("damage", ["key", "octets", "plain", "empty"])
def test_what_does_not_open_is_begun_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "index.db"
    store = new_store(tmp_path)
    add(store, "INBOX", [entry(1)])
    store.close()
    key = b"\x08" * 32 if damage == "key" else KEY
    if damage == "octets":
        content = bytearray(path.read_bytes())
        content[100:200] = bytes(100)
        path.write_bytes(content)
    elif damage == "plain":
        path.write_bytes(b"something else" * 1000)
    elif damage == "empty":
        path.write_bytes(b"")
    again = Store(path, key)
    assert read_states(again) == []
    add(again, "INBOX", [entry(1)])


def test_a_page_that_was_changed_does_not_open(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    store = new_store(tmp_path)
    add(store, "INBOX", [entry(uid) for uid in range(1, 400)])
    store.close()
    content = bytearray(path.read_bytes())
    for page in range(1, len(content) // 4096):
        content[page * 4096 + 50] ^= 1
    path.write_bytes(content)
    with pytest.raises(Exception):  # noqa: B017
        store = Store(path, KEY, create=False)
        store.db.execute("SELECT sum(uid) FROM message").fetchall()


def test_is_not_made_where_it_should_be_there(tmp_path: Path) -> None:
    with pytest.raises(IndexBroken):
        Store(tmp_path / "none.db", KEY, create=False)
    assert not (tmp_path / "none.db").exists()


def test_keys() -> None:
    key = derive_key("a@x", b"secret", b"pepper")
    assert len(key) == 32
    assert key == Keys(b"pepper").key("a@x", b"secret")
    others = [
        derive_key("b@x", b"secret", b"pepper"),
        derive_key("a@x", b"secret2", b"pepper"),
        derive_key("a@x", b"secret", b"pepper2"),
    ]
    assert len({key, *others}) == 4
    assert "a@x" not in file_name("a@x", b"pepper")
    assert file_name("a@x", b"pepper") != file_name("a@x", b"pepper2")


def test_the_least_recently_used_go(tmp_path: Path) -> None:
    shelf = Shelf(IndexSettings(tmp_path, total_bytes=250_000), b"pepper")
    paths = [shelf.path(f"{number}@x") for number in range(4)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes(100_000))
        os.utime(path, (time.time() - 1000 + number,) * 2)
    gone = shelf.sweep(frozenset({paths[0]}))
    assert gone == [paths[1], paths[2]]
    assert [path.exists() for path in paths] == [True, False, False, True]
