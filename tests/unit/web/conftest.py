"""The edge over the fakes, and a small browser in front of it."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest

from services.common.endpoint import HostPort
from services.web.app import build, build_edge
from services.web.render import Renderer
from services.web.settings import WebSettings
from services.web.static import Static
from tests.unit.web.fakes import Fakes

BASE = "http://127.0.0.1:8080"
_FIELD = re.compile(r'<(?:input|button)\b[^>]*?\bname="([^"]*)"[^>]*>')


def settings(**changes: object) -> WebSettings:
    values: dict = {
        "listen": HostPort("127.0.0.1", 8080),
        "metrics_listen": None,
        "public_url": BASE,
        "addresses": {},
        "max_upload_bytes": 200_000,
    }
    return WebSettings(**{**values, **changes})


class Browser:
    """Keeps cookies, fills hidden fields, follows nothing by itself. It sends neither Origin nor
    Sec-Fetch-*."""

    def __init__(self, app: object) -> None:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
        self.http = httpx.AsyncClient(transport=transport, base_url=BASE)
        self.page: httpx.Response | None = None

    async def get(self, path: str, **headers: str) -> httpx.Response:
        self.page = await self.http.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        return self.page

    def hidden(self, name: str) -> str:
        """The value of the page's first input of that name."""
        assert self.page is not None
        match = re.search(rf'<input[^>]*\bname="{re.escape(name)}"[^>]*\bvalue="([^"]*)"', self.page.text)
        assert match, f"no field {name}"
        return unescape(match[1])

    def hiddens(self, name: str) -> list[str]:
        assert self.page is not None
        found = re.findall(rf'<input[^>]*\bname="{re.escape(name)}"[^>]*\bvalue="([^"]*)"', self.page.text)
        return [unescape(value) for value in found]

    async def post(self, path: str, fields: dict | None = None, files: list | None = None) -> httpx.Response:
        data = {"csrf": self.hidden("csrf"), **(fields or {})}
        self.page = await self.http.post(path, data=data, files=files)
        return self.page

    async def follow(self) -> httpx.Response:
        assert self.page is not None and self.page.status_code == 303, self.page
        return await self.get(self.page.headers["location"])

    async def sign_in(self, email: str = "alice@example.org", password: str = "alice") -> httpx.Response:
        await self.get("/sign-in")
        return await self.post("/sign-in", {"email": email, "password": password})


@pytest.fixture
def fakes() -> Fakes:
    return Fakes()


# Templates are compiled once for all tests.
STATIC = Static()
RENDERER = Renderer(STATIC)


@pytest.fixture
def edge(fakes: Fakes):
    return build_edge(settings(), fakes.services(), STATIC, RENDERER)


@pytest.fixture
def browser(edge) -> Browser:
    return Browser(build(edge))


@pytest.fixture
async def alice(browser: Browser) -> Browser:
    answer = await browser.sign_in()
    assert answer.status_code == 303
    return browser
