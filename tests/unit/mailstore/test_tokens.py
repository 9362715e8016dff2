import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import PosternError
from services.mailstore.reading.tokens import PageToken, decode_page, encode, encode_page, page_size


def test_there_and_back() -> None:
    token = PageToken("key", 5, 7, 100, back=True)
    assert decode_page(encode_page(token), "key") == token
    assert decode_page("", "key") is None


def test_of_another_list() -> None:
    with pytest.raises(PosternError, match="other_list"):
        decode_page(encode_page(PageToken("key", 5, 7, 1)), "other")


@given(st.text(max_size=100))
def test_junk(text: str) -> None:
    if text:
        with pytest.raises(PosternError, match="INVALID_ARGUMENT"):
            decode_page(text, "key")


@pytest.mark.parametrize("value", [None, 5, [], ["key", 1, 2, 3], ["key", 1, -2, 3, False], {"a": 1}])
def test_other_values(value: object) -> None:
    with pytest.raises(PosternError, match="malformed"):
        decode_page(encode(value), "key")


def test_page_size() -> None:
    assert [page_size(size) for size in (0, 10, 1000)] == [50, 10, 200]
    with pytest.raises(PosternError):
        page_size(-1)
