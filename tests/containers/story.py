"""A message through the stack of docker-compose.yml, in a browser; run by run.sh, which brings the stack up.

POSTERN_E2E_URL is where web is published. Named so that `make test` does not collect it.
"""

import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.e2e.person import somebody
from tests.support.chromium import chromium as started_chromium
from tests.support.dovecot import MailUser

ALICE = MailUser("alice@example.org", "alice")
BOB = MailUser("bob@example.org", "bob")


@dataclass(frozen=True)
class Published:
    """Stands for the stack that end-to-end tests start themselves: a `Person` needs its address alone."""

    url: str


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with started_chromium() as started:
        yield started


async def test_a_message_with_an_attachment_goes_there_and_its_answer_comes_back(
    browser: Browser, tmp_path: Path
) -> None:
    stack = Published(os.environ["POSTERN_E2E_URL"])
    subject = f"Through the containers {secrets.token_hex(4)}"
    plan = tmp_path / "plan.txt"
    plan.write_bytes(b"five services, four networks\n" * 200)
    async with somebody(browser, stack, ALICE) as she:  # type: ignore[arg-type]
        await she.sign_in()
        await she.compose()
        await she.field("To").fill(BOB.address)
        await she.field("Subject").fill(subject)
        await she.write("Here is the plan.")
        await she.attach(plan)
        await she.send()
        await she.go_to("Sent")
        await she.wait_for_row(subject)
        assert await she.row(subject).count() == 1
    async with somebody(browser, stack, BOB) as he:  # type: ignore[arg-type]
        await he.sign_in()
        await he.wait_for_row(subject)
        await he.open(subject)
        await expect(he.page.get_by_text("Here is the plan.").first).to_be_visible()
        assert await he.download(plan.name) == plan.read_bytes()
        await he.press("Reply")
        await he.write("Thank you.")
        await he.send()
    async with somebody(browser, stack, ALICE) as she:  # type: ignore[arg-type]
        await she.sign_in()
        await she.wait_for_row(f"Re: {subject}")
