"""ListMailboxes against a real server."""

from dataclasses import replace
from typing import Any

import pytest

from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as pb
from services.mailstore.imap.pool import PoolLimits
from tests.rpc.mailstore.conftest import Client, message, serving, settings_for
from tests.support.dovecot import DovecotOptions


async def test_inbox_of_a_new_account(client: Client) -> None:
    tree = await client.tree()
    assert tree["INBOX"].special_use == pb.SPECIAL_USE_INBOX
    assert tree["INBOX"].uid_validity > 0


async def test_counts(client: Client, imap) -> None:
    imap.append("INBOX", message())
    imap.append("INBOX", message(), flags=[rb"\Seen"])
    box = (await client.tree())["INBOX"]
    assert (box.message_count, box.unread_count) == (2, 1)


@pytest.mark.parametrize("without", [(), ("LIST-STATUS",), ("CONDSTORE", "QRESYNC")])
async def test_counts_of_the_mailbox_that_is_open_are_those_of_now(
    dovecot_with: Any, without: tuple[str, ...]
) -> None:
    server = dovecot_with(DovecotOptions(without=without))
    user = server.add_user()
    settings = settings_for("127.0.0.1", server.imap_port)
    # One connection for all, so that the tree is asked for where INBOX is open.
    async with serving(replace(settings, pool=PoolLimits(per_account=1)), user) as client:
        with server.connect(user) as imap:
            for _ in range(3):
                imap.append("INBOX", message())
            assert (await client.list()).total_count == 3
            await _see(client, 3, 3)
            imap.append("INBOX", message())
            await _see(client, 4, 4)
            imap.select_folder("INBOX")
            imap.add_flags([1, 2], [rb"\Seen"])
            await _see(client, 4, 2)
            imap.delete_messages([3, 4])
            imap.expunge()
            await _see(client, 2, 0)


async def _see(client: Client, total: int, unread: int) -> None:
    box = (await client.tree())["INBOX"]
    assert (box.message_count, box.unread_count) == (total, unread)
