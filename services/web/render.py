"""Pages from templates: one Jinja environment, and the response that carries what it draws."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from isal import igzip, isal_zlib
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from jinja2.environment import TemplateModule
from jinja2.runtime import Context
from starlette.requests import Request
from starlette.responses import Response

from services.web import addresses, formats, i18n, kinds, labels, listing, urls, useragents, works
from services.web.keep import Keep
from services.web.model.mail import Address
from services.web.rows import Rows
from services.web.static import Static

TEMPLATES = Path(__file__).parent / "templates"
_GZIP_FROM = 600
# igzip's middle level: a page takes a fifth of the time that zlib needs, and is a tenth larger.
_GZIP_LEVEL = 2
# gzip's own header and trailer (zlib's "31").
_GZIP_WBITS = 31
_MOST_BODIES = 300


class Absent(StrictUndefined):
    """A name that is not there may be asked for ("if caller"), but neither shown nor walked over."""

    def __bool__(self) -> bool:  # type: ignore[override]
        return False


class Page(Template):
    """A template whose macros are imported without a look for names that it does not know: there are none but
    the environment's. Jinja compares all of them with each import, a tenth of a page's time."""

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        if self._module is None:
            self._module = self.make_module()
        return self._module


class Pages(Environment):
    template_class = Page


def environment(static: Static) -> Environment:
    env = Pages(
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
        to_local=formats.to_local,
        iso=formats.iso,
        size=formats.size,
        number=formats.number,
        address_list=addresses.join,
        full_key=urls.full_key,
        ago=formats.ago,
        browser_name=useragents.name,
        tuple=tuple,
        work_words=works.words,
        kind=kinds.shown,
        labels_json=labels.for_scripts,
        tree_lines=listing.tree_lines,
        hidden_count=listing.hidden_count,
        identity_text=lambda ones: addresses.join(Address(one.name, one.address) for one in ones),
    )
    env.globals["draw_rows"] = Rows(env)
    env.globals["labels_of"] = lambda me: labels.of(me).known
    return env


class Gaps(dict[str, str]):
    """Problems by field, empty where there is none."""

    def __missing__(self, key: str) -> str:
        return ""


class Renderer:
    def __init__(self, static: Static) -> None:
        self._env = environment(static)
        self.bodies = Bodies()

    @property
    def rows(self) -> Rows:
        """Draws the lines of a list alone."""
        return self._env.globals["draw_rows"]  # type: ignore[return-value]

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
    extra = {"vary": "accept-encoding, cookie, hx-request, hx-target", **(headers or {})}
    if len(body) >= _GZIP_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        body = igzip.compress(body, _GZIP_LEVEL)
        extra["content-encoding"] = "gzip"
    return Response(body, status, extra, "text/html; charset=utf-8")


def deflated(request: Request, pieces: AsyncIterator[str]) -> tuple[dict[str, str], AsyncIterator[bytes]]:
    """Headers and body of an HTML answer that goes out in pieces, each as soon as it is there."""
    headers = {"vary": "accept-encoding, cookie", "content-type": "text/html; charset=utf-8"}
    # A proxy that gathers the answer would take from it what it is for.
    headers["x-accel-buffering"] = "no"
    gzipped = "gzip" in request.headers.get("accept-encoding", "")
    if gzipped:
        headers["content-encoding"] = "gzip"

    async def sent() -> AsyncIterator[bytes]:
        packer = isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_WBITS)
        async with aclosing(pieces):  # type: ignore[type-var]
            async for piece in pieces:
                body = piece.encode("utf-8", "replace")
                if not gzipped:
                    yield body
                elif body:
                    yield packer.compress(body) + packer.flush(isal_zlib.Z_SYNC_FLUSH)
        if gzipped:
            yield packer.flush()

    return headers, sent()


class Bodies:
    """Answers that depend on one object of convert/mail.py and on a key alone, compressed and ready: at most
    300, the one used longest ago dropped first. None may hold a form token."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[object, bytes, dict[str, str]]] = OrderedDict()

    def answer(
        self, request: Request, of: object, key: Hashable, draw: Callable[[], tuple[str, dict[str, str]]]
    ) -> Response:
        """`draw` gives the text and the headers, an ETag among them."""
        gzipped = "gzip" in request.headers.get("accept-encoding", "")
        whole = (id(of), key, gzipped)
        found = self._kept.get(whole)
        if found is None or found[0] is not of:
            text, headers = draw()
            response = html(request, text, 200, headers)
            found = (of, bytes(response.body), dict(response.headers.items()))
            self._kept[whole] = found
            if len(self._kept) > _MOST_BODIES:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(whole)
        _, body, headers = found
        if headers.get("etag") and headers["etag"] in request.headers.get("if-none-match", ""):
            same: dict[str, str] = {
                name: headers[name] for name in ("etag", "cache-control", "vary") if name in headers
            }
            return Response(status_code=304, headers=same)
        return Response(body, 200, headers)
