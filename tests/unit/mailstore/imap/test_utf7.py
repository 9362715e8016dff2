import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mailstore.imap import utf7

TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufdd0"))


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("INBOX", b"INBOX"),
        ("Entwürfe", b"Entw&APw-rfe"),
        ("Fish & Chips", b"Fish &- Chips"),
        ("台北", b"&U,BTFw-"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("🎉", b"&2DzfiQ-"),
    ],
)
def test_examples(text: str, wire: bytes) -> None:
    assert utf7.encode(text) == wire
    assert utf7.decode(wire) == text


@given(TEXT, st.booleans())
def test_there_and_back(text: str, utf8: bool) -> None:
    assert utf7.decode(utf7.encode(text, utf8=utf8), utf8=utf8) == text


@given(st.binary().filter(lambda data: not set(data) & set(b"\r\n\0")), st.booleans())
def test_any_octets_are_named_by_the_same_octets(wire: bytes, utf8: bool) -> None:
    name = utf7.decode(wire, utf8=utf8)
    name.encode("utf-8")
    if not any(octet < 0x20 or octet == 0x7F for octet in wire):
        assert utf7.encode(name, utf8=utf8) == wire


@pytest.mark.parametrize(
    "wire", [b"bad&shift", b"&", b"&AGE-", b"&&-", b"\xc3\xbc", b"\xff\xfe", b"&ABC", b"&2Dw-", b"a%\xff"]
)
def test_invalid_names_are_kept_apart(wire: bytes) -> None:
    name = utf7.decode(wire)
    assert utf7.is_raw(name)
    assert utf7.encode(name) == wire
    assert utf7.display(name)


def test_utf8_that_nobody_asked_for_is_readable() -> None:
    assert utf7.display(utf7.decode("Größe".encode())) == "Größe"


@pytest.mark.parametrize(
    "name", ["a\rb", "a\nb", "a\0b", "\x85", "\u2028", "\ud800", "\ufdd0a\r\nb", "\ufdd0%0D"]
)
def test_control_characters_never_pass(name: str) -> None:
    with pytest.raises(ValueError):
        utf7.encode(name)
