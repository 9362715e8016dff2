"""uuencode in text, winmail.dat, delivery reports."""

from __future__ import annotations

import binascii
import struct

from services.mailstore.convert import report_to
from services.mailstore.mime.body import read_text
from services.mailstore.mime.model import Part
from services.mailstore.mime.special import read_report, read_tnef, split_uuencoded


def uuencode(name: str, data: bytes) -> str:
    lines = [binascii.b2a_uu(data[i : i + 45], backtick=True).decode() for i in range(0, len(data), 45)]
    return f"begin 644 {name}\n" + "".join(lines) + "`\nend\n"


def test_uuencoded_blocks_become_files() -> None:
    data = bytes(range(256)) * 3
    text, files = split_uuencoded("before\n" + uuencode("../a b.bin", data) + "after\n" + uuencode("c", b"x"))
    assert text == "before\nafter\n"
    assert [(f.name, f.data) for f in files] == [("a b.bin", data), ("c", b"x")]


def test_talk_about_begin_is_no_block() -> None:
    for text in ("begin 644 the work\nnow", "begin 644 x\nhello there, this is text\nend\n", "begin \n"):
        assert split_uuencoded(text) == (text, ())


def test_uuencode_as_transfer_encoding_of_text() -> None:
    body = read_text(Part("1", encoding="x-uuencode"), ("see\n" + uuencode("f", b"data")).encode())
    assert (body.text, body.files[0].data) == ("see\n", b"data")


def attribute(level: int, identifier: int, value: bytes) -> bytes:
    return struct.pack("<BII", level, identifier, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def text_property(identifier: int, value: str) -> bytes:
    data = value.encode("utf-16-le") + b"\0\0"
    return struct.pack("<HHII", 31, identifier, 1, len(data)) + data + b"\0" * (-len(data) % 4)


def tnef(*attributes: bytes) -> bytes:
    return struct.pack("<IH", 0x223E9F78, 1) + b"".join(attributes)


def test_tnef() -> None:
    named = (
        struct.pack("<I", 2) + text_property(0x3707, "Grün.pdf") + text_property(0x370E, "application/pdf")
    )
    body = struct.pack("<I", 1) + text_property(0x1000, "Hallo")
    data = tnef(
        attribute(1, 0x00069003, body),
        attribute(2, 0x00069002, b"\0" * 14),
        attribute(2, 0x00018010, b"GRUEN~1.PDF\0"),
        attribute(2, 0x0006800F, b"%PDF"),
        attribute(2, 0x00069005, named),
        attribute(2, 0x00069002, b"\0" * 14),
        attribute(2, 0x00018010, b"b.txt\0"),
        attribute(2, 0x0006800F, b"text"),
    )
    files = read_tnef(data)
    assert [(f.name, f.media_type, f.data) for f in files] == [
        ("Grün.pdf", "application/pdf", b"%PDF"),
        ("b.txt", "application/octet-stream", b"text"),
        ("message.txt", "text/plain", b"Hallo"),
    ]
    for cut in range(0, len(data), 7):
        read_tnef(data[:cut])
    assert read_tnef(b"no tnef") == ()


def test_delivery_report() -> None:
    report = read_report(
        b"Reporting-MTA: dns; mx.example.org\r\nArrival-Date: Mon, 1 Jan 2024 10:00:00 +0000\r\n\r\n"
        b"Original-Recipient: rfc822;<a@x.org>\r\nFinal-Recipient: RFC822; a@x.org\r\nAction: Failed\r\n"
        b"Status: 5.1.1 (no such user)\r\nDiagnostic-Code: smtp; 550 no\r\n such user\r\n\r\n"
        b"Final-Recipient: rfc822; b@x.org\r\nAction: delayed\r\n"
        b"Will-Retry-Until: Tue, 2 Jan 2024 10:00:00 +0000\r\n"
    )
    assert report.reporting_mta == "mx.example.org"
    first, second = report.recipients
    assert (first.final_recipient, first.original_recipient) == ("a@x.org", "a@x.org")
    assert (first.action, first.status, first.diagnostic) == ("failed", "5.1.1", "550 no such user")
    assert (second.action, second.will_retry_until.day) == ("delayed", 2)


def test_read_receipt() -> None:
    report = read_report(
        b"Reporting-UA: x\nFinal-Recipient: rfc822;a@x\nOriginal-Message-ID: <i@x>\n"
        b"Disposition: manual-action/MDN-sent-manually; displayed\n"
    )
    assert report.disposition.endswith("displayed")
    assert report.original_message_id == "i@x"
    (reader,) = report_to(report).recipients
    assert (reader.address, reader.action) == ("a@x", "displayed")
    for disposition, action in (
        ("automatic-action/MDN-sent-automatically; deleted", "deleted"),
        ("automatic-action/MDN-sent-automatically; processed/warning", "processed"),
        ("nonsense", ""),
    ):
        (reader,) = report_to(read_report(f"Disposition: {disposition}\n".encode())).recipients
        assert (reader.address, reader.action) == ("", action)
