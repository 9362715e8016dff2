"""sender looks for a message in its writer's mailboxes, in a real mailstore before a real Dovecot."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from imapclient import IMAPClient

from services.mailstore.index.shelf import IndexSettings
from services.sender.clients import GrpcMailstore
from tests.rpc.mailstore.conftest import Client, message, serving, settings_for
from tests.rpc.mailstore.test_index import until_indexed
from tests.support.dovecot import Dovecot

SENT, HERE, THERE = "<sent@example.org>", "<here@example.org>", "<there@example.org>"


@pytest.fixture(params=["index", "server"])
async def place(
    request: pytest.FixtureRequest, dovecot: Dovecot, tmp_path: Path
) -> AsyncIterator[tuple[Client, IMAPClient, bool]]:
    user = dovecot.add_user()
    settings = settings_for("127.0.0.1", dovecot.imap_port)
    indexed = request.param == "index"
    if indexed:
        settings = replace(settings, index=IndexSettings(tmp_path / "index"))
    with dovecot.connect(user) as imap:
        for name in ("Sent", "Trash", "Lists/Plans"):
            imap.create_folder(name)
        async with serving(settings, user) as client:
            yield client, imap, indexed


async def test_a_message_is_found_where_it_is(place: tuple[Client, IMAPClient, bool]) -> None:
    client, imap, indexed = place
    now = int(time.time() * 1000)
    mailstore = GrpcMailstore(client.channel)

    async def has(id: str) -> bool:
        return await mailstore.has_message(client.token(), id, now)

    # More than would be worth looking through one by one, and ids that end or begin alike.
    for number in range(30):
        imap.append("INBOX", message(f"other {number}", Message_ID=f"<{number}-here@example.org>"))
    imap.append("Sent", message("to all", Message_ID=SENT))
    imap.append("Trash", message("thrown away", Message_ID="<trash@example.org>"))
    if indexed:
        await until_indexed(client, "INBOX", "Sent", "Lists/Plans")
    assert await has(SENT)
    assert not await has(HERE) and not await has("<ere@example.org>")
    assert not await has("<trash@example.org>")

    # What came a moment ago, whether the index knows of it or not; a list may have sent it back.
    imap.append("INBOX", message("here", Message_ID=HERE))
    assert await has(HERE)
    imap.append("Lists/Plans", message("there", Message_ID=THERE))
    assert await has(THERE)
