"""What is told of a message is what an IMAP server would tell: read back, it is the tree that was parsed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.mailstore.imap.parser import parse_values
from services.mailstore.mime.model import Part
from services.mailstore.mime.parse import parse_message
from services.mailstore.mime.select import select
from services.mailstore.mime.structure import from_bodystructure
from services.mailstore.pop3.described import describe, digest, header_of, opaque, received
from tests.support.corpora import corpora

NESTED = b"""Subject: =?utf-8?q?=C3=A4u=C3=9Fen?=
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/plain; charset=utf-8

hello "you" \\ there
--x
Content-Type: message/rfc822

Subject: inside
From: "A \\"q\\"" <a@b.example>

inner
--x
Content-Type: application/pdf
Content-Disposition: attachment; filename*=utf-8''%C3%A4%22b.pdf
Content-Transfer-Encoding: base64

AAAA
--x--
""".replace(b"\n", b"\r\n")


def told(raw: bytes) -> Part:
    root = from_bodystructure(parse_values([describe(raw).structure])[0])
    assert root is not None
    return root


def shown(root: Part) -> Any:
    """All that a page makes of a structure."""
    selection = select(root)
    texts = [
        (part.number, part.media_type, part.encoding, part.params.get("charset", ""), part.size)
        for part in (*selection.plain, *selection.html)
    ]
    return texts, [(a.number, a.name, a.media_type, a.kind, a.inline) for a in selection.attachments]


def check(raw: bytes) -> None:
    parsed, root = parse_message(raw), told(raw)
    assert shown(root) == shown(parsed.root)
    sections = json.loads(describe(raw).sections)
    for part in root.walk():
        if not part.children:
            start, end = sections[part.number]
            assert raw[start:end] == parsed.content(part.number)


def test_sections() -> None:
    check(NESTED)
    found = {name: NESTED[start:end] for name, (start, end) in json.loads(describe(NESTED).sections).items()}
    assert found["HEADER"].startswith(b"Subject: =?utf-8") and found["HEADER"].endswith(b"\r\n\r\n")
    assert found["1"] == b'hello "you" \\ there'
    assert found["2.HEADER"] == b'Subject: inside\r\nFrom: "A \\"q\\"" <a@b.example>\r\n\r\n'
    assert (found["2.1"], found["2.TEXT"]) == (b"inner", b"inner")
    assert found["3.MIME"].startswith(b"Content-Type: application/pdf")
    nested = told(NESTED).find("2")
    assert nested is not None and nested.envelope is not None
    assert (nested.envelope.subject, nested.envelope.from_[0].name) == ("inside", 'A "q"')


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"text alone", b"Content-Type: multipart/mixed\r\n\r\nnothing", b"\0"]
)
def test_hardly_a_message(raw: bytes) -> None:
    check(raw)


def test_the_mime_corpus() -> None:
    files = [path for path in corpora("mime").rglob("*.eml") if path.stat().st_size < 500_000]
    assert len(files) > 50
    for path in files:
        check(Path(path).read_bytes())


def test_a_message_that_no_decoder_reads() -> None:
    found = opaque(NESTED)
    root = from_bodystructure(parse_values([found.structure])[0])
    assert root is not None and select(root).attachments[0].size > 0
    assert found.header == header_of(NESTED)


def test_identity_is_what_servers_do_not_change() -> None:
    header = (
        b"Received: from a; Mon, 2 Nov 2026 10:00:00 +0000\r\nSubject: x\r\n y\r\nMessage-ID: <a@x>\r\n\r\n"
    )
    assert digest(header) == digest(b"Status: RO\r\nX-UIDL: 5\r\n" + header.replace(b"\r\n y", b"  y"))
    assert digest(header) != digest(header.replace(b"<a@x>", b"<b@x>"))
    assert received(header) == 1793613600
    assert received(b"Date: Mon, 2 Nov 2026 10:00:00 +0000\r\n\r\n") == 1793613600
