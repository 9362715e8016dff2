"""mailstore in front of a real Dovecot's POP3: the same RPCs, and mailboxes of its own that are kept."""

from __future__ import annotations

import asyncio
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from services.common.endpoint import TlsMode
from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as mailbox_pb
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.common.gen.postern.mailstore.v1 import watch_service_pb2 as watch_pb
from services.mailstore.pop3.keys import file_name, unlock
from tests.rpc.mailstore.conftest import Client, message, serving
from tests.rpc.mailstore.test_get_message import read_part, with_attachment
from tests.rpc.mailstore.test_index import until_indexed
from tests.support.dovecot import Dovecot, MailUser
from tests.support.pop3 import endpoint, operator, pop3_settings
from tests.support.rpc import sealing_key

ROOT = Path(__file__).parents[2]


def deliver(dovecot: Dovecot, user: MailUser, *mails: bytes) -> None:
    with dovecot.connect(user) as imap:
        for each in mails:
            imap.append("INBOX", each)


def maildrop(dovecot: Dovecot, user: MailUser) -> list[bytes]:
    """The sources that are in the maildrop."""
    with dovecot.connect(user) as imap:
        imap.select_folder("INBOX")
        found = imap.fetch(imap.search(), ["BODY.PEEK[]"])
        return [found[uid][b"BODY[]"] for uid in sorted(found)]


def subjects(rows: Iterable[types_pb.MessageSummary]) -> list[str]:
    return [row.envelope.subject for row in rows]


def these(*names: types_pb.MessageName) -> types_pb.MessageSet:
    uids = [name.uid for name in names]
    first = names[0]
    return types_pb.MessageSet(
        range=types_pb.MessageRange(mailbox=first.mailbox, uid_validity=first.uid_validity, uids=uids)
    )


async def trash(client: Client, *names: types_pb.MessageName) -> types_pb.MessageName:
    """Move to Trash; the new name of the first."""
    steps = await client.stream("DeleteMessages", pb.DeleteMessagesRequest(messages=these(*names)))
    new = steps[-1].trashed[0].destination
    return types_pb.MessageName(mailbox=new.mailbox, uid_validity=new.uid_validity, uid=new.uids[0])


async def move(client: Client, to: str, *names: types_pb.MessageName) -> None:
    request = pb.MoveMessagesRequest(messages=these(*names), destination=to)
    await client.stream("MoveMessages", request)


@pytest.mark.parametrize("tls", list(TlsMode))
async def test_every_way_to_connect(dovecot: Dovecot, tmp_path: Path, tls: TlsMode) -> None:
    user = dovecot.add_user()
    deliver(dovecot, user, message("here"))
    async with serving(pop3_settings(endpoint(dovecot, tls), tmp_path), user) as client:
        assert subjects((await client.list()).messages) == ["here"]
        with pytest.raises(PosternError) as caught:
            other = replace(client, user=MailUser(user.address, "wrong"))
            await other.list()
        assert caught.value.reason == "AUTHENTICATION_FAILED"


async def test_the_certificate_is_verified(dovecot: Dovecot, tmp_path: Path) -> None:
    user = dovecot.add_user()
    for tls in (TlsMode.IMPLICIT, TlsMode.STARTTLS):
        untrusted = replace(endpoint(dovecot, tls), context=ssl.create_default_context())
        async with serving(pop3_settings(untrusted, tmp_path), user) as client:
            with pytest.raises(PosternError) as caught:
                await client.list()
            assert caught.value.reason == "MAIL_SERVER_UNREACHABLE"


async def test_a_day_of_mail(dovecot: Dovecot, tmp_path: Path) -> None:
    """Read, flag, attachment, delete and back, draft, sent, folders; and all of it there the next day."""
    user = dovecot.add_user()
    data = bytes(range(256)) * 3000
    deliver(dovecot, user, message("first"), with_attachment(data), message("third", Message_ID="<t@x>"))
    settings = pop3_settings(endpoint(dovecot), tmp_path)
    async with serving(settings, user) as client:
        tree = await client.tree()
        assert set(tree) == {"INBOX", "Drafts", "Sent", "Archive", "Junk", "Trash"}
        assert (tree["INBOX"].message_count, tree["INBOX"].unread_count) == (3, 3)
        rows = (await client.list()).messages
        opened = await client.get(rows[1].name, mark_seen=True)
        (attachment,) = opened.message.attachments
        assert await read_part(client, rows[1].name, attachment.part_id) == data
        assert (await client.list()).messages[1].flags.seen

        in_trash = await trash(client, rows[0].name)
        assert len(maildrop(dovecot, user)) == 2
        assert subjects((await client.list("Trash")).messages) == ["third"]
        await move(client, "INBOX", in_trash)
        back = await client.list()
        assert subjects(back.messages)[0] == "third"
        assert len(maildrop(dovecot, user)) == 2

        first = await client.save_draft(message("v1"), draft_id="draft-0001")
        await client.save_draft(message("v2"), draft_id="draft-0001", replaces=first.name)
        assert subjects((await client.list("Drafts")).messages) == ["v2"]
        answer = message("Re: third", Message_ID="<s@x>", References="<t@x>")
        for _ in range(2):
            filed = await client.append(answer, mailbox="", special_use_sent=True, unless_message_id="<s@x>")
        assert filed.name.mailbox == "Sent"
        assert (await client.list("Sent")).total_count == 1
        await move(client, "Archive", back.messages[-1].name)

    # Another process, later.
    async with serving(pop3_settings(endpoint(dovecot), tmp_path), user) as client:
        counts = {name: box.message_count for name, box in (await client.tree()).items()}
        assert counts == {"INBOX": 2, "Drafts": 1, "Sent": 1, "Archive": 1, "Junk": 0, "Trash": 0}
        page = await client.list()
        assert [(row.envelope.subject, row.flags.seen) for row in page.messages][1][1]
        talk = await client.messages.ListConversations(
            pb.ListConversationsRequest(mailbox="INBOX"), token=client.token()
        )
        assert talk.conversations[0].message_count == 2


async def test_what_a_maildrop_cannot_do_is_said(dovecot: Dovecot, tmp_path: Path) -> None:
    user = dovecot.add_user()
    async with serving(pop3_settings(endpoint(dovecot), tmp_path), user) as client:
        with pytest.raises(PosternError) as caught:
            await client.mailboxes.GetMailboxRights(
                mailbox_pb.GetMailboxRightsRequest(mailbox="INBOX"), token=client.token()
            )
        assert (caught.value.reason, caught.value.metadata["feature"]) == ("UNSUPPORTED", "acl")
        quota = await client.mailboxes.GetQuota(mailbox_pb.GetQuotaRequest(), token=client.token())
        assert not quota.resources
        tree = await client.mailboxes.ListMailboxes(mailbox_pb.ListMailboxesRequest(), token=client.token())
        able = tree.capabilities
        assert (able.rights, able.quota, able.local_mailboxes) == (False, False, True)


async def test_the_index_serves_it_too(dovecot: Dovecot, tmp_path: Path) -> None:
    """Built by a worker of its own, in a process of its own."""
    user = dovecot.add_user()
    deliver(dovecot, user, *(message(f"number {n}", f"word{n} in the garden") for n in range(60)))
    async with serving(pop3_settings(endpoint(dovecot), tmp_path, index=True), user) as client:
        await client.append(message("kept here", "word7 too"), mailbox="Archive")
        await until_indexed(client, "INBOX", "Archive")
        page = await client.list(page_size=20)
        assert (page.total_count, subjects(page.messages)[0]) == (60, "number 59")
        request = pb.SearchMessagesRequest(query=types_pb.SearchQuery(text="word7"))
        steps = [step async for step in client.messages.SearchMessages(request, token=client.token())]
        assert sorted(subjects(row for step in steps for row in step.messages)) == ["kept here", "number 7"]
        await trash(client, page.messages[0].name)
        deliver(dovecot, user, message("new"))
        async with asyncio.timeout(10):
            while subjects((await client.list()).messages)[:2] != ["new", "number 58"]:
                await asyncio.sleep(0.1)


async def test_without_the_server(own_dovecot: Dovecot, tmp_path: Path) -> None:
    """What is kept here is here; INBOX is not shown as if it were known."""
    user = own_dovecot.add_user()
    deliver(own_dovecot, user, message("in the maildrop"))
    settings = pop3_settings(endpoint(own_dovecot), tmp_path)
    async with serving(settings, user) as client:
        await client.append(message("kept"), mailbox="Archive")
        await client.list()
    own_dovecot.stop()
    async with serving(pop3_settings(endpoint(own_dovecot), tmp_path), user) as client:
        assert subjects((await client.list("Archive")).messages) == ["kept"]
        await client.save_draft(message("written meanwhile"), draft_id="draft-0001")
        with pytest.raises(PosternError) as caught:
            await client.list()
        assert caught.value.reason == "MAIL_SERVER_UNREACHABLE"
        with pytest.raises(PosternError) as caught:
            await replace(client, user=MailUser(user.address, "guessed")).list("Archive")
        assert caught.value.reason == "MAIL_SERVER_UNREACHABLE"


async def test_watch(dovecot: Dovecot, tmp_path: Path) -> None:
    user = dovecot.add_user()
    async with serving(pop3_settings(endpoint(dovecot), tmp_path), user) as client:
        call = client.watch.WatchAccount(watch_pb.WatchAccountRequest(), token=client.token(), timeout=20)
        async with aclosing(aiter(call)) as stream, asyncio.timeout(15):
            await anext(stream)
            deliver(dovecot, user, message("arrived"))
            async for event in stream:
                if event.WhichOneof("change") == "mailbox_change" and event.mailbox_change.added:
                    assert subjects(event.mailbox_change.added) == ["arrived"]
                    break


async def test_a_password_that_was_changed(dovecot: Dovecot, tmp_path: Path) -> None:
    """The mail is not lost; where the operator's key is elsewhere, it opens when the operator says so."""
    user = dovecot.add_user("pop-changed")
    async with serving(pop3_settings(endpoint(dovecot), tmp_path), user) as client:
        await client.append(message("kept"), mailbox="Archive")
    for number, recovery in enumerate((True, False)):
        user = dovecot.add_user("pop-changed", f"another-{number}")
        await asyncio.sleep(1.1)  # Dovecot looks at a changed file once a second
        settings = pop3_settings(endpoint(dovecot), tmp_path, recovery=recovery)
        async with serving(settings, user) as client:
            if not recovery:
                with pytest.raises(PosternError) as caught:
                    await client.list("Archive")
                assert caught.value.reason == "CONFLICT"
                assert caught.value.metadata["what"] == "local_mail_locked"
                private = operator(tmp_path)
                key = tmp_path / "mail" / f"{file_name(user.address, private.public_key())}.key"
                unlock(key, user.address, private, sealing_key("mailstore").public_key())
            assert subjects((await client.list("Archive")).messages) == ["kept"]
    async with serving(pop3_settings(endpoint(dovecot), tmp_path, recovery=False), user) as client:
        assert subjects((await client.list("Archive")).messages) == ["kept"]


async def test_nothing_of_it_lies_readable_on_disk(dovecot: Dovecot, tmp_path: Path) -> None:
    user = dovecot.add_user()
    deliver(dovecot, user, message("gooseberry", "elderflower"))
    async with serving(pop3_settings(endpoint(dovecot), tmp_path), user) as client:
        await client.get(await client.name())
        await client.append(message("gooseberry", "elderflower"), mailbox="Sent")
        found = [path for path in (tmp_path / "mail").iterdir() if path.stat().st_size]
        assert {path.suffix for path in found} >= {".db", ".key", ".db-wal"}
        for path in found:
            assert path.stat().st_mode & 0o077 == 0, path
            for word in (b"gooseberry", b"elderflower", user.name.encode(), user.password.encode()):
                assert word not in path.read_bytes()
                assert word not in path.name.encode()


_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from services.mailstore.imap.connect import Account
from services.mailstore.pop3 import drop
from services.mailstore.pop3.client import Maildrop
from tests.support.pop3 import pop3_settings, PopEndpoint, TlsMode

port, user, password, directory, where = sys.argv[1:]
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)

async def main():
    endpoint = PopEndpoint("127.0.0.1", int(port), TlsMode.PLAIN, None)
    server = pop3_settings(endpoint, Path(directory)).imap
    session = await server.open(Account(user, user, password))
    await session.execute(session.begin_select("INBOX", False))
    await session.execute([b"UID", b"FETCH", b"1:*", b"(UID BODY.PEEK[])"])
    if where == "before DELE":
        Maildrop.delete = die
    elif where == "before QUIT":
        Maildrop.quit = die
    elif where == "after QUIT":
        quit = Maildrop.quit
        Maildrop.quit = lambda self: (quit(self), die())
    await session.execute([b"UID", b"MOVE", b"1:*", b"Archive"])

asyncio.run(main())
"""


async def test_killed_while_moving(dovecot: Dovecot, tmp_path: Path) -> None:
    """Between the copy on disk and the deletion at the server, and until it is told: none lost or twice."""

    async def one(where: str, left: int) -> None:
        user, directory = dovecot.add_user(), tmp_path / where
        directory.mkdir()
        deliver(dovecot, user, message("one"), message("two"))
        arguments = [str(dovecot.pop3_port), user.address, user.password, str(directory), where]
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", _KILLED, *arguments],
            cwd=ROOT,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert len(maildrop(dovecot, user)) == left
        async with serving(pop3_settings(endpoint(dovecot), directory), user) as client:
            assert subjects((await client.list("Archive")).messages) == ["two", "one"]
            assert (await client.list()).total_count == 0
        assert not maildrop(dovecot, user)

    await asyncio.gather(one("before DELE", 2), one("before QUIT", 2), one("after QUIT", 0))
