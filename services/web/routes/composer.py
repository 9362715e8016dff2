"""The composer's page: drawn for whatever it is asked, again when something went wrong, and left."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason
from services.common.logging import get_logger
from services.web import composition as comp
from services.web import formats, frames, later, urls
from services.web.composition import Composition
from services.web.edge import Edge
from services.web.errors import explain, sentence
from services.web.i18n import gettext as _
from services.web.model.mail import OpenMessage
from services.web.model.outgoing import Template
from services.web.notices import Notice
from services.web.render import Gaps
from services.web.session import Me

log = get_logger(__name__)
_FIELD = re.compile(r"\b(to|cc|bcc|subject)\b")


def is_part(request: Request) -> bool:
    """Whether a script asks for the composer alone."""
    return request.headers.get("postern-fragment") == "composer"


def page(
    edge: Edge,
    request: Request,
    me: Me,
    composition: Composition,
    *,
    problems: dict[str, str] | None = None,
    messages: list[tuple[str, str]] | None = None,
    saved: str = "",
    status: int = 200,
    nav: dict[str, Any] | None = None,
    other: Composition | None = None,
    conflict: bool = False,
    source: OpenMessage | None = None,
    templates: tuple[Template, ...] | None = None,
) -> Response:
    """The composer. `messages` are (kind, text) notices above it, `problems` stand beside their fields;
    `conflict`: the draft was changed elsewhere, `other` is that version (None: it is gone); `templates` are
    offered to choose from."""
    identity = comp.identity_of(composition, me)
    pictures = frames.addresses(edge, me, source) if source and composition.html else None
    return edge.page(
        request,
        me,
        "composer_form.html" if is_part(request) else "compose.html",
        "compose",
        status=status,
        wide=True,
        c=composition,
        identity=identity,
        identities=me.identities if identity in me.identities else (identity, *me.identities),
        attached=[(one, comp.attachment_field(one)) for one in composition.attachments],
        pictures={
            one.content_id: address
            for one in composition.attachments
            if pictures and one.content_id and (address := pictures(one.content_id))
        },
        problems=Gaps(problems or {}),
        messages=messages or [],
        conflict=conflict,
        templates=templates,
        alone=is_part(request),
        other=other,
        saved=saved,
        upload_limit=formats.size(edge.settings.max_upload_bytes),
        upload_bytes=edge.settings.max_upload_bytes,
        signatures={one.identity_id or one.address: one.signature.strip() for one in me.identities},
        spell=me.preferences.spell,
        later=later.choices(formats.now()),
        undo_seconds=me.preferences.undo_send_seconds,
        cancel=urls.safe_next(composition.back or "/mail/INBOX"),
        title=_title(composition),
        **(nav or {}),
    )


def _title(composition: Composition) -> str:
    if composition.template:
        return _("Template")
    if composition.answered:
        return _("Reply")
    if composition.forwarded:
        return _("Forward")
    return _("Draft") if composition.draft else _("New message")


def failed(edge: Edge, request: Request, me: Me, composition: Composition, err: PosternError) -> Response:
    """The composer again with everything in it, and what went wrong."""
    if err.reason == Reason.SESSION_ENDED:
        raise err
    if err.reason == Reason.TOKEN_INVALID:
        edge.sessions.forget(me.secret)
    log.warning("compose.failed", reason=err.reason, field=err.metadata.get("field", ""), cause=err.cause)
    text = sentence(err)
    if err.reason in (Reason.DEADLINE_EXCEEDED, Reason.UNAVAILABLE):
        text = (
            _("The message may not have been taken. Send it again: it will not be sent twice.") + " " + text
        )
    field = _FIELD.search(err.metadata.get("field", ""))
    problems = {field[0]: text} if field else {}
    return page(
        edge,
        request,
        me,
        composition,
        problems=problems,
        messages=[] if problems else [("error", text)],
        status=explain(err).status,
    )


def done(
    edge: Edge, request: Request, me: Me, composition: Composition, notice: Notice | None = None
) -> Response:
    """Away from the composer: to where it was opened, or, for the composer alone, the line with undo."""
    back = urls.safe_next(composition.back or "/mail/INBOX")
    if not is_part(request):
        return edge.redirect(me, back, notice)
    headers = {"postern-done": "1"}
    if "postern-page" in request.headers:
        # The script goes on to the page that a redirect would lead to.
        response = edge.redirect(me, back, notice)
        del response.headers["location"]
        response.status_code = 200
        response.headers.update({**headers, "postern-go": back})
        return response
    return edge.page(request, me, "composer_done.html", "compose", notice=notice, headers=headers, here=back)
