"""Everybody acts at random, the server fails at random, mailstore is started again: no message is lost, none
is there twice, none goes that nobody deleted.
"""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from services.common.errors import PosternError
from services.mailstore.imap.connect import Account
from services.mailstore.imap.failure import ImapError
from services.mailstore.imap.session import Session
from services.mailstore.pop3.server import PopServer
from services.mailstore.reading.rows import gather
from tests.support.pop3 import FakePop3, pop3_settings

ANN = Account("ann@example.org", "ann", "secret")
STEPS = 150


async def read(session: Session, name: str) -> dict[str, int]:
    """UIDs by subject."""
    (opened, *_) = await session.execute(session.begin_select(name, False))
    session.require(opened, [b"SELECT"])
    fetch = [b"UID", b"FETCH", b"1:*", b"(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[TEXT])"]
    (result,) = await session.execute(fetch)
    found: dict[str, int] = {}
    for uid, data in gather([result]).items():
        subject = data[b"BODY[HEADER.FIELDS (SUBJECT)]"].decode().partition(":")[2].strip()
        assert subject not in found, f"{subject} is twice in {name}"
        assert data[b"BODY[TEXT]"].decode().strip() == f"text of {subject}"
        found[subject] = uid
    return found


@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_is_lost_or_twice(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    pop3 = FakePop3([])
    # Where each message is: "maildrop" (then in INBOX), "INBOX" (ours), "Archive".
    place: dict[str, str] = {}
    uids: dict[tuple[str, int], str] = {}
    number = 0

    def start() -> PopServer:
        made = pop3_settings(pop3.endpoint, tmp_path, interval=0.0).imap
        assert isinstance(made, PopServer)
        return made

    server = start()
    session = await server.open(ANN)

    async def check() -> dict[str, dict[str, int]]:
        pop3.at_quit = "delete"
        pop3.refuse.clear()
        found = {}
        # A look may delete what was put off, and the next one sees what is there then.
        for _ in range(2):
            with contextlib.suppress(ImapError):
                current = await server.open(ANN)
                found = {name: await read(current, name) for name in ("INBOX", "Archive")}
        assert found, "the server answers, and INBOX does not open"
        assert set(found["INBOX"]) == {name for name, where in place.items() if where != "Archive"}
        assert set(found["Archive"]) == {name for name, where in place.items() if where == "Archive"}
        in_drop = {mail.split(b"\r\n")[0].decode().partition(": ")[2] for _, mail in pop3.mails}
        assert in_drop == {name for name, where in place.items() if where == "maildrop"}
        for box, rows in found.items():
            for subject, uid in rows.items():
                assert uids.setdefault((box, uid), subject) == subject, "a UID names another message"
        return found

    try:
        for step in range(STEPS):
            if step % 10 == 0 or not place:
                found = await check()
            else:
                with contextlib.suppress(ImapError):
                    found = {name: await read(session, name) for name in ("INBOX", "Archive")}
            pop3.at_quit = rng.choice(["delete", "delete", "fail", "lost", "drop"])
            pop3.refuse = rng.choice([{}, {}, {}, {"DELE": "no"}, {"PASS": "[IN-USE] busy"}, {"RETR": "no"}])
            if session.transport.lost:
                with contextlib.suppress(ImapError, PosternError):
                    session = await server.open(ANN)
            act = rng.choice(
                ["deliver", "deliver", "move", "move", "back", "destroy", "elsewhere", "restart"]
            )
            if act == "deliver" or not place:
                number += 1
                subject = f"number {number}"
                # A server that gives UIDLs again as soon as they are free.
                taken = {uidl for uidl, _ in pop3.mails}
                uidl = next(f"u{n}" for n in range(1000) if f"u{n}" not in taken)
                pop3.mails = [
                    *pop3.mails,
                    (uidl, f"Subject: {subject}\r\n\r\ntext of {subject}\r\n".encode()),
                ]
                place[subject] = "maildrop"
            elif act == "elsewhere":
                mine = [mail for mail in pop3.mails if place.get(_subject(mail)) == "maildrop"]
                if mine:
                    gone = rng.choice(mine)
                    pop3.mails = [mail for mail in pop3.mails if mail != gone]
                    del place[_subject(gone)]
            elif act == "restart":
                await server.close()
                server = start()
                with contextlib.suppress(ImapError, PosternError):
                    session = await server.open(ANN)
            else:
                box, to = ("Archive", "INBOX") if act == "back" else ("INBOX", "Archive")
                known = [
                    name
                    for name in found[box]
                    if name in place and (place[name] == "Archive") == (box == "Archive")
                ]
                if known and not session.transport.lost:
                    subject = rng.choice(known)
                    done = await _act(session, act, box, to, found[box][subject], subject)
                    if done and act == "destroy":
                        del place[subject]
                    elif done:
                        place[subject] = to
        await check()
    finally:
        await server.close()
        pop3.stop()


def _subject(mail: tuple[str, bytes]) -> str:
    return mail[1].split(b"\r\n")[0].decode().partition(": ")[2]


async def _act(session: Session, act: str, box: str, to: str, uid: int, subject: str) -> bool:
    """Whether it was done; told by the mailbox itself where the answer does not come."""
    with contextlib.suppress(ImapError, PosternError):
        await session.execute(session.begin_select(box, False))
        fetch = [b"UID", b"FETCH", b"%d" % uid, b"(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])"]
        (result,) = await session.execute(fetch)
        data = gather([result]).get(uid)
        if data is None or not data[b"BODY[HEADER.FIELDS (SUBJECT)]"].strip().endswith(subject.encode()):
            return False
        if act == "destroy":
            await session.execute([b"UID", b"STORE", b"%d" % uid, b"+FLAGS.SILENT", b"(\\Deleted)"])
            (result,) = await session.execute([b"UID", b"EXPUNGE", b"%d" % uid])
            return result.status == "OK"
        (result,) = await session.execute([b"UID", b"MOVE", b"%d" % uid, to.encode()])
        return result.status == "OK" and any(r.code == "COPYUID" for r in result.untagged)
    return False
