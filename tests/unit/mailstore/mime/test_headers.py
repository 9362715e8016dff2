"""Header values: RFC 2047, 2231, 5322 and 6532 in the forms that real programs send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.mailstore.mime.headers import (
    decode_text,
    parse_addresses,
    parse_date,
    parse_headers,
    parse_message_ids,
    read_envelope,
    scan_block,
)
from services.mailstore.mime.params import parse_content_type, parse_disposition


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b"=?utf-8?Q?a=C3?= =?utf-8?Q?=A4?= x", "aä x"),  # a character split between words
        (b"=?utf-8?B?5Lq6?=\r\n =?UTF-8?Q?x y z?= foo", "人x y z foo"),  # spaces inside
        (b"=?utf-8?B?4w==?= =?utf-8?B?gYI=?=", "あ"),
        (b"=?iso-8859-1?Q?a?= =?utf-8?Q?=C3=A4?=", "aä"),
        (b"=?utf-8?Q?what?=20now?=", "what? now"),
        (b"=?iso-8859-1?Q?caf=E9", "café"),  # the end is missing
        (b"=?utf-8*de?Q?gr=C3=BCn?=", "grün"),  # RFC 2231 5
        (b"Re: =?x-unknown?B?w6Q=?=", "Re: ä"),
        (b"=?iso-2022-jp?B?GyRCJUYlOSVIGyhC?=", "テスト"),
        (b"=?gb2312?B?s8zQ8g==?=", "程序"),
        (b"a=?us-ascii?q?b?=c", "abc"),
        (b"=?utf-8?q?=00a=0Ab?=", "a b"),
        (b"=?utf-8?q?a=zz?=", "a=zz"),
        ("naïve ✓".encode(), "naïve ✓"),  # RFC 6532
        (b"caf\xe9 au lait", "café au lait"),
        ("Привет, как дела".encode("koi8-r"), "Привет, как дела"),
        (b"folded \r\n\t value", "folded value"),
        (b"=?", "=?"),
        (b"a =? b ?= c", "a =? b ?= c"),
    ],
)
def test_text(raw: bytes, text: str) -> None:
    assert decode_text(raw) == text


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"John <j@x.org>", [("John", "j@x.org", "")]),
        (b"j@x.org (John)", [("John", "j@x.org", "")]),
        (b'"Doe, John" <j@x.org>, k@x.org', [("Doe, John", "j@x.org", ""), ("", "k@x.org", "")]),
        (b"=?utf-8?Q?Doe,_J=C3=B6?= <j@x.org>", [("Doe, Jö", "j@x.org", "")]),
        (b'"=?utf-8?Q?J=C3=B6?=" <j@x.org>', [("Jö", "j@x.org", "")]),
        (b"undisclosed-recipients:;", [("", "", "undisclosed-recipients")]),
        (b"G: a@x, B <b@x>; c@x", [("", "a@x", "G"), ("B", "b@x", "G"), ("", "c@x", "")]),
        (b"J <@r1,@r2:j@x.org>", [("J", "j@x.org", "")]),
        (b"john . doe @ x . org", [("", "john.doe@x.org", "")]),
        (b'"john doe"@x.org', [("", '"john doe"@x.org', "")]),
        (b"P(a \\) b) <p(c)@x.org(d)>", [("P", "p@x.org", "")]),
        (b"a@x; b@x", [("", "a@x", ""), ("", "b@x", "")]),
        (b"a@x b@x", [("", "a@x", ""), ("", "b@x", "")]),
        (b"A <a@x> B <b@x>", [("A", "a@x", ""), ("B", "b@x", "")]),
        (b"A <a@x", [("A", "a@x", "")]),
        (b"<<a@x>>", [("", "a@x", "")]),
        (b"mailto:a@x", [("", "a@x", "")]),
        (b"a@x <a@x>", [("a@x", "a@x", "")]),
        (b"u@[IPv6:1::2]", [("", "u@[IPv6:1::2]", "")]),
        (b"Postmaster", [("Postmaster", "", "")]),
        ("Jörg <j@ö.de>".encode(), [("Jörg", "j@ö.de", "")]),
        (b", ,", []),
        (b"", []),
    ],
)
def test_addresses(raw: bytes, found: list[tuple[str, str, str]]) -> None:
    assert [(a.name, a.addr, a.group) for a in parse_addresses(raw)] == found


def zone(hours: int) -> timezone:
    return timezone(timedelta(hours=hours))


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        (b"Fri, 21 Nov 1997 09:55:06 -0600", datetime(1997, 11, 21, 9, 55, 6, tzinfo=zone(-6))),
        (b"21 Nov 97 09(comment):  55  :  06 -0600", datetime(1997, 11, 21, 9, 55, 6, tzinfo=zone(-6))),
        (b"1 Jan 20 00:00 +0100 (CET)", datetime(2020, 1, 1, tzinfo=zone(1))),
        (b"2010-01-02T03:04:05Z", datetime(2010, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (b"Fri Nov 21 09:55:06 1997", datetime(1997, 11, 21, 9, 55, 6, tzinfo=UTC)),
        (b"Thu, 1 Jan 1970 00:00:60 EST", datetime(1970, 1, 1, 0, 0, 59, tzinfo=zone(-5))),
        (b"1-Jan-2020 10:11:12 GMT+2", datetime(2020, 1, 1, 10, 11, 12, tzinfo=zone(2))),
        (b"Mo, 5 M\xe4r 2012 10:11:12 MEZ", datetime(2012, 3, 5, 10, 11, 12, tzinfo=zone(1))),
        (b"Mon, 1 Apr 2019 7:05 PM -0700", datetime(2019, 4, 1, 19, 5, tzinfo=zone(-7))),
        (b"Wed, 02 Jan 2019 24:00:00 +0000", datetime(2019, 1, 3, tzinfo=UTC)),
        (b"Tue, 30 Feb 2010 10:00:00 +0000", None),
        (b"1 Jan 2010 99:99:99 +9999", None),
        (b"yesterday", None),
        (b"", None),
    ],
)
def test_dates(raw: bytes, moment: datetime | None) -> None:
    found = parse_date(raw)
    assert found == moment
    assert found is None or (found.tzinfo is not None and found.utcoffset() == moment.utcoffset())


def test_message_ids() -> None:
    assert parse_message_ids(b"<a@x> <b@y>\r\n <a@x>") == ("a@x", "b@y")
    assert parse_message_ids(b"a@x, b@y") == ("a@x", "b@y")
    assert parse_message_ids(b"Your message of Monday <1 2 @x>") == ("12@x",)
    assert parse_message_ids(b"nothing") == ()


@pytest.mark.parametrize(
    ("raw", "media_type", "params"),
    [
        (b"Text/Plain;; charset=utf-8;", "text/plain", {"charset": "utf-8"}),
        (b'multipart/mixed\n\tboundary="b"', "multipart/mixed", {"boundary": "b"}),
        (b'image/png; name="foo "bar" baz.png"; x=1', "image/png", {"name": 'foo "bar" baz.png', "x": "1"}),
        (b"a/b; name*0*=utf-8''a%20; name*1=b; name*2*=%C3%A4.pdf", "a/b", {"name": "a bä.pdf"}),
        (b"a/b; name*2=c; name*0=a; name*1=b", "a/b", {"name": "abc"}),
        (b"a/b; name*=%C3%A4", "a/b", {"name": "ä"}),
        (b"a/b; name=old; name*=utf-8''n%C3%A4", "a/b", {"name": "nä"}),
        (b"a/b; name*0==?utf-8?Q?=C3; name*1==A4?=", "a/b", {"name": "ä"}),
        (b"a/b; name=\"utf-8''n%C3%A4\"", "a/b", {"name": "nä"}),
        (b'a/b; name="=?utf-8?Q?a?=\n =?utf-8?Q?b?="', "a/b", {"name": "ab"}),
        (b"a/b; name=my file.pdf; x=y", "a/b", {"name": "my file.pdf", "x": "y"}),
        (b"a/b; x=1 y=2", "a/b", {"x": "1", "y": "2"}),
        (b'a/b; name="C:\\dir\\f.txt', "a/b", {"name": "C:\\dir\\f.txt"}),
        (b'text/plain; charset = "us-ascii" (c); format=flowed', "text/plain", None),
        (b"text", "text/plain", {}),
        (b"html", "text/html", {}),
        (b"", "text/plain", {}),
        (b"charset=utf-8", "text/plain", {"charset": "utf-8"}),
    ],
)
def test_content_type(raw: bytes, media_type: str, params: dict[str, str] | None) -> None:
    found = parse_content_type(raw)
    assert found[0] == media_type
    if params is not None:
        assert dict(found[1]) == params


def test_disposition() -> None:
    assert parse_disposition(b"ATTACHMENT; filename=a.txt")[0] == "attachment"
    assert parse_disposition(b";\n filename=a.txt") == ("", {"filename": "a.txt"})
    assert parse_disposition(b"filename=a.txt") == ("", {"filename": "a.txt"})


def test_every_field_as_it_is_spelled() -> None:
    """For a draft that is written on: nothing decoded, names with their case, the least that text needs."""
    block = (
        b"X-Mozilla-Draft-Info: internal/draft; vcard=0;\r\n\tDSN=0\r\nX-Ae: =?utf-8?q?=C3=A4?=\r\n"
        b"x-raw: \xc3\xa4\r\nX-Latin: \xe4\r\nSubject: s\r\n\r\nX-Body: no\r\n"
    )
    assert parse_headers(block).spelled(block, 1000) == (
        ("X-Mozilla-Draft-Info", "internal/draft; vcard=0;\tDSN=0"),
        ("X-Ae", "=?utf-8?q?=C3=A4?="),
        ("x-raw", "ä"),
        ("X-Latin", "ä"),
        ("Subject", "s"),
    )
    assert [name for name, _ in parse_headers(block).spelled(block, 49)] == ["X-Mozilla-Draft-Info", "X-Ae"]


def test_block_with_junk_lines() -> None:
    fields = parse_headers(b"From x Mon\nSubject : a\n b\njunk\nTo: c@x\n\nSubject: body\n")
    assert fields.items() == [("subject", b"a b"), ("to", b"c@x")]


def test_folded_lines_that_lost_their_indentation_end_no_header() -> None:
    block = (
        b"Received: from a (a [192.0.2.1])\n(using TLSv1.3)\nby b with ESMTPS id 1;\n"
        b"Thu, 12 Feb 2026 12:21:04 +0000\n"
        b"Authentication-Results: b;\nspf=none\ndmarc=none\nX-Spam: no\nSubject: kept\n\nSubject: body\n"
    )
    headers, body = scan_block(block, 0, len(block), ())
    assert [name for name, _ in headers.items()] == [
        "received",
        "authentication-results",
        "x-spam",
        "subject",
    ]
    assert block[body:] == b"Subject: body\n"


def test_text_right_after_the_header_is_the_body() -> None:
    block = b"Content-Type: text/plain\nGood morning,\nplease note: at ten\nSubject: as before\n\nX-Y: z\n"
    headers, body = scan_block(block, 0, len(block), ())
    assert headers.text("subject") == ""
    assert block[body:].startswith(b"Good morning")


def test_envelope_takes_the_last_of_repeated_fields_and_joins_recipients() -> None:
    block = b"Subject: one\nTo: a@x\nSubject: two\nTo: b@x\nReferences: <1@x>\nReferences: <2@x>\n\n"
    envelope = read_envelope(parse_headers(block))
    assert envelope.subject == "two"
    assert [a.addr for a in envelope.to] == ["a@x", "b@x"]
    assert envelope.references == ("1@x", "2@x")


def test_headers_are_not_read_in_the_charset_of_the_body() -> None:
    block = b"Content-Type: text/plain; charset=utf-16\nSubject: caf\xe9\n\n"
    assert read_envelope(parse_headers(block)).subject == "café"
