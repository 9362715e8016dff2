"""Nothing that arrives makes the reader fail, and nothing makes it slow."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.mailstore.mime import addresses, dates, headers, params, special, words
from services.mailstore.mime.body import read_text
from services.mailstore.mime.model import Part
from services.mailstore.mime.parse import parse_message
from services.mailstore.mime.select import select
from services.mailstore.mime.snippet import html_text, snippet
from services.mailstore.mime.structure import from_bodystructure, from_envelope, is_doubtful
from services.mailstore.mime.transfer import decode_transfer

SHORT = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)

BITS = st.sampled_from(
    b"""=?utf-8?q? =?x?b? ?= a@b < > ( ) " \\ , ; : --a --b --a-- Content-Type: multipart/mixed; boundary=a
    message/rfc822 text/html ; charset= utf-16 utf-7 gb2312 iso-2022-jp name*0*= utf-8''%C3 %A4 base64
    Content-Transfer-Encoding: quoted-printable begin end =3D = 1 Jan 2020 10:11 +0100 <meta <!-- """.split(
        b" "
    )
)
SOUP = st.lists(st.one_of(BITS, st.binary(max_size=8), st.sampled_from([b"\n", b"\r\n", b" ", b"\n\n"]))).map(
    b"".join
)
CHARSETS = st.sampled_from(
    ["", "utf-8", "utf-16", "utf-7", "iso-2022-jp", "hz", "gb2312", "big5", "cp037", "junk"]
)
ENCODINGS = st.sampled_from(["7bit", "base64", "quoted-printable", "uuencode", "?"])


def check_text(text: str) -> None:
    text.encode("utf-8")
    assert "\0" not in text


@SHORT
@given(SOUP)
def test_messages(raw: bytes) -> None:
    for head in (b"", b"Content-Type: multipart/mixed; boundary=a\n\n"):
        message = parse_message(head + raw)
        check_text(message.envelope.subject)
        chosen = select(message.root)
        numbers = [part.number for part in message.root.walk()]
        assert len(numbers) == len(set(numbers))
        for part in message.root.walk():
            content = message.content(part.number)
            assert content is not None
            body = read_text(part, content)
            check_text(body.text)
            check_text(snippet(body))
        for attachment in chosen.attachments:
            assert attachment.name
            assert not set(attachment.name) & set("/\\\0\n")


@SHORT
@given(SOUP)
def test_header_values(raw: bytes) -> None:
    check_text(words.decode_text(raw))
    for address in addresses.parse_addresses(raw):
        check_text(address.name + address.addr + address.group)
    date = dates.parse_date(raw)
    assert date is None or date.utcoffset() is not None
    for value in params.parse_content_type(raw)[1].values():
        check_text(value)
    headers.parse_message_ids(raw)
    special.read_report(raw)
    special.read_tnef(b"\x78\x9f\x3e\x22\x01\x00" + raw)


@SHORT
@given(st.binary(), CHARSETS, ENCODINGS, st.booleans(), st.booleans())
def test_bodies(data: bytes, charset: str, encoding: str, html: bool, truncated: bool) -> None:
    part = Part(
        "1",
        "text/html" if html else "text/plain",
        {"charset": charset, "format": "flowed"},
        encoding=encoding,
    )
    check_text(read_text(part, data, truncated=truncated).text)


ATOMS = st.one_of(
    st.none(),
    st.integers(-5, 10**6),
    st.binary(max_size=8),
    st.sampled_from([b"text", b"message", b"rfc822", b"mixed"]),
)
TREES = st.recursive(ATOMS, lambda inner: st.one_of(st.lists(inner, max_size=11).map(tuple), st.lists(inner)))


@SHORT
@given(TREES)
def test_structures(data: Any) -> None:
    root = from_bodystructure(data)
    is_doubtful(root)
    if root is not None:
        select(root)
    from_envelope(data)


HEADER_BOMBS = [
    b"=?",
    b"=?a?q?",
    b"=?a?b?=",
    b"=?x?q?a b ",
    b'"',
    b'"\\',
    b"(",
    b"()",
    b"<",
    b"<,",
    b"a(b <",
    b"a:",
    b";",
]
HEADER_BOMBS += [b":", b"a=", b'a="', b"a b", b" ", b"[", b"%", b"; a*0*=", b"a <", b",", b"@", b"x=y "]
BODY_BOMBS = [
    b"\n--a",
    b"\n--a\n\n",
    b"--",
    b"\n",
    b" ",
    b"= ",
    b"=",
    b"A===\n",
    b"QQ==\n",
    b"begin 644 x\n",
    b">",
    b"<",
]
BODY_BOMBS += [b"\n--a\nContent-Type: multipart/mixed; boundary=a\n\n", b"Content-Type: message/rfc822\n\n"]
BODY_BOMBS += [
    b"<!--",
    b"<style>",
    b"<meta ",
    b"&#",
    b"\x1b$B",
    b"\x0e",
    b"+AAA",
    b"a: b\n",
    b" a\n",
    b"begin ",
    b"http://",
]


@pytest.mark.parametrize("bit", HEADER_BOMBS)
def test_header_bombs(bit: bytes) -> None:
    data = bit * (128 * 1024 // len(bit))
    started = time.process_time()
    words.decode_text(data)
    addresses.parse_addresses(data)
    params.parse_content_type(b"x; " + data)
    dates.parse_date(data)
    headers.parse_headers(data)
    assert time.process_time() - started < 3  # linear takes some tenths; quadratic minutes


@pytest.mark.parametrize("bit", BODY_BOMBS)
def test_body_bombs(bit: bytes) -> None:
    data = bit * (512 * 1024 // len(bit))
    started = time.process_time()
    parse_message(b"Content-Type: multipart/mixed; boundary=a\n\n" + data)
    for encoding in ("base64", "quoted-printable", "uuencode"):
        decode_transfer(data, encoding)
    body = read_text(Part("1", params={"format": "flowed"}), data)
    snippet(body)
    html_text(body.text)
    special.read_report(data)
    read_text(Part("1", "text/html"), data)
    assert time.process_time() - started < 6
