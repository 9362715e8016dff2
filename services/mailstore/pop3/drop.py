"""Bringing what is held of a maildrop into line with it. Blocking: call it in a thread.

The maildrop is the truth about INBOX: what it lists no more is gone here too, flags and all. A UIDL that
comes back with another size, or in front of another message, is another message (RFC 1939 section 7 lets
servers reuse one): it gets a UID of its own, and nothing that was meant for the old one reaches it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from services.common.logging import get_logger
from services.mailstore.pop3.client import Listed, Maildrop
from services.mailstore.pop3.described import Described, digest, received
from services.mailstore.pop3.store import CUT, HELD, Store

log = get_logger(__name__)
# Lines of the body that are read of a message beyond the bound.
_CUT_LINES = 2000


def reconcile(store: Store, listing: Sequence[Listed]) -> bool:
    """Take in what is new, let go what is gone. Whether anything changed."""
    there = {each.uidl: each for each in listing}
    with store.writing() as db:
        inbox = _inbox(store)
        rows = db.execute("SELECT message, uidl, size FROM maildrop")
        known = {uidl: (id_, size) for id_, uidl, size in rows}
        doomed = dict(db.execute("SELECT uidl, size FROM doomed"))
        gone = [id_ for uidl, (id_, size) in known.items() if uidl not in there or there[uidl].size != size]
        store.forget(inbox, gone)
        for uidl, size in list(doomed.items()):
            if uidl not in there or there[uidl].size != size:
                db.execute("DELETE FROM doomed WHERE uidl = ?", (uidl,))
                del doomed[uidl]
        new = [
            each
            for each in listing
            if each.uidl not in doomed and known.get(each.uidl, (0, -1))[1] != each.size
        ]
        for each in new:
            _take_in(store, inbox, each)
    return bool(gone or new)


def _inbox(store: Store) -> int:
    box = store.box("INBOX")
    assert box is not None
    return box.id


def _take_in(store: Store, inbox: int, each: Listed) -> None:
    id_, _ = store.add(inbox, flags="", received=int(time.time()), size=each.size)
    store.db.execute("INSERT INTO maildrop VALUES(?, ?, ?, NULL)", (id_, each.uidl, each.size))


def purge(store: Store, drop: Maildrop, listing: Sequence[Listed]) -> bool:
    """Delete what is doomed, and end the session. Whether INBOX has changed by it: a doomed UIDL that stands
    for another message now brings that one in.
    """
    there = {each.uidl: each for each in listing}
    rows = [row for row in store.db.execute("SELECT uidl, size, digest FROM doomed") if row[0] in there]
    if not rows:
        drop.quit()
        return False
    wanted = {there[uidl].number: (there[uidl], known) for uidl, _, known in rows}
    others: list[Listed] = []
    surely: list[Listed] = []
    for number, header in drop.tops(list(wanted)):
        each, known = wanted[number]
        if header is None:
            continue
        (surely if known is None or known == digest(header) else others).append(each)
    # Of UIDLs that are not unique one may be gone and the other stand for it: these are tried once only.
    twice = {each.uidl.rpartition(" ")[0] for each in listing if " " in each.uidl}
    once = [each.uidl for each in surely if " " in each.uidl or each.uidl in twice]
    with store.writing() as db:
        db.executemany("DELETE FROM doomed WHERE uidl = ?", ((uidl,) for uidl in once))
        for each in others:
            db.execute("DELETE FROM doomed WHERE uidl = ?", (each.uidl,))
            _take_in(store, _inbox(store), each)
    taken = set(drop.delete([each.number for each in surely]))
    if drop.quit():
        with store.writing() as db:
            db.executemany(
                "DELETE FROM doomed WHERE uidl = ?", ((each.uidl,) for each in surely if each.number in taken)
            )
    else:
        log.warning("pop3.quit_failed", count=len(taken))
    return bool(others)


def uidls(store: Store, ids: Sequence[int]) -> dict[int, str]:
    """The UIDLs of messages of the maildrop, by id."""
    found = {}
    for id_ in ids:
        row = store.db.execute("SELECT uidl FROM maildrop WHERE message = ?", (id_,)).fetchone()
        if row is not None:
            found[id_] = row[0]
    return found


def keep_header(store: Store, id_: int, header: bytes) -> bool:
    """Note the header of a message; False where the UIDL stands for another message than it did."""
    with store.writing() as db:
        row = db.execute("SELECT uidl, size, digest FROM maildrop WHERE message = ?", (id_,)).fetchone()
        if row is None:
            return False
        found = digest(header)
        if row[2] is not None and row[2] != found:
            inbox = _inbox(store)
            store.forget(inbox, [id_])
            _take_in(store, inbox, Listed(0, row[0], row[1]))
            return False
        if row[2] is None:
            db.execute("UPDATE maildrop SET digest = ? WHERE message = ?", (found, id_))
            db.execute("UPDATE message SET received = ? WHERE id = ?", (received(header), id_))
        if store.described(id_) is None:
            store.describe(id_, header, None, None)
        return True


def keep_headers(store: Store, found: Sequence[tuple[int, bytes | None]]) -> None:
    """Note headers by id, all in one transaction."""
    with store.writing():
        for id_, header in found:
            if header is not None:
                keep_header(store, id_, header)


def keep_messages(store: Store, found: Sequence[tuple[int, bytes, Described, int]]) -> None:
    """Note messages (id, octets, what is told of them, held), all in one transaction."""
    with store.writing():
        for id_, raw, described, held in found:
            if keep_header(store, id_, described.header):
                store.hold(id_, raw, described, held)


def retrieve(drop: Maildrop, wanted: Mapping[int, Listed], most: int) -> list[tuple[int, bytes, int]]:
    """(id, octets, held) of the messages given by id; those that the server would not give are left out."""
    ids = {each.number: id_ for id_, each in wanted.items()}
    large = {id_ for id_, each in wanted.items() if each.size > most}
    numbers = [number for number, id_ in ids.items() if id_ not in large]
    found = [(ids[number], raw, HELD) for number, raw in drop.messages(numbers, most) if raw is not None]
    for id_ in large:
        raw = drop.beginning(wanted[id_].number, _CUT_LINES, most)
        if raw is not None:
            found.append((id_, raw, CUT))
    return found


def make_room(store: Store, most: int) -> None:
    """Let go of octets that can be had again from the maildrop, the oldest first, until the file has at most
    `most` octets in use.
    """
    while store.used_bytes() > most:
        ids = [
            id_
            for (id_,) in store.db.execute(
                "SELECT m.id FROM message m JOIN maildrop r ON r.message = m.id WHERE m.held > 0 "
                "ORDER BY m.uid LIMIT 50"
            )
        ]
        if not ids:
            return
        with store.writing() as db:
            db.executemany("DELETE FROM octets WHERE message = ?", ((id_,) for id_ in ids))
            db.executemany("UPDATE message SET held = 0 WHERE id = ?", ((id_,) for id_ in ids))
