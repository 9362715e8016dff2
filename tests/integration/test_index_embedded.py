"""The index in front of the embedded server, which keeps neither CONDSTORE nor much else."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from imapclient import IMAPClient

from services.mailstore.index.shelf import IndexSettings
from tests.rpc.mailstore.conftest import message, serving, settings_for
from tests.rpc.mailstore.test_index import find, rows, until_indexed
from tests.support.dovecot import MailUser
from tests.support.process import HOST, Daemon, answers, free_port

ALICE = MailUser("alice@example.org", "alice")


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    imap, smtp = free_port(), free_port()
    module = [sys.executable, "-m", "deploy.local.mailserver"]
    argv = [*module, "--imap-port", str(imap), "--smtp-port", str(smtp)]
    daemon = Daemon("mailserver", argv, tmp_path / "log", lambda: answers(imap, b"* "))
    daemon.start()
    yield imap
    daemon.stop()


async def test_agrees_with_the_embedded_server(port: int, tmp_path: Path) -> None:
    plain = settings_for(HOST, port)
    rng = random.Random(5)
    with IMAPClient(HOST, port, ssl=False, timeout=10) as other:
        other.login(ALICE.address, ALICE.password)
        async with (
            serving(replace(plain, index=IndexSettings(tmp_path / "index")), ALICE) as indexed,
            serving(plain, ALICE) as direct,
        ):
            await until_indexed(indexed, "INBOX", "Sent")
            for number in range(12):
                mine, theirs = await indexed.list(page_size=100), await direct.list(page_size=100)
                assert rows(mine) == rows(theirs)
                assert (mine.total_count, mine.unread_count) == (theirs.total_count, theirs.unread_count)
                other.select_folder("INBOX")
                chosen = rng.sample(other.search(), 2)
                match rng.randrange(4):
                    case 0:
                        other.append("INBOX", message(f"number {number}", "zanzibar"))
                    case 1:
                        other.add_flags(chosen, [rng.choice([rb"\Seen", rb"\Flagged"])])
                    case 2:
                        other.copy(chosen, "Archive")
                    case 3:
                        other.delete_messages(chosen)
                        other.expunge()
            await indexed.list()
            for text in ("zanzibar", "from:bob", "is:unread"):
                theirs_found, _ = await find(direct, text)
                names = sorted((row.name.mailbox, row.name.uid) for row in theirs_found)
                # What happened in other mailboxes is looked at within seconds, behind the answers.
                for _ in range(200):
                    mine_found, _ = await find(indexed, text)
                    found = sorted((row.name.mailbox, row.name.uid) for row in mine_found)
                    if found == names:
                        break
                    await asyncio.sleep(0.1)
                assert found == names, text
