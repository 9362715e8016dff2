"""Pages from templates: one Jinja environment, and the response that carries what it draws."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from services.web import addresses, formats, i18n, listing, urls, useragents
from services.web.keep import Keep
from services.web.model.mail import Address
from services.web.rows import Rows
from services.web.static import Static

TEMPLATES = Path(__file__).parent / "templates"
_GZIP_FROM = 600


class Absent(StrictUndefined):
    """A name that is not there may be asked for ("if caller"), but neither shown nor walked over."""

    def __bool__(self) -> bool:  # type: ignore[override]
        return False


def environment(static: Static) -> Environment:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=Absent,
        extensions=["jinja2.ext.i18n", Keep],
        auto_reload=False,
        cache_size=200,
    )
    env.install_gettext_callables(  # type: ignore[attr-defined]
        i18n.gettext, i18n.ngettext, newstyle=True, pgettext=i18n.pgettext, npgettext=i18n.npgettext
    )
    env.globals.update(asset=static.asset, static=static.url, urls=urls)
    env.filters.update(
        short_date=formats.short_date,
        full_date=formats.full_date,
        medium_date=formats.medium_date,
        iso=formats.iso,
        size=formats.size,
        number=formats.number,
        address_list=addresses.join,
        full_key=urls.full_key,
        ago=formats.ago,
        browser_name=useragents.name,
        tuple=tuple,
        tree_lines=listing.tree_lines,
        identity_text=lambda ones: addresses.join(Address(one.name, one.address) for one in ones),
    )
    env.globals["draw_rows"] = Rows(env)
    return env


class Gaps(dict[str, str]):
    """Problems by field, empty where there is none."""

    def __missing__(self, key: str) -> str:
        return ""


class Renderer:
    def __init__(self, static: Static) -> None:
        self._env = environment(static)

    def text(self, template: str, context: dict[str, Any]) -> str:
        locale = i18n.current()
        return self._env.get_template(template).render(
            {"lang": locale.tag, "dir": locale.direction, "theme": "", "density": "", **context}
        )

    def page(
        self,
        request: Request,
        template: str,
        context: dict[str, Any],
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        return html(request, self.text(template, context), status, headers)


def html(request: Request, text: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An HTML response, compressed where the browser takes it. Form tokens are masked anew on every page, so
    the length of a page says nothing about them (BREACH)."""
    body = text.encode("utf-8", "replace")
    extra = {"vary": "accept-encoding, cookie, hx-request", **(headers or {})}
    if len(body) >= _GZIP_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, compresslevel=5, mtime=0)
        extra["content-encoding"] = "gzip"
    return Response(body, status, extra, "text/html; charset=utf-8")
