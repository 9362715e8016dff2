"""An account in front of a POP3 server with faults: nothing is lost, nothing else is deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.common.errors import PosternError
from services.common.rpc.context import use_deadline
from services.mailstore.imap.connect import Account, ServerBusy
from services.mailstore.imap.failure import ConnectionLost, LoginRefused, ServerTimeout
from services.mailstore.imap.session import Session
from services.mailstore.pop3.server import PopServer
from services.mailstore.reading.rows import gather
from tests.support.pop3 import FakePop3, pop3_settings

ANN = Account("ann@example.org", "ann", "secret")


def mail(number: int, body: str = "text") -> bytes:
    return f"Message-ID: <m{number}@x>\r\nSubject: number {number}\r\n\r\n{body}\r\n".encode()


@pytest.fixture
def pop3() -> Iterator[FakePop3]:
    server = FakePop3([(f"u{number}", mail(number)) for number in range(3)])
    yield server
    server.stop()


@pytest.fixture
async def server(pop3: FakePop3, tmp_path: Path) -> AsyncIterator[PopServer]:
    made = pop3_settings(pop3.endpoint, tmp_path, interval=0.0).imap
    assert isinstance(made, PopServer)
    yield made
    await made.close()


async def inbox(session: Session) -> dict[int, str]:
    """Subjects of INBOX by UID."""
    await session.execute(session.begin_select("INBOX", False))
    fetch = [b"UID", b"FETCH", b"1:*", b"(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"]
    (result,) = await session.execute(fetch)
    return {
        uid: data[b"BODY[HEADER.FIELDS (SUBJECT)]"].decode().strip().removeprefix("subject: ")
        for uid, data in gather([result]).items()
    }


async def move(session: Session, uids: bytes, to: bytes = b"Archive") -> str:
    (result,) = await session.execute([b"UID", b"MOVE", uids, to])
    return f"{result.status} {result.code}".strip()


async def count(session: Session, name: bytes) -> int:
    (result,) = await session.execute([b"STATUS", name, b"(MESSAGES)"])
    return int(result.data("STATUS")[0].values[1][1])


async def test_uids_stay_and_flags_are_ours(server: PopServer, pop3: FakePop3) -> None:
    session = await server.open(ANN)
    assert await inbox(session) == {1: "number 0", 2: "number 1", 3: "number 2"}
    await session.execute([b"UID", b"STORE", b"2", b"+FLAGS.SILENT", b"(\\Seen work)"])
    del pop3.mails[0]
    pop3.mails.append(("u9", mail(9)))
    assert await inbox(session) == {2: "number 1", 3: "number 2", 4: "number 9"}
    (result,) = await session.execute([b"UID", b"FETCH", b"2", b"(UID FLAGS)"])
    assert gather([result])[2][b"FLAGS"] == (b"\\Seen", b"work")


async def test_a_move_is_a_copy_on_disk_and_then_a_deletion(server: PopServer, pop3: FakePop3) -> None:
    session = await server.open(ANN)
    await inbox(session)
    assert await move(session, b"1,3") == "OK"
    assert [uidl for uidl, _ in pop3.mails] == ["u1"]
    assert await count(session, b"Archive") == 2
    assert await inbox(session) == {2: "number 1"}


@pytest.mark.parametrize("fault", ["fail", "lost", "drop"])
async def test_quit_that_fails_is_done_again(server: PopServer, pop3: FakePop3, fault: str) -> None:
    """RFC 1939 section 6: what was marked may be there still, or not."""
    session = await server.open(ANN)
    await inbox(session)
    pop3.at_quit = fault
    assert await move(session, b"1") == "OK"
    assert await count(session, b"Archive") == 1
    pop3.at_quit = "delete"
    assert await inbox(session) == {2: "number 1", 3: "number 2"}
    assert [uidl for uidl, _ in pop3.mails] == ["u1", "u2"]


async def test_a_uidl_that_comes_back_is_another_message(server: PopServer, pop3: FakePop3) -> None:
    session = await server.open(ANN)
    await inbox(session)
    pop3.mails[1] = ("u1", mail(7, "of another size"))
    assert await inbox(session) == {1: "number 0", 3: "number 2", 4: "number 7"}


async def test_nothing_is_deleted_in_the_place_of_another(server: PopServer, pop3: FakePop3) -> None:
    """The deletion could not be told; then the UIDL, and even the size, are another message's."""
    session = await server.open(ANN)
    await inbox(session)
    await session.execute([b"UID", b"FETCH", b"2", b"(UID BODY.PEEK[])"])
    pop3.refuse["PASS"] = "[SYS/TEMP] later"
    assert await move(session, b"2") == "OK"
    assert len(pop3.mails) == 3
    pop3.mails[1] = ("u1", mail(8))
    pop3.refuse.clear()
    await inbox(session)
    assert await inbox(session) == {1: "number 0", 3: "number 2", 4: "number 8"}
    assert len(pop3.mails) == 3
    assert await count(session, b"Archive") == 1


async def test_uidls_that_are_not_unique(server: PopServer, pop3: FakePop3) -> None:
    same = mail(1)
    pop3.mails = [("u", same), ("u", same), ("v", mail(2))]
    session = await server.open(ANN)
    assert await inbox(session) == {1: "number 1", 2: "number 1", 3: "number 2"}
    pop3.at_quit = "lost"
    await move(session, b"1")
    pop3.at_quit = "delete"
    await inbox(session)
    # One went, and its twin is not taken for it.
    assert [uidl for uidl, _ in pop3.mails] == ["u", "v"]
    assert await count(session, b"Archive") == 1


async def test_servers_of_little(server: PopServer, pop3: FakePop3) -> None:
    pop3.capabilities = None
    session = await server.open(ANN)
    assert len(await inbox(session)) == 3
    assert await move(session, b"3") == "OK"
    assert len(pop3.mails) == 2
    pop3.refuse["UIDL"] = "unknown"
    with pytest.raises(ConnectionLost):
        await inbox(session)


async def test_without_uidl_it_is_said(server: PopServer, pop3: FakePop3) -> None:
    pop3.refuse["UIDL"] = "unknown"
    with pytest.raises(PosternError) as caught:
        await server.open(ANN)
    assert (caught.value.reason, caught.value.metadata) == ("UNSUPPORTED", {"feature": "uidl"})


async def test_refused_and_busy(server: PopServer, pop3: FakePop3, tmp_path: Path) -> None:
    with pytest.raises(LoginRefused):
        await server.open(Account("ann@example.org", "ann", "wrong"))
    pop3.refuse["PASS"] = "[IN-USE] locked"
    with pytest.raises(ServerBusy):
        await server.open(ANN)
    # Who is not let in makes no file.
    assert [path.suffix for path in (tmp_path / "mail").iterdir()] == [".lock"]


async def test_a_password_that_is_not_good_any_more(server: PopServer, pop3: FakePop3) -> None:
    session = await server.open(ANN)
    await inbox(session)
    pop3.refuse["PASS"] = "[AUTH] no"
    with pytest.raises(LoginRefused):
        await inbox(session)
    with pytest.raises(LoginRefused):
        await server.open(ANN)
    pop3.refuse.clear()
    assert len(await inbox(await server.open(ANN))) == 3


async def test_long_lines_and_dots(server: PopServer, pop3: FakePop3) -> None:
    body = ".\r\n..\r\n" + "y" * 300_000 + "\r\n.z"
    pop3.mails = [("u", mail(1, body))]
    session = await server.open(ANN)
    await inbox(session)
    (result,) = await session.execute([b"UID", b"FETCH", b"1", b"(UID BODY.PEEK[])"])
    assert gather([result])[1][b"BODY[]"] == mail(1, body)


async def test_too_large_is_shown_in_part_and_never_moved(pop3: FakePop3, tmp_path: Path) -> None:
    pop3.mails = [("u", mail(1, "\r\n".join(["line"] * 1000)))]
    server = pop3_settings(pop3.endpoint, tmp_path, interval=0.0, max_message_bytes=2000).imap
    try:
        session = await server.open(ANN)
        assert await inbox(session) == {1: "number 1"}
        assert await move(session, b"1") == "NO TOOBIG"
        assert len(pop3.mails) == 1
    finally:
        await server.close()


async def test_a_line_too_slow_for_one_call(server: PopServer, pop3: FakePop3) -> None:
    session = await server.open(ANN)
    await session.execute(session.begin_select("INBOX", False))
    pop3.slow, pop3.commands = 0.5, []
    fetch = [b"UID", b"FETCH", b"1", b"(UID BODY.PEEK[])"]
    with use_deadline(0.15), pytest.raises(ServerTimeout):
        await session.execute(fetch)
    session = await server.open(ANN)
    await session.execute(session.begin_select("INBOX", False))
    (result,) = await session.execute(fetch)
    assert gather([result])[1][b"BODY[]"] == mail(0)
    assert pop3.commands.count("RETR") == 1


async def test_who_is_not_there_any_more_is_forgotten(
    server: PopServer, pop3: FakePop3, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server.accounts is not None
    session = await server.open(ANN)
    monkeypatch.setattr("services.mailstore.pop3.server.IDLE_FOR", -1.0)
    await server.accounts.let_go()
    assert server.local(ANN), "a session is open"
    session.close()
    await server.accounts.let_go()
    assert not server.local(ANN)
    monkeypatch.undo()
    session = await server.open(ANN)
    session.close()
    server.accounts._accounts[ANN.key].used -= 10_000
    session = await server.open(ANN)
    assert server.local(ANN), "who comes back is not let go at that moment"
    assert len(await inbox(await server.open(ANN))) == 3


async def test_octets_that_can_be_had_again_are_let_go_first(pop3: FakePop3, tmp_path: Path) -> None:
    pop3.mails = [(f"u{n}", mail(n, "word " * 40_000)) for n in range(10)]
    server = pop3_settings(pop3.endpoint, tmp_path, interval=0.0, account_bytes=900_000).imap
    try:
        session = await server.open(ANN)
        await inbox(session)
        fetch = [b"UID", b"FETCH", b"1:*", b"(UID BODY.PEEK[1]<0.10>)"]
        for _ in range(2):
            found: dict[int, object] = {}
            for uid in range(1, 11):
                fetch[2] = b"%d" % uid
                found |= gather(await session.execute(fetch))
            assert len(found) == 10
        assert session._store.used_bytes() < 1_300_000  # type: ignore[attr-defined]
    finally:
        await server.close()
