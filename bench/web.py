"""web: octets of pages, how fast a person sees them, and what the auditors say.

Times are taken in headless Chromium against Dovecot with a large mailbox: 100,000 messages with FULL=1, else
5,000. They include the whole of Postern on the same machine.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from functools import cache

from bench.browsing import large, signed_in
from bench.figures import Figure, benchmark, full, summary
from tests.support import audit, weight
from tests.support.chromium import CHROMIUM, FLAGS
from tests.support.dovecot import MailUser
from tests.support.stack import Stack, embedded_stack

PAGES = (
    "/mail/INBOX",
    "/mail/INBOX?view=conversations",
    "/search?q=the",
    "/compose",
    "/contacts",
    "/outbox",
    "/settings",
    "/settings/security",
    "/mailboxes",
)


@cache
def _weights() -> tuple[weight.Weight, int]:
    """The first page after signing in, and what a message adds to its own text."""
    with embedded_stack(POSTERN_LOG_LEVEL="INFO") as stack:
        alice, _ = stack.people()
        client = weight.sign_in(stack.url, alice.address, alice.password)
        return weight.weigh(client, "/mail/INBOX"), message_octets(client)


def message_octets(client) -> int:
    """The most that an opened message of the first page costs beside its own text, as sent."""
    _, text = weight.sent(client, "/mail/INBOX")
    most = 0
    for link in weight.message_links(text)[:20]:
        size, _ = weight.sent(client, link, **{"HX-Request": "true", "HX-Target": "section#reading"})
        most = max(most, size)
    return most


@benchmark("web.first_page_bytes")
def first_page_bytes() -> Iterator[Figure]:
    found, _ = _weights()
    yield Figure("web.first_page_bytes", found.total, "B", n=len(found.bodies))


@benchmark("web.html_bytes")
def html_bytes() -> Iterator[Figure]:
    """Of the first page, without scripts and styles."""
    found, _ = _weights()
    yield Figure("web.html_bytes", found.bare, "B")


@benchmark("web.message_bytes")
def message_bytes() -> Iterator[Figure]:
    yield Figure("web.message_bytes", _weights()[1], "B")


# From the click to the frame in which the message is on the screen.
_OPEN = """link => new Promise(done => {
  const pane = document.getElementById("reading");
  const start = performance.now();
  const seen = new MutationObserver(() => {
    if (!pane.querySelector(".thread")) return;
    seen.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
  });
  seen.observe(pane, {childList: true, subtree: true});
  link.click();
})"""
_LCP = """() => new Promise(done => new PerformanceObserver(list => done(list.getEntries().at(-1).startTime))
  .observe({type: "largest-contentful-paint", buffered: true}))"""


async def _times(stack: Stack, user: MailUser) -> dict[str, list[float]]:
    rounds = 40 if full() else 15
    found: dict[str, list[float]] = {"web.open_message": [], "web.list_page": [], "web.lcp": []}
    async with signed_in(stack, user) as page:
        await asyncio.sleep(60 if full() else 10)  # the index is built meanwhile
        for _ in range(rounds):
            await page.goto(f"{stack.url}/mail/INBOX")
            found["web.lcp"].append(await page.evaluate(_LCP))
            timing = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
            found["web.list_page"].append(await page.evaluate(timing))
        links = await page.query_selector_all("[data-rows] .row-link")
        for link in links[: rounds + 2]:
            found["web.open_message"].append(await link.evaluate(_OPEN))
    found["web.open_message"] = found["web.open_message"][2:]
    return found


@cache
def _browsing() -> dict[str, list[float]]:
    with large() as (stack, user):
        return asyncio.run(_times(stack, user))


@benchmark("web.open_message")
def open_message() -> Iterator[Figure]:
    yield summary("web.open_message", _browsing()["web.open_message"], "ms")


@benchmark("web.list_page")
def list_page() -> Iterator[Figure]:
    yield summary("web.list_page", _browsing()["web.list_page"], "ms")


@benchmark("web.lcp")
def lcp() -> Iterator[Figure]:
    """Largest Contentful Paint of a warm start."""
    yield summary("web.lcp", _browsing()["web.lcp"], "ms")


@benchmark("web.axe_violations")
def axe_violations() -> Iterator[Figure]:
    """Rules broken, over all pages."""

    async def count(stack: Stack) -> int:
        alice, _ = stack.people()
        broken = 0
        async with signed_in(stack, alice) as page:
            for path in PAGES:
                await page.goto(stack.url + path)
                for one in await audit.violations(page):
                    broken += 1
                    print(f"{path}: {one}", file=sys.stderr)
        return broken

    with embedded_stack(POSTERN_LOG_LEVEL="INFO") as stack:
        yield Figure("web.axe_violations", asyncio.run(count(stack)), "rules", n=len(PAGES))


@cache
def _lighthouse() -> dict[str, float]:
    """The lowest score of each category over the list and the composer, desktop and mobile."""
    lowest: dict[str, float] = {}
    with embedded_stack(POSTERN_LOG_LEVEL="INFO") as stack:
        alice, _ = stack.people()
        client = weight.sign_in(stack.url, alice.address, alice.password)
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        for path in ("/mail/INBOX", "/compose") if full() else ("/mail/INBOX",):
            for mobile in (False, True):
                scores = audit.lighthouse(
                    stack.url + path, cookie, mobile=mobile, chromium=CHROMIUM, flags=FLAGS
                )
                print(f"{path} {'mobile' if mobile else 'desktop'}: {scores}", file=sys.stderr)
                for name, score in scores.items():
                    lowest[name] = min(score, lowest.get(name, 100.0))
    return lowest


def _score(category: str) -> Iterator[Figure]:
    name = f"web.lighthouse_{category.replace('-', '_')}"
    yield Figure(name, _lighthouse()[category], "points", n=4 if full() else 2)


@benchmark("web.lighthouse_performance")
def lighthouse_performance() -> Iterator[Figure]:
    yield from _score("performance")


@benchmark("web.lighthouse_accessibility")
def lighthouse_accessibility() -> Iterator[Figure]:
    yield from _score("accessibility")


@benchmark("web.lighthouse_best_practices")
def lighthouse_best_practices() -> Iterator[Figure]:
    yield from _score("best-practices")
