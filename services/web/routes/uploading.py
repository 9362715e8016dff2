"""For the composer's scripts: files piece by piece, so that a broken line costs one piece; the key of the
copy that the browser keeps; whether the session still lives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.common.errors import PosternError, Reason, invalid_argument, too_large
from services.web import composition as comp
from services.web import crypto
from services.web.edge import Edge
from services.web.errors import FormExpired
from services.web.forms import base_name
from services.web.model.outgoing import Attachment, Upload
from services.web.session import Me
from services.web.uploads import relay

# Octets of one piece: what is sent again where the line breaks.
MAX_PIECE = 1024 * 1024


def _answer(upload: Upload) -> Response:
    attachment = Attachment(upload.filename, upload.media_type, upload.received, upload.upload_id)
    return JSONResponse(
        {
            "id": upload.upload_id,
            "offset": upload.received,
            "complete": upload.complete,
            "field": comp.attachment_field(attachment),
        }
    )


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def begin(edge: Edge, request: Request, me: Me) -> Response:
    """A file is to come: its name, type and size."""
    form = await edge.form(request, me)
    size = form.get("size")
    if not size.isdigit():
        raise invalid_argument("size", "malformed")
    if int(size) > edge.settings.max_upload_bytes:
        raise too_large(edge.settings.max_upload_bytes)
    upload = Upload("", base_name(form.get("name")) or "file", form.get("type")[:200], 0, False)
    return _answer(await edge.services.send.upload_piece(me.token("sender"), upload, int(size), _nothing()))


async def state(edge: Edge, request: Request, me: Me) -> Response:
    """How much is there."""
    return _answer(await edge.services.send.get_upload(me.token("sender"), request.path_params["upload"]))


async def more(edge: Edge, request: Request, me: Me) -> Response:
    """The next piece as the body; ?offset= says after how many octets it comes, ?size= the size of all."""
    if not crypto.form_token_good(me.secret, request.headers.get("postern-csrf", "")):
        raise FormExpired
    offset, size = request.query_params.get("offset", ""), request.query_params.get("size", "")
    if not offset.isdigit() or not size.isdigit():
        raise invalid_argument("offset", "malformed")
    token = me.token("sender")
    known = await edge.services.send.get_upload(token, request.path_params["upload"])
    if known.received != int(offset):
        return _answer(known)  # a piece whose answer was lost: go on from what is there

    def take(chunks: AsyncIterator[bytes]) -> Awaitable[Upload]:
        there = replace(known, received=int(offset))
        return edge.services.send.upload_piece(token, there, int(size), chunks)

    try:
        return _answer(await relay(request.stream(), MAX_PIECE, take))
    except PosternError as err:
        if err.reason != Reason.CONFLICT:
            raise
        return _answer(await edge.services.send.get_upload(token, known.upload_id))


async def local_key(edge: Edge, request: Request, me: Me) -> Response:
    """The key under which the browser keeps what is being written. It is not kept there itself: without
    signing in, the copy cannot be read."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise PosternError(Reason.PERMISSION_DENIED)
    return JSONResponse({"key": edge.capabilities.account_key(me.account), "account": me.account})


async def session(edge: Edge, request: Request, me: Me) -> Response:
    """Who is signed in, with a token for forms that were drawn in an earlier session."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise PosternError(Reason.PERMISSION_DENIED)
    return JSONResponse({"account": me.account, "csrf": me.form_token})
