from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.accounts import MalformedAddress, login_name, normalise


@pytest.mark.parametrize(
    ("typed", "account"),
    [
        ("alice@example.org", "alice@example.org"),
        ("  Alice@EXAMPLE.Org. ", "alice@example.org"),
        ("Jürgen@Bücher.example", "jürgen@xn--bcher-kva.example"),
        ("ju\u0308rgen@xn--bcher-kva.example", "jürgen@xn--bcher-kva.example"),
        ("用户@例子.测试", "用户@xn--fsqu00a.xn--0zwm56d"),
        ("a+tag@localhost", "a+tag@localhost"),
        ("x@ＥＸＡＭＰＬＥ.org", "x@example.org"),
    ],
)
def test_spellings_of_one_address(typed: str, account: str) -> None:
    assert normalise(typed) == account


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "alice",
        "@example.org",
        "alice@",
        "a b@example.org",
        "a\r\nb@example.org",
        "a\x00@example.org",
        '"a"@b.org',
        "a@b@example.org",
        "a@exa mple.org",
        "a@-x.org",
        "a@b..org",
        "a" * 65 + "@b.org",
        "a@" + "b." * 130 + "org",
        "a\u202e@example.org",
        "a@[127.0.0.1]",
        "<a@example.org>",
        "a@exa\x00mple.org",
        "a@example.org\r\nX",
    ],
)
def test_what_is_no_address(typed: str) -> None:
    with pytest.raises(MalformedAddress):
        normalise(typed)


def test_a_bare_name_gets_the_default_domain() -> None:
    assert normalise("Alice", "Example.org") == "alice@example.org"
    assert login_name("alice@example.org", "localpart") == "alice"
    assert login_name("alice@example.org", "address") == "alice@example.org"


@given(st.text(max_size=40), st.sampled_from(["example.org", "bücher.example", "ΣΊΣΥΦΟΣ.gr", "x.İstanbul"]))
def test_normalising_twice_changes_nothing(local: str, domain: str) -> None:
    try:
        once = normalise(f"{local}@{domain}")
    except MalformedAddress:
        return
    assert normalise(once) == once
    assert not set(once) & set('\r\n\0 "')
