"""Mailboxes and labels four ways: with a mouse, with the keyboard alone, by touch, and without scripts."""

from __future__ import annotations

import re
import secrets

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.e2e.test_four_ways import Keyboard, Mouse, NoScripts, Touch, somebody
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Filing(Mouse):
    """What is done to mailboxes and messages, by pointer."""

    @property
    def tree(self) -> Locator:
        return self.page.get_by_role("navigation", name="Mailboxes")

    def box(self, name: str) -> Locator:
        return self.tree.get_by_role("link", name=re.compile(rf"^{re.escape(name)}\b"))

    async def show_tree(self) -> None:
        """Where it is not there all the time."""

    async def make(self, name: str) -> None:
        await self.show_tree()
        await self.use(self.page.get_by_role("link", name="New mailbox"))
        await self.page.get_by_label("Name of the mailbox").fill(name)
        await self.page.keyboard.press("Enter")

    async def menu(self, name: str, item: str) -> None:
        await self.show_tree()
        await self.box(name).hover()
        await self.use(self.page.get_by_role("button", name=f"What to do with {name}"))
        menu = self.page.get_by_role("group", name=f"What to do with {name}")
        await self.use(menu.get_by_role("button", name=item))

    async def rename(self, name: str, new: str) -> None:
        await self.menu(name, "Rename")
        await self.page.get_by_label("Name of the mailbox").fill(new)
        await self.page.keyboard.press("Enter")

    async def put_away(self, name: str) -> None:
        await self.menu(name, "Move to Trash")

    async def take_back(self) -> None:
        await self.use(self.page.get_by_role("button", name="Undo", exact=True))

    async def select(self, subject: str) -> None:
        await self.page.get_by_label(f"Select: {subject}").check()

    async def move(self, subject: str, target: str) -> None:
        await self.select(subject)
        await self.use(self.page.get_by_role("toolbar").get_by_role("button", name="Move to"))
        await self.choose(target)

    async def label(self, subject: str, name: str) -> None:
        await self.select(subject)
        await self.use(self.page.get_by_role("toolbar").get_by_role("button", name="Labels"))
        await self.choose(name)

    async def choose(self, text: str) -> None:
        dialog = self.page.get_by_role("dialog")
        await dialog.get_by_role("combobox").fill(text)
        await self.use(dialog.get_by_role("option", name=text).first)


class FilingTouch(Filing, Touch):
    async def show_tree(self) -> None:
        if not await self.page.locator("#mailboxes").is_visible():
            await self.page.goto(f"{self.stack.url}/mail/INBOX#mailboxes")

    async def menu(self, name: str, item: str) -> None:
        await self.show_tree()
        await self.use(self.page.get_by_role("button", name=f"What to do with {name}"))
        await self.use(self.page.get_by_role("group").get_by_role("button", name=item))


class FilingKeys(Filing, Keyboard):
    async def menu(self, name: str, item: str) -> None:
        await self.box(name).focus()
        await self.page.keyboard.press("Tab")
        await self.page.keyboard.press("Enter")
        group = self.page.get_by_role("group", name=f"What to do with {name}")
        await expect(group).to_be_visible()
        for _ in range(12):
            if item in await self.page.evaluate("document.activeElement.textContent"):
                break
            await self.page.keyboard.press("ArrowDown")
        await self.page.keyboard.press("Enter")

    async def rename(self, name: str, new: str) -> None:
        await self.box(name).focus()
        await self.page.keyboard.press("F2")
        await self.page.keyboard.type(new)
        await self.page.keyboard.press("Enter")
        await expect(self.box(new)).to_be_focused()

    async def take_back(self) -> None:
        await self.page.keyboard.press("z")

    async def select(self, subject: str) -> None:
        await self.row(subject).first.focus()

    async def move(self, subject: str, target: str) -> None:
        await self.select(subject)
        await self.page.keyboard.press("v")
        await self.choose(target)

    async def label(self, subject: str, name: str) -> None:
        await self.select(subject)
        await self.page.keyboard.press("l")
        await self.choose(name)

    async def choose(self, text: str) -> None:
        await expect(self.page.get_by_role("combobox")).to_be_focused()
        await self.page.keyboard.type(text)
        await self.page.keyboard.press("Enter")


class FilingPlain(Filing, NoScripts):
    async def make(self, name: str) -> None:
        await self.use(self.page.get_by_role("link", name="New mailbox"))
        await self.page.get_by_label("Name", exact=True).fill(name)
        await self.press("Create")

    async def manage(self, name: str) -> None:
        await self.page.goto(f"{self.stack.url}/mailboxes")
        await self.use(self.page.get_by_role("link", name=f"Change {name}"))

    async def rename(self, name: str, new: str) -> None:
        await self.manage(name)
        await self.page.get_by_label("Name", exact=True).fill(new)
        await self.press("Rename")

    async def put_away(self, name: str) -> None:
        await self.manage(name)
        await self.press("Move to Trash")

    async def move(self, subject: str, target: str) -> None:
        await self.select(subject)
        await self.page.get_by_role("toolbar").get_by_role("button", name="Move to").click()
        await self.page.get_by_label("Mailbox", exact=True).select_option(target)
        await self.press("Move")

    async def label(self, subject: str, name: str) -> None:
        await self.select(subject)
        await self.page.get_by_role("toolbar").get_by_role("button", name="Labels").click()
        if await self.page.get_by_label("Label", exact=True).get_by_role("option", name=name).count():
            await self.page.get_by_label("Label", exact=True).select_option(name)
            await self.press("Take off")
        else:
            await self.page.get_by_label("New label").fill(name)
            await self.page.get_by_role("button", name="Add label").last.click()


KINDS = [Filing, FilingKeys, FilingTouch, FilingPlain]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_mailbox_is_made_filled_renamed_put_away_and_had_back(
    embedded: Stack, chromium: Browser, kind: type[Filing]
) -> None:
    alice, bob = embedded.people()
    word = secrets.token_hex(3)
    subject, name, renamed = f"To file {word}", f"Box {word}", f"Größe {word}"
    embedded.deliver(bob, alice, subject, "x\n")
    async with somebody(kind, chromium, embedded) as she:
        assert isinstance(she, Filing)
        await she.sign_in()
        await she.wait_for_row(subject)
        await she.make(name)
        await expect(she.page.get_by_text(f"Mailbox {name} created.")).to_be_visible()
        await she.page.goto(embedded.url)
        await she.move(subject, name)
        await expect(she.page.get_by_text("1 message moved to")).to_be_visible()
        await expect(she.row(subject)).to_have_count(0)
        await she.rename(name, renamed)
        await expect(she.page.get_by_text(f"Mailbox renamed to {renamed}.")).to_be_visible()
        await she.put_away(renamed)
        await expect(
            she.page.get_by_text(f"Mailbox {renamed} moved to Trash with its 1 message.")
        ).to_be_visible()
        with embedded.imap(alice) as imap:
            assert f"Trash/{renamed}" in {each for _, _, each in imap.list_folders()}
        await she.take_back()
        await expect(she.page.get_by_text("Undone.")).to_be_visible()
        with embedded.imap(alice) as imap:
            assert imap.select_folder(renamed, readonly=True)[b"EXISTS"] == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_label_is_made_seen_found_and_taken_off(
    embedded: Stack, chromium: Browser, kind: type[Filing]
) -> None:
    alice, bob = embedded.people()
    word = secrets.token_hex(3)
    subject, name = f"To label {word}", f"Prüfung 山 {word}"
    embedded.deliver(bob, alice, subject, "x\n")

    def labelled() -> int:
        with embedded.imap(alice) as imap:
            imap.select_folder("INBOX", readonly=True)
            (uid,) = imap.search(["SUBJECT", subject])
            return sum(word.encode() in flag for flag in imap.get_flags([uid])[uid])

    async with somebody(kind, chromium, embedded) as she:
        assert isinstance(she, Filing)
        await she.sign_in()
        await she.wait_for_row(subject)
        await she.label(subject, name)
        await expect(she.page.get_by_text(f"1 message labelled {name}.")).to_be_visible()
        await expect(she.row(subject).first.locator(".label")).to_have_text(name)
        assert labelled() == 1
        await she.page.goto(embedded.url)
        await she.use(she.row(subject).first)
        await she.use(she.page.locator("#reading").get_by_role("link", name=name))
        await expect(she.page).to_have_url(re.compile("filter=label"))
        await expect(she.messages.get_by_role("link")).to_have_count(1)
        await she.label(subject, name)
        await expect(she.page.get_by_text(f"Label {name} taken off 1 message.")).to_be_visible()
        assert labelled() == 0


async def test_a_mailbox_and_a_message_are_dragged_to_where_they_belong(
    embedded: Stack, chromium: Browser
) -> None:
    alice, bob = embedded.people()
    word = secrets.token_hex(3)
    subject, outer, inner = f"To drag {word}", f"Outer {word}", f"Inner {word}"
    embedded.deliver(bob, alice, subject, "x\n")
    with embedded.imap(alice) as imap:
        for name in (outer, inner):
            imap.create_folder(name)
            imap.subscribe_folder(name)
    async with somebody(Filing, chromium, embedded) as she:
        assert isinstance(she, Filing)
        await she.sign_in()
        await she.wait_for_row(subject)
        await she.row(subject).first.drag_to(she.box(inner))
        await expect(she.page.get_by_text(f"1 message moved to {inner}.")).to_be_visible()
        # News come while the mailbox is held: it is not taken away from under the pointer.
        await she.box(inner).hover()
        held = await she.box(inner).element_handle()
        await she.page.mouse.down()
        embedded.deliver(bob, alice, f"News {word}", "x\n")
        await expect(she.row(f"News {word}")).to_be_visible(timeout=20_000)
        await she.page.wait_for_timeout(500)
        assert held and await held.evaluate("line => line.isConnected")
        await she.box(outer).hover()
        await she.page.mouse.up()
        await expect(she.page.get_by_text(f"Mailbox renamed to {outer}/{inner}.")).to_be_visible()
        with embedded.imap(alice) as imap:
            assert imap.select_folder(f"{outer}/{inner}", readonly=True)[b"EXISTS"] == 1
