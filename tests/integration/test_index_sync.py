"""The index of a mailbox beside a real Dovecot: whatever another client does, it agrees with the server
again.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from imapclient import IMAPClient

from services.common.endpoint import TlsMode
from services.mailstore.imap.connect import Account, ImapServer, connect
from services.mailstore.imap.session import Session
from services.mailstore.index import schema
from services.mailstore.index.build import build_rows, build_words
from services.mailstore.index.source import SessionSource
from services.mailstore.index.store import Store
from services.mailstore.index.sync import MailboxSync
from services.mailstore.index.writing import read_state
from tests.support.dovecot import Dovecot, DovecotOptions, MailUser

KEY = b"k" * 32
SERVERS = {
    "qresync": DovecotOptions(),
    "condstore": DovecotOptions(without=("QRESYNC",)),
    "neither": DovecotOptions(without=("CONDSTORE", "QRESYNC")),
}
_FLAGS = [rb"\Seen", rb"\Flagged", rb"\Answered", rb"$Forwarded", b"work", b"later"]
_BITS = {
    rb"\Seen": schema.SEEN,
    rb"\Answered": schema.ANSWERED,
    rb"\Flagged": schema.FLAGGED,
    rb"\Deleted": schema.DELETED,
    rb"\Draft": schema.DRAFT,
    rb"$Forwarded": schema.FORWARDED,
}


@pytest.fixture(params=list(SERVERS))
def server(request: pytest.FixtureRequest, dovecot_with: Callable[[DovecotOptions], Dovecot]) -> Dovecot:
    return dovecot_with(SERVERS[request.param])


async def open_session(server: Dovecot, user: MailUser) -> Session:
    where = ImapServer("127.0.0.1", server.imap_port, TlsMode.PLAIN, None)
    return await connect(where, Account(user.address, user.address, user.password))


@pytest.fixture
async def place(server: Dovecot, tmp_path: Path) -> AsyncIterator[tuple[IMAPClient, MailboxSync]]:
    user = server.add_user()
    session = await open_session(server, user)
    source = SessionSource(session)
    store = Store(tmp_path / "index.db", KEY)
    with server.connect(user) as other:
        yield other, MailboxSync(store, source)
    store.close()
    await session.logout()


def message(number: int, text: str = "", reply_to: int = 0) -> bytes:
    refs = f"In-Reply-To: <{reply_to}@t>\r\nReferences: <{reply_to}@t>\r\n" if reply_to else ""
    return (
        f"From: P{number} <p{number % 7}@example.org>\r\nTo: me@example.org\r\n"
        f"Subject: About {number % 5}\r\n"
        f"Date: Tue, 24 Nov 2026 10:{number % 60:02d}:00 +0000\r\nMessage-ID: <{number}@t>\r\n{refs}\r\n"
        f"word{number} {text}\r\n"
    ).encode()


def on_server(other: IMAPClient, mailbox: str) -> dict[int, tuple[int, str | None]]:
    """UID → (bits, keywords), as a fresh look at the mailbox shows it."""
    other.select_folder(mailbox, readonly=True)
    found = {}
    uids = other.search()
    for uid, item in (other.fetch(uids, ["FLAGS"]) if uids else {}).items():
        flags = [flag for flag in item[b"FLAGS"] if flag != rb"\Recent"]
        words = sorted(flag.decode() for flag in flags if flag not in _BITS)
        found[uid] = (sum(_BITS.get(flag, 0) for flag in flags), " ".join(words) or None)
    return found


def in_index(store: Store, mailbox: str) -> dict[int, tuple[int, str | None]]:
    state = read_state(store, mailbox)
    assert state is not None
    return {
        uid: (flags, keywords)
        for uid, flags, keywords in store.db.execute(
            "SELECT uid, flags, keywords FROM message WHERE mailbox = ?", (state.id,)
        )
    }


def check_sound(store: Store) -> None:
    """The file agrees with itself."""
    for id_, total, unread in store.db.execute("SELECT id, total, unread FROM mailbox"):
        counted = store.db.execute(
            "SELECT count(*), coalesce(sum(flags & 1 = 0), 0) FROM message WHERE mailbox = ?", (id_,)
        ).fetchone()
        assert (total, unread) == counted
    newest = {
        (mailbox, thread): uid
        for mailbox, thread, uid in store.db.execute(
            "SELECT mailbox, thread, max(uid) FROM message GROUP BY 1, 2"
        )
    }
    marked = {
        (mailbox, thread): uid
        for mailbox, thread, uid in store.db.execute("SELECT mailbox, thread, uid FROM message WHERE newest")
    }
    assert newest == marked
    assert (
        store.db.execute("SELECT count(*) FROM detail").fetchone()
        == store.db.execute("SELECT count(*) FROM message").fetchone()
    )


async def test_builds_what_is_there(place: tuple[IMAPClient, MailboxSync]) -> None:
    other, sync = place
    for number in range(1, 30):
        other.append("INBOX", message(number, "hello", reply_to=number - 1 if number % 3 else 0))
    seen = []
    state = await build_rows(sync, "INBOX", hidden=False, report=seen.append)
    assert state.complete and state.total == 29 and not state.searchable
    assert seen[-1].done == 29
    state = await build_words(sync, state, report=seen.append)
    assert state.searchable
    assert in_index(sync.store, "INBOX") == on_server(other, "INBOX")
    check_sound(sync.store)
    (found,) = sync.store.db.execute("SELECT count(*) FROM words WHERE words MATCH 'word17'").fetchone()
    assert found == 1
    (snippet,) = sync.store.db.execute(
        "SELECT snippet FROM detail JOIN message USING(id) WHERE uid = 1"
    ).fetchone()
    assert snippet.startswith("word1 hello")


@pytest.mark.parametrize("seed", range(2))
async def test_agrees_after_anything(place: tuple[IMAPClient, MailboxSync], seed: int) -> None:
    other, sync = place
    rng = random.Random(seed)
    other.create_folder("Elsewhere")
    number = 0
    for _ in range(40):
        number += 1
        other.append("INBOX", message(number))
    boxes = ["INBOX", "Elsewhere"]
    for box in boxes:
        state = await build_rows(sync, box, hidden=False, report=lambda _: None)
        await build_words(sync, state, report=lambda _: None)
    for _ in range(12):
        for _ in range(rng.randint(1, 6)):
            box = rng.choice(boxes)
            other.select_folder(box)
            uids = other.search()
            chosen = rng.sample(uids, min(len(uids), rng.randint(1, 4)))
            match rng.randrange(6):
                case 0:
                    for _ in range(rng.randint(1, 3)):
                        number += 1
                        other.append(box, message(number, reply_to=rng.randint(0, number - 1)))
                case 1 if chosen:
                    other.add_flags(chosen, [rng.choice(_FLAGS)])
                case 2 if chosen:
                    other.remove_flags(chosen, [rng.choice(_FLAGS)])
                case 3 if chosen:
                    other.move(chosen, boxes[1 - boxes.index(box)])
                case 4 if chosen and len(uids) > 10:
                    other.delete_messages(chosen)
                    other.expunge(chosen)
                case 5 if rng.random() < 0.2 and box != "INBOX":
                    other.unselect_folder()
                    other.delete_folder(box)
                    other.create_folder(box)
        for box in boxes:
            state = await sync.update(box, hidden=False)
            if not state.complete:
                state = await build_rows(sync, box, hidden=False, report=lambda _: None)
                state = await build_words(sync, state, report=lambda _: None)
            expected = on_server(other, box)
            assert in_index(sync.store, box) == expected
            assert state.total == len(expected)
        check_sound(sync.store)
    (rows,) = sync.store.db.execute("SELECT count(*) FROM message").fetchone()
    (words,) = sync.store.db.execute("SELECT count(*) FROM words WHERE words MATCH 'example'").fetchone()
    assert words == rows
