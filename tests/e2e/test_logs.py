"""No password, token or mail content in any log, at any level: a whole run's logs, at DEBUG, are searched."""

import re
import secrets
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.person import SLOW, somebody
from tests.support.dovecot import MailUser
from tests.support.process import wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What tokens look like, whoever made them: a JWS (RFC 7515), an Authorization header, our cookie.
TOKENS = (
    re.compile(r"eyJ[A-Za-z0-9_-]{16,}"),
    re.compile(r"[Bb]earer [A-Za-z0-9_.-]{16,}"),
    re.compile(r"(?:__Host-)?postern=[A-Za-z0-9_-]{16,}"),
)


async def test_a_whole_run_leaves_nothing_in_any_log(stack: Stack, chromium: Browser, tmp_path: Path) -> None:
    alice, bob = stack.people()
    words = {
        name: f"{name}-{secrets.token_hex(6)}"
        for name in ("subject", "incoming", "body", "filename", "content", "search", "wrongpassword")
    }
    stack.deliver(bob, alice, f"Hello {words['subject']}", f"Text {words['incoming']}\n")
    file = tmp_path / f"{words['filename']}.txt"
    file.write_text(words["content"] + "\n")

    async with somebody(chromium, stack, alice) as she:
        await she.sign_in(words["wrongpassword"])
        await expect(she.field("Password")).to_be_visible()
        await she.sign_in()
        await she.wait_for_row(words["subject"])
        await she.open(words["subject"])
        await expect(she.page.get_by_text(words["incoming"]).first).to_be_visible()
        await she.press("Reply")
        await she.write(f"Answer {words['body']}\n")
        await she.attach(file)
        await she.send()
        with stack.imap(alice) as client:
            assert wait_until(lambda: _sent(client, words["subject"]), SLOW / 1000, 0.2)
        await she.page.get_by_label("Search mail").fill(words["search"])
        await she.page.get_by_label("Search mail").press("Enter")
        await she.page.get_by_role("link", name="Contacts", exact=True).first.click()
        cookies = [c["value"] for c in await she.page.context.cookies()]
        await she.sign_out()
        await expect(she.field("Password")).to_be_visible()

    logs = stack.logs()
    assert {f"{name}.log" for name in ("auth", "mailstore", "contacts", "sender", "web")} <= set(logs)
    secret = {**words, **{f"cookie {n}": value for n, value in enumerate(cookies) if len(value) >= 16}}
    secret |= _passwords(alice, bob)
    for log, text in logs.items():
        found = [what for what, value in secret.items() if value in text]
        found += [pattern.pattern for pattern in TOKENS if pattern.search(text)]
        assert not found, f"{log} holds {found}"


def _passwords(*users: MailUser) -> dict[str, str]:
    """Passwords that can be searched for: the demo users' are ordinary words."""
    return {f"password of {user.name}": user.password for user in users if user.password != user.name}


def _sent(client: object, word: str) -> bool:
    from tests.e2e.test_conversation import copies

    return len(copies(client, "Sent", word)) == 1  # type: ignore[arg-type]
