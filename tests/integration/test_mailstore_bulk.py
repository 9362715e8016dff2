"""Acts on very many messages and what undoes them, on real Dovecots with and without MOVE and UIDPLUS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from imapclient import IMAPClient

from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.mailstore.acting.targets import BATCH
from tests.rpc.mailstore.conftest import Client, message, serving, settings_for
from tests.support.dovecot import DovecotOptions

MANY = 2 * BATCH + 50
WORK = types_pb.MessageSet(query=types_pb.SearchQuery(text="subject:work", mailboxes=["INBOX"]))


@pytest.fixture(params=[(), ("MOVE",)], ids=["move", "copy-and-expunge"])
async def place(
    request: pytest.FixtureRequest, dovecot_with: Any
) -> AsyncIterator[tuple[Client, IMAPClient]]:
    """INBOX with MANY messages about work and ten about others, some flagged."""
    server = dovecot_with(DovecotOptions(without=request.param))
    user = server.add_user()
    with server.connect(user) as imap:
        imap.create_folder("Trash")
        imap.multiappend("INBOX", [message(f"work {number}", "x") for number in range(MANY)])
        imap.multiappend("INBOX", [message(f"play {number}", "x") for number in range(10)])
        imap.select_folder("INBOX")
        imap.add_flags(list(range(1, 21)), [rb"\Flagged"])
        async with serving(settings_for("127.0.0.1", server.imap_port), user) as client:
            yield client, imap


def flagged(imap: IMAPClient) -> int:
    imap.noop()
    return len(imap.search("FLAGGED"))


def ranges(steps: Iterable[Any], field: str) -> list[types_pb.MessageSet]:
    return [
        types_pb.MessageSet(range=found.destination if hasattr(found, "destination") else found)
        for step in steps
        for found in getattr(step, field)
    ]


async def test_flags_of_all_that_match_and_back(place: tuple[Client, IMAPClient]) -> None:
    client, imap = place
    flag = [types_pb.SYSTEM_FLAG_FLAGGED]
    only_new = types_pb.MessageSet(
        query=types_pb.SearchQuery(text="subject:work -is:starred", mailboxes=["INBOX"])
    )
    steps = await client.stream("ModifyMessages", pb.ModifyMessagesRequest(messages=only_new, add_flags=flag))
    progress = [(step.progress.done_units, step.progress.total_units) for step in steps]
    assert progress[-1] == (MANY - 20, MANY - 20) and len(progress) >= 3
    assert flagged(imap) == MANY
    # Undone is what was done, not what was so before.
    for changed in ranges(steps, "changed"):
        request = pb.ModifyMessagesRequest(messages=changed, remove_flags=flag)
        await client.stream("ModifyMessages", request)
    assert flagged(imap) == 20


async def test_all_that_match_to_trash_and_back(place: tuple[Client, IMAPClient]) -> None:
    client, imap = place
    # Somebody else marked this one: it is not ours to expunge.
    imap.add_flags([MANY + 1], [rb"\Deleted"])
    steps = await client.stream("DeleteMessages", pb.DeleteMessagesRequest(messages=WORK))
    assert steps[-1].progress.done_units == steps[-1].progress.total_units == MANY
    assert len(steps) >= 3
    assert imap.folder_status("Trash", ["MESSAGES"])[b"MESSAGES"] == MANY
    imap.noop()
    assert len(imap.search("ALL")) == 10
    for trashed in ranges(steps, "trashed"):
        request = pb.MoveMessagesRequest(messages=trashed, destination="INBOX")
        (*_, last) = await client.stream("MoveMessages", request)
        assert not last.gone
    assert imap.folder_status("Trash", ["MESSAGES"])[b"MESSAGES"] == 0
    assert flagged(imap) == 20
    subjects = {
        line
        for found in imap.fetch(imap.search("ALL"), ["BODY[HEADER.FIELDS (SUBJECT)]"]).values()
        for key, line in found.items()
        if key.startswith(b"BODY")
    }
    assert len(subjects) == MANY + 10
