"""web: whether the composer ever holds up the one who types.

Somebody writes in headless Chromium beside a large mailbox: at a person's speed and in bursts, plain and
formatted, in a window over the list and on a page of its own, in an empty letter and above a quote of 200 kB,
and into a field with fifty recipients; meanwhile drafts are saved, mail arrives and people are suggested.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from functools import cache
from itertools import count

from playwright.async_api import CDPSession, Locator, Page

from bench.browsing import large, signed_in
from bench.figures import Figure, benchmark, full, percentile
from bench.mailboxes import Mail
from tests.support.blocking import OBSERVE, TRACED, Task, tasks
from tests.support.dovecot import MailUser
from tests.support.stack import Stack

QUOTED = 200_000  # octets of text
CHIPS = 50
SLOW = 4  # as if the processor were a fourth as quick: a cheap laptop beside this machine
UNSEEN = 16.0  # ms: a key of which the browser does not tell took less


@dataclass(frozen=True)
class Way:
    """One way to write."""

    name: str
    formatted: bool = False
    window: bool = True
    answer: bool = False
    chips: bool = False


WAYS = (
    Way("plain, window"),
    Way("plain, page", window=False),
    Way("plain, window, answer", answer=True),
    Way("fifty recipients", chips=True),
    Way("formatted, window", formatted=True),
    Way("formatted, page, answer", formatted=True, window=False, answer=True),
    Way("formatted, window, answer", formatted=True, answer=True),
)


@dataclass
class Felt:
    """What was measured, in milliseconds. keys: from a key's press to the frame that shows it."""

    tasks: list[Task] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)


def _long_letter(user: MailUser, *, html: bool) -> bytes:
    """A message to answer."""
    words, message = Mail(7, user), EmailMessage()
    kind = "formatted" if html else "plain"
    message["From"], message["To"] = "Ada Byron <ada@example.org>", user.address
    message["Subject"] = f"A long {kind} letter"
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="example.org")
    text = "\n\n".join(words.some(90) for _ in range(2_000))[:QUOTED]
    message.set_content(text)
    if html:
        blocks = "".join(f"<p>{one} <b>so</b></p>" for one in text.split("\n\n"))
        message.add_alternative(f"<html><body>{blocks}</body></html>", subtype="html")
    return message.as_bytes()


@contextlib.asynccontextmanager
async def _mail_arrives(stack: Stack, user: MailUser) -> AsyncIterator[None]:
    """A new message each second until the block ends."""
    numbers, over = count(), asyncio.Event()
    client = await asyncio.to_thread(stack.imap, user)

    async def go_on() -> None:
        while not over.is_set():
            head = (
                f"From: Ada Byron <ada@example.org>\r\nSubject: News {next(numbers)}\r\nDate: {formatdate()}"
            )
            await asyncio.to_thread(client.append, "INBOX", head.encode() + b"\r\n\r\nNews.\r\n")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), 1.0)

    going = asyncio.create_task(go_on())
    try:
        yield
    finally:
        over.set()  # after its message: the connection does one thing at a time
        await asyncio.gather(going, return_exceptions=True)
        await asyncio.to_thread(client.logout)


_POST = """([path, fields]) => fetch(path, {method: "POST", body: new URLSearchParams([...fields,
  ["csrf", document.querySelector("input[name=csrf]").value]])}).then(answer => answer.status)"""


async def _settle_in(page: Page, stack: Stack, user: MailUser) -> None:
    """People to be suggested, what is answered, and where drafts go that are thrown away."""
    await page.goto(f"{stack.url}/contacts/new")
    for number in range(30):
        person = [["name", f"Zoe Quinn {number}"], ["email", f"zoe{number}@example.org"], ["email_label", ""]]
        assert await page.evaluate(_POST, ["/contacts/save", person]) == 200
    client = await asyncio.to_thread(stack.imap, user)
    for html in (False, True):
        await asyncio.to_thread(client.append, "INBOX", _long_letter(user, html=html))
    if not await asyncio.to_thread(client.folder_exists, "Trash"):
        await asyncio.to_thread(client.create_folder, "Trash")
    await asyncio.to_thread(client.logout)


async def _write_as(page: Page, stack: Stack, formatted: bool) -> None:
    await page.goto(f"{stack.url}/settings")
    await page.get_by_label("Write messages").select_option("rich" if formatted else "plain")
    await page.get_by_role("button", name="Save", exact=True).first.click()
    await page.wait_for_load_state()


async def _begin(page: Page, stack: Stack, way: Way) -> Locator:
    """The composer is open; its box for what is typed."""
    await page.goto(f"{stack.url}/mail/INBOX")
    if way.answer:
        subject = f"A long {'formatted' if way.formatted else 'plain'} letter"
        await page.goto(f"{stack.url}/search?q=subject%3A%22{subject.replace(' ', '+')}%22")
        await page.locator("[data-rows] .row-link").first.click()
        reply = page.get_by_role("button", name="Reply", exact=True).first
        await reply.wait_for()
        if way.window:
            await reply.click()
        else:
            await page.evaluate(
                """button => { const form = button.form; location.assign("/compose?" +
                new URLSearchParams(new FormData(form, button))) }""",
                await reply.element_handle(),
            )
    elif way.window:
        await page.get_by_role("link", name="Compose", exact=True).first.click()
    else:
        await page.goto(f"{stack.url}/compose")
    form = page.locator("form.composer[data-ready]")
    await form.wait_for()
    if way.chips:
        to = form.get_by_role("combobox", name="To", exact=True)
        await to.fill("".join(f"Guest {n} <guest{n}@example.org>, " for n in range(CHIPS)))
        return to
    if way.formatted:
        await form.locator(".composer-rich").wait_for()  # until then the plain field holds its place
    box = form.get_by_role("textbox", name="Message", exact=True)
    await box.click()
    await box.press("Control+Home")
    return box


async def _type(page: Page, way: Way, text: str) -> int:
    """In bursts and at a person's speed, with pauses in which copies are made; how many keys that were."""
    keys = 0
    for start in range(0, len(text), 60):
        part = text[start : start + 60]
        if way.chips:  # the name that is looked for, not what it offers
            part = f"zoe q{start} "
        await page.keyboard.type(part, delay=70 if start % 120 else 5)
        keys += len(part)
        if way.chips:
            await page.wait_for_timeout(300)
            await page.keyboard.press("Enter")
            keys += 1
        await page.wait_for_timeout(1_700 if start % 240 == 0 else 300)
    return keys


async def _one(page: Page, stack: Stack, user: MailUser, way: Way, text: str, felt: Felt) -> None:
    browser = page.context.browser
    assert browser is not None
    await _begin(page, stack, way)
    await page.wait_for_timeout(500)
    await page.evaluate("felt.tasks.length = felt.keys.length = 0")
    async with _mail_arrives(stack, user):
        await browser.start_tracing(page=page, categories=TRACED)
        typed = await _type(page, way, text)
        await page.wait_for_timeout(2_000)
        busy = tasks(await browser.stop_tracing())
    long_tasks, keys = await page.evaluate("[felt.tasks, felt.keys]")
    pressed = [duration for name, duration, *_ in keys if name == "keydown"]
    held = [processing for *_, processing in keys]
    print(
        f"{way.name}: {typed} keys; longest task {max(task.wall for task in busy):.0f} ms, of processor "
        f"{max(task.processor for task in busy):.0f} ms; {len(long_tasks)} of 50 ms and more; "
        f"key to frame at most {max(pressed, default=UNSEEN):.0f}, handler {max(held, default=0.0):.0f} ms",
        file=sys.stderr,
    )
    felt.tasks += busy
    felt.keys += [*pressed, *[UNSEEN] * (typed - len(pressed))]
    await page.get_by_role("button", name="Discard", exact=True).click()
    await page.locator("form.composer").wait_for(state="detached")


async def _write(stack: Stack, user: MailUser, slower: int) -> Felt:
    felt, length = Felt(), 400 if full() else 120
    async with signed_in(stack, user, OBSERVE) as page:
        await _settle_in(page, stack, user)
        text = Mail(3, user).some(length)[:length]
        session: CDPSession = await page.context.new_cdp_session(page)
        formatted = None
        for way in WAYS:
            if way.formatted is not formatted:
                formatted = way.formatted
                await _write_as(page, stack, formatted)
            await session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
            await _one(page, stack, user, way, text, felt)
    return felt


@cache
def _felt() -> tuple[Felt, Felt]:
    with large() as (stack, user):
        return asyncio.run(_write(stack, user, 1)), asyncio.run(_write(stack, user, SLOW))


def _figures(name: str, felt: Felt) -> Iterator[Figure]:
    yield Figure(name, max(task.wall for task in felt.tasks), "ms", n=len(felt.keys))
    yield Figure(f"{name}_processor", max(task.processor for task in felt.tasks), "ms", n=len(felt.keys))
    yield Figure(f"{name}_p99", percentile(felt.keys, 0.99), "ms", n=len(felt.keys))


@benchmark("web.composer_typing")
def composer_typing() -> Iterator[Figure]:
    """The longest task of the page's main thread while somebody types, in all ways of writing, by the clock
    and of the processor; and from a key to the frame that shows it, of a hundred keys the slowest."""
    yield from _figures("web.composer_typing", _felt()[0])


@benchmark("web.composer_typing_slow")
def composer_typing_slow() -> Iterator[Figure]:
    """The same on a processor that is a fourth as quick."""
    yield from _figures("web.composer_typing_slow", _felt()[1])
