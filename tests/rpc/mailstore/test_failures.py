"""What a caller is told when the mail server is down, hangs, refuses, or drops connections."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator

import pytest

from services.common.endpoint import HostPort, TlsMode
from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as mailbox_pb
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.rpc.server import ServerSettings
from services.mailstore.imap.connect import ImapServer
from services.mailstore.imap.pool import PoolLimits
from services.mailstore.settings import MailstoreSettings
from tests.rpc.mailstore.conftest import Client, message, serving, settings_for
from tests.support.dovecot import Dovecot, DovecotOptions, MailUser
from tests.support.process import free_port
from tests.support.rpc import sealing_key

NOBODY = MailUser("alice@example.org", "alice")


async def reason(call: object) -> str:
    with pytest.raises(PosternError) as caught:
        await call  # type: ignore[misc]
    return caught.value.reason


@contextlib.asynccontextmanager
async def listener(greeting: bytes = b"") -> AsyncIterator[int]:
    """Accepts connections, says `greeting` and nothing more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        with contextlib.suppress(Exception):
            while await reader.read(1000):
                pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_server_down() -> None:
    async with serving(settings_for("127.0.0.1", free_port()), NOBODY) as client:
        assert await reason(client.list()) == "MAIL_SERVER_UNREACHABLE"


@pytest.mark.parametrize("greeting", [b"", b"* OK ready\r\n", b"* OK [CAPABILITY IMAP4rev1] ready\r\n"])
async def test_hanging_server_within_the_deadline(greeting: bytes) -> None:
    async with listener(greeting) as port, serving(settings_for("127.0.0.1", port), NOBODY) as client:
        start = time.monotonic()
        request = pb.ListMessagesRequest(mailbox="INBOX")
        call = client.messages.ListMessages(request, token=client.token(), timeout=1.5)
        assert await reason(call) == "MAIL_SERVER_TIMEOUT"
        assert time.monotonic() - start < 1.5


@pytest.mark.parametrize("greeting", [b"220 example.org ESMTP\r\n", b"* PREAUTH hello\r\n", b"\0\xff\n"])
async def test_no_imap_server(greeting: bytes) -> None:
    async with listener(greeting) as port, serving(settings_for("127.0.0.1", port), NOBODY) as client:
        assert await reason(client.list()) == "MAIL_SERVER_UNREACHABLE"


async def test_wrong_password(client: Client) -> None:
    client.user = MailUser(client.user.address, "wrong")
    assert await reason(client.list()) == "AUTHENTICATION_FAILED"


async def test_changed_password_gets_no_warm_connection(client: Client) -> None:
    await client.list()
    client.user = MailUser(client.user.address, "old password")
    assert await reason(client.list()) == "AUTHENTICATION_FAILED"


async def test_token_without_a_credential(client: Client) -> None:
    request = mailbox_pb.ListMailboxesRequest()
    call = client.mailboxes.ListMailboxes(request, token=client.mint(account=client.user.address))
    assert await reason(call) == "TOKEN_INVALID"


async def test_scopes(client: Client) -> None:
    request = mailbox_pb.CreateMailboxRequest(mailbox="X")
    call = client.mailboxes.CreateMailbox(request, token=client.token(scopes="mail.read"))
    assert await reason(call) == "SCOPE_MISSING"


async def test_hanging_in_mid_conversation(own_dovecot: Dovecot) -> None:
    """The connection that timed out is dropped: the next call gets its own answer."""
    user = own_dovecot.add_user()
    async with serving(settings_for("127.0.0.1", own_dovecot.imap_port), user) as client:
        await client.append(message("first"))
        own_dovecot.pause()
        request = pb.ListMessagesRequest(mailbox="INBOX")
        call = client.messages.ListMessages(request, token=client.token(), timeout=1.5)
        assert await reason(call) == "MAIL_SERVER_TIMEOUT"
        own_dovecot.resume()
        assert [row.envelope.subject for row in (await client.list()).messages] == ["first"]


async def test_restarted_server_is_not_noticed_by_readers(own_dovecot: Dovecot) -> None:
    user = own_dovecot.add_user()
    async with serving(settings_for("127.0.0.1", own_dovecot.imap_port), user) as client:
        await client.append(message("kept"))
        own_dovecot.stop()
        own_dovecot.start()
        assert (await client.list()).total_count == 1
        assert client.service.pool.open_connections == 1


async def test_cancelled_call_drops_its_connection(client: Client) -> None:
    await client.append(message())
    pool = client.service.pool
    blocked = asyncio.create_task(client.list())
    await asyncio.sleep(0.002)
    blocked.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await blocked
    for _ in range(3):
        assert (await client.list()).total_count == 1
    assert pool.open_connections == pool.idle_connections <= 2


async def test_connections_are_bounded_and_waited_for(dovecot: Dovecot) -> None:
    user = dovecot.add_user()
    limits = PoolLimits(per_account=2)
    async with serving(settings_for("127.0.0.1", dovecot.imap_port, pool=limits), user) as client:
        await client.append(message())
        pages = await asyncio.gather(*(client.list() for _ in range(20)))
        assert {page.total_count for page in pages} == {1}
        assert client.service.pool.open_connections <= 2


async def test_servers_own_limit_is_met_by_waiting(dovecot_with: object) -> None:
    options = DovecotOptions(extra="protocol imap {\n  mail_max_userip_connections = 1\n}\n")
    server: Dovecot = dovecot_with(options)  # type: ignore[operator]
    user = server.add_user()
    async with serving(settings_for("127.0.0.1", server.imap_port), user) as client:
        await client.append(message())
        pages = await asyncio.gather(*(client.list() for _ in range(8)))
        assert {page.total_count for page in pages} == {1}


async def test_all_accounts_share_one_bound(dovecot: Dovecot) -> None:
    users = [dovecot.add_user() for _ in range(4)]
    limits = PoolLimits(in_all=2)
    async with serving(settings_for("127.0.0.1", dovecot.imap_port, pool=limits), users[0]) as client:
        for user in users:
            client.user = user
            await client.list()
        assert client.service.pool.open_connections <= 2


def tls_settings(server: Dovecot, mode: TlsMode, context: ssl.SSLContext) -> MailstoreSettings:
    port = server.imaps_port if mode is TlsMode.IMPLICIT else server.imap_port
    return MailstoreSettings(
        server=ServerSettings(HostPort("127.0.0.1", 0)),
        imap=ImapServer("localhost", port, mode, context, 5, 10),
        pool=PoolLimits(),
        sealing_key=sealing_key("mailstore"),
    )


@pytest.mark.parametrize("mode", [TlsMode.IMPLICIT, TlsMode.STARTTLS])
async def test_tls_is_verified(dovecot: Dovecot, mail_user: MailUser, mode: TlsMode) -> None:
    trusted = ssl.create_default_context(cafile=str(dovecot.ca_file))
    async with serving(tls_settings(dovecot, mode, trusted), mail_user) as client:
        assert (await client.list()).total_count == 0
    async with serving(tls_settings(dovecot, mode, ssl.create_default_context()), mail_user) as client:
        assert await reason(client.list()) == "MAIL_SERVER_UNREACHABLE"


async def test_no_starttls_no_password(mail_user: MailUser) -> None:
    """A server (or somebody in between) that offers no STARTTLS gets no LOGIN."""
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
        while data := await reader.readline():
            heard.extend(data)
            writer.write(data.split()[0] + b" BAD what?\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = MailstoreSettings(
        server=ServerSettings(HostPort("127.0.0.1", 0)),
        imap=ImapServer("localhost", port, TlsMode.STARTTLS, ssl.create_default_context(), 5, 10),
        pool=PoolLimits(),
        sealing_key=sealing_key("mailstore"),
    )
    async with server, serving(settings, mail_user) as client:
        assert await reason(client.list()) == "MAIL_SERVER_UNREACHABLE"
    assert b"LOGIN" not in heard
    assert b"AUTHENTICATE" not in heard
