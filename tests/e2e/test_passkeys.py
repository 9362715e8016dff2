"""Passkeys with Chromium's virtual authenticator: with a PRF and without, alone and as the second step."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, CDPSession, expect

from tests.e2e.person import Person, somebody
from tests.support.process import free_port
from tests.support.stack import Stack, embedded_stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def named() -> Iterator[Stack]:
    """A Postern under a name: passkeys belong to one, never to an IP address."""
    port = free_port()
    url = f"http://localhost:{port}"
    with embedded_stack(PORT=str(port), POSTERN_PUBLIC_URL=url) as stack:
        stack.public_url = url
        yield stack


class Authenticator:
    """A virtual authenticator in the browser, told what to do over the DevTools protocol."""

    def __init__(self, session: CDPSession, number: str) -> None:
        self._session, self._number = session, number

    @classmethod
    async def of(cls, person: Person, *, prf: bool) -> Authenticator:
        session = await person.page.context.new_cdp_session(person.page)
        await session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "ctap2Version": "ctap2_1",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
            "hasPrf": prf,
        }
        made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return cls(session, made["authenticatorId"])

    async def credentials(self) -> list[dict[str, Any]]:
        found = await self._send("getCredentials")
        return list(found["credentials"])

    async def wind_back(self) -> None:
        """Put in its place a copy that has seen fewer uses."""
        (credential,) = await self.credentials()
        await self._send("removeCredential", credentialId=credential["credentialId"])
        await self._send("addCredential", credential={**credential, "signCount": 1})

    async def refuses(self, yes: bool) -> None:
        """Whether the person fails to show who they are."""
        await self._send("setUserVerified", isUserVerified=not yes)

    async def _send(self, method: str, **arguments: Any) -> dict[str, Any]:
        return await self._session.send(f"WebAuthn.{method}", {"authenticatorId": self._number, **arguments})


@contextlib.asynccontextmanager
async def owner(
    chromium: Browser, stack: Stack, who: int, *, prf: bool
) -> AsyncIterator[tuple[Person, Authenticator]]:
    async with somebody(chromium, stack, stack.people()[who]) as person:
        yield person, await Authenticator.of(person, prf=prf)


async def enrol(person: Person, name: str) -> list[str]:
    """From the mail to the recovery codes."""
    page = person.page
    await page.get_by_role("link", name="Settings", exact=True).first.click()
    await page.get_by_role("link", name="Security", exact=True).click()
    await page.get_by_role("link", name="Add a passkey").click()
    await person.field("Name").fill(name)
    await person.field("Password").fill(person.user.password)
    await person.press("Continue")
    # The browser is asked at once, and answers by itself.
    await expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    return await page.get_by_role("list", name="Recovery codes").get_by_role("listitem").all_inner_texts()


async def signed_out(person: Person) -> None:
    await person.sign_out()
    await expect(person.field("Password")).to_be_visible()


async def security(person: Person) -> None:
    await person.page.goto(person.stack.url + "/settings/security")
    await expect(person.page.get_by_role("heading", name="Second factor")).to_be_visible()


async def test_with_a_prf_the_passkey_is_all_that_is_needed(named: Stack, chromium: Browser) -> None:
    async with owner(chromium, named, 0, prf=True) as (person, authenticator):
        page = person.page
        await person.sign_in()
        cookie = {one["name"]: one["value"] for one in await page.context.cookies()}["postern"]
        await enrol(person, "Laptop")
        changed = {one["name"]: one["value"] for one in await page.context.cookies()}["postern"]
        assert changed != cookie
        (credential,) = await authenticator.credentials()
        assert credential["rpId"] == "localhost" and credential["isResidentCredential"]
        await page.get_by_role("link", name="Done").click()
        await expect(page.get_by_text("signs you in alone")).to_be_visible()
        await signed_out(person)

        # Once the browser may have to give the PRF's output for the first time; then nothing is typed.
        await person.press("Use a passkey")
        await expect(person.messages.or_(person.field("Password"))).to_be_visible()
        if await person.field("Password").is_visible():
            await person.field("Password").fill(person.user.password)
            await person.press("Continue")
            await expect(person.messages).to_be_visible()
        for _ in range(2):
            await signed_out(person)
            await person.press("Use a passkey")
            await expect(person.messages).to_be_visible()

        # As the second step, after the password.
        await signed_out(person)
        await person.sign_in()
        await expect(person.messages).to_be_visible()

        # A copy of it.
        await signed_out(person)
        await authenticator.wind_back()
        await person.press("Use a passkey")
        await expect(page.get_by_text("This passkey was not accepted.")).to_be_visible()

        # Somebody else's finger; Chromium's authenticator stays blocked after that.
        await authenticator.refuses(True)
        await person.press("Use a passkey")
        await expect(page.get_by_text("That did not work, or took too long.")).to_be_visible()
        await expect(page.get_by_role("button", name="Use a passkey")).to_be_visible()

    for log, text in named.logs().items():
        assert credential["privateKey"] not in text, log


async def test_without_a_prf_the_password_is_asked_once_for_the_session(
    named: Stack, chromium: Browser
) -> None:
    async with owner(chromium, named, 1, prf=False) as (person, authenticator):
        page = person.page
        await person.sign_in()
        codes = await enrol(person, "Key")
        await page.get_by_role("link", name="Done").click()
        # A second one on the same device is refused by the browser itself, after a proof by the first.
        await page.get_by_role("link", name="Add a passkey").click()
        await person.field("Name").fill("Again")
        await person.press("Confirm with a passkey")
        await expect(page.get_by_text("This device has a passkey for your account already.")).to_be_visible()
        for _ in range(2):
            await page.goto(named.url)
            await signed_out(person)
            await person.press("Use a passkey")
            await expect(page.get_by_role("heading", name="Your mail password")).to_be_visible()
            await person.field("Password").fill(person.user.password)
            await person.press("Continue")
            await expect(person.messages).to_be_visible()

        # A recovery code stands in, in a browser without scripts too.
        await signed_out(person)
        await authenticator.refuses(True)
        await person.sign_in()
        await person.press("Use a recovery code")
        await person.field("Code").fill(codes[0])
        await person.press("Continue")
        await expect(person.messages).to_be_visible()
        await authenticator.refuses(False)

        await security(person)
        await page.get_by_role("link", name="Remove Key").click()
        await person.press("Confirm with a passkey")
        await expect(page.get_by_text("Second factor removed.")).to_be_visible()
        await expect(page.get_by_text("Passkey", exact=True)).to_have_count(0)
        await signed_out(person)
        await person.sign_in()
        await expect(person.messages).to_be_visible()


async def test_one_that_is_not_of_this_address_is_not_offered(embedded: Stack, chromium: Browser) -> None:
    """Under an IP address there are none: neither at sign-in nor in the settings."""
    async with somebody(chromium, embedded, embedded.people()[0]) as person:
        await person.page.goto(embedded.url)
        await expect(person.field("Password")).to_be_visible()
        await expect(person.page.get_by_role("button", name="Use a passkey")).to_have_count(0)
        await person.sign_in()
        await security(person)
        await expect(person.page.get_by_role("link", name="Add an authenticator app")).to_be_visible()
        await expect(person.page.get_by_role("link", name="Add a passkey")).to_have_count(0)
