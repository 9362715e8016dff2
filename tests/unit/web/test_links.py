"""A file by its link: no session, saved and never shown, told apart from nothing that is not there."""

from __future__ import annotations

import pytest

from services.common.errors import PosternError, Reason
from services.web.limits import MOST_PLACES, Limiter

TOKEN = "A" * 63 + "b"
DATA = b"<script>alert(1)</script> and more"


@pytest.fixture(autouse=True)
def file(fakes) -> None:
    fakes.send.links[TOKEN] = ("Übersicht\r\n.html", DATA)


async def test_it_is_saved_and_never_shown(browser) -> None:
    answer = await browser.get(f"/links/{TOKEN}")
    assert answer.status_code == 200 and answer.content == DATA
    headers = answer.headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"].startswith("attachment; filename=")
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'; sandbox" in headers["content-security-policy"]
    assert headers["cache-control"] == "private, no-store" and headers["x-robots-tag"] == "noindex"
    assert headers["content-length"] == str(len(DATA)) and "set-cookie" not in headers
    assert TOKEN not in str(headers)


async def test_a_download_is_taken_up_again(browser) -> None:
    first = await browser.get(f"/links/{TOKEN}")
    rest = await browser.get(f"/links/{TOKEN}", range="bytes=10-", if_range=first.headers["etag"])
    assert rest.status_code == 206 and rest.content == DATA[10:]
    assert rest.headers["content-range"] == f"bytes 10-{len(DATA) - 1}/{len(DATA)}"
    other = await browser.get(f"/links/{TOKEN}", range="bytes=10-", if_range='"another"')
    assert other.status_code == 200 and other.content == DATA
    assert (await browser.get(f"/links/{TOKEN}", range="bytes=5-9")).status_code == 200
    assert (await browser.get(f"/links/{TOKEN}", range="bytes=999-")).status_code == 416


async def test_what_does_not_answer_is_not_told_apart(browser, fakes) -> None:
    pages = []
    for token in ("B" * 64, "short", "A" * 200):
        pages.append(await browser.get(f"/links/{token}"))
    fakes.send.fail["link"] = PosternError(Reason.UNSUPPORTED)
    pages.append(await browser.get(f"/links/{TOKEN}"))
    assert {page.status_code for page in pages} == {404}
    assert all("There is nothing here" in page.text and "<nav" not in page.text for page in pages)


async def test_one_place_may_not_ask_for_ever(browser) -> None:
    answers = [(await browser.get("/links/" + "B" * 64)).status_code for _ in range(63)]
    assert answers[:60] == [404] * 60 and answers[-1] == 429


def test_the_bucket_refills_and_is_bounded() -> None:
    now = [0.0]
    limiter = Limiter(2, 1.0, lambda: now[0])
    for _ in range(2):
        limiter.take("2001:db8::1")
    with pytest.raises(PosternError, match="RATE_LIMITED"):
        limiter.take("2001:db8::2")  # of the same /64
    limiter.take("192.0.2.1")
    now[0] = 1.0
    limiter.take("2001:db8::1")
    for number in range(MOST_PLACES + 10):
        limiter.take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(limiter._full_at) == MOST_PLACES
