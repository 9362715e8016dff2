"""Every hostile payload of the corpus as real mail in Chromium: no script runs, nothing is requested."""

from __future__ import annotations

import asyncio
import json
import secrets
from email.message import EmailMessage

import pytest
from playwright.async_api import Browser, Page, Request

from services.web.urls import mailbox_segment
from tests.e2e.person import somebody
from tests.support.corpora import corpora
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")
LEAST_PAYLOADS = 223
TABS = 2
# One in so many is opened at its own address too: a page of its own, as in a new tab.
ALONE = 10
# What a payload that ran would do, besides opening a dialog: leave a mark that the page outside can see.
CANARY = """
<script>parent.postMessage('ran', '*'); document.title = 'ran'</script>
<img src="https://remote.example/pixel.gif" onerror="parent.postMessage('ran', '*')">
<link rel="stylesheet" href="https://remote.example/style.css">
<style>@import url(https://remote.example/import.css);
body { background: url(https://remote.example/b.png) }</style>
"""


def mail(number: int, payload: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "mallory@example.net", "alice@example.org"
    message["Subject"] = f"Payload {number:04}"
    message.set_content("The designed form is hostile.")
    message.add_alternative(f"<p>before-{number}</p>{payload}{CANARY}<p>after</p>", subtype="html")
    return message.as_bytes()


class Watch:
    """What a page did that it must not do."""

    def __init__(self, page: Page, origin: str) -> None:
        self.origin = origin.rstrip("/")
        self.found: list[str] = []
        self.number = -1
        page.on("dialog", self._dialog)
        page.context.on("request", self._request)
        page.context.on("page", lambda other: self.found.append(f"{self.number}: opened a window"))

    async def _dialog(self, dialog: object) -> None:
        self.found.append(f"{self.number}: dialog")
        await dialog.dismiss()  # type: ignore[attr-defined]

    def _request(self, request: Request) -> None:
        inside = request.url.startswith((self.origin + "/", "data:", "about:"))
        # The composer, sign-out and the like are pages of ours that no message may call up.
        if not inside or (request.is_navigation_request() and "/mail/" not in request.url):
            self.found.append(f"{self.number}: {request.method} {request.url[:200]}")


async def test_no_payload_runs_or_asks_for_anything(real: Stack, chromium: Browser) -> None:
    file = corpora("html", "dompurify-payloads.json")
    payloads = [item["payload"] for item in json.loads(file.read_text("utf-8"))]
    payloads = [item if isinstance(item, str) else json.dumps(item) for item in payloads]
    assert len(payloads) >= LEAST_PAYLOADS
    user, _ = real.people()
    opened: list[int] = []
    found: list[str] = []

    async def tab(number: int) -> None:
        """Reads through a mailbox with every TABS-th payload, one after the other in the reading pane."""
        mailbox = f"Hostile {secrets.token_hex(3)}"
        mine = range(number, len(payloads), TABS)
        with real.imap(user) as client:
            client.create_folder(mailbox)
            for each in mine:
                client.append(mailbox, mail(each, payloads[each]), flags=[rb"\Seen"])
            uid_validity = client.select_folder(mailbox, readonly=True)[b"UIDVALIDITY"]
            uids = dict(zip(mine, client.search(), strict=True))
        url = f"{real.url.rstrip('/')}/mail/{mailbox_segment(mailbox)}"
        async with somebody(chromium, real, user) as she:
            await she.sign_in()
            await she.page.get_by_role("link", name="Compose", exact=True).first.wait_for()
            await she.page.add_init_script(
                "addEventListener('message', e => { if (e.data === 'ran') window.ran = true })"
            )
            watch = Watch(she.page, real.url)

            async def look() -> None:
                frame = she.page.frame_locator("iframe").first
                await frame.get_by_text(f"before-{watch.number}", exact=True).wait_for()
                if await she.page.evaluate("window.ran === true"):
                    watch.found.append(f"{watch.number}: ran")

            await she.page.goto(url)
            for each in reversed(mine):  # the newest is the first of the list
                watch.number = each
                await she.row(f"Payload {each:04}").click()
                await look()
                opened.append(each)
            for each in mine[::ALONE]:
                watch.number = each
                await she.page.goto(f"{url}/{uid_validity}.{uids[each]}")
                await look()
            found.extend(watch.found)

    await asyncio.gather(*(tab(number) for number in range(TABS)))
    assert not found, found[:20]
    print(f"hostile HTML: {len(opened)} payloads opened")
    assert sorted(opened) == list(range(len(payloads)))
