"""Pages and states of the web over services in memory, each come to by itself: to be drawn
(`make screenshots`) and to be audited. Nothing here goes by the words of a page, which may be in any
language."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import replace

from playwright.async_api import Error, FilePayload

from services.common.errors import PosternError, Reason
from services.web.model.security import Factor
from tests.e2e.stage import ENDLESS, LONG, Stage
from tests.unit.web.fake_auth import NOON
from tests.unit.web.fakes import VALIDITY

Scene = Callable[["Stage"], AsyncGenerator[None, None]]
SCENES: dict[str, Scene] = {}

TO, FILES = ".composer-line [data-suggest] >> nth=0", ".composer input[type=file]"

# The pages that are only gone to

PATHS = {
    "list": "/mail/INBOX",
    "list-filtered": "/mail/INBOX?filter=is:unread",
    "list-empty": "/mail/Roof",
    "list-of-others": "/mail/Team",
    "tree": "/mail/INBOX#mailboxes",
    "message": f"/mail/INBOX/{VALIDITY}.26",
    "message-doubted": f"/mail/INBOX/{VALIDITY}.25",
    "message-empty-subject": f"/mail/INBOX/{VALIDITY}.23",
    "message-gone": f"/mail/INBOX/{VALIDITY}.999",
    "message-printed": f"/mail/INBOX/{VALIDITY}.26/print",
    "message-source": f"/mail/INBOX/{VALIDITY}.26/source",
    "outbox-waiting": "/outbox",
    "share": "/mail/Projects/share",
    "manage": "/mail/Projects/manage",
    "manage-of-others": "/mail/Team/manage",
    "mailboxes-all": "/mailboxes",
    "import": "/mail/INBOX/import",
    "export": "/mail/INBOX/export",
    "contacts-list": "/contacts",
    "contact": "/contacts/c0",
    "contact-edit": "/contacts/c1/edit",
    "settings-identities": "/settings",
    "settings-labels": "/settings/labels",
    "settings-templates": "/settings/templates",
    "settings-security": "/settings/security",
    "settings-tokens": "/settings/apps",
    "factor-app": "/settings/security/app",
    "factor-card": "/settings/security/card",
    "factor-passkey": "/settings/security/passkey",
    "search-help": "/search",
    "search-chips": "/search?q=lime+is:unread+from:bob+subject:delivery+has:attachment",
    "search-found": "/search?q=delivery",
    "search-saved": "/search?q=roof&saved=s2",
    "template-used": "/compose?template=t0",
    "template-edited": "/compose?edit=1&template=t2",
    "sign-out": "/sign-out",
    "link-gone": "/links/" + "x" * 64,
}


def _at(path: str) -> Scene:
    async def scene(s: Stage) -> AsyncGenerator[None, None]:
        await s.go(path)
        yield

    return scene


SCENES.update({name: _at(path) for name, path in PATHS.items()})


def scene(function: Scene) -> Scene:
    SCENES[function.__name__.replace("_", "-")] = function
    return function


# Settings


@scene
async def settings_codes(s: Stage) -> AsyncGenerator[None, None]:
    """Addresses that a code is to open: one is on its way, another was not asked for yet."""
    await s.go("/settings")
    await s.page.locator("form[action='/settings/identity/code']").last.scroll_into_view_if_needed()
    yield


# The list


@scene
async def list_selected(s: Stage) -> AsyncGenerator[None, None]:
    await s.select(1, 2)
    yield


@scene
async def list_selected_menu(s: Stage) -> AsyncGenerator[None, None]:
    await s.select(1)
    await s.page.locator(".list-actions .menu > summary").click()
    yield


@scene
async def list_menu(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/mail/INBOX")
    await s.page.locator(".list-tools .menu > summary").click()
    yield


@scene
async def list_focused(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/mail/INBOX")
    for _ in range(3):
        await s.page.keyboard.press("j")
    yield


@scene
async def undo(s: Stage) -> AsyncGenerator[None, None]:
    await s.select(8)
    await s.page.keyboard.press("e")
    await s.page.locator("#undo").wait_for()
    yield


@scene
async def unreachable(s: Stage) -> AsyncGenerator[None, None]:
    s.services.mail.fail["messages"] = PosternError(Reason.MAIL_SERVER_UNREACHABLE)
    await s.go("/mail/INBOX")
    yield
    s.services.mail.fail.clear()


@scene
async def broken(s: Stage) -> AsyncGenerator[None, None]:
    s.services.mail.fail["mailboxes"] = s.services.mail.fail["messages"] = PosternError(Reason.INTERNAL)
    await s.go("/mail/INBOX")
    yield
    s.services.mail.fail.clear()


@scene
async def forbidden(s: Stage) -> AsyncGenerator[None, None]:
    """A form whose token is not the session's."""
    await s.go("/mail/INBOX")
    await s.page.locator(".list input[name=csrf]").first.evaluate("one => { one.value = 'x' }")
    await s.page.evaluate("document.querySelector('.list form').submit()")
    await s.page.locator(".trace").wait_for()
    yield


@scene
async def missing_trash(s: Stage) -> AsyncGenerator[None, None]:
    trash = s.services.mail.boxes.pop("Trash")
    await s.select(4)
    await s.page.keyboard.press("#")
    await s.page.locator("[name=create]").first.wait_for(state="attached")
    yield
    s.services.mail.boxes["Trash"] = trash


# The tree


@scene
async def mailbox_menu(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/mail/INBOX#mailboxes")
    more = s.page.locator("#tree li:has([data-mailbox=Projects]) .mbox-more")
    if not await more.is_visible():
        return  # the tree is folded to icons
    await more.press("Enter")
    await s.page.locator(".mbox-menu").wait_for()
    yield


@scene
async def mailbox_made_in_place(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/mail/INBOX#mailboxes")
    await s.page.locator("[data-new-mailbox]").press("Enter")
    yield


@scene
async def mailbox_renamed_in_place(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/mail/INBOX#mailboxes")
    await s.page.locator("[data-mailbox=Projects]").press("F2")
    yield


# Dialogs


@scene
async def move_dialog(s: Stage) -> AsyncGenerator[None, None]:
    await s.select(1)
    await s.dialog("v")
    yield


@scene
async def labels_dialog(s: Stage) -> AsyncGenerator[None, None]:
    await s.select(0)
    await s.dialog("l")
    await s.page.keyboard.type("new")
    yield


@scene
async def keys_dialog(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/mail/INBOX")
    await s.dialog("?")
    yield


@scene
async def message_menu(s: Stage) -> AsyncGenerator[None, None]:
    await s.go(f"/mail/INBOX/{VALIDITY}.26")
    await s.page.locator(".thread > .toolbar .menu > summary").click()
    yield


@scene
async def message_headers(s: Stage) -> AsyncGenerator[None, None]:
    await s.go(f"/mail/INBOX/{VALIDITY}.26")
    await s.page.locator(".message-to summary, .quote > summary").first.click()
    yield


@scene
async def session_ended(s: Stage) -> AsyncGenerator[None, None]:
    await s.letter()
    await s.page.context.clear_cookies(name="postern")
    await s.page.locator("textarea[name=body]").press_sequentially("I was about to say")
    await s.page.locator("dialog[open]").wait_for()
    yield
    await s.sign_in()


# Searching


@scene
async def search_completion(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/mail/INBOX")
    await s.page.locator("[data-search]").press_sequentially("roof i")
    await s.page.locator(".search [role=option]").first.wait_for()
    await s.page.keyboard.press("ArrowDown")
    yield


@scene
async def search_flowing(s: Stage) -> AsyncGenerator[None, None]:
    s.services.mail.pace = asyncio.Queue()
    await s.go("/mail/INBOX")
    await s.page.locator("[data-search]").fill("delivery")
    await s.page.locator("[data-search]").press("Enter", no_wait_after=True)
    await s.page.locator("[data-searching]").wait_for()
    yield
    s.services.mail.pace = None
    await s.page.goto("about:blank")


@scene
async def search_menus(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/search?q=delivery")
    await s.page.locator(".list-ways .menu > summary").last.click()
    yield


@scene
async def search_where(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/search?q=delivery")
    await s.page.locator(".list-ways .menu > summary").first.click()
    yield


# Writing


@scene
async def composer_full(s: Stage) -> AsyncGenerator[None, None]:
    people = f"bob@example.org, Erin Ní Bhriain <erin@example.net>, nobody, {ENDLESS}"
    await s.letter("/compose?subject=About+the+roof")
    await s.page.locator(TO).press_sequentially(people + ",")
    await s.page.keyboard.press("Escape")
    await s.page.locator("[data-reveal=cc]").click()
    await s.page.locator("textarea[name=body]").fill("Dear all,\n\nthe roof is dry again.\n\nAlice")
    files = [
        FilePayload(name=name, mimeType="text/plain", buffer=b"x" * 2000)
        for name in ("a.txt", "Plan of the east gate, third drawing, revised twice.txt")
    ]
    await s.page.locator(FILES).set_input_files(files)
    await s.page.locator("[data-file-list] button").nth(1).wait_for()
    yield


@scene
async def composer_formatting(s: Stage) -> AsyncGenerator[None, None]:
    await s.letter()
    await s.page.locator(".composer-toggle").click()
    await s.page.locator("[data-format]").wait_for()
    yield


@scene
async def composer_suggestions(s: Stage) -> AsyncGenerator[None, None]:
    await s.letter("/compose")
    await s.page.locator(TO).press_sequentially("bo")
    await s.page.locator("[role=option]").first.wait_for()
    await s.page.keyboard.press("ArrowDown")
    yield


@scene
async def composer_options(s: Stage) -> AsyncGenerator[None, None]:
    await s.letter()
    await s.page.locator(".composer-options > summary").click()
    yield


@scene
async def composer_later(s: Stage) -> AsyncGenerator[None, None]:
    await s.letter()
    await s.page.locator(".composer-later > summary").click()
    yield


@scene
async def composer_templates(s: Stage) -> AsyncGenerator[None, None]:
    await s.letter()
    await s.page.locator(".composer-options > summary").click()
    await s.page.locator("[value=templates]").click()
    await s.page.locator(".templates").wait_for()
    yield


@scene
async def composer_cautions(s: Stage) -> AsyncGenerator[None, None]:
    await s.letter("/compose?to=bob@exampel.org&body=The+plan+is+attached.")
    await s.page.locator(".composer-foot [value=send]").click()
    await s.page.locator(".composer-notices .notice").first.wait_for()
    yield


@scene
async def composer_large_file(s: Stage) -> AsyncGenerator[None, None]:
    await s.letter()
    file = FilePayload(name="The whole film of the wall.mp4", mimeType="video/mp4", buffer=b"x" * 300_000)
    await s.page.locator(FILES).set_input_files([file])
    await s.page.locator(".composer-notices .notice").first.wait_for()
    yield


@scene
async def composer_windows(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/mail/INBOX")
    if await s.page.evaluate("innerWidth < 800"):
        return  # there a letter is the page
    await s.page.keyboard.press("c")
    await s.page.locator(".composer[data-ready]").wait_for()
    yield


@scene
async def kept(s: Stage) -> AsyncGenerator[None, None]:
    """What was being written when the page was closed."""
    await s.letter()
    await s.page.locator("textarea[name=body]").press_sequentially("Half a ")
    await s.page.wait_for_timeout(600)
    await s.go("/mail/INBOX")
    await s.page.locator(".kept").wait_for()
    yield
    await s.forget()


@scene
async def composer_conflict(s: Stage) -> AsyncGenerator[None, None]:
    await s.letter()
    await s.page.locator("textarea[name=body]").press_sequentially("Mine. ")
    await s.page.locator("[data-state]", has_text=re.compile(r"\S")).wait_for()
    content, _replaces = s.services.send.drafts[-1]
    await s.services.send.save_draft("", "", replace(content, text="Theirs."), None, "r")
    await s.page.locator("textarea[name=body]").press_sequentially("More.")
    await s.page.locator(".conflict").wait_for()
    yield


# Long work


def hold(s: Stage) -> None:
    """Let the work do its first step alone."""
    s.services.mail.slow, s.services.mail.step = asyncio.Semaphore(1), 5


def let_go(s: Stage) -> None:
    slow, s.services.mail.slow = s.services.mail.slow, None
    for _ in range(100):
        if slow is not None:
            slow.release()


async def leave_work(s: Stage) -> None:
    """Let the work end, and leave its page: that loads itself again until then, maybe just as it is left."""
    let_go(s)
    for _ in range(5):
        with suppress(Error):
            await s.page.goto("about:blank")
            return
    raise AssertionError("the page of the work cannot be left")


@scene
async def working(s: Stage) -> AsyncGenerator[None, None]:
    hold(s)
    inbox = dict(s.services.mail.boxes["INBOX"])
    await s.select(10)
    await s.submit(".list form", all="1", do="archive")
    await s.page.wait_for_url("**/works/*")
    yield
    await leave_work(s)
    s.services.mail.boxes["INBOX"] = inbox


@scene
async def working_line(s: Stage) -> AsyncGenerator[None, None]:
    hold(s)
    await s.go("/mail/INBOX/export")
    await s.page.locator("main form [type=submit]").first.click()
    await s.page.locator("[data-work] progress").wait_for()
    yield
    await leave_work(s)


# Settings, and signing in


@scene
async def token_made(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/settings/apps")
    await s.page.locator("main [name=name]").fill("Backup at home")
    await s.page.locator("main [name=password]").fill("alice")
    await s.page.locator("main [name=password]").press("Enter")
    await s.page.locator("#f-secret").wait_for()
    yield


@scene
async def factor_drawn(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/settings/security/app")
    await s.page.locator("main [name=password]").fill("alice")
    await s.page.locator("main [name=password]").press("Enter")
    await s.page.locator(".qr").wait_for()
    yield
    await s.page.locator("main [name=code]").fill("123456")
    await s.page.locator("main [name=code]").press("Enter")
    await s.page.locator(".codes").wait_for()


@scene
async def factor_codes(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/settings/security/codes")
    await s.page.locator("main [name=code]").fill("234567")
    await s.page.locator("main [name=code]").press("Enter")
    await s.page.locator(".codes").wait_for()
    yield


@scene
async def factor_listed(s: Stage) -> AsyncGenerator[None, None]:
    s.services.auth.factor_list.append(Factor("f9", "passkey", LONG, NOON, NOON, can_sign_in=True))
    await s.go("/settings/security")
    yield


@scene
async def factor_removed(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/settings/security/remove?factor=f1")
    yield


@scene
async def second_step(s: Stage) -> AsyncGenerator[None, None]:
    await s.page.context.clear_cookies()
    await s.page.goto(s.url + "/sign-in")
    await s.page.locator("[name=email]").fill("alice@example.org")
    await s.page.locator("[name=password]").fill("alice")
    await s.page.locator("[name=password]").press("Enter")
    await s.page.locator("[name=code]").wait_for()
    yield


@scene
async def second_step_recovery(s: Stage) -> AsyncGenerator[None, None]:
    await s.page.locator("[value=recovery]").click()
    await s.page.locator("[name=recovery]").wait_for(state="attached")
    yield


@scene
async def sign_in_offers(s: Stage) -> AsyncGenerator[None, None]:
    await s.page.context.clear_cookies()
    await s.go("/sign-in")
    yield


@scene
async def sign_in_down(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/sign-in")
    s.services.auth.fail = PosternError(Reason.MAIL_SERVER_UNREACHABLE)
    await s.page.locator("[name=email]").fill("alice@example.org")
    await s.page.locator("[name=password]").fill("alice")
    await s.page.locator("[name=password]").press("Enter")
    await s.page.locator(".notice").wait_for()
    yield
    s.services.auth.fail = None


@scene
async def must_enrol(s: Stage) -> AsyncGenerator[None, None]:
    s.services.auth.factor_list.clear()
    s.services.auth.required = True
    await s.page.goto(s.url + "/sign-in")
    await s.page.locator("[name=email]").fill("alice@example.org")
    await s.page.locator("[name=password]").first.fill("alice")
    await s.page.locator("[name=password]").first.press("Enter")
    await s.page.locator("[name=name]").wait_for()
    yield
    s.services.auth.required = False
