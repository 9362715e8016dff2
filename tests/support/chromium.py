"""The real Chromium of the machine, driven by Playwright: `async with chromium() as browser:`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from playwright.async_api import Browser, async_playwright, expect

CHROMIUM = "/usr/bin/chromium"

# It may run as root in a container without a GPU, and must make no request of its own.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Milliseconds that something expected may take to show. A machine that does other things too needs more than
# Playwright's five seconds; where what is expected is there, nothing waits.
PATIENCE = 15_000
expect.set_options(timeout=PATIENCE)


@contextlib.asynccontextmanager
async def chromium(*flags: str, headless: bool = True) -> AsyncIterator[Browser]:
    """A running browser; FLAGS are added to those that every run has."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, headless=headless, args=[*FLAGS, *flags], timeout=30_000
        )
        try:
            yield browser
        finally:
            await browser.close()
