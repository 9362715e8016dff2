"""What stands around the pages: headers, bounds, proxies, static files, time."""

import asyncio
import gzip
import ipaddress

import httpx
import pytest
from starlette.routing import Router

from services.common.errors import PosternError, Reason, too_large
from services.common.rpc.context import outgoing_client_address
from services.common.settings import Env, SettingsError
from services.web.app import build, build_edge, routes
from services.web.errors import NoCertificate
from services.web.middleware.client import forwarded
from services.web.middleware.shell import Shell
from services.web.pages import answer_error
from services.web.settings import WebSettings
from services.web.static import Static
from services.web.uploads import relay
from tests.unit.web.conftest import BASE, RENDERER, STATIC, Browser, settings


async def test_every_page_carries_the_headers(alice):
    for path in ("/sign-in", "/mail/INBOX", "/compose", "/contacts", "/nowhere", "/search"):
        headers = (await alice.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy and "unsafe" not in policy, path
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "strict-transport-security" not in headers


async def test_no_page_holds_inline_script_or_style(alice, fakes):
    for path in ("/sign-in", "/mail/INBOX", "/compose", "/contacts", "/settings", "/search?q=x"):
        text = (await alice.get(path)).text
        assert "<style" not in text and " style=" not in text and " onclick" not in text, path
        assert all("src=" in tag for tag in text.split("<script")[1:]), path


async def test_https_has_hsts_and_a_host_cookie(fakes):
    edge = build_edge(settings(public_url="https://mail.example.org"), fakes.services(), STATIC, RENDERER)
    browser = Browser(build(edge))
    page = await browser.get("/sign-in")
    assert "max-age" in page.headers["strict-transport-security"]
    assert page.headers["set-cookie"].startswith("__Host-postern-form=")
    assert "Secure" in page.headers["set-cookie"]


async def test_a_page_elsewhere_cannot_load_ours(alice):
    answer = await alice.get("/mail/INBOX", sec_fetch_site="cross-site", sec_fetch_mode="no-cors")
    assert answer.status_code == 403
    answer = await alice.get("/mail/INBOX", sec_fetch_site="cross-site", sec_fetch_mode="navigate")
    assert answer.status_code == 200


async def test_services_are_told_for_which_browser_they_are_called(fakes, monkeypatch):
    told = []
    inner = fakes.mail.messages

    async def messages(*args, **kwargs):
        told.append(outgoing_client_address())
        return await inner(*args, **kwargs)

    monkeypatch.setattr(fakes.mail, "messages", messages)
    trusting = settings(trusted_proxies=(ipaddress.ip_network("127.0.0.0/8"),))
    alice = Browser(build(build_edge(trusting, fakes.services(), STATIC, RENDERER)))
    checked = fakes.auth.sign_in

    async def sign_in(*args, **kwargs):
        told.append(outgoing_client_address())
        return await checked(*args, **kwargs)

    monkeypatch.setattr(fakes.auth, "sign_in", sign_in)
    await alice.sign_in()
    assert told.pop() == "127.0.0.1"
    for address in ("203.0.113.9", "2001:db8::9"):
        assert (await alice.get("/mail/INBOX", x_forwarded_for=address)).status_code == 200
    assert told == ["203.0.113.9", "2001:db8::9"]


async def test_a_service_that_hangs_ends_in_a_page(fakes):
    async def never(*args, **kwargs):
        await asyncio.sleep(60)

    fakes.mail.messages = never
    edge = build_edge(settings(page_seconds=0.2), fakes.services(), STATIC, RENDERER)
    browser = Browser(build(edge))
    await browser.sign_in()
    page = await browser.get("/mail/INBOX")
    assert page.status_code == 504 and "takes too long" in page.text


async def test_pages_are_compressed_when_asked(alice):
    answer = await alice.http.get("/mail/INBOX", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    answer = await alice.http.get("/mail/INBOX", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in answer.headers


async def test_other_methods_are_refused(alice):
    answer = await alice.http.request("TRACE", "/mail/INBOX")
    assert answer.status_code == 501
    answer = await alice.http.delete("/mail/INBOX")
    assert answer.status_code == 501


async def test_form_larger_than_any_is_refused(fakes):
    browser = Browser(build(build_edge(settings(max_form_bytes=70_000), fakes.services(), STATIC, RENDERER)))
    await browser.sign_in()
    await browser.get("/compose")
    page = await browser.post("/compose", {"body": "x" * 100_000, "do": "send"})
    assert page.status_code == 413 and not fakes.send.sent


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b\r\n",
        b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\nx',
        b"--b\r\n" + b"X: y\r\n" * 5000,
        b"\x00\xff" * 100,
    ],
)
async def test_broken_forms_are_an_answer(alice, body):
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = await alice.http.post("/compose", content=body, headers=headers)
    assert answer.status_code in (400, 403)
    answer = await alice.http.post("/compose", content=body, headers={"content-type": "multipart/form-data"})
    assert answer.status_code == 400


async def test_paths_that_lead_nowhere(alice):
    for path in (
        "/mail/INBOX/abc",
        "/mail/INBOX/7.0",
        "/mail/INBOX/99999999999.1",
        "/static/../app.py",
        "/inline/x",
    ):
        assert (await alice.get(path)).status_code == 404, path


async def test_static_files_are_precompressed_and_immutable(tmp_path, fakes):
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "app-1.js").write_text("let a")
    (tmp_path / "dist" / "app-1.js.gz").write_bytes(gzip.compress(b"let a"))
    (tmp_path / "dist" / "manifest.json").write_text('{"app.js": "app-1.js"}')
    edge = build_edge(settings(), fakes.services(), Static(tmp_path))
    assert edge.static.asset("app.js") == "/static/dist/app-1.js"
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app=build(edge)), base_url=BASE)
    answer = await http.get("/static/dist/app-1.js", headers={"accept-encoding": "gzip"})
    assert answer.text == "let a" and answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")
    assert (await http.get("/static/dist/manifest.json")).status_code == 404


def test_client_address_is_what_no_proxy_of_ours_has():
    trusted = (ipaddress.ip_network("10.0.0.0/8"),)
    assert forwarded("192.0.2.1", ["1.1.1.1"], trusted) == "192.0.2.1"
    assert forwarded("10.0.0.1", ["1.1.1.1, 192.0.2.7"], trusted) == "192.0.2.7"
    assert forwarded("10.0.0.1", ["192.0.2.7, 10.0.0.2"], trusted) == "192.0.2.7"
    assert forwarded("10.0.0.1", ["made up"], trusted) == "10.0.0.1"
    assert forwarded("10.0.0.1", [], trusted) == "10.0.0.1"


def test_settings():
    plain = WebSettings.from_env(Env({"PORT": "9000"}))
    assert plain.public_url == "http://127.0.0.1:9000" and plain.listen.port == 9000 and not plain.secure
    words = {"POSTERN_WEB_PLAINTEXT": "passwords-and-mail-readable-on-the-network"}
    assert WebSettings.from_env(Env({"POSTERN_PUBLIC_URL": "http://mail.example.org", **words}))
    for name, value in (
        ("POSTERN_PUBLIC_URL", "mail.example.org"),
        ("POSTERN_PUBLIC_URL", "http://mail.example.org"),
        ("POSTERN_TRUSTED_PROXIES", "not an address"),
        ("POSTERN_TIME_ZONE", "Mars/Base"),
        ("PORT", "eighty"),
    ):
        with pytest.raises(SettingsError):
            WebSettings.from_env(Env({name: value}))


async def pieces(count: int, size: int = 1000):
    for _ in range(count):
        yield b"x" * size


async def test_relay_hands_every_chunk_on():
    async def take(chunks):
        return [len(chunk) async for chunk in chunks]

    assert await relay(pieces(50), 10**6, take) == [1000] * 50


async def test_relay_ends_the_taking_when_there_is_too_much():
    ended = asyncio.Event()

    async def take(chunks):
        try:
            async for _ in chunks:
                pass
        finally:
            ended.set()

    with pytest.raises(PosternError) as caught:
        await relay(pieces(50), 9_500, take)
    assert caught.value.reason == Reason.TOO_LARGE and ended.is_set()


async def test_relay_leaves_the_rest_to_be_read_when_the_taker_refuses():
    async def take(chunks):
        await anext(chunks)
        raise too_large(1000)

    source = pieces(50)
    with pytest.raises(PosternError):
        await relay(source, 10**6, take)
    assert len([chunk async for chunk in source]) > 20


async def test_before_the_gate_there_is_a_plain_page_with_nothing_of_anybodys(alice, edge):
    """In the reader's language and drawn with the stylesheet, which alone is open; though a session's cookie
    came along."""

    class Shut:
        def admit(self, request):
            raise NoCertificate

    async def on_error(request, err):
        return await answer_error(edge, request, err)

    style = edge.static.asset("style.css")
    app = Shell(Router(routes(edge)), edge.settings, on_error, Shut(), {style})  # type: ignore[arg-type]
    outside = Browser(app)
    outside.http.cookies = alice.http.cookies
    page = await outside.get("/mail/INBOX", accept_language="de")
    assert page.status_code == 403 and '<html lang="de"' in page.text
    assert "Zertifikat" in page.text and f'href="{style}"' in page.text
    for other in ("alice", "<script", "csrf", "<a ", "<form", "Posteingang"):
        assert other not in page.text, other
    assert (await outside.get(style)).status_code in (200, 404), "it is asked for, whether it is built or not"
    for path in ("/static/favicon.svg", "/sign-in", "/static/dist/app.js"):
        assert (await outside.get(path)).status_code == 403, path
