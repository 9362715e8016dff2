"""Parts of a message: the document of its HTML, attachments, pictures within, the source.

Nothing active is ever shown in place: what is not a plain picture is offered as a download, under a policy
that lets it do nothing even when somebody opens it by its address (promise 4).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason, not_found
from services.web import frames, listing
from services.web.edge import Edge
from services.web.i18n import current
from services.web.i18n import gettext as _
from services.web.model.mail import MessageRef
from services.web.reading import PDF, PICTURES, choose, header_rows, is_text
from services.web.render import html as html_response
from services.web.routes.message import named, open_again
from services.web.sanitise import (
    FRAME_CSP,
    PRINTED_TEXT,
    SanitisedHtml,
    print_document,
    sanitise_html,
    text_to_html,
)
from services.web.session import Me
from services.web.streamed import Streamed
from services.web.zipped import zipped

INLINE_TYPES = PICTURES
_NOTHING = "default-src 'none'; sandbox; frame-ancestors 'none'"
_PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"


async def html_part(edge: Edge, request: Request, me: Me) -> Response:
    """The document of an HTML part, for the sandboxed frame: sanitised, under its own policy."""
    ref, part_id = named(request), request.path_params["part"]
    within = request.query_params.get("within", "")[:100]
    images = edge.images_wanted(request)
    message, document = await frames.take(edge, me, ref, within, part_id, images)
    if document is None:
        message = message or await open_again(edge, me, ref, within)
        part = next((one for one in message.texts if one.part_id == part_id), None)
        if part is None or part.media_type != frames.HTML:
            raise PosternError(Reason.PART_NOT_FOUND)
        document = await frames.document(edge, me, message, part, images)
    headers = {
        "content-security-policy": FRAME_CSP,
        "x-postern-without": "x-frame-options cross-origin-opener-policy",
        "x-frame-options": "SAMEORIGIN",
        "cache-control": "private, max-age=240",
    }
    return html_response(request, document, headers=headers)


async def remote(edge: Edge, request: Request) -> Response:
    """A picture from elsewhere, by its sealed address."""
    content = edge.capabilities.open("image", request.path_params["capability"])
    if content is None or edge.images is None:
        raise not_found("picture")
    picture = await edge.images.fetch(content["u"])
    headers = {
        "content-security-policy": _NOTHING,
        "cross-origin-resource-policy": "cross-origin",
        "cache-control": "private, max-age=240",
    }
    return Response(picture.content, headers=headers, media_type=picture.media_type)


async def inline(edge: Edge, request: Request) -> Response:
    """A picture within an HTML message, by its sealed address."""
    content = edge.capabilities.open("inline", request.path_params["capability"])
    if content is None:
        raise not_found("picture")
    ref = MessageRef(content["m"], content["v"], content["u"])
    reader = edge.services.mail.read_part(content["t"], ref, content["p"])
    headers = {
        "content-type": content["k"],
        "content-security-policy": _NOTHING,
        # The frame that shows it has an opaque origin, to which everything is another site.
        "cross-origin-resource-policy": "cross-origin",
        "cache-control": "private, max-age=240",
    }
    stack = AsyncExitStack()
    stream = await stack.enter_async_context(reader)
    return Streamed(stack, stream.chunks, headers)


async def attachment(edge: Edge, request: Request, me: Me) -> Response:
    """One part, streamed from the mail server's socket to the browser's."""
    ref, part_id = named(request), request.path_params["part"]
    stack = AsyncExitStack()
    stream = await stack.enter_async_context(
        edge.services.mail.read_part(me.token("mailstore"), ref, part_id)
    )
    kind = stream.part.media_type.lower()
    chunks, policy = stream.chunks, _NOTHING
    show = request.query_params.get("show") == "1" and (kind in {*INLINE_TYPES, PDF} or is_text(kind))
    if show and kind == PDF:
        # The browser's own viewer does not start under `sandbox` (ADR 26); it gets nothing but a PDF.
        first = await anext(chunks, b"")
        show, policy = b"%PDF-" in first[:1024], _PDF_POLICY
        chunks = _joined(first, chunks)
    shown_as = "text/plain; charset=utf-8" if is_text(kind) else kind
    headers = {
        "content-type": shown_as if show or kind in INLINE_TYPES else "application/octet-stream",
        "content-disposition": disposition(stream.part.filename or _("attachment"), show),
        "content-security-policy": policy if show else _NOTHING,
        "cache-control": "private, no-cache",
    }
    # No Content-Length: before decoding its size is an estimate.
    return Streamed(stack, chunks, headers)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def printed(edge: Edge, request: Request, me: Me) -> Response:
    """The message as a document by itself, to be printed: who, when, what, and all of the text."""
    ref, within = named(request), request.query_params.get("within", "")[:100]
    message = await open_again(edge, me, ref, within)
    wanted = edge.images_wanted(request)
    bodies: list[SanitisedHtml] = []
    for part in choose(message.texts, request.query_params.get("as") == "text"):
        if part.media_type != "text/html":
            html = text_to_html(part.text, fold_label="•••", cut_note=_("The rest is not shown."))
            bodies.append(SanitisedHtml(str(html), css=PRINTED_TEXT))
            continue
        options: dict[str, Any] = {
            "cid": frames.addresses(edge, me, message),
            "allow_remote": wanted,
            "image_proxy": frames.proxied(edge) if wanted else None,
        }
        bodies.append(await asyncio.to_thread(sanitise_html, part.text, **options))
    names = ", ".join(part.filename or _("Attachment") for part in message.attachments)
    head = [*header_rows(message), *([(_("Attachments"), names)] if names else [])]
    locale = current()
    document = print_document(
        listing.subject_of(message.row), head, bodies, lang=locale.tag, direction=locale.direction
    )
    headers = {"content-security-policy": FRAME_CSP, "cache-control": "private, no-cache"}
    return html_response(request, document, headers=headers)


async def all_zipped(edge: Edge, request: Request, me: Me) -> Response:
    """All attachments as one file, streamed."""
    ref = named(request)
    message = await open_again(edge, me, ref)
    if not message.attachments:
        raise PosternError(Reason.PART_NOT_FOUND)
    headers = {
        "content-type": "application/zip",
        "content-disposition": disposition(
            f"{message.row.envelope.subject.strip()[:80] or ref.uid}.zip", False
        ),
        "content-security-policy": _NOTHING,
        "cache-control": "private, no-cache",
    }
    chunks = zipped(edge.services.mail, me.token("mailstore"), ref, message.attachments, _("attachment"))
    return Streamed(AsyncExitStack(), chunks, headers)


async def source(edge: Edge, request: Request, me: Me) -> Response:
    """The message as the server keeps it, as text; with ?download=1 as a file."""
    ref = named(request)
    download = request.query_params.get("download") == "1"
    stack = AsyncExitStack()
    _size, chunks = await stack.enter_async_context(
        edge.services.mail.read_source(
            me.token("mailstore"), ref, headers_only=request.query_params.get("headers") == "1"
        )
    )
    headers = {
        "content-type": "application/octet-stream" if download else "text/plain; charset=utf-8",
        "content-security-policy": _NOTHING,
        "cache-control": "private, no-cache",
    }
    if download:
        headers["content-disposition"] = disposition(f"{ref.uid}.eml", False)
    return Streamed(stack, chunks, headers)


def disposition(filename: str, inline: bool) -> str:
    """Content-Disposition after RFC 6266 with the name in both forms (appendix D), encoded after RFC 8187."""
    kind = "inline" if inline else "attachment"
    plain = "".join(char if " " <= char <= "~" and char not in '"\\%' else "_" for char in filename)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
