"""A file too large for a message goes by a link in its text, and is fetched by whoever got the message."""

from __future__ import annotations

import os
import re
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, FilePayload, expect

from tests.e2e.test_four_ways import Mouse, somebody
from tests.e2e.test_writing import until
from tests.support.stack import embedded_stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_large_file_goes_by_link(chromium: Browser, tmp_path: Path) -> None:
    content = os.urandom(900_000)
    settings = {"POSTERN_LINKS_DIR": str(tmp_path), "POSTERN_MAX_UPLOAD_BYTES": "200000"}
    with embedded_stack(**settings) as stack:
        _alice, bob = stack.people()
        async with somebody(Mouse, chromium, stack) as she:
            await she.sign_in()
            await expect(she.messages).to_be_visible()
            await she.page.goto(f"{stack.url}/compose?to={bob.address}&subject=Large&body=Here")
            await she.page.locator("form[data-ready]").wait_for()
            file = FilePayload(name="film.mp4", mimeType="video/mp4", buffer=content)
            await she.page.get_by_label("Attach files").set_input_files([file])
            await expect(she.page.get_by_text("is too large for a message")).to_be_visible()
            await she.page.get_by_role("button", name="Send as a link").click()
            await expect(she.field("Message")).to_have_value(
                re.compile(r"film\.mp4 \(.+\): http\S+/links/\S{64}\n")
            )
            url = re.findall(r"http\S+/links/\S{64}", await she.field("Message").input_value())[0]
            # Nobody can fetch it before the message goes.
            assert httpx.get(url).status_code == 404
            await she.press("Send")
            await expect(she.field("Subject")).to_be_hidden()
            letter = await until(she, stack, bob, "INBOX", "Large")
        assert url in letter.get_body(("plain",)).get_content() and not list(letter.iter_attachments())
        answer = httpx.get(url)
        assert answer.status_code == 200 and answer.content == content
        assert 'attachment; filename="film.mp4"' in answer.headers["content-disposition"]
        assert answer.headers["content-type"] == "application/octet-stream"
        assert httpx.get(url[:-1] + ("A" if url[-1] != "A" else "B")).status_code == 404
