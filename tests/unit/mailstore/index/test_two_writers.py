"""A worker and the service bring in one mailbox at the same time, while others change it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from services.mailstore.index import schema, texts
from services.mailstore.index.build import build_rows, build_words
from services.mailstore.index.coding import hash64
from services.mailstore.index.model import Entry
from services.mailstore.index.source import Changes, FlagChange, Opened
from services.mailstore.index.store import Store
from services.mailstore.index.sync import MailboxSync
from services.mailstore.index.writing import Replaced, Writer, read_state
from tests.unit.mailstore.index.support import KEY, add, entry


@dataclass
class Box:
    """A mailbox at the server: messages and the MODSEQ of each by UID."""

    uid_validity: int
    messages: dict[int, Entry]
    modseq: int = 1
    changed: dict[int, int] = field(default_factory=dict)

    def flag(self, uid: int, flags: int) -> None:
        self.modseq += 1
        self.messages[uid] = replace(self.messages[uid], flags=flags)
        self.changed[uid] = self.modseq


class Server:
    """As many connections as are asked for; each keeps what it has opened."""

    def __init__(self, box: Box) -> None:
        self.box = box


class Connection:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.box = server.box

    async def open(self, name: str) -> Opened:
        box = self.box = self.server.box
        return Opened(name, box.uid_validity, max(box.messages) + 1, len(box.messages), box.modseq)

    @property
    def exists(self) -> int:
        return len(self.box.messages)

    async def fetch(self, commands: Sequence[Sequence[bytes]]) -> list:
        raise AssertionError

    async def count_changes(self, modseq: int) -> int:
        return sum(changed > modseq for changed in self.box.changed.values())

    async def changes(self, low: int, modseq: int) -> Changes:
        new = [uid for uid, changed in self.box.changed.items() if changed > modseq and uid >= low]
        return Changes([(uid, self.box.messages[uid].flags, None) for uid in new], [])

    async def flags(self, low: int) -> list[FlagChange]:
        return [(uid, each.flags, None) for uid, each in self.box.messages.items() if uid >= low]

    async def uids(self, low: int, high: int) -> list[int]:
        return sorted(uid for uid in self.box.messages if uid >= low and (not high or uid <= high))


async def nothing() -> None:
    pass


class Sync(MailboxSync):
    """`meanwhile` happens once, between the next answer of the server and what is done with it."""

    source: Connection

    def __init__(self, store: Store, server: Server) -> None:
        super().__init__(store, Connection(server))
        self.meanwhile: Callable[[], Awaitable[object]] = nothing

    async def _pause(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, nothing
        await meanwhile()

    async def entries(self, uids: Sequence[int]) -> list[Entry]:
        found = [self.source.box.messages[uid] for uid in uids if uid in self.source.box.messages]
        await self._pause()
        return found

    async def bodies(self, batch: Sequence[texts.Pending]) -> dict[int, bytes]:
        there = self.source.box.messages
        found = {each.uid: f"words of {there[each.uid].envelope.message_id}".encode() for each in batch}
        await self._pause()
        return found


def mailbox(uid_validity: int, ids: Sequence[int]) -> Box:
    """Messages with these ids in this order, all received in one second, as after an import."""
    rows = {uid: entry(uid, message_id=f"m{id_}", received=1000) for uid, id_ in enumerate(ids, 1)}
    return Box(uid_validity, rows)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    both = Store(tmp_path / "index.db", KEY), Store(tmp_path / "index.db", KEY)
    yield both
    for store in both:
        store.close()


async def whole(sync: Sync) -> None:
    state = await build_rows(sync, "Work", hidden=False, report=lambda _: None)
    await build_words(sync, state, report=lambda _: None)


def check(store: Store, box: Box) -> None:
    """The file holds the mailbox as it is at the server, every row with its own words."""
    state = read_state(store, "Work")
    assert state is not None and state.searchable and state.uid_validity == box.uid_validity
    held = {
        uid: (mid, flags, snippet)
        for uid, mid, flags, snippet in store.db.execute(
            "SELECT uid, mid, flags, snippet FROM message m JOIN detail d ON d.id = m.id WHERE mailbox = ?",
            (state.id,),
        )
    }
    assert held == {
        uid: (hash64(id_, store.salt), each.flags, f"words of {id_}")
        for uid, each in box.messages.items()
        for id_ in [each.envelope.message_id]
    }
    (orphans,) = store.db.execute(
        "SELECT count(*) FROM message WHERE mailbox NOT IN (SELECT id FROM mailbox)"
    ).fetchone()
    assert orphans == 0


async def test_what_was_read_before_a_reset_is_not_put_after_it(stores: tuple[Store, Store]) -> None:
    """The mailbox is replaced by one with the same UIDs for other messages while its rows are on their way,
    and the other process has begun the new one.
    """
    server = Server(mailbox(1, range(1, 9)))
    late, other = Sync(stores[0], server), Sync(stores[1], server)

    async def replaced() -> None:
        server.box = mailbox(2, (3, 1, 4, 2, 8, 5, 7, 6))
        await other.update("Work", hidden=False)

    late.meanwhile = replaced
    with pytest.raises(Replaced):
        await whole(late)
    await whole(other)
    check(stores[1], server.box)


async def test_words_read_before_a_reset_are_not_put_after_it(stores: tuple[Store, Store]) -> None:
    server = Server(mailbox(1, range(1, 9)))
    late, other = Sync(stores[0], server), Sync(stores[1], server)
    state = await build_rows(late, "Work", hidden=False, report=lambda _: None)

    async def replaced() -> None:
        server.box = mailbox(2, (3, 1, 4, 2, 8, 5, 7, 6))
        await whole(other)

    late.meanwhile = replaced
    with pytest.raises(Replaced):
        await build_words(late, state, report=lambda _: None)
    check(stores[1], server.box)


@pytest.mark.parametrize("first_ends_last", [False, True])
async def test_flags_that_change_between_two_readers_are_not_lost(
    stores: tuple[Store, Store], first_ends_last: bool
) -> None:
    """Both have read a new message; its flags change between; the one that read it before writes first."""
    server = Server(mailbox(1, range(1, 9)))
    one, two = Sync(stores[0], server), Sync(stores[1], server)
    await whole(one)
    server.box.messages[9] = entry(9, message_id="m9", received=1000)
    server.box.modseq += 1
    server.box.changed[9] = server.box.modseq

    async def flagged_and_read_again() -> None:
        server.box.flag(9, schema.FLAGGED)
        if first_ends_last:
            await two.update("Work", hidden=False)

    async def the_first_writes() -> None:
        one.meanwhile = flagged_and_read_again
        await one.update("Work", hidden=False)

    if first_ends_last:
        await the_first_writes()
    else:
        old = server.box.messages[9]
        server.box.flag(9, schema.FLAGGED)

        async def written_late() -> None:
            new, server.box.messages[9], server.box.modseq = server.box.messages[9], old, 2
            await one.update("Work", hidden=False)
            server.box.messages[9], server.box.modseq = new, 3

        two.meanwhile = written_late
        await two.update("Work", hidden=False)
    for _ in range(2):  # whoever looks next finds what the two have missed
        await one.update("Work", hidden=False)
    check(stores[0], server.box)


def test_words_of_a_message_whose_number_another_has_now(stores: tuple[Store, Store]) -> None:
    store = stores[0]
    state = add(store, "Work", [entry(1, received=1000)])
    words = texts.prepare(texts.pending(store, state.id, 100, 10), {1: b"words of the first"})
    writer = Writer(store)
    with store.writing():
        writer.remove(state.id, [1])
        writer.add(state.id, [entry(17, received=1000)])
        texts.add_words(store, state.id, words)
    assert store.db.execute("SELECT id, snippet FROM message JOIN detail USING(id)").fetchall() == [
        (words.rows[0][0], None)
    ]
