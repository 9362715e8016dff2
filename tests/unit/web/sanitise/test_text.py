"""text_to_html: escaped, linked, quotes nested and folded, directions kept apart."""

from __future__ import annotations

import re
import time
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.web.sanitise import text_to_html


def test_text_is_escaped() -> None:
    assert text_to_html('<b onclick="x">&') == '<p dir="auto">&lt;b onclick=&#34;x&#34;&gt;&amp;</p>'


@pytest.mark.parametrize(
    ("text", "href", "shown"),
    [
        (
            "see https://example.org/a?b=1&c=2.",
            "https://example.org/a?b=1&amp;c=2",
            "https://example.org/a?b=1&amp;c=2",
        ),
        ("(https://example.org/a_(b))", "https://example.org/a_(b)", "https://example.org/a_(b)"),
        ("www.example.org, yes", "https://www.example.org", "www.example.org"),
        ("me@example.org!", "mailto:me@example.org", "me@example.org"),
        ("mailto:me@example.org", "mailto:me@example.org", "mailto:me@example.org"),
        ("https://example.org/\u202egnp.exe", "https://example.org/", "https://example.org/"),
    ],
)
def test_links(text: str, href: str, shown: str) -> None:
    html = text_to_html(text)
    assert f'<a href="{href}" target="_blank" rel="noopener noreferrer nofollow">{shown}</a>' in html


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "data:text/html,x", "http://", "a@b", "ftp://x.org/"]
)
def test_no_links(text: str) -> None:
    assert "<a" not in text_to_html(text)


def test_quotes_nest_and_the_trailing_one_is_folded() -> None:
    html = text_to_html("Yes.\n\n> one\n>> two\n> three\n")
    assert html == (
        '<p dir="auto">Yes.</p><details class="quote">'
        '<summary title="Quoted text" aria-label="Quoted text">•••'
        '</summary><blockquote><p dir="auto">one</p><blockquote><p dir="auto">two</p></blockquote>'
        '<p dir="auto">three</p></blockquote></details>'
    )


def test_a_short_quote_that_is_answered_stays_open() -> None:
    assert "<details" not in text_to_html("> When?\nAt noon.\n")


def test_each_paragraph_has_its_own_direction() -> None:
    assert text_to_html("שלום\n\nhello").count('<p dir="auto">') == 2


def test_signature_is_set_apart() -> None:
    assert '<div class="signature"><p dir="auto">--\nAlice</p></div>' in text_to_html("Hi\n-- \nAlice")


@pytest.mark.parametrize(
    "text",
    [
        ">" * 1000000,
        "a@" * 400000,
        "http://" * 140000,
        "a" * 1000000,
        ">a\n>>b\n" * 80000,
        "x.www." * 150000,
        ("http://a" + ")" * 1990 + "\n") * 400,
    ],
    ids=range(7),
)
def test_bounded(text: str) -> None:
    started = time.process_time()
    text_to_html(text)
    assert time.process_time() - started < 5


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_nothing_of_the_text_is_lost_or_becomes_markup(text: str) -> None:
    html = str(text_to_html(text))
    tags = {"p", "a", "blockquote", "details", "summary", "div"}
    assert {t for t in re.findall(r"</?([a-zA-Z]+)", html)} <= tags
    visible = unescape(re.sub(r"<[^>]*>", "", html.replace("•••", "")))
    keep = re.compile(r"[\s>•]+")
    assert keep.sub("", visible) == keep.sub("", text)
