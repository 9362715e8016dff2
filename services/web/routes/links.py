"""Files too large for a message: on their way to sender piece by piece, and fetched by their link."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.common.errors import PosternError, Reason, invalid_argument, not_found
from services.web import crypto, formats
from services.web.edge import Edge
from services.web.errors import FormExpired
from services.web.forms import base_name
from services.web.i18n import gettext as _
from services.web.model.outgoing import Link
from services.web.routes.parts import Streamed, disposition
from services.web.routes.uploading import MAX_PIECE
from services.web.session import Me
from services.web.uploads import relay

_FROM = re.compile(r"bytes=(\d{1,15})-")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{64}\Z")


def _answer(edge: Edge, link: Link) -> Response:
    """`field` is what the text needs: whoever has it can fetch the file once the message is on its way."""
    field = f"{edge.settings.public_url.rstrip('/')}/links/{link.token}"
    complete = link.received == link.total
    return JSONResponse(
        {"id": link.token, "offset": link.received, "complete": complete, "field": field},
        headers={"cache-control": "no-store"},
    )


def _named(request: Request) -> str:
    token = request.path_params["link"]
    if not _TOKEN.match(token):
        raise not_found("link")
    return str(token)


async def terms(edge: Edge, request: Request, me: Me) -> Response:
    found = await edge.services.send.link_terms(me.token("sender"))
    return JSONResponse(
        {"offered": found.offered, "most": found.largest, "mostText": formats.size(found.largest)}
    )


async def begin(edge: Edge, request: Request, me: Me) -> Response:
    """A file is to come: its name, type and size."""
    form = await edge.form(request, me)
    size = form.get("size")
    if not size.isdigit():
        raise invalid_argument("size", "malformed")
    name, kind = base_name(form.get("name")) or "file", form.get("type")[:200]
    return _answer(edge, await edge.services.send.create_link(me.token("sender"), name, kind, int(size)))


async def state(edge: Edge, request: Request, me: Me) -> Response:
    return _answer(edge, await edge.services.send.get_link(me.token("sender"), _named(request)))


async def more(edge: Edge, request: Request, me: Me) -> Response:
    """The next piece as the body; ?offset= says after how many octets it comes."""
    if not crypto.form_token_good(me.secret, request.headers.get("postern-csrf", "")):
        raise FormExpired
    offset, token, link = request.query_params.get("offset", ""), me.token("sender"), _named(request)
    if not offset.isdigit():
        raise invalid_argument("offset", "malformed")

    def take(chunks: AsyncIterator[bytes]) -> Awaitable[Link]:
        return edge.services.send.upload_link(token, link, int(offset), chunks)

    try:
        return _answer(edge, await relay(request.stream(), MAX_PIECE, take))
    except PosternError as err:
        if err.reason != Reason.CONFLICT:
            raise
        return _answer(edge, await edge.services.send.get_link(token, link))


async def fetch(edge: Edge, request: Request) -> Response:
    """The file of a link, for whoever has it; never shown by the browser, always kept as a file; from an
    octet on where a download is taken up again (RFC 9110, 14.2). What is answered tells apart neither a link
    that is not there, nor one not sent yet, nor one whose time is over, nor that there are none here."""
    edge.link_limit.take(edge.client(request).address)
    token = _named(request)
    # The file of a link never changes.
    tag = f'"{hashlib.sha256(b"tag " + token.encode()).hexdigest()[:32]}"'
    offset = _offset(request, tag)
    stack = AsyncExitStack()
    try:
        link, chunks = await stack.enter_async_context(edge.services.send.read_link(token, offset))
    except PosternError as err:
        if err.reason == Reason.INVALID_ARGUMENT and offset:
            return Response(status_code=416)  # RFC 9110, 15.5.17: beyond the end
        if err.reason in (Reason.UNSUPPORTED, Reason.INVALID_ARGUMENT):
            raise not_found("link", err) from err
        raise
    headers = {
        "content-type": "application/octet-stream",
        "content-disposition": disposition(link.filename or _("attachment"), False),
        "content-length": str(link.total - offset),
        "accept-ranges": "bytes",
        "etag": tag,
        "content-security-policy": "default-src 'none'; sandbox",
        "cache-control": "private, no-store",
        "referrer-policy": "no-referrer",
        "x-robots-tag": "noindex",
    }
    if offset:
        headers["content-range"] = f"bytes {offset}-{link.total - 1}/{link.total}"
    response = Streamed(stack, chunks, headers)
    response.status_code = 206 if offset else 200
    return response


def _offset(request: Request, tag: str) -> int:
    """Where to begin. A range that is not "from here to the end" may be left aside (RFC 9110, 14.2), and is
    where it is of another file than the one here."""
    if request.headers.get("if-range", tag) != tag:
        return 0
    match = _FROM.fullmatch(request.headers.get("range", "").replace(" ", ""))
    return int(match[1]) if match else 0
