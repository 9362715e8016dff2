"""Mailboxes: names, special uses, creating, renaming, deleting, quota and rights, against real servers."""

from __future__ import annotations

from typing import Any

import pytest
from imapclient import IMAPClient

from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as message_pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.mailstore.mailboxes import listing
from tests.rpc.mailstore.conftest import Client, message, serving, settings_for
from tests.support.dovecot import Dovecot, DovecotOptions

NAMES = [
    "With spaces",
    "Fish & Chips",
    "a<b>c",
    'say "hello"',
    "back\\slash",
    "Entwürfe 2026",
    "日本語",
    "Привет мир",
    "emoji 🎉",
    "&-",
    "&AOk-",
    "{5}",
    "(x)",
    "NIL",
    "12345",
    "'quote'",
    "tilde~",
    "#hash",
]


async def create(client: Client, name: str, **fields: Any) -> pb.Mailbox:
    request = pb.CreateMailboxRequest(mailbox=name, **fields)
    return (await client.mailboxes.CreateMailbox(request, token=client.token())).mailbox


async def rename(client: Client, name: str, new: str) -> pb.Mailbox:
    request = pb.RenameMailboxRequest(mailbox=name, new_mailbox=new)
    return (await client.mailboxes.RenameMailbox(request, token=client.token())).mailbox


async def delete(client: Client, name: str, **fields: Any) -> None:
    await client.mailboxes.DeleteMailbox(
        pb.DeleteMailboxRequest(mailbox=name, **fields), token=client.token()
    )


@pytest.fixture(params=["/", "."])
async def either(request: pytest.FixtureRequest, dovecot_with: Any) -> Any:
    """A client of a server with this delimiter."""
    options = DovecotOptions(separator=request.param, layout="fs" if request.param == "/" else "++")
    server: Dovecot = dovecot_with(options)
    user = server.add_user()
    async with serving(settings_for("127.0.0.1", server.imap_port), user) as made:
        yield made


@pytest.mark.parametrize("name", NAMES)
async def test_name_goes_all_the_way(either: Client, name: str) -> None:
    made = await create(either, name)
    assert (made.name, made.display_name, made.subscribed) == (name, name, True)
    appended = await either.append(message("in it"), mailbox=name)
    assert appended.name.mailbox == name
    row = (await either.list(name)).messages[0]
    assert row.name == appended.name
    assert (await either.get(row.name)).message.summary.envelope.subject == "in it"
    renamed = await rename(either, name, name + " 2")
    assert (await either.list(renamed.name)).total_count == 1
    await delete(either, renamed.name, with_messages=True)
    assert set(await either.tree()) == {"INBOX"}


async def test_levels(either: Client) -> None:
    delimiter = (await either.tree())["INBOX"].delimiter
    await create(either, f"Above{delimiter}Below")
    tree = await either.tree()
    child = tree[f"Above{delimiter}Below"]
    assert (child.parent, child.display_name) == ("Above", "Below")
    await rename(either, "Above", "Over")
    assert f"Over{delimiter}Below" in await either.tree()
    with pytest.raises(PosternError, match="below_itself"):
        await rename(either, "Over", f"Over{delimiter}Below{delimiter}Deep")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "missing"),
        ("   ", "missing"),
        ("a\r\nb", "control_characters"),
        ("a\0b", "control_characters"),
        ("a/", "empty_level"),
        ("a//b", "empty_level"),
        ("a*b", "wildcard"),
        ("x" * 600, "too_long"),
        ("~tilde", "refused_by_server"),
    ],
)
async def test_names_that_are_refused(client: Client, name: str, problem: str) -> None:
    with pytest.raises(PosternError) as caught:
        await create(client, name)
    assert (caught.value.reason, caught.value.metadata["problem"]) == ("INVALID_ARGUMENT", problem)


async def test_existing_and_missing(client: Client) -> None:
    await create(client, "One")
    with pytest.raises(PosternError, match="MAILBOX_EXISTS"):
        await create(client, "One")
    with pytest.raises(PosternError, match="MAILBOX_EXISTS"):
        await create(client, "inbox")
    await create(client, "Two")
    with pytest.raises(PosternError, match="MAILBOX_EXISTS"):
        await rename(client, "One", "Two")
    with pytest.raises(PosternError, match="MAILBOX_NOT_FOUND"):
        await rename(client, "None", "Three")
    with pytest.raises(PosternError, match="MAILBOX_NOT_FOUND"):
        await delete(client, "None")
    with pytest.raises(PosternError, match="MAILBOX_NOT_FOUND"):
        await client.list("None")
    for act in (rename(client, "INBOX", "Old mail"), delete(client, "INBOX", with_messages=True)):
        with pytest.raises(PosternError, match="INVALID_ARGUMENT"):
            await act


async def test_deleting_what_is_not_empty_must_be_said(client: Client) -> None:
    await create(client, "Full")
    await client.append(message(), mailbox="Full")
    with pytest.raises(PosternError) as caught:
        await delete(client, "Full")
    assert (caught.value.reason, caught.value.metadata["problem"]) == ("CONFLICT", "not_empty")
    assert (await client.list("Full")).total_count == 1


async def test_renamed_meanwhile(client: Client, imap: IMAPClient) -> None:
    await create(client, "Before")
    await client.append(message("moved away"), mailbox="Before")
    name = await client.name("Before")
    imap.rename_folder("Before", "After")
    with pytest.raises(PosternError, match=r"MAILBOX_NOT_FOUND|MAILBOX_CHANGED|MAIL_SERVER_UNREACHABLE"):
        await client.stream(
            "ModifyMessages",
            message_pb.ModifyMessagesRequest(
                messages=types_pb.MessageSet(
                    range=types_pb.MessageRange(
                        mailbox="Before", uid_validity=name.uid_validity, uids=[name.uid]
                    )
                ),
                add_flags=[types_pb.SYSTEM_FLAG_FLAGGED],
            ),
        )
    assert (await client.list("After")).messages[0].envelope.subject == "moved away"


async def test_subscription(client: Client) -> None:
    await create(client, "Quiet")
    request = pb.SubscribeMailboxRequest(mailbox="Quiet", subscribed=False)
    await client.mailboxes.SubscribeMailbox(request, token=client.token())
    assert not (await client.tree())["Quiet"].subscribed
    assert "Quiet" not in await client.tree(subscribed_only=True)


async def test_pages_of_the_tree(client: Client, imap: IMAPClient) -> None:
    for number in range(7):
        imap.create_folder(f"Box {number}")
    names: list[str] = []
    token = ""
    while True:
        request = pb.ListMailboxesRequest(page_size=3, page_token=token)
        reply = await client.mailboxes.ListMailboxes(request, token=client.token())
        names += [box.name for box in reply.mailboxes]
        token = reply.next_page_token
        if not token:
            break
    assert names == ["INBOX", *(f"Box {number}" for number in range(7))]


async def ensure(client: Client, use: Any, **fields: Any) -> pb.EnsureSpecialMailboxResponse:
    request = pb.EnsureSpecialMailboxRequest(special_use=use, **fields)
    return await client.mailboxes.EnsureSpecialMailbox(request, token=client.token())


async def test_missing_trash_is_asked_for_and_made(client: Client) -> None:
    with pytest.raises(PosternError, match="SPECIAL_MAILBOX_MISSING"):
        await ensure(client, pb.SPECIAL_USE_TRASH)
    made = await ensure(client, pb.SPECIAL_USE_TRASH, create_missing=True, preferred_name="Papierkorb")
    assert (made.created, made.mailbox.name) == (True, "Papierkorb")
    assert made.mailbox.special_use == pb.SPECIAL_USE_TRASH
    again = await ensure(client, pb.SPECIAL_USE_TRASH)
    assert (again.created, again.mailbox.name) == (False, "Papierkorb")


async def test_made_by_another_after_the_look_it_is_taken(
    client: Client, imap: IMAPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes second with CREATE takes what is there, and makes no other one below INBOX."""
    real = listing.list_mailboxes

    async def late(*arguments: Any, **options: Any) -> Any:
        tree = await real(*arguments, **options)
        if not imap.folder_exists("Sent"):
            imap.create_folder("Sent")  # after the look, before the CREATE
        return tree

    monkeypatch.setattr(listing, "list_mailboxes", late)
    made = await ensure(client, pb.SPECIAL_USE_SENT, create_missing=True)
    assert (made.created, made.mailbox.name) == (False, "Sent")
    assert sorted(await client.tree()) == ["INBOX", "Sent"]


async def test_attribute_wins_over_name(dovecot_with: Any) -> None:
    server: Dovecot = dovecot_with(DovecotOptions(special={"Kübel": r"\Trash"}, auto="create"))
    user = server.add_user()
    imap = server.connect(user)
    imap.create_folder("Trash")
    imap.create_folder("Gesendet")
    async with serving(settings_for("127.0.0.1", server.imap_port), user) as client:
        tree = await client.tree()
        assert tree["Kübel"].special_use == pb.SPECIAL_USE_TRASH
        assert tree["Trash"].special_use == pb.SPECIAL_USE_UNSPECIFIED
        assert tree["Gesendet"].special_use == pb.SPECIAL_USE_SENT
    imap.logout()


async def test_without_any_list_extension(dovecot_with: Any) -> None:
    without = ("LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "NAMESPACE", "ESEARCH", "SORT", "LITERAL+")
    server: Dovecot = dovecot_with(DovecotOptions(without=without))
    user = server.add_user()
    async with serving(settings_for("127.0.0.1", server.imap_port), user) as client:
        await create(client, "Größe")
        await client.append(message("b" * 30), mailbox="Größe")
        await client.append(message("a", "x" * 500), mailbox="Größe")
        tree = await client.tree()
        assert (tree["Größe"].message_count, tree["Größe"].subscribed) == (2, True)
        order = types_pb.SortOrder(key=types_pb.SortOrder.KEY_SUBJECT, ascending=True)
        page = await client.list("Größe", order=order, page_size=1)
        assert page.messages[0].envelope.subject == "a"
        rest = await client.list("Größe", order=order, page_size=1, page_token=page.next_page_token)
        assert rest.messages[0].envelope.subject == "b" * 30
        found = await client.list("Größe", filter=types_pb.SearchQuery(text="größer"))
        assert found.total_count == 0


async def test_quota(dovecot_with: Any) -> None:
    server: Dovecot = dovecot_with(DovecotOptions(quota_mb=1))
    user = server.add_user()
    async with serving(settings_for("127.0.0.1", server.imap_port), user) as client:
        await client.append(message("x", "y" * 900 + "\n"))
        reply = await client.mailboxes.GetQuota(pb.GetQuotaRequest(), token=client.token())
        (storage,) = [item for item in reply.resources if item.resource == "STORAGE"]
        assert storage.limit == 1024 * 1024
        with pytest.raises(PosternError, match="QUOTA_EXCEEDED"):
            await client.append(message("big", ("z" * 900 + "\n") * 1500))


async def test_no_acl_no_quota(client: Client) -> None:
    with pytest.raises(PosternError, match="UNSUPPORTED"):
        await client.mailboxes.GetMailboxRights(
            pb.GetMailboxRightsRequest(mailbox="INBOX"), token=client.token()
        )
    reply = await client.mailboxes.GetQuota(pb.GetQuotaRequest(), token=client.token())
    assert not reply.resources
