"""ID (RFC 2971): the mail server is told for whom we come, by web's word alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as pb
from services.common.gen.postern.mailstore.v1.mailbox_service_pb2_grpc import MailboxServiceStub
from services.common.rpc.context import CLIENT_ADDRESS
from services.mailstore.service import Service
from services.mailstore.servicer import LONG_LIVED, METHOD_SCOPES, register
from tests.rpc.mailstore.conftest import settings_for
from tests.support.dovecot import Dovecot, DovecotOptions
from tests.support.rpc import running


@pytest.fixture
def server(dovecot_with: Any) -> Iterator[Dovecot]:
    yield dovecot_with(DovecotOptions(extra="login_trusted_networks = 127.0.0.0/8\n"))


async def logged_in_from(server: Dovecot, peer: str, told: str) -> str:
    """The address that Dovecot has in its log for a login that a call of `peer` led to."""
    user = server.add_user()
    service = Service(settings_for("127.0.0.1", server.imap_port))
    service.start()
    try:
        async with running(
            "mailstore", lambda s: register(service, s), METHOD_SCOPES, long_lived=LONG_LIVED
        ) as mailstore:
            await MailboxServiceStub(mailstore.channel(peer)).ListMailboxes(
                pb.ListMailboxesRequest(),
                token=mailstore.token(account=user.address, password=user.password),
                metadata=((CLIENT_ADDRESS, told),),
            )
    finally:
        await service.close()
    found = re.findall(
        rf"Login: user=<{re.escape(user.address)}>.* rip=([^,]*),", Path(server.log).read_text()
    )
    return str(found[-1])


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::9"])
async def test_the_browser_s_address_is_told(server: Dovecot, address: str) -> None:
    assert await logged_in_from(server, "web", address) == address


@pytest.mark.parametrize(("peer", "told"), [("sender", "203.0.113.9"), ("web", 'x" "y" "z'), ("web", "")])
async def test_nobody_else_is_believed(server: Dovecot, peer: str, told: str) -> None:
    assert await logged_in_from(server, peer, told) == "127.0.0.1"
