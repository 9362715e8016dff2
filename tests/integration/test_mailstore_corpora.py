"""Every message of the corpora, appended to a real Dovecot, opens: no error, nothing empty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from tests.rpc.mailstore.conftest import Client, serving, settings_for
from tests.support.corpora import corpora
from tests.support.dovecot import Dovecot

AT_LEAST = 150


def messages(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.eml") if path.is_file())


async def read_all(client: Client, name: Any, message: Any) -> None:
    """Every attachment and inline part streams to its end."""
    for part in (*message.attachments, *message.inline_parts):
        request = pb.ReadPartRequest(name=name, part_id=part.part_id)
        await client.stream("ReadPart", request)


async def test_every_message_opens(dovecot: Dovecot) -> None:
    paths = messages(corpora("mime"))
    assert len(paths) >= AT_LEAST
    user = dovecot.add_user()
    imap = dovecot.connect(user)
    failed: list[str] = []
    empty: list[str] = []
    async with serving(settings_for("127.0.0.1", dovecot.imap_port), user) as client:
        for path in paths:
            source = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").replace(b"\0", b"?")
            imap.append("INBOX", source)
            try:
                row = (await client.list(page_size=1)).messages[0]
                opened = await client.get(row.name)
                await read_all(client, row.name, opened.message)
            except PosternError as err:
                failed.append(f"{path.name}: {err}")
                continue
            body = source.partition(b"\r\n\r\n")[2].strip()
            if body and not opened.message.text_parts and not opened.message.attachments:
                empty.append(path.name)
    imap.logout()
    assert not failed
    assert not empty
