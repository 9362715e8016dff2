"""Shared mailboxes on a real Dovecot: NAMESPACE, ACL with its rights (RFC 4314), and what they forbid."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from imapclient import IMAPClient

from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as message_pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.mailstore.imap.pool import PoolLimits
from tests.rpc.mailstore.conftest import Client, message, serving, settings_for
from tests.rpc.mailstore.test_actions import modify, named
from tests.support.dovecot import DovecotOptions

TEAM = "Team/Größe"
SHARING = DovecotOptions(
    namespaces="""
namespace shared {
  type = shared
  separator = /
  prefix = shared/%%u/
  location = maildir:%%h/Maildir:LAYOUT=fs:INDEXPVT=~/shared/%%u
  subscriptions = no
  list = children
}
""",
    extra="""
mail_plugins = acl
protocol imap {
  mail_plugins = acl imap_acl
}
plugin {
  acl = vfile:cache_secs=0
  acl_anyone = allow
  acl_shared_dict = file:%h/../shared-mailboxes
}
""",
)


@pytest.fixture
async def two(dovecot_with: Any) -> AsyncIterator[tuple[Client, Client, IMAPClient]]:
    """The owner of a mailbox with three messages, somebody else, and the owner's other program."""
    server = dovecot_with(SHARING)
    owner, guest = server.add_user(), server.add_user()
    # Dovecot tells a connection the rights and shared mailboxes that it found at first.
    settings = settings_for("127.0.0.1", server.imap_port, pool=PoolLimits(kept_for=0.0))
    with server.connect(owner) as imap:
        imap.create_folder(TEAM)
        for number in range(3):
            imap.append(TEAM, message(f"Number {number}"))
        async with AsyncExitStack() as stack:
            yield (
                await stack.enter_async_context(serving(settings, owner)),
                await stack.enter_async_context(serving(settings, guest)),
                imap,
            )


async def rights(client: Client, mailbox: str) -> tuple[dict[str, str], str]:
    reply = await client.mailboxes.GetMailboxRights(
        pb.GetMailboxRightsRequest(mailbox=mailbox), token=client.token()
    )
    return {right.identifier: "".join(sorted(right.rights)) for right in reply.rights}, reply.my_rights


async def grant(client: Client, mailbox: str, who: str, letters: str) -> None:
    right = pb.MailboxRight(identifier=who, rights=letters)
    await client.mailboxes.SetMailboxRights(
        pb.SetMailboxRightsRequest(mailbox=mailbox, right=right), token=client.token()
    )


async def test_a_mailbox_is_shared_used_and_taken_back(two: tuple[Client, Client, IMAPClient]) -> None:
    owner, guest, _ = two
    shared = f"shared/{owner.user.address}/{TEAM}"
    mine = (await owner.tree())[TEAM]
    assert mine.namespace == pb.MAILBOX_NAMESPACE_PERSONAL
    assert shared not in await guest.tree()
    with pytest.raises(PosternError, match="MAILBOX_NOT_FOUND"):
        await guest.list(shared)

    # Reading, and no more: not even what was read is kept.
    await grant(owner, TEAM, guest.user.address, "lr")
    entries, own = await rights(owner, TEAM)
    assert entries[guest.user.address] == "lr" and "a" in own
    box = (await guest.tree())[shared]
    assert box.namespace == pb.MAILBOX_NAMESPACE_OTHER_USERS and box.selectable
    assert set(box.my_rights) == set((await rights(guest, shared))[1]) == set("lr")
    page = await guest.list(shared)
    assert page.total_count == 3
    opened = await guest.get(page.messages[0].name, mark_seen=True)
    assert opened.message.summary.envelope.subject == "Number 2"
    assert not opened.message.summary.flags.seen
    assert not guest.service.marking.marked(guest.user.address)
    target = named(page.uid_validity, page.messages[0].name.uid, mailbox=shared)
    await refused(modify(guest, target, add_flags=[types_pb.SYSTEM_FLAG_FLAGGED]))
    await refused(guest.append(message("mine"), mailbox=shared))
    destroy = message_pb.DeleteMessagesRequest(messages=target, permanently=True)
    await refused(guest.stream("DeleteMessages", destroy))
    await refused(grant(guest, shared, guest.user.address, "lrswiteax"))
    assert (await owner.list(TEAM)).total_count == 3

    # Copying out is reading.
    await guest.stream("CopyMessages", message_pb.CopyMessagesRequest(messages=target, destination="INBOX"))
    assert (await guest.list()).total_count == 1

    # More rights, and they suffice.
    await grant(owner, TEAM, guest.user.address, "lrswite")
    await modify(guest, target, add_flags=[types_pb.SYSTEM_FLAG_FLAGGED], add_labels=["Prüfen"])
    flags = (await owner.list(TEAM)).messages[0].flags
    assert flags.flagged and list(flags.labels) == ["Prüfen"]
    await guest.append(message("from the guest"), mailbox=shared)
    await guest.stream("DeleteMessages", destroy)
    subjects = [row.envelope.subject for row in (await owner.list(TEAM)).messages]
    assert subjects == ["from the guest", "Number 1", "Number 0"]

    # Taken back: gone from the guest's tree, and closed.
    await grant(owner, TEAM, guest.user.address, "")
    assert guest.user.address not in (await rights(owner, TEAM))[0]
    assert shared not in await guest.tree()
    with pytest.raises(PosternError, match=r"MAILBOX_NOT_FOUND|PERMISSION_DENIED"):
        await guest.list(shared, filter=types_pb.SearchQuery(text="Number"))


async def refused(call: Any) -> None:
    """The mail server forbids it, and the caller is told so."""
    with pytest.raises(PosternError, match="PERMISSION_DENIED"):
        await call


async def test_who_may_not_see_the_list_sees_only_their_own(two: tuple[Client, Client, IMAPClient]) -> None:
    owner, guest, _ = two
    await grant(owner, TEAM, guest.user.address, "lrs")
    await grant(owner, TEAM, "anyone", "l")
    entries, own = await rights(guest, f"shared/{owner.user.address}/{TEAM}")
    assert not entries and set(own) >= set("lrs")


@pytest.mark.parametrize(("who", "letters"), [("", "lr"), ("a\nb", "lr"), ("bob", "lr+"), ("bob", "LR")])
async def test_rights_that_make_no_sense(
    two: tuple[Client, Client, IMAPClient], who: str, letters: str
) -> None:
    with pytest.raises(PosternError, match="INVALID_ARGUMENT"):
        await grant(two[0], TEAM, who, letters)
