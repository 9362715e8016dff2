"""Whole messages as they come in the wild: read from the octets to what a page shows."""

from __future__ import annotations

import base64
import time

import pytest

from services.mailstore.mime.body import read_text
from services.mailstore.mime.parse import Message, parse_message
from services.mailstore.mime.select import select
from services.mailstore.mime.special import read_report, read_tnef
from services.mailstore.mime.transfer import decode_transfer
from tests.unit.mailstore.mime.test_special import attribute, tnef, uuencode


def shown(message: Message, prefer_html: bool = False) -> str:
    parts = select(message.root).shown(prefer_html)
    return "".join(read_text(part, message.content(part.number) or b"").text for part in parts)


def names(message: Message) -> list[str]:
    return [attachment.name for attachment in select(message.root).attachments]


def message(head: str | bytes, body: str | bytes = "x") -> Message:
    head = head.encode() if isinstance(head, str) else head
    body = body.encode() if isinstance(body, str) else body
    return parse_message(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body)


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("UTF-7", "utf-7", "grün & 日本"),
        ("unicode-1-1-utf-7", "utf-7", "grün"),
        ("utf-16", "utf-16", "Zeile\nzwei 日本"),
        ("UTF-16BE", "utf-16-be", "Zeile\nzwei 日本"),
        ("utf-16le", "utf-16-le", "Zeile\nzwei 日本"),
        ("UTF-32", "utf-32", "grün 日本 🎉"),
        ("utf-32le", "utf-32-le", "grün 🎉"),
        ("EBCDIC-CP-DE", "cp273", "grün"),
        ("ibm037", "cp037", "Hello, world (1)"),
        ("cp500", "cp500", "Hello!"),
        ("IBM1047", "cp037", "Hello world"),
        ("ISO-2022-JP", "iso2022_jp", "日本語のメール"),
        ("iso-2022-jp-2", "iso2022_jp_2", "日本語"),
        ("csISO2022JP", "iso2022_jp", "日本語"),
        ("ISO-2022-KR", "iso2022_kr", "한글 메일"),
        ("HZ-GB-2312", "hz", "中文"),
        ("'utf-8'", "utf-8", "grün"),
        ("utf8", "utf-8", "grün"),
        ("UTF-8;", "utf-8", "grün"),
        ("iso-8859-8-i", "iso8859_8", "שלום"),
        ("windows-1256", "cp1256", "مرحبا"),
        ("x-mac-ce", "mac_latin2", "Dvořák"),
        ("cp-850", "cp850", "grün"),
        ("koi8-u", "koi8_u", "Київ"),
        ("tis-620", "tis_620", "ไทย"),
        ("x-sjis", "cp932", "①日本"),
        ("ANSI_X3.4-1968", "utf-8", "grün"),
        ("_iso-2022-jp$ESC", "iso2022_jp", "日本"),
    ],
)
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_charsets_of_bodies(label: str, codec: str, text: str, encoding: str) -> None:
    octets = text.encode(codec)
    coded = base64.encodebytes(octets)
    if encoding != "base64":
        coded = b"".join(b"=%02X" % octet for octet in octets)
    head = f'Content-Type: text/plain; charset="{label}"\nContent-Transfer-Encoding: {encoding}\nSubject: s'
    assert shown(message(head, coded)).rstrip("\n") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=?UTF-16BE?B?" + base64.b64encode("Grüße".encode("utf-16-be")).decode() + "?=", "Grüße"),
        ("=?utf-16?B?" + base64.b64encode("Grüße".encode("utf-16")).decode() + "?=", "Grüße"),
        ("=?utf-7?Q?Gr+APwA3w-e?=", "Grüße"),
        ("=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=\n =?ISO-2022-JP?B?GyRCOGwbKEI=?=", "日本語"),
        ('"=?utf-8?Q?quoted?="', '"quoted"'),
        ("=?UTF-8?Q?=E2=82?=\n =?UTF-8?Q?=AC_uro?=", "€ uro"),
        ("=?utf-8?b?R3LDvMOfZQ?=", "Grüße"),  # padding lost
        ("=?utf-8?B?R3LDvMOf\n ZQ==?=", "Grüße"),  # folded inside a word
        ("=?windows-1252?Q?=93Hi=94_=80?=", "“Hi” €"),
        ("=?iso-8859-1?Q?a?==?iso-8859-1?Q?b?=", "ab"),  # no space between
        ("=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"),
        ("=?utf-8?X?what?=", "=?utf-8?X?what?="),
        ("=?utf-8?Q?a\tb?=", "a b"),
        ("=?us-ascii?Q?gr=C3=BCn?=", "grün"),
        ("=?ebcdic-cp-us?B?yIWTk5Y=?=", "Hello"),
        ("=?gb2312?B?xOO6ww==?= =?gb2312?Q?=C4=E3?=", "你好你"),
    ],
)
def test_encoded_words_of_headers(value: str, text: str) -> None:
    assert message(f"Subject: {value}\nFrom: a@x").envelope.subject == text


def test_a_header_is_never_read_in_the_charset_of_the_body() -> None:
    for label, body in (("utf-16", "x".encode("utf-16")), ("ebcdic-cp-us", b"\xa7"), ("utf-7", b"x")):
        got = message(f"Subject: a+AOQ- plain\nContent-Type: text/plain; charset={label}", body)
        assert got.envelope.subject == "a+AOQ- plain"
        assert shown(got) == "x"


@pytest.mark.parametrize(
    ("parameter", "name"),
    [
        ("filename*=UTF-8''na%C3%AFve%20plan.pdf", "naïve plan.pdf"),
        ("filename*=iso-8859-1'en'%A3%20rates.pdf", "£ rates.pdf"),
        ("filename*=''plain.pdf", "plain.pdf"),
        ("filename*0*=utf-8''%e6%97%a5; filename*1*=%e6%9c%ac; filename*2=.pdf", "日本.pdf"),
        ("filename*1*=%9c%ac.pdf; filename*0*=utf-8''%e6%97%a5%e6", "日本.pdf"),  # a character in two
        ('filename*0="a long "; filename*1="name.pdf"', "a long name.pdf"),
        ("filename*0*=utf-8'de'gr%C3%BC;\n filename*1*=n.pdf", "grün.pdf"),
        ('filename="=?utf-8?B?5pel5pys?=.pdf"', "日本.pdf"),
        ('filename="=?utf-8?Q?a=20?=\n =?utf-8?Q?b.pdf?="', "a b.pdf"),
        ("filename==?utf-8?Q?gr=C3=BCn.pdf?=", "grün.pdf"),
        ("filename=grün.pdf; filename*=\"utf-8''gr%C3%BCn.pdf\"", "grün.pdf"),
        ("filename*=utf-8''100%25%20.pdf", "100% .pdf"),
        ("filename*=utf-8''100%.pdf", "100%.pdf"),  # a percent sign that is none
        ("filename*=utf-16''%FF%FEa%00b%00; filename=\"ab\"", "ab"),
        ('filename="a;b.pdf"', "a;b.pdf"),
        ('filename="a\\"b.pdf"', "a_b.pdf"),
        ("filename = spaced name.pdf ; size=3", "spaced name.pdf"),
        ("filename='single.pdf'", "single.pdf"),
        ('filename="x.pdf', "x.pdf"),
        (';; filename="x.pdf";;', "x.pdf"),
        ("FILENAME*0*=UTF-8''A.pdf", "A.pdf"),
        ("filename*00=a; filename*01=b.pdf", "ab.pdf"),
    ],
)
def test_file_names(parameter: str, name: str) -> None:
    got = message(f"Content-Type: application/pdf\nContent-Disposition: attachment; {parameter}")
    assert names(got) == [name]


@pytest.mark.parametrize(
    "line",
    [
        "Content-Type: text/html;; charset=utf-8",
        "Content-Type: text/html;;; ;charset=utf-8;",
        "Content-Type: text/html; charset=utf-8; charset=x",
        "Content-Type: text/html charset=utf-8",
        "Content-Type: text/html, charset=utf-8",
        'Content-Type: TEXT/HTML ; CHARSET = "UTF-8"',
        "Content-Type:text/html;charset=utf-8",
        "Content-Type : text/html; charset=utf-8",
        "Content-Type: text / html; charset=utf-8",
        "Content-Type:\n\ttext/html;\n\tcharset=utf-8",
        'Content-Type: text/html; charset="utf-8',
        "Content-Type: text/html; foo; charset=utf-8",
        "Content-Type: text/html; =x; charset=utf-8",
        "Content-Type: html; charset=utf-8",
        "Content-Type: text/html; (a comment) charset=utf-8",
        'Content-Type: text/html; Content-Type="text/html"; charset=utf-8',
        "Content-Type: \nContent-Type: text/html; charset=utf-8",
    ],
)
def test_broken_content_types(line: str) -> None:
    got = message(f"Subject: s\n{line}", "<b>grün</b>")
    assert got.root.media_type == "text/html"
    assert shown(got, prefer_html=True) == "<b>grün</b>"


def test_messages_in_messages() -> None:
    inner = (
        "Subject: inner\nContent-Type: multipart/related; boundary=r\n\n--r\nContent-Type: text/html\n\n"
        '<img src="cid:p@x">\n--r\nContent-Type: image/png\nContent-ID: <p@x>\n\nPNG\n--r--\n'
    )
    middle = (
        "Subject: middle\nContent-Type: multipart/mixed; boundary=m\n\n--m\n\nwords\n--m\n"
        f"Content-Type: message/rfc822\n\n{inner}--m--\n"
    )
    outer = message(
        "Subject: outer\nContent-Type: multipart/mixed; boundary=o",
        f"--o\n\nhello\n--o\nContent-Type: message/rfc822\n\n{middle}--o--\n".replace("\n", "\r\n"),
    )
    assert shown(outer) == "hello"
    assert names(outer) == ["middle.eml"]
    found = [(part.number, part.envelope.subject) for part in outer.root.walk() if part.envelope]
    assert found == [("2", "middle"), ("2.2", "inner")]
    nested = outer.root.find("2.2")
    assert nested is not None
    chosen = select(nested.children[0])
    assert [part.number for part in chosen.html] == ["2.2.1"]
    assert chosen.inline["p@x"].number == "2.2.2"
    # The pictures of a nested message are its own.
    assert not select(outer.root).inline


def test_pictures_by_id_and_by_place() -> None:
    got = message(
        'Content-Type: multipart/related; boundary=r; start="<root>"',
        "--r\r\nContent-Type: image/gif\r\nContent-ID: < a%20b@x >\r\n"
        "Content-Location: http://x/\r\n a.gif\r\n"
        "\r\nGIF\r\n--r\r\nContent-Type: text/html\r\nContent-ID: <root>\r\n\r\n<img src=cid:a>\r\n--r--\r\n",
    )
    chosen = select(got.root)
    assert list(chosen.inline) == ["a%20b@x"]
    assert list(chosen.by_location) == ["http://x/a.gif"]
    assert [(a.number, a.inline) for a in chosen.attachments] == [("1", True)]
    assert not chosen.has_attachments


def test_flowed_text() -> None:
    got = message(
        "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes",
        "日本 \r\n語\r\n> zi \r\n> tat\r\n -- stuffed\r\n-- \r\nname\r\n",
    )
    assert shown(got) == "日本語\n> zitat\n-- stuffed\n-- \nname\n"


def test_files_inside_text() -> None:
    got = message(
        "Content-Type: text/plain", "see\r\n" + uuencode("a.txt", b"data").replace("\n", "\r\n") + "end.\r\n"
    )
    (part,) = select(got.root).plain
    body = read_text(part, got.content(part.number) or b"")
    assert body.text == "see\nend.\n"
    assert [(file.name, file.data) for file in body.files] == [("a.txt", b"data")]


def test_winmail_dat_by_any_name() -> None:
    data = tnef(
        attribute(2, 0x00069002, b"\0" * 14),
        attribute(2, 0x00018010, b"a.txt\0"),
        attribute(2, 0x0006800F, b"text"),
    )
    for head in (
        "Content-Type: application/ms-tnef; name=winmail.dat",
        "Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=WinMail.DAT",
        "Content-Type: application/vnd.ms-tnef",
    ):
        got = message(head + "\nContent-Transfer-Encoding: base64", base64.encodebytes(data))
        (attachment,) = select(got.root).attachments
        assert attachment.kind == "tnef", head
        files = read_tnef(decode_transfer(got.content(attachment.number) or b"", "base64"))
        assert [(file.name, file.data) for file in files] == [("a.txt", b"text")]


@pytest.mark.parametrize("kind", ["delivery-status", "global-delivery-status"])
def test_reports(kind: str) -> None:
    got = message(
        f"Content-Type: multipart/report; report-type={kind}; boundary=b",
        "--b\r\n\r\nIt failed.\r\n--b\r\nContent-Type: message/"
        + kind
        + "\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
        "Final-Recipient: rfc822; b@x\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: hi\r\n--b--\r\n",
    )
    chosen = select(got.root)
    assert shown(got) == "It failed."
    assert chosen.report is not None
    report = read_report(got.content(chosen.report.number) or b"")
    assert [(r.final_recipient, r.action, r.status) for r in report.recipients] == [
        ("b@x", "failed", "5.1.1")
    ]
    assert not chosen.has_attachments or names(got)[-1].endswith(".txt")


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: multipart/mixed; boundary=a\n\n"
        + b"--a\nContent-Type: multipart/mixed; boundary=a\n\n" * 3000,
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(2000)),
        b"Content-Type: message/rfc822\n\n" * 20_000,
        b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\n" * 100_000,
        b"X-A: b\n" * 200_000 + b"\nbody",
        b"Content-Type: a/b; " + b"; ".join(b"n*%d*=%%41" % n for n in range(50_000)) + b"\n\nx",
        b"Content-Type: text/plain\n" + b"junk that is no field\n" * 50_000 + b"X-Y: z\n\nx",
        b"To: " + b"(" * 100_000 + b"\n\nx",
        b"To: " + b"a@b," * 100_000 + b"\n\nx",
        b"Subject: " + b"=?utf-8?Q?a?= " * 50_000 + b"\n\nx",
        b"Content-Transfer-Encoding: base64\n\n" + b"=\n" * 500_000,
    ],
    ids=[
        "same",
        "deep",
        "rfc822",
        "parts",
        "fields",
        "sections",
        "junk",
        "comments",
        "people",
        "words",
        "padding",
    ],
)
def test_bombs_are_bounded(raw: bytes) -> None:
    started = time.process_time()
    got = parse_message(raw)
    assert len(list(got.root.walk())) <= 1100
    shown(got)
    names(got)
    assert time.process_time() - started < 3
