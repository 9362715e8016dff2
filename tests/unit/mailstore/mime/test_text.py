"""Octets → text: transfer encodings, charsets, format=flowed, clean output."""

from __future__ import annotations

import base64
import random

import pytest

from services.mailstore.mime import charset
from services.mailstore.mime.body import read_text
from services.mailstore.mime.flowed import unfold_flowed
from services.mailstore.mime.model import Part
from services.mailstore.mime.snippet import snippet
from services.mailstore.mime.transfer import TransferDecoder, decode_transfer


@pytest.mark.parametrize(
    ("encoding", "data", "decoded"),
    [
        ("base64", b"aGVs\r\nbG8=\r\n", b"hello"),
        ("BASE64 ", b"aGVsbG8", b"hello"),  # no padding
        ("base64", b"aGVsbG8*gaG VsbG8gaGVsbG8gaG\x00VsbG8gaGVsbG8=", b"hello hello hello hello hello"),
        ("base64", b"aGVsbG8= trailing words", b"hello"),  # RFC 2045 6.8: padding is the end
        ("base64", b"YWI=\r\nY2Q=\r\n", b"abcd"),  # encoded block by block
        ("base64", b"aGVsbG", b"hell"),  # cut off
        ("base64", b"This was never encoded: no, not at all.", b"This was never encoded: no, not at all."),
        ("quoted-printable", b"a=C3=a4 b=\r\nc= \nd  \r\ne=", b"a\xc3\xa4 bcd\r\ne"),
        ("quoted-printable;", b"1=1 =zz", b"1=1 =zz"),
        ("quoted printable", b"=41", b"A"),
        ("7-bit", b"=41", b"=41"),
        ("x-uuencode", b"begin 644 a\n#0V%T\n`\nend\n", b"Cat"),
        ("x-strange", b"as is", b"as is"),
    ],
)
def test_transfer(encoding: str, data: bytes, decoded: bytes) -> None:
    assert decode_transfer(data, encoding) == decoded


def test_transfer_by_chunks_is_the_same() -> None:
    chance = random.Random(7)
    for encoding in ("base64", "quoted-printable", "uuencode", "8bit"):
        for _ in range(60):
            raw = chance.randbytes(chance.randrange(900))
            data = base64.encodebytes(raw) if chance.random() < 0.7 else raw
            decoder = TransferDecoder(encoding)
            out, rest = b"", data
            while rest:
                size = chance.choice([1, 3, 50, 700])
                out, rest = out + decoder.feed(rest[:size]), rest[size:]
            assert out + decoder.finish() == decode_transfer(data, encoding)


@pytest.mark.parametrize(
    ("data", "label", "text"),
    [
        ("grün".encode(), "utf-8", "grün"),
        ("grün".encode(), "us-ascii", "grün"),
        (b"gr\xfcn", "us-ascii", "grün"),
        (b"\x93q\x94 \x80", "iso-8859-1", "“q” €"),  # WHATWG: windows-1252 is meant
        ("鎔".encode("gb18030"), "gb2312", "鎔"),
        ("①".encode("cp932"), "shift_jis", "①"),
        (b"\x1b$B-!\x1b(B", "iso-2022-jp", "①"),
        ("한글".encode("cp949"), "ks_c_5601-1987", "한글"),
        (b"+AOQ-", "utf-7", "ä"),
        ("ä".encode("utf-16"), "utf-16", "ä"),
        ("Text".encode("utf-16-le"), "utf-16", "Text"),
        ("Text".encode("utf-16-be"), "utf-16", "Text"),
        ("ä".encode("utf-32"), "utf-32", "ä"),
        ("Text".encode("cp037"), "ebcdic-cp-us", "Text"),
        ("Text".encode("cp500"), "IBM500", "Text"),
        ("привет".encode("mac_cyrillic"), "x-mac-cyrillic", "привет"),
        (b"~{VPND~}", "hz-gb-2312", "中文"),
        (b"\x1b$)C\x0e\x30\x21\x0f", "iso-2022-kr", "가"),
        (b"\x1b$)A\x0eVP\x0f", "iso-2022-cn", "中"),
        (b"gr\xfcn", "utf-8", "grün"),  # labelled UTF-8, and nothing in it is
        ("ä\n".encode() + b"\xff", "utf-8", "ä\n\ufffd"),
        ("grün".encode(), "x-no-such-charset", "grün"),
        ("これは日本語のメールです。".encode("euc-jp"), "", "これは日本語のメールです。"),
        ("會議紀錄".encode("big5"), "unknown-8bit", "會議紀錄"),
        (b"abc", "base64", "abc"),  # not a charset, though Python has a codec of that name
        (b"abc", "unicode_escape", "abc"),
        (b"T\x80e\x80\r\n\x80", "utf-16le", "Te\n"),  # as IMAP servers send NUL, which IMAP cannot
        (b"", "utf-8", ""),
    ],
)
def test_charset(data: bytes, label: str, text: str) -> None:
    assert charset.decode(data, label)[0] == text


def test_a_character_cut_off_is_no_damage() -> None:
    part = Part("1", params={"charset": "utf-8"}, encoding="8bit")
    body = read_text(part, "grüßä".encode()[:-1], truncated=True)
    assert (body.text, body.damaged) == ("grüß", False)
    assert read_text(part, "grä".encode()[:-1]).damaged


def test_html_says_its_charset_only_where_the_header_does_not() -> None:
    data = '<meta charset="koi8-r"><p>привет'.encode("koi8-r")
    assert "привет" in read_text(Part("1", "text/html"), data).text
    assert "привет" not in read_text(Part("1", "text/html", {"charset": "windows-1252"}), data).text
    assert read_text(Part("1", "text/html"), data).is_html


def test_text_is_clean() -> None:
    body = read_text(Part("1"), b"a\x00b\x1b[1m\rc\r\nd\x7f\te")
    assert body.text == "ab[1m\nc\nd\te"


def test_flowed() -> None:
    text = "one \ntwo\n> q \n> r\n>> s \n> t\n  stuffed\n-- \nsig \nend"
    assert unfold_flowed(text) == "one two\n> q r\n>> s \n> t\n stuffed\n-- \nsig end"
    assert unfold_flowed("日 \n本", delsp=True) == "日本"


def test_flowed_by_parameter() -> None:
    part = Part("1", params={"format": "Flowed", "delsp": "YES"})
    assert read_text(part, b"a \r\nb\r\n").text == "ab\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Hello\n\n> quoted\nworld", "Hello world"),
        ("Hi\n-- \nBob", "Hi"),
        ("Yes.\n\nOn Monday Bob wrote:\n> really?", "Yes."),
        ("Ok\n-----Original Message-----\nFrom: a\n", "Ok"),
        ("=====\nNews http://example.org/x\n", "News"),
        ("> only\n> quotes", "only quotes"),
        ("", ""),
        ("x" * 500, "x" * 139 + "…"),
    ],
)
def test_snippet(text: str, line: str) -> None:
    assert snippet(text) == line


def test_snippet_of_html() -> None:
    part = Part("1", "text/html")
    markup = b"<head><style>p{}</style></head><p>A&amp;B</p><script>1<2</script><!-- c --><br>C<D & 1 < 2"
    assert snippet(read_text(part, markup)) == "A&B C"
    assert snippet(read_text(part, b"1 < 2 <b>x</b>")) == "1 < 2 x"
