"""ListMailboxes against a real server."""

from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as pb
from tests.rpc.mailstore.conftest import Client, message


async def test_inbox_of_a_new_account(client: Client) -> None:
    tree = await client.tree()
    assert tree["INBOX"].special_use == pb.SPECIAL_USE_INBOX
    assert tree["INBOX"].uid_validity > 0


async def test_counts(client: Client, imap) -> None:
    imap.append("INBOX", message())
    imap.append("INBOX", message(), flags=[rb"\Seen"])
    box = (await client.tree())["INBOX"]
    assert (box.message_count, box.unread_count) == (2, 1)
