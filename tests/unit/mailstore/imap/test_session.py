import asyncio

import pytest

from services.mailstore.imap import utf7
from services.mailstore.imap.failure import CommandRefused, ConnectionLost, ProtocolError, ServerTimeout
from services.mailstore.imap.syntax import Literal
from services.mailstore.mailboxes.listing import list_mailboxes
from services.mailstore.mailboxes.model import Namespace, Use
from tests.unit.mailstore.imap.scripted import scripted


async def test_answers_out_of_order_find_their_commands() -> None:
    script = [
        (b"NOOP", b""),
        (b"SEARCH", b""),
        (
            b"UID FETCH",
            b'* 2 FETCH (UID 2 FLAGS ())\r\n* ESEARCH (TAG "p2") COUNT 4\r\np3 OK\r\np2 OK\r\n'
            b"* 9 EXISTS\r\np1 OK\r\n",
        ),
    ]
    async with scripted(script) as server:
        noop, search, fetch = await server.session.execute(
            [b"NOOP"], [b"SEARCH", b"RETURN", b"(COUNT)", b"ALL"], [b"UID", b"FETCH", b"2", b"(FLAGS)"]
        )
        assert [response.name for response in search.untagged] == ["ESEARCH"]
        assert [response.name for response in fetch.untagged] == ["FETCH"]
        assert [response.name for response in noop.untagged] == ["EXISTS"]


async def test_commands_that_stand_together_are_sent_together(monkeypatch: pytest.MonkeyPatch) -> None:
    script = [(b"NOOP", b""), (b"CREATE", b""), (b"SEARCH", b"p2 OK\r\np3 OK\r\np1 OK\r\n")]
    async with scripted(script, "LITERAL+") as server:
        sent: list[bytes] = []
        write = server.session.transport.write

        def counted(data: bytes) -> None:
            sent.append(data)
            write(data)

        monkeypatch.setattr(server.session.transport, "write", counted)
        await server.session.execute([b"NOOP"], [b"CREATE", Literal(b"\xff")], [b"SEARCH", b"ALL"])
        assert sent == [b"p1 NOOP\r\np2 CREATE {1+}\r\n\xff\r\np3 SEARCH ALL\r\n"]


async def test_refused_literal_among_others() -> None:
    script = [(b"NOOP", b"{tag} OK\r\n"), (b"CREATE", b"{tag} NO no\r\n"), (b"SEARCH", b"{tag} OK\r\n")]
    async with scripted(script) as server:
        results = await server.session.execute([b"NOOP"], [b"CREATE", Literal(b"\xff")], [b"SEARCH", b"ALL"])
        assert [result.status for result in results] == ["OK", "NO", "OK"]
        assert server.heard == [b"p1 NOOP\r\n", b"p2 CREATE {1}\r\n", b"p3 SEARCH ALL\r\n"]


async def test_literal_waits_for_the_server() -> None:
    async with scripted([(b"CREATE {4}", b"+ go\r\n"), ("Gr\u00f6".encode(), b"p1 OK\r\n")]) as server:
        await server.session.command(b"CREATE", Literal("Gr\u00f6".encode()))
        assert server.heard == [b"p1 CREATE {4}\r\n", "Gr\u00f6\r\n".encode()]


async def test_literal_plus_does_not_wait() -> None:
    async with scripted([(b"\xff", b"p1 OK\r\n")], "LITERAL+") as server:
        await server.session.command(b"CREATE", Literal(b"\xff"))
        assert server.heard[0] == b"p1 CREATE {1+}\r\n"


async def test_refused_literal_leaves_the_connection_usable() -> None:
    async with scripted([(b"CREATE", b"{tag} NO no\r\n"), (b"NOOP", b"{tag} OK\r\n")]) as server:
        with pytest.raises(CommandRefused):
            await server.session.command(b"CREATE", Literal(b"\xff"))
        await server.session.command(b"NOOP")
        assert server.session.usable


async def test_control_characters_never_reach_a_command() -> None:
    async with scripted([]) as server:
        for call in (
            server.session.command(b"CREATE", b"a\r\nDELETE b"),
            server.session.execute([b"NOOP"], [b"X\n"]),
        ):
            with pytest.raises((ValueError, ConnectionLost)):
                await call
        assert not server.heard or server.heard == [b"p2 NOOP\r\n"]
        with pytest.raises(ValueError):
            server.session.mailbox("a\r\nb")


async def test_time_out_drops_the_connection() -> None:
    async with scripted([], io_timeout=0.1) as server:
        with pytest.raises(ServerTimeout):
            await server.session.command(b"NOOP")
        assert not server.session.usable


async def test_cancelled_command_drops_the_connection() -> None:
    async with scripted([]) as server:
        task = asyncio.create_task(server.session.command(b"NOOP"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not server.session.usable


async def test_wrong_tag_drops_the_connection() -> None:
    async with scripted([(b"NOOP", b"p99 OK\r\n")]) as server:
        with pytest.raises(ProtocolError):
            await server.session.command(b"NOOP")
        assert not server.session.usable


async def test_bye_makes_it_unusable() -> None:
    async with scripted([(b"NOOP", b"* BYE restarting\r\n{tag} OK\r\n")]) as server:
        await server.session.command(b"NOOP")
        assert not server.session.usable


async def test_selected_follows_the_server() -> None:
    script = [
        (
            b"SELECT",
            b"* 5 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 12] x\r\n"
            b"* OK [PERMANENTFLAGS (\\Seen)] x\r\n{tag} OK [READ-ONLY] x\r\n",
        ),
        (b"NOOP", b"* 3 EXPUNGE\r\n* 6 EXISTS\r\n{tag} OK\r\n"),
        (b"SELECT", b"{tag} NO x\r\n"),
    ]
    async with scripted(script) as server:
        session = server.session
        await session.execute(session.begin_select("A", False))
        selected = session.selected
        assert selected is not None
        assert (selected.exists, selected.uid_validity, selected.uid_next) == (5, 7, 12)
        assert selected.read_only
        await session.command(b"NOOP")
        assert (selected.exists, selected.changes) == (6, 3)
        await session.execute(session.begin_select("B", False))
        assert session.selected is None


async def test_changes_are_known_where_qresync_is_enabled() -> None:
    """Unasked-for news of flags has a UID there, as answers to FETCH have."""
    script = [
        (b"SELECT", b"* 5 EXISTS\r\n{tag} OK x\r\n"),
        (b"NOOP", b"* 2 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (12))\r\n* VANISHED 3,5:6\r\n{tag} OK\r\n"),
        (b"UID", b"* 2 FETCH (UID 9 FLAGS (\\Seen))\r\n* 1 FETCH (FLAGS () UID 1)\r\n{tag} OK\r\n"),
    ]
    async with scripted(script) as server:
        session = server.session
        await session.execute(session.begin_select("A", False))
        selected, heard = session.selected, []
        assert selected is not None
        changes, session.overheard = selected.changes, heard
        await session.command(b"NOOP")
        assert (selected.exists, selected.changes) == (2, changes + 2)
        assert [response.name for response in heard] == ["FETCH", "VANISHED"]
        await session.command(b"UID", b"FETCH", b"1:9", b"(UID FLAGS)")
        assert selected.changes == changes + 2 and len(heard) == 2


async def test_two_commands_at_once_are_refused() -> None:
    async with scripted([]) as server:
        task = asyncio.create_task(server.session.command(b"NOOP"))
        await asyncio.sleep(0.01)
        with pytest.raises(ProtocolError):
            await server.session.command(b"NOOP")
        task.cancel()


async def test_tree_of_a_plain_old_server() -> None:
    """No extension; names that are no valid encoding, digits, NIL; a namespace of others."""
    script = [
        (
            b"LIST",
            b'* LIST (\\HasNoChildren) "." inbox\r\n* LIST () "." "INBOX.bad&shift"\r\n'
            b'* LIST () "." 2026\r\n'
            b'* LIST (\\Noselect) "." {3}\r\nNIL\r\n* LIST (\\Sent) "." "INBOX.Post"\r\n'
            b'* LIST () "." "INBOX.Sent"\r\n* LIST () "." "shared.Trash"\r\n{tag} OK\r\n',
        ),
        (b"LSUB", b'* LSUB () "." 2026\r\n{tag} OK\r\n'),
        (b"NAMESPACE", b'* NAMESPACE (("INBOX." ".")("" ".")) NIL (("shared." "."))\r\n{tag} OK\r\n'),
    ]
    async with scripted(script, "NAMESPACE") as server:
        tree = await list_mailboxes(server.session, counts=False)
        names = [utf7.display(box.last_level) for box in tree.mailboxes]
        assert names == ["INBOX", "bad&shift", "2026", "NIL", "Post", "Sent", "Trash"]
        (bad,) = [box for box in tree.mailboxes if "bad" in box.name]
        assert server.session.mailbox(bad.name) == b"INBOX.bad&shift"
        assert bad.parent == "INBOX"
        assert [box.subscribed for box in tree.mailboxes if box.name == "2026"] == [True]
        sent, trash = tree.by_use(Use.SENT), tree.by_use(Use.TRASH)
        assert sent is not None
        assert sent.name == "INBOX.Post"
        assert trash is None
        assert tree.mailboxes[-1].namespace is Namespace.SHARED
        assert not tree.mailboxes[3].selectable
