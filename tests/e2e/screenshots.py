"""`make screenshots`: a picture of every page and state, in var/screenshots: page.width.theme.look.png.

`ONLY="inbox message-text"` draws the pages whose name begins so, `LIKE="390.dark 1440.light.de"` the looks
that do; without LIKE those that show what no other does. What has been drawn before is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.e2e.person import Person
from tests.e2e.scenes_apart import SCENES
from tests.e2e.stage import stage
from tests.support.chromium import chromium
from tests.support.dovecot import MailUser
from tests.support.stack import ROOT, Stack, embedded_stack

VIEWPORTS = ((1440, 900), (1024, 768), (390, 844), (320, 640))
TOUCHED = 800  # narrower than this, it is touched with a finger
NARROWEST = 320
AT_ONCE = 2
THEMES = ("light", "dark")
# The languages there are, and English laid out from right to left until one that is written so is there.
LOOKS = {"en": "en", "de": "de", "rtl": "en"}
RIGHT_TO_LEFT = "addEventListener('DOMContentLoaded', () => { document.documentElement.dir = 'rtl' })"
ALICE = MailUser("alice@example.org", "alice")

# Opened by their subjects in Alice's demo mailbox; the file's name, and what the subject begins with.
MESSAGES = {
    "message-text": "Welcome to Postern",
    "message-newsletter": "The Drawbridge, no. 42",
    "message-attachments": "Photos from the wall",
    "message-thread": "Re: The roof over the east gate",
    "message-hostile": "Your account",
    "message-long": "About the mortar",
    "message-report": "Undelivered Mail",
    "message-invitation": "Invitation: Inspection",
    "message-arabic": "موعد زيارة",
    "message-japanese": "お城の見学",
    "message-german": "Überprüfung der",
}
PAGES = {
    "inbox": "/",
    "mailbox-empty": "/mail/Projects",
    "compose": "/compose",
    "contacts": "/contacts",
    "contact-new": "/contacts/new",
    "search": "/search?q=gate",
    "search-nothing": "/search?q=xyzzyplugh",
    "outbox": "/outbox",
    "settings": "/settings",
    "labels": "/settings/labels",
    "mailboxes": "/mailboxes",
    "mailbox-manage": "/mail/Projects/manage",
    "mailbox-share": "/mail/Projects/share",
    "mailbox-import": "/mail/Projects/import",
    "mailbox-export": "/mail/Projects/export",
    "trash-empty": "/mail/Trash/empty",
    "templates": "/settings/templates",
    "template-new": "/compose?template=new&edit=1",
    "security": "/settings/security",
    "app-tokens": "/settings/apps",
    "factor-start": "/settings/security/app",
    "not-found": "/no/such/page",
}

# Scenes that leave a letter behind in the browser, which offers it on the pages after them.
LETTERS = ("composer-", "kept", "session-ended", "template-")

Draw = Callable[[str, Page], Awaitable[None]]


async def main() -> int:
    target = ROOT / "var/screenshots"
    target.mkdir(parents=True, exist_ok=True)
    looks = [
        (look, theme, width, height)
        for look in LOOKS
        for theme in THEMES
        for width, height in VIEWPORTS
        if chosen(f"{width}.{theme}.{look}", "LIKE") and (os.environ.get("LIKE") or tells(look, theme, width))
    ]
    began = time.monotonic()
    with embedded_stack() as stack:
        async with chromium() as browser:
            addresses = await find_messages(browser, stack)
            turn = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(draw_look(browser, stack, addresses, target, turn, *one) for one in looks))
    number, took = len(list(target.glob("*.png"))), time.monotonic() - began
    print(f"{number} pictures are in {target}, after {took:.0f} s", file=sys.stderr)
    return 0


async def draw_look(
    browser: Browser,
    stack: Stack,
    addresses: dict[str, str],
    target: Path,
    turn: asyncio.Semaphore,
    look: str,
    theme: str,
    width: int,
    height: int,
) -> None:
    """Every page and state in one language, theme and size."""
    async with turn:
        context = await browser.new_context(
            locale=LOOKS[look],
            color_scheme=theme,  # type: ignore[arg-type]
            viewport={"width": width, "height": height},
            has_touch=width < TOUCHED,
            is_mobile=width < TOUCHED,
            reduced_motion="reduce",
        )
        if look == "rtl":
            await context.add_init_script(RIGHT_TO_LEFT)
        page = await context.new_page()
        page.set_default_timeout(15_000)
        draw = drawer(target, f"{width}.{theme}.{look}")
        await tour(page, stack, addresses, draw)
        await states(page, draw)
        await context.close()


def chosen(name: str, setting: str) -> bool:
    """Whether a setting of the environment leaves NAME in: one of its words begins it, or there are none."""
    return name.startswith(tuple(os.environ.get(setting, "").split()) or "")


def tells(look: str, theme: str, width: int) -> bool:
    """Whether a look shows what no other does: colours are the same in every language, and the narrowest
    screen is for the longest words."""
    if width == NARROWEST:
        return (look, theme) == ("de", "light")
    return theme == "light" or look == "en"


def wanted(name: str) -> bool:
    return chosen(name, "ONLY")


def drawer(target: Path, suffix: str) -> Draw:
    async def draw(name: str, page: Page) -> None:
        if wanted(name):
            await page.wait_for_timeout(150)
            await page.screenshot(path=target / f"{name}.{suffix}.png")

    return draw


async def find_messages(browser: Browser, stack: Stack) -> dict[str, str]:
    """The addresses of the messages to draw, as the list links them."""
    context = await browser.new_context(locale="en", viewport={"width": 1440, "height": 900})
    person = Person(await context.new_page(), stack, ALICE)
    await sign_in(person.page, stack)
    found = {}
    for _ in range(5):  # pages of the list
        for name, subject in MESSAGES.items():
            if name not in found and await person.row(subject).count():
                found[name] = str(await person.row(subject).first.get_attribute("href"))
        older = person.page.locator("a[rel=next]")
        if len(found) == len(MESSAGES) or not await older.count():
            break
        await older.first.click()
        await person.page.wait_for_load_state("networkidle")
    for name in MESSAGES.keys() - found.keys():
        print(f"{name}: no such message in the list", file=sys.stderr)
    await context.close()
    return found


async def sign_in(page: Page, stack: Stack, password: str = ALICE.password) -> None:
    """By the form's own order, whatever the language."""
    await page.goto(stack.url)
    await page.locator("input[type=email], input[name=email], input[autocomplete=username]").first.fill(
        ALICE.address
    )
    await page.locator("input[type=password]").first.fill(password)
    await page.locator("input[type=password]").first.press("Enter")
    await page.wait_for_load_state("networkidle")


async def tour(page: Page, stack: Stack, messages: dict[str, str], draw: Draw) -> None:
    await page.goto(stack.url)
    await draw("sign-in", page)
    if wanted("sign-in-wrong"):
        await sign_in(page, stack, "wrong")
        await draw("sign-in-wrong", page)
    await sign_in(page, stack)
    for name, path in {**PAGES, **messages}.items():
        if not wanted(name) and not (name == "message-attachments" and wanted("compose-reply")):
            continue
        try:
            await page.goto(stack.url + path)
            await draw(name, page)
            if name == "message-attachments" and wanted("compose-reply"):
                await page.locator("[name=reply]").first.click()
                await page.locator("form[data-ready]").wait_for()
                await draw("compose-reply", page)
        except Exception as problem:
            print(f"{name}: {str(problem)[:200]}", file=sys.stderr)


async def states(page: Page, draw: Draw) -> None:
    """What the demo mail does not come to, over services in memory."""
    wanted_ones = {name: scene for name, scene in SCENES.items() if wanted(name)}
    await page.context.clear_cookies()
    async with stage(page) as here:
        if wanted_ones:
            await here.sign_in()
        for name, scene in wanted_ones.items():
            try:
                async with contextlib.aclosing(scene(here)) as run:
                    async for _ in run:
                        await draw(name, page)
            except Exception as problem:
                print(f"{name}: {str(problem)[:200]}", file=sys.stderr)
            if name.startswith(LETTERS):
                await here.forget()


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
