"""COMPRESS=DEFLATE with a server that offers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from services.mailstore.imap.connect import Account
from services.mailstore.imap.session import Session
from tests.rpc.mailstore.conftest import message, serving, settings_for
from tests.support.dovecot import Dovecot, DovecotOptions

_OFFERED = DovecotOptions(extra="protocol imap {\n  mail_plugins = imap_zlib\n}\n")


async def test_everything_works_compressed(dovecot_with: Callable[[DovecotOptions], Dovecot]) -> None:
    server = dovecot_with(_OFFERED)
    user = server.add_user()
    settings = settings_for("127.0.0.1", server.imap_port)
    text = "the same words again " * 20_000
    async with serving(replace(settings, imap=replace(settings.imap, compress=True)), user) as client:
        await client.append(message("Long", text))
        opened = await client.get(await client.name())
        assert opened.message.text_parts[0].text.startswith("the same words again the same")

        async def counted(session: Session) -> tuple[bool, int]:
            before = session.transport.bytes_read
            await session.command(b"UID", b"FETCH", b"1", b"(BODY.PEEK[])")
            return session.transport._deflate is not None, session.transport.bytes_read - before

        account = Account(user.address, user.address, user.password)
        used, octets = await client.service.pool.run(account, counted, mailbox="INBOX")
        assert used and octets < len(text) / 20
