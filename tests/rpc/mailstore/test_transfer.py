"""ImportMessages and ExportMessages against a real server."""

from __future__ import annotations

import io
import mailbox
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from imapclient import IMAPClient

from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from tests.rpc.mailstore.conftest import Client, message

ODD = b"From here on\r\n>From there\r\n\r\nFrom x\r\n.\r\nlast line without end"


async def bring(client: Client, data: bytes, size: int = 65536, **target: Any) -> list[Any]:
    """ImportMessages of a file in pieces of `size`."""

    async def steps() -> AsyncIterator[pb.ImportMessagesRequest]:
        yield pb.ImportMessagesRequest(target=pb.ImportTarget(**{"mailbox": "INBOX", **target}))
        for start in range(0, len(data), size):
            yield pb.ImportMessagesRequest(data=data[start : start + size])

    call = client.messages.ImportMessages(steps(), token=client.token())
    return [response async for response in call]


async def fetch(client: Client, file_format: Any, query: str = "") -> bytes:
    messages = types_pb.MessageSet(query=types_pb.SearchQuery(text=query, mailboxes=["INBOX"]))
    steps = await client.stream(
        "ExportMessages", pb.ExportMessagesRequest(messages=messages, format=file_format)
    )
    assert all(len(step.data) <= 65536 for step in steps)
    assert steps[-1].progress.done_units == steps[-1].progress.total_units
    return b"".join(step.data for step in steps)


async def sources(client: Client) -> list[bytes]:
    found = []
    for row in reversed((await client.list()).messages):
        steps = await client.stream("ReadSource", pb.ReadSourceRequest(name=row.name))
        found.append(b"".join(step.data for step in steps))
    return found


@pytest.fixture
def mails(imap: IMAPClient) -> list[bytes]:
    """Three messages, one with lines that an mbox has to quote."""
    made = [
        message("one"),
        message("two/../Grüße"),
        message("three").removesuffix(b"Some text.\r\n") + ODD + b"\r\n",
    ]
    for mail in made:
        imap.append("INBOX", mail)
    return made


async def test_mbox_there_and_back(
    client: Client, imap: IMAPClient, mails: list[bytes], tmp_path: Path
) -> None:
    data = await fetch(client, pb.ARCHIVE_FORMAT_MBOX)
    (tmp_path / "box").write_bytes(data)
    assert next(iter(mailbox.mbox(tmp_path / "box")))["Subject"] == "one"
    imap.select_folder("INBOX")
    imap.delete_messages([1, 2, 3])
    imap.expunge()
    for size in (65536, 7):
        steps = await bring(client, data, size)
        assert [len(step.imported) for step in steps] == [1, 1, 1]
    assert await sources(client) == mails * 2
    assert {row.flags.seen for row in (await client.list()).messages} == {True}
    assert (await client.list()).messages[0].received_time.ToJsonString() == "2026-11-02T10:00:00Z"


async def test_zip_there_and_back(client: Client, imap: IMAPClient, mails: list[bytes]) -> None:
    data = await fetch(client, pb.ARCHIVE_FORMAT_UNSPECIFIED)
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    assert [archive.read(name) for name in archive.namelist()] == mails
    assert not any("/" in name or ".." in name for name in archive.namelist())
    steps = await bring(client, data, skip_duplicates=True)
    assert sum(step.skipped_count for step in steps) == 3
    imap.create_folder("Copy")
    await bring(client, data, mailbox="Copy")
    assert (await client.list("Copy")).total_count == 3


async def test_one_message(client: Client, mails: list[bytes]) -> None:
    assert await fetch(client, pb.ARCHIVE_FORMAT_EML, "subject:one") == mails[0]
    with pytest.raises(PosternError, match="not_one_message"):
        await fetch(client, pb.ARCHIVE_FORMAT_EML)
    for size in (65536, 1):
        await bring(client, mails[0].replace(b"\r\n", b"\n"), size)
        await bring(client, mails[0], size)
    assert (await sources(client))[3:] == [mails[0]] * 4


async def test_zip_with_what_is_no_mail(client: Client) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/good.eml", message("good"))
        archive.writestr("picture.png", b"\x89PNG")
        archive.writestr("empty.eml", b"")
        archive.writestr("bomb.eml", b"Subject: x\r\n\r\n" + b"\0" * 50_000_000)
        archive.writestr("box.mbox", b"From a Mon\n" + message("m1") + b"\nFrom b Mon\n" + message("m2"))
    steps = await bring(client, file.getvalue())
    assert sum(len(step.imported) for step in steps) == 3
    assert sorted(name for step in steps for name in step.refused) == ["bomb.eml", "empty.eml", "picture.png"]


@pytest.mark.parametrize("data", [b"PK\x03\x04 broken", b"PK\x05\x06"])
async def test_broken_zip(client: Client, data: bytes) -> None:
    with pytest.raises(PosternError, match="not_a_zip"):
        await bring(client, data)


async def test_nowhere(client: Client) -> None:
    with pytest.raises(PosternError, match="MAILBOX_NOT_FOUND"):
        await bring(client, message(), mailbox="Nowhere")
    with pytest.raises(PosternError, match="INVALID_ARGUMENT"):
        await bring(client, b"")
