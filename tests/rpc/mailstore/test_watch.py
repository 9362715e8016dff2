"""WatchAccount against a real server."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any

import pytest
from imapclient import IMAPClient

from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import watch_service_pb2 as pb
from services.mailstore.imap.connect import ServerBusy
from services.mailstore.imap.failure import ConnectionLost, ServerTimeout
from services.mailstore.watching import account
from services.mailstore.watching.watchers import Watchers
from tests.rpc.mailstore.conftest import Client, message, serving, settings_for
from tests.support.dovecot import Dovecot, DovecotOptions


def watching(client: Client, token: str = "") -> Any:
    return client.watch.WatchAccount(
        pb.WatchAccountRequest(resume_token=token), token=client.token(), timeout=30
    )


async def take(stream: Any, what: str, seconds: float = 8.0) -> Any:
    """The next event of this kind."""
    async with asyncio.timeout(seconds):
        async for event in stream:
            if event.WhichOneof("change") == what:
                return event
    raise AssertionError("stream ended")


async def test_new_message_in_less_than_a_second(client: Client, imap: IMAPClient) -> None:
    imap.append("INBOX", message("old"))
    async with aclosing(aiter(watching(client))) as stream:
        await take(stream, "heartbeat")
        start = time.monotonic()
        imap.append("INBOX", message("new"))
        change = (await take(stream, "mailbox_change")).mailbox_change
        assert time.monotonic() - start < 1.0
        assert [row.envelope.subject for row in change.added] == ["new"]
        assert (change.mailbox.name, change.mailbox.message_count) == ("INBOX", 2)


async def test_flags_and_expunges_of_others(client: Client, imap: IMAPClient) -> None:
    for number in range(3):
        imap.append("INBOX", message(f"Number {number}"))
    imap.select_folder("INBOX")
    async with aclosing(aiter(watching(client))) as stream:
        await take(stream, "heartbeat")
        imap.add_flags([2], [rb"\Seen"])
        change = (await take(stream, "mailbox_change")).mailbox_change
        assert [(row.name.uid, row.flags.seen) for row in change.modified] == [(2, True)]
        imap.add_flags([2], [b"work"])
        change = (await take(stream, "mailbox_change")).mailbox_change
        assert [(row.name.uid, list(row.flags.labels)) for row in change.modified] == [(2, ["work"])]
        await expunge(imap, stream, [1], [1])
        await expunge(imap, stream, [2, 3], [2, 3])


async def expunge(imap: IMAPClient, stream: Any, uids: list[int], removed: list[int]) -> None:
    """Expunge, and read what is told of it; `removed` empty: that the list is to be read again."""
    imap.delete_messages(uids)
    imap.expunge(uids)
    told: list[int] = []
    while True:
        change = (await take(stream, "mailbox_change")).mailbox_change
        for gone in change.removed:
            assert (gone.mailbox, gone.uid_validity) == ("INBOX", change.mailbox.uid_validity)
            told += gone.uids
        if (removed and set(removed) <= set(told)) or (not removed and change.incomplete):
            break
        assert not change.incomplete
    assert told == removed
    assert change.mailbox.message_count == imap.folder_status("INBOX", ["MESSAGES"])[b"MESSAGES"]


async def test_without_qresync_an_expunge_is_to_read_again(dovecot_with: Any) -> None:
    server: Dovecot = dovecot_with(DovecotOptions(without=("CONDSTORE", "QRESYNC")))
    user = server.add_user()
    with server.connect(user) as imap:
        for number in range(3):
            imap.append("INBOX", message(f"Number {number}"))
        imap.select_folder("INBOX")
        async with (
            serving(settings_for("127.0.0.1", server.imap_port), user) as client,
            aclosing(aiter(watching(client))) as stream,
        ):
            await take(stream, "heartbeat")
            await expunge(imap, stream, [1], [])
            imap.add_flags([3], [rb"\Seen"])
            change = (await take(stream, "mailbox_change")).mailbox_change
            while not change.modified:
                change = (await take(stream, "mailbox_change")).mailbox_change
            assert [(row.name.uid, row.flags.seen) for row in change.modified] == [(3, True)]


async def test_two_streams_one_watcher_and_resuming(client: Client, imap: IMAPClient) -> None:
    async with aclosing(aiter(watching(client))) as one, aclosing(aiter(watching(client))) as two:
        await take(one, "heartbeat")
        await take(two, "heartbeat")
        assert client.service.watchers.count == 1
        imap.append("INBOX", message("first"))
        token = (await take(one, "mailbox_change")).resume_token
        await take(two, "mailbox_change")
        imap.append("INBOX", message("second"))
        await take(two, "mailbox_change")
    async with aclosing(aiter(watching(client, token))) as again:
        change = (await take(again, "mailbox_change")).mailbox_change
        assert [row.envelope.subject for row in change.added] == ["second"]
    async with aclosing(aiter(watching(client, "0ld.7"))) as other:
        assert (await take(other, "restarted")).restarted


async def test_other_mailboxes_and_the_tree(client: Client, imap: IMAPClient) -> None:
    imap.create_folder("Projects")
    client.service.watchers = Watchers(client.service.settings.imap, poll=0.3)
    async with aclosing(aiter(watching(client))) as stream:
        await take(stream, "heartbeat")
        imap.append("Projects", message())
        change = (await take(stream, "mailbox_change")).mailbox_change
        assert (change.mailbox.name, change.incomplete) == ("Projects", True)
        imap.create_folder("New one")
        assert (await take(stream, "tree_changed")).tree_changed


async def test_other_mailboxes_at_once_where_the_server_has_notify(client: Client, imap: IMAPClient) -> None:
    imap.create_folder("Projects")
    async with aclosing(aiter(watching(client))) as stream:
        await take(stream, "heartbeat")
        for _ in range(2):
            start = time.monotonic()
            imap.append("Projects", message())
            change = (await take(stream, "mailbox_change")).mailbox_change
            assert (change.mailbox.name, change.incomplete) == ("Projects", True)
            assert time.monotonic() - start < 5
        imap.create_folder("New one")
        assert (await take(stream, "tree_changed")).tree_changed
        imap.append("INBOX", message("new"))
        change = (await take(stream, "mailbox_change")).mailbox_change
        assert [row.envelope.subject for row in change.added] == ["new"]


async def test_without_idle(dovecot_with: Any) -> None:
    server: Dovecot = dovecot_with(DovecotOptions(without=("IDLE",)))
    user = server.add_user()
    imap = server.connect(user)
    async with serving(settings_for("127.0.0.1", server.imap_port), user) as client:
        client.service.watchers = Watchers(client.service.settings.imap, poll=0.3)
        async with aclosing(aiter(watching(client))) as stream:
            await take(stream, "heartbeat")
            imap.append("INBOX", message("polled"))
            change = (await take(stream, "mailbox_change")).mailbox_change
            assert [row.envelope.subject for row in change.added] == ["polled"]
    imap.logout()


@pytest.mark.parametrize("without", [(), ("CONDSTORE", "QRESYNC", "NOTIFY")])
async def test_nothing_is_missed_while_connections_are_renewed(
    dovecot_with: Any, monkeypatch: pytest.MonkeyPatch, without: tuple[str, ...]
) -> None:
    server: Dovecot = dovecot_with(DovecotOptions(without=without))
    user = server.add_user()
    opened = []
    real = account.connect

    async def counted(*given: Any) -> Any:
        opened.append(await real(*given))
        return opened[-1]

    monkeypatch.setattr(account, "connect", counted)
    with server.connect(user) as imap:
        for number in range(30):
            imap.append("INBOX", message(f"Old {number}"))
        imap.select_folder("INBOX")
        async with serving(settings_for("127.0.0.1", server.imap_port), user) as client:
            client.service.watchers = Watchers(client.service.settings.imap, poll=0.05, renew=0.1)
            added, flagged = set[str](), set[int]()
            async with aclosing(aiter(watching(client))) as stream:
                await take(stream, "heartbeat")
                for number in range(1, 31):
                    await asyncio.to_thread(imap.append, "INBOX", message(f"New {number}"))
                    await asyncio.to_thread(imap.add_flags, [number], [rb"\Flagged"])
                    await asyncio.sleep(0.1)
                async with asyncio.timeout(20):
                    while len(added) < 30 or len(flagged) < 30:
                        event = await take(stream, "mailbox_change")
                        change = event.mailbox_change
                        added |= {row.envelope.subject for row in change.added}
                        flagged |= {row.name.uid for row in change.modified if row.flags.flagged}
            assert len(opened) > 2
            assert sum(session.usable for session in opened) <= 2
    assert added == {f"New {number}" for number in range(1, 31)}
    assert flagged == set(range(1, 31))


async def test_a_connection_that_cannot_be_renewed_goes_on(
    client: Client, imap: IMAPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[Exception] = [ConnectionLost("away"), ServerTimeout("slow"), ServerBusy("no room for two")]
    opened = []
    real = account.connect

    async def failing(*given: Any) -> Any:
        if opened and failures:
            raise failures.pop(0)
        opened.append(await real(*given))
        return opened[-1]

    monkeypatch.setattr(account, "connect", failing)
    monkeypatch.setattr(account, "RENEW_AGAIN", 0.1)
    client.service.watchers = Watchers(client.service.settings.imap, poll=0.05, renew=0.1)
    async with aclosing(aiter(watching(client))) as stream:
        await take(stream, "heartbeat")
        for number in range(40):
            imap.append("INBOX", message(f"Number {number}"))
            subjects: list[str] = []
            while f"Number {number}" not in subjects:
                async with asyncio.timeout(8):
                    event = await anext(stream)
                assert event.WhichOneof("change") != "server_lost"
                subjects = [row.envelope.subject for row in event.mailbox_change.added]
            if not failures and len(opened) > 1:
                break
    assert not failures and len(opened) > 1


async def test_server_lost_and_back(own_dovecot: Dovecot) -> None:
    user = own_dovecot.add_user()
    async with (
        serving(settings_for("127.0.0.1", own_dovecot.imap_port), user) as client,
        aclosing(aiter(watching(client))) as stream,
    ):
        await take(stream, "heartbeat")
        own_dovecot.stop()
        assert (await take(stream, "server_lost")).server_lost
        own_dovecot.start()
        other = own_dovecot.connect(user)
        other.append("INBOX", message("meanwhile"))
        assert not (await take(stream, "server_lost", 20)).server_lost
        change = (await take(stream, "mailbox_change")).mailbox_change
        assert [row.envelope.subject for row in change.added] == ["meanwhile"]
        other.logout()


async def test_wrong_password(client: Client) -> None:
    client.user = type(client.user)(client.user.address, "wrong")
    with pytest.raises(PosternError, match="AUTHENTICATION_FAILED"):
        async for _ in watching(client):
            pass
