"""Signing in by a real OpenID provider, in a real browser, over the whole of Postern."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext

from tests.support.openid import OpenIdServer, install
from tests.support.stack import embedded_stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

FILE = """
[domains]
"example.net" = "id"
"*" = "imap"
[ways.id]
kind = "oidc"
name = "Example account"
issuer = "{issuer}"
client_id = "postern"
client_secret_file = "{secret}"
prompt = "consent"
"""


async def test_there_and_back_in_a_browser(browser_context: BrowserContext, tmp_path: Path) -> None:
    install()
    provider = OpenIdServer(tmp_path, 3600, ())
    (tmp_path / "secret").write_text("postern-secret\n")
    file = tmp_path / "sign-in.toml"
    file.write_text(FILE.format(issuer=provider.issuer, secret=tmp_path / "secret"))
    with embedded_stack(POSTERN_SIGN_IN_FILE=str(file)) as stack:
        provider.daemon._environment["REDIRECTS"] = f"{stack.url}/sign-in/openid"  # type: ignore[index]
        provider.daemon.start()
        try:
            page = await browser_context.new_page()
            await page.goto(f"{stack.url}/settings")
            await page.get_by_label("Email address").fill("carol@example.net")
            await page.get_by_role("button", name="Sign in with Example account").click()
            await page.wait_for_url(f"{stack.url}/settings")
            assert await page.get_by_text("carol@example.net").first.is_visible()
            # The provider's session lasts, so that signing in again asks nothing; Postern's own does not.
            await page.get_by_role("link", name="Sign out").click()
            await page.wait_for_url(f"{stack.url}/sign-in")
            await page.goto(f"{stack.url}/settings")
            assert "/sign-in" in page.url
            # Who refuses there is told so here.
            await browser_context.clear_cookies()
            await page.goto(f"{stack.url}/sign-in")
            await page.get_by_label("Email address").fill("deny@example.net")
            await page.get_by_role("button", name="Sign in with Example account").click()
            await page.get_by_text("You did not sign in there.").wait_for()
            names = {cookie["name"] for cookie in await browser_context.cookies()}
            assert "postern" not in names and "postern-openid" not in names
            logs = "\n".join(stack.logs().values())
            for secret in ("postern-secret", "code_verifier", "access_token"):
                assert secret not in logs
        finally:
            provider.daemon.stop()
