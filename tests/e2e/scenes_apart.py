"""What does not happen every day: documents that stand alone, things gone meanwhile, a line that is down, and
the ways of signing in again. These scenes come after those of `scenes.py`."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from services.common.errors import PosternError, Reason
from services.web.errors import NoCertificate
from tests.e2e.scenes import SCENES, scene
from tests.e2e.stage import DESIGNED, Stage
from tests.unit.web.fakes import VALIDITY

__all__ = ["SCENES"]

FIRST = f"/mail/INBOX/{VALIDITY}.26"


@scene
async def message_in_html(s: Stage) -> AsyncGenerator[None, None]:
    """The first of these: signed in again, without a second factor."""
    s.services.auth.factor_list.clear()
    await s.page.context.clear_cookies()
    await s.sign_in()
    await s.go(f"/mail/INBOX/{VALIDITY}.{DESIGNED}")
    await s.page.frame_locator(".message-frame").locator("h1").wait_for()
    yield


# Documents by themselves


@scene
async def message_in_html_printed(s: Stage) -> AsyncGenerator[None, None]:
    await s.go(f"/mail/INBOX/{VALIDITY}.{DESIGNED}/print")
    yield


@scene
async def message_within(s: Stage) -> AsyncGenerator[None, None]:
    await s.go(FIRST + "?within=5")
    yield


@scene
async def attachment_picture(s: Stage) -> AsyncGenerator[None, None]:
    await s.go(FIRST + "/part/3?show=1")
    yield


@scene
async def attachment_pdf(s: Stage) -> AsyncGenerator[None, None]:
    await s.go(FIRST + "/part/2?show=1")
    await s.page.wait_for_timeout(1_000)  # the browser's own viewer tells nobody when it is ready
    yield


@scene
async def attachment_text(s: Stage) -> AsyncGenerator[None, None]:
    await s.go(FIRST + "/part/4?show=1")
    yield


@scene
async def attachment_gone(s: Stage) -> AsyncGenerator[None, None]:
    await s.go(FIRST + "/part/99?show=1")
    yield


# The list, and what is gone meanwhile


@scene
async def list_selected_all(s: Stage) -> AsyncGenerator[None, None]:
    await s.select(0)
    await s.page.locator("[data-select-all]").check()
    yield


@scene
async def pick_without_scripts(s: Stage) -> AsyncGenerator[None, None]:
    """Where to, asked on a page of its own."""
    await s.select(1)
    await s.submit(".list form", do="move")
    await s.page.locator("main select[name=to]").wait_for()
    yield


@scene
async def message_opened(s: Stage) -> AsyncGenerator[None, None]:
    """Beside the list, in place."""
    await s.go("/mail/INBOX")
    await s.page.locator(f"[data-rows] .row-link[href*='{VALIDITY}.22']").click()
    await s.page.locator("#reading .message").wait_for()
    yield


@scene
async def message_loading(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/mail/INBOX")
    await s.page.route(f"**/{VALIDITY}.10*", lambda route: None)
    await s.page.locator(f"[data-rows] .row-link[href*='{VALIDITY}.10']").click(no_wait_after=True)
    await s.page.locator("#reading.is-waiting").wait_for(state="attached")
    yield
    await s.page.goto("about:blank")
    await s.page.unroute_all(behavior="ignoreErrors")


@scene
async def message_gone_in_place(s: Stage) -> AsyncGenerator[None, None]:
    """Another program deleted it after the list was drawn."""
    await s.go("/mail/INBOX")
    gone = s.services.mail.boxes["INBOX"].pop(11)
    await s.page.locator(f"[data-rows] .row-link[href*='{VALIDITY}.11']").click()
    await s.page.locator("#reading .trace").wait_for()
    yield
    s.services.mail.boxes["INBOX"][11] = gone


@scene
async def mailbox_gone(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/mail/Nowhere")
    yield


@scene
async def contact_new(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/contacts/new")
    yield


@scene
async def trash_emptied(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/mail/Trash/empty")
    yield


@scene
async def offline(s: Stage) -> AsyncGenerator[None, None]:
    await s.letter()
    await s.page.context.set_offline(True)
    await s.page.locator(".offline").wait_for()
    await s.page.locator("textarea[name=body]").press_sequentially("On the train. ")
    yield
    await s.page.context.set_offline(False)
    await s.forget()


@scene
async def sent(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/mail/INBOX")
    await s.page.locator("a[href='/compose']:visible").first.click()
    await s.page.locator(".composer[data-ready]").wait_for()
    await s.page.locator(".composer [data-suggest]").first.fill("bob@example.org")
    await s.page.locator(".composer [name=subject]").fill("The wall")
    await s.page.locator(".composer textarea[name=body]").fill("It stands.")
    await s.page.keyboard.press("Control+Enter")
    await s.page.locator("[data-undo]").wait_for()
    yield


@scene
async def mailbox_said_no(s: Stage) -> AsyncGenerator[None, None]:
    s.services.mail.fail["messages"] = PosternError(Reason.PERMISSION_DENIED)
    await s.go("/mail/INBOX")
    yield
    s.services.mail.fail.clear()


@scene
async def without_certificate(s: Stage) -> AsyncGenerator[None, None]:
    """What the outer gate says."""
    s.services.mail.fail["messages"] = NoCertificate()
    await s.go("/mail/INBOX")
    yield
    s.services.mail.fail.clear()


# Proofs, and signing in again


@scene
async def passkey_refused(s: Stage) -> AsyncGenerator[None, None]:
    """The browser was asked at once, and has none to give."""
    await s.go("/settings/security/passkey")
    await s.page.locator("main [name=name]").fill("Blue key")
    await s.page.locator("main [name=password]").fill("alice")
    await s.page.locator("main [name=password]").press("Enter")
    await s.page.locator("[data-passkey-said]:not(:empty)").wait_for()
    yield


async def ended(s: Stage) -> None:
    """The session ends where no script looks after the form."""
    await s.go("/settings/labels")
    await s.page.context.clear_cookies(name="postern")
    await s.page.locator("#l-name-new").fill("Urgent")
    await s.page.locator("#l-name-new").press("Enter")
    await s.page.locator("main [name=password]").wait_for()


@scene
async def sign_in_to_go_on(s: Stage) -> AsyncGenerator[None, None]:
    await ended(s)
    yield


@scene
async def sign_in_elsewhere(s: Stage) -> AsyncGenerator[None, None]:
    """By an OpenID provider, in another tab: this one keeps what was typed."""
    await s.page.locator("[formaction='/sign-in/openid']").click()
    await s.page.locator("a[href^='https://id.example.org/']").wait_for()
    yield
    await s.sign_in()


@scene
async def signed_in_again(s: Stage) -> AsyncGenerator[None, None]:
    await ended(s)
    await s.page.locator("main [name=email]").fill("alice@example.org")
    await s.page.locator("main [name=password]").fill("alice")
    await s.page.locator("main [name=password]").press("Enter")
    await s.page.locator("form[action='/settings/labels']").wait_for()
    yield


@scene
async def sign_in_wrong(s: Stage) -> AsyncGenerator[None, None]:
    await s.page.context.clear_cookies()
    await s.go("/sign-in")
    await s.page.locator("[name=email]").fill("alice@example.org")
    await s.page.locator("[name=password]").fill("wrong")
    await s.page.locator("[name=password]").press("Enter")
    await s.page.locator(".notice, .field-error").first.wait_for()
    yield


@scene
async def sign_in_elsewhere_refused(s: Stage) -> AsyncGenerator[None, None]:
    await s.go("/sign-in/openid?error=access_denied&state=s")
    await s.page.locator(".notice").wait_for()
    yield


@scene
async def nothing_here(s: Stage) -> AsyncGenerator[None, None]:
    """For somebody who is not signed in."""
    await s.go("/no/such/page")
    yield
