"""An address that is not the person's own: added, opened by a code that was mailed there, removed."""

from __future__ import annotations

import re
import secrets

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.person import somebody
from tests.e2e.test_writing import found
from tests.support.audit import violations
from tests.support.dovecot import MailUser
from tests.support.pages import Pages, browsing, csrf_of
from tests.support.process import wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")
CODE = re.compile(r"\b[2-9A-Z]{4}-[2-9A-Z]{4}\b")
SUBJECT = "Your code for writing as this address"


def codes(stack: Stack, user: MailUser) -> list[str]:
    """Those that came into somebody's inbox."""
    letters = [message for _flags, message in found(stack, user, "INBOX", SUBJECT)]
    return [code for message in letters for code in CODE.findall(message.get_content())]


def identity(page: str, address: str) -> str:
    """The id that the settings' page has for an address."""
    form = page.partition(f'aria-label="{address}"')[2].partition("</form>")[0]
    match = re.search(r'name="identity_id" value="([^"]+)"', form)
    assert match, f"{address} is not on the page"
    return match[1]


def change(pages: Pages, path: str, **fields: str) -> str:
    page = pages.get("/settings").text
    return pages.post(path, {"csrf": csrf_of(page), "request_id": "", **fields}).text


def compose_as(pages: Pages, address: str, to: str, subject: str) -> str:
    page = pages.get("/compose").text
    one = re.search(rf'<option value="([^"]+)"[^>]*>[^<]*{re.escape(address)}', page)
    assert one, f"{address} is not among those to write as"
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    form = {**hidden, "identity": one[1], "to": to, "subject": subject, "body": "Hello\n", "do": "send"}
    return pages.post("/compose", form).text


async def test_a_code_opens_an_address(real: Stack, chromium: Browser) -> None:
    alice, bob = real.people()
    word = secrets.token_hex(4)
    before = codes(real, bob)
    with browsing(real, alice) as pages:
        change(pages, "/settings/identity", address=bob.address, name="A. at Bob's", do="save")
        assert "You may not write as this address" in compose_as(
            pages, bob.address, bob.address, f"no {word}"
        )
        one = identity(pages.get("/settings").text, bob.address)
        async with somebody(chromium, real, alice) as she:
            await she.sign_in()
            await she.page.goto(f"{real.url}/settings")
            assert await violations(she.page) == []
            await she.press("Send a code")
            await expect(she.page.get_by_text(f"A code is on its way to {bob.address}.")).to_be_visible()
            assert await violations(she.page) == []
            assert wait_until(lambda: len(codes(real, bob)) > len(before), 20), "no code came"
            (code,) = [code for code in codes(real, bob) if code not in before]
            # Whoever asked for it has it nowhere.
            assert not found(real, alice, "Sent", SUBJECT) and not found(real, alice, "INBOX", SUBJECT)
            assert code not in pages.get("/outbox").text
            # Without scripts: a wrong one.
            wrong = {"identity_id": one, "do": "confirm", "code": "2222-2222"}
            assert "You have 4 more tries." in change(pages, "/settings/identity/code", **wrong)
            await she.page.get_by_role("textbox", name="Code").fill(code.lower())
            await she.page.keyboard.press("Enter")
            await expect(she.page.get_by_text(f"You may write as {bob.address} now.")).to_be_visible()
            await expect(she.page.get_by_text(f"No message goes under {bob.address} yet")).to_have_count(0)
        assert "Message on its way." in compose_as(pages, bob.address, bob.address, f"yes {word}")
        assert wait_until(lambda: bool(found(real, bob, "INBOX", f"yes {word}")), 20), "it did not come"
        ((_flags, message),) = found(real, bob, "INBOX", f"yes {word}")
        assert message["From"] == f'"A. at Bob\'s" <{bob.address}>'
        assert not found(real, bob, "INBOX", f"no {word}")
        # Added again, it needs a code again.
        change(pages, "/settings/identity", identity_id=one, do="remove")
        change(pages, "/settings/identity", address=bob.address, do="save")
        assert f"No message goes under {bob.address} yet" in pages.get("/settings").text
