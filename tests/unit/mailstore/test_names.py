import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import PosternError
from services.mailstore.imap.syntax import is_keyword
from services.mailstore.names import Flags, decode_label, encode_label, read_flags


@pytest.mark.parametrize(
    ("label", "keyword"),
    [
        ("todo", "todo"),
        ("später", "sp&AOQ-ter"),
        ("two words", "two&ACA-words"),
        ("R&D", "R&-D"),
        ("$label1", "$label1"),
        ("(x)", "&ACg-x&ACk-"),
        ("🎉", "&2DzfiQ-"),
    ],
)
def test_label_examples(label: str, keyword: str) -> None:
    assert encode_label(label) == keyword
    assert decode_label(keyword) == label


@given(st.text(min_size=1, max_size=100))
def test_labels_there_and_back(label: str) -> None:
    try:
        keyword = encode_label(label)
    except PosternError:
        return
    assert is_keyword(keyword)
    assert decode_label(keyword) == label.strip()


@pytest.mark.parametrize("keyword", ["a&b", "&", "&AAA-", "&2Dw-", "x&-y"])
def test_keywords_of_others_are_readable(keyword: str) -> None:
    assert decode_label(keyword)


def test_flags() -> None:
    values = (rb"\Seen", rb"\ANSWERED", b"$Forwarded", b"$Junk", rb"\Recent", b"b", b"a", 5)
    assert read_flags(values) == Flags(seen=True, answered=True, forwarded=True, labels=("5", "a", "b"))
    assert read_flags(None) == Flags()
