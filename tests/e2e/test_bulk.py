"""Acts on thousands of messages, with progress, Stop and a way back; import and export by the browser."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from bench.mailboxes import fill
from tests.e2e.person import SLOW, somebody
from tests.support.dovecot import Dovecot, MailUser
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")
# So many that moving them is still under way when a page that shows it is there.
MANY = 40_000
# Messages of a file that is taken in.
FILED = 5_000


def counts(real: Stack, user: MailUser, *mailboxes: str) -> list[int]:
    with real.imap(user) as imap:
        return [imap.select_folder(name, readonly=True)[b"EXISTS"] for name in mailboxes]


@pytest.fixture(scope="module")
def crowd(real: Stack, dovecot: Dovecot) -> MailUser:
    """Somebody with thousands of messages; who moves them puts them back."""
    user = dovecot.add_user()
    fill(dovecot, user, MANY)
    with real.imap(user) as imap:
        imap.create_folder("Archive")
    return user


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])
async def test_thousands_move_with_progress_stop_and_undo(
    real: Stack, crowd: MailUser, chromium: Browser, javascript: bool
) -> None:
    user = crowd
    async with somebody(chromium, real, user, javascript=javascript) as she:
        page = she.page
        await she.sign_in()
        await expect(she.messages).to_be_visible()
        if javascript:
            await page.locator(".row-check input").first.check()
            await page.get_by_label("Select all on this page").check()
            await page.get_by_role("button", name=f"Select all {MANY}").click()
        else:
            await page.locator(".row-check input").first.check()
            await page.get_by_label(f"All that match: {MANY:,}").check()
        await page.get_by_role("toolbar").get_by_role("button", name="Archive", exact=True).click()
        await expect(page.get_by_text(re.compile(rf"Archiving: [\d,]+ of {MANY:,}"))).to_be_visible(
            timeout=SLOW
        )
        await page.get_by_role("button", name="Stop").click()
        said = page.get_by_text(re.compile(r"[\d,]+ messages archived\."))
        await expect(said).to_be_visible(timeout=SLOW)
        told = int(re.sub(r"\D", "", str(await said.text_content())))
        inbox, archive = counts(real, user, "INBOX", "Archive")
        assert (inbox, archive) == (MANY - told, told), "what was said is not what was done"
        # Without scripts a page is loaded before it can be stopped: it may then have been done.
        assert told > 0 and (told < MANY or not javascript)
        assert (told < MANY) == ("Stopped." in str(await said.text_content()))
        await page.get_by_role("button", name="Undo", exact=True).click()
        await expect(page.get_by_text("Undone.")).to_be_visible(timeout=2 * SLOW)
        assert counts(real, user, "INBOX", "Archive") == [MANY, 0]


async def test_an_export_and_an_import_are_stopped(
    real: Stack, crowd: MailUser, chromium: Browser, tmp_path: Path
) -> None:
    """The file is broken off, so that nobody takes it for whole; what was taken in stays, and is told."""
    (tmp_path / "all.mbox").write_bytes(
        b"".join(
            b"From x\nFrom: ann@example.org\nSubject: Taken in %d\nMessage-ID: <%d@in>\n\n%b\n\n"
            % (number, number, b"x" * 2_000)
            for number in range(FILED)
        )
    )
    with real.imap(crowd) as imap:
        imap.create_folder("Old")
    async with somebody(chromium, real, crowd) as she:
        page = she.page
        await she.sign_in()
        await expect(she.messages).to_be_visible()
        stop = page.get_by_role("button", name="Stop")
        await page.goto(f"{real.url}/mail/INBOX/export")
        async with page.expect_download() as started:
            await page.get_by_role("button", name="Export").click()
        await stop.click()
        await expect(page.get_by_text(re.compile(r"Stopped\. [\d,]+ messages exported\."))).to_be_visible()
        assert await (await started.value).failure(), (
            "a file that was broken off is saved as if it were whole"
        )
        await page.goto(f"{real.url}/mail/Old/import")
        await page.get_by_label("Files").set_input_files(tmp_path / "all.mbox")
        await page.get_by_role("button", name="Import").click()
        await expect(page.get_by_text(re.compile(r"Importing to Old: [\d,]+"))).to_be_visible(timeout=SLOW)
        await stop.click()
        said = page.get_by_text(re.compile(r"Stopped\. [\d,]+ messages? imported"))
        await expect(said).to_be_visible(timeout=SLOW)
        told = int(re.sub(r"\D", "", str(await said.text_content())))
        assert counts(real, crowd, "Old") == [told] and told < FILED


async def test_trash_is_emptied_and_all_is_marked_read_and_counts_follow(
    real: Stack, dovecot: Dovecot, chromium: Browser
) -> None:
    user = dovecot.add_user()
    fill(dovecot, user, 40)
    async with somebody(chromium, real, user) as she:
        page = she.page
        with real.imap(user) as imap:
            imap.create_folder("Trash")
            imap.select_folder("INBOX")
            uids = imap.search()
            imap.remove_flags(uids, ["\\Seen"])
            imap.copy(uids[:20], "Trash")
        await she.sign_in()
        inbox = page.get_by_role("navigation", name="Mailboxes").get_by_role(
            "link", name=re.compile("^Inbox")
        )
        await expect(inbox).to_have_text(re.compile("40"))
        await page.get_by_label("Order and mailbox").click()
        await page.get_by_role("button", name="Mark all as read").click()
        await expect(page.get_by_text("40 messages marked as read.")).to_be_visible()
        await expect(inbox).not_to_have_text(re.compile(r"\d"))
        await page.keyboard.press("z")
        await expect(inbox).to_have_text(re.compile("40"))
        await she.go_to("Trash")
        await page.get_by_label("Order and mailbox").click()
        await page.get_by_role("link", name="Delete all forever").click()
        await expect(page.get_by_text("20 messages will be deleted. This cannot be undone.")).to_be_visible()
        await page.get_by_role("button", name="Delete forever").click()
        await expect(page.get_by_text("20 messages deleted for good.")).to_be_visible()
        assert counts(real, user, "INBOX", "Trash") == [40, 0]


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "plain"])
async def test_a_mailbox_goes_out_as_a_file_and_in_again(
    real: Stack, dovecot: Dovecot, chromium: Browser, tmp_path: Path, javascript: bool
) -> None:
    user = dovecot.add_user()
    fill(dovecot, user, 60)
    with real.imap(user) as imap:
        imap.create_folder("Old")
    async with somebody(chromium, real, user, javascript=javascript) as she:
        page = she.page
        await she.sign_in()
        await expect(she.messages).to_be_visible()
        for kind, label in (("zip", "zip file"), ("mbox", "mbox file")):
            await page.goto(f"{real.url}/mail/INBOX/export")
            await page.get_by_label(re.compile(label)).check()
            async with page.expect_download() as started:
                await page.get_by_role("button", name="Export").click()
            content = (await (await started.value).path()).read_bytes()
            (tmp_path / f"all.{kind}").write_bytes(content)
            if kind == "zip":
                assert len(zipfile.ZipFile(io.BytesIO(content)).namelist()) == 60
                if javascript:
                    await expect(page.get_by_text("60 messages exported.")).to_be_visible()
        for number, kind in enumerate(("zip", "mbox"), 1):
            await page.goto(f"{real.url}/mail/Old/import")
            await page.get_by_label("Files").set_input_files(tmp_path / f"all.{kind}")
            await page.get_by_role("button", name="Import").click()
            # The second file holds what is there already.
            told = "60 messages imported." if number == 1 else "0 messages imported; others were there"
            await expect(page.get_by_text(told)).to_be_visible(timeout=SLOW)
            assert counts(real, user, "Old") == [60]
