"""The two walls in a real Chromium, each alone, against every payload: nothing runs, nothing is requested."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from playwright.async_api import Dialog, Page, Route

from services.web.sanitise import FRAME_SANDBOX, frame_csp, frame_document, sanitise_html
from tests.support.chromium import chromium
from tests.unit.web.sanitise.corpus import COUNT, payloads

pytestmark = pytest.mark.asyncio(loop_scope="session")
ORIGIN = "http://127.0.0.1:9"  # answered by the test itself, never by a network
BATCH = 16  # frames in one page

# Everything in a document that could run or load, found by the browser's own parser.
AUDIT = r"""html => {
  const doc = new DOMParser().parseFromString(html, 'text/html'), bad = [];
  const html_ns = 'http://www.w3.org/1999/xhtml';
  const elements = 'script,iframe,frame,object,embed,applet,link,base,form,input,button,textarea,select,svg,'
    + 'math,video,audio,source,track,picture,template,portal,marquee,canvas,'
    + 'meta[http-equiv]:not([content^="default-src"])';
  const attributes = /^(srcset|ping|action|formaction|poster|data|xlink:href|srcdoc|is|slot|background)$/;
  for (const e of doc.querySelectorAll('*')) {
    if (e.matches(elements) || e.namespaceURI !== html_ns) bad.push(`<${e.localName}>`);
    if (e.shadowRoot) bad.push('shadow root');
    for (const a of e.attributes) {
      const v = a.value.replace(/[\u0000-\u0020]/g, '').toLowerCase();
      if (/^on/i.test(a.name) || attributes.test(a.name)) bad.push(a.name);
      if (/^(javascript|vbscript|livescript):/.test(v) && !/^(title|alt)$/.test(a.name)) bad.push(a.value);
      if (a.name === 'src' && !/^data:image\/(png|jpe?g|gif|webp|bmp);base64,/.test(v)) bad.push('src=' + v);
      if (a.name === 'href' && !/^(https?:|mailto:|#)/.test(v)) bad.push('href=' + v);
    }
    for (const p of e.style ?? []) {
      if (/url\(|expression|image-set/i.test(e.style.getPropertyValue(p))) bad.push('style ' + p);
      if (/^(position|z-index|animation|transition|behavior)/.test(p)) bad.push('style ' + p);
    }
  }
  const loads = /url\(|@import|@font-face|expression\(|behavior|-moz-binding|position\s*:\s*fixed/i;
  for (const s of doc.querySelectorAll('style')) if (loads.test(s.textContent)) bad.push('sheet');
  return bad;
}"""


@dataclass
class Watched:
    """A page that answers its own addresses, refuses all others, and notes what was asked and what ran."""

    page: Page
    answers: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    async def answer(self, route: Route) -> None:
        url = route.request.url
        if url in self.answers:
            body, headers = self.answers[url]
            await route.fulfill(body=body, content_type="text/html; charset=utf-8", headers=headers)
            return
        self.seen.append(f"{url} asked for by {route.request.frame.url}")
        await route.abort()

    async def dialog(self, dialog: Dialog) -> None:
        self.seen.append(f"{dialog.type}: {dialog.message}")
        await dialog.dismiss()

    def parsed(self, event: dict) -> None:
        # Playwright's own code runs in worlds that are not the page's, or without an address; a refused frame
        # shows the browser's own page about it.
        url = event.get("url", "")
        own = not url or url.startswith("chrome-error:")
        if event.get("executionContextAuxData", {}).get("isDefault") and not own:
            self.seen.append(f"script of {url}")

    async def show(self, frames: list[tuple[str, dict[str, str]]], sandbox: str | None) -> list[str]:
        """Shows documents (text, headers), each in a frame of one page; what was asked for or ran."""
        attribute = "" if sandbox is None else f' sandbox="{sandbox}"'
        self.answers = {f"{ORIGIN}/frame/{n}": frame for n, frame in enumerate(frames)}
        page = "".join(f'<iframe{attribute} src="{url}"></iframe>' for url in self.answers)
        self.answers[f"{ORIGIN}/"] = (f"<!doctype html><title>frames</title>{page}", {})
        self.seen.clear()
        await self.page.goto(f"{ORIGIN}/", wait_until="load")
        await self.page.wait_for_timeout(100)  # animations, focus and errors come after the load
        return self.seen[:]

    async def show_all(self, make: Callable[[str], tuple[str, dict[str, str]]], sandbox: str | None) -> dict:
        """Shows every payload; what was seen, by the number of the first payload of its page."""
        bad, shown = {}, 0
        for start in range(0, COUNT, BATCH):
            batch = [make(payload) for payload in payloads()[start : start + BATCH]]
            if seen := await self.show(batch, sandbox):
                bad[start] = seen
            shown += len(batch)
        assert shown == COUNT
        return bad


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def watched(machine: None) -> AsyncIterator[Watched]:
    # All frames in the page's own process, where the debugger sees what they run.
    async with chromium("--disable-features=IsolateSandboxedIframes,IsolateOrigins") as browser:
        page = await browser.new_page()
        it = Watched(page)
        await page.route("**/*", it.answer)
        page.on("dialog", it.dialog)
        debugger = await page.context.new_cdp_session(page)
        debugger.on("Debugger.scriptParsed", it.parsed)
        await debugger.send("Debugger.enable")
        yield it


async def test_no_payload_leaves_anything_active(watched: Watched) -> None:
    await watched.show([], None)
    bad = {}
    for n, payload in enumerate(payloads()):
        found = await watched.page.evaluate(AUDIT, frame_document(sanitise_html(payload)))
        if found:
            bad[n] = found
    assert not bad


async def test_sanitised_without_sandbox(watched: Watched) -> None:
    """The first wall alone: ordinary documents, no policy, scripts allowed."""

    def clean(payload: str) -> tuple[str, dict[str, str]]:
        message = sanitise_html(payload)
        return f"<!doctype html><meta charset=utf-8><style>{message.css}</style><body>{message.html}", {}

    assert not await watched.show_all(clean, sandbox=None)


async def test_raw_in_the_frame(watched: Watched) -> None:
    """The second wall alone: the payload as it came, in the sandboxed frame under its policy."""

    def raw(payload: str) -> tuple[str, dict[str, str]]:
        policy = frame_csp(f"{ORIGIN}/pictures/")
        return f"<!doctype html><meta charset=utf-8><body>{payload}", {"content-security-policy": policy}

    assert not await watched.show_all(raw, FRAME_SANDBOX)


@pytest.mark.parametrize("sandbox", [None, "allow-scripts"])
@pytest.mark.parametrize(
    "markup", ["<script>1</script>", "<img src=/x onerror='1'>", "<p style='background:url(//t.example/p)'>x"]
)
async def test_the_watch_sees_what_nothing_stops(watched: Watched, markup: str, sandbox: str | None) -> None:
    seen = await watched.show([(f"<!doctype html><body>{markup}", {})], sandbox)
    assert seen
    assert any("script of" in line for line in seen) == ("url(" not in markup)
