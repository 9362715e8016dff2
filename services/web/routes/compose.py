"""Writing: new, answer, forward, draft; what the composer's buttons do."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import invalid_argument, not_found
from services.web import answering, begin, formats, urls
from services.web import composition as comp
from services.web.composition import Composition
from services.web.edge import Edge
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.model.mail import OpenMessage
from services.web.pages import as_posted
from services.web.plaintext import html_to_text
from services.web.routes import composer, drafts, sending, templates
from services.web.routes.composer import is_part
from services.web.routes.message import open_again
from services.web.session import Me
from services.web.uploads import Uploads

KINDS = ("reply", "reply-all", "reply-list", "forward", "forward-as", "draft")


async def show(edge: Edge, request: Request, me: Me) -> Response:
    query = request.query_params
    kind = next((one for one in KINDS if query.get(one)), "")
    source = _source(edge, me, query.get(kind, "") if kind else "", draft=kind == "draft")
    nav, message = await asyncio.gather(_nav(edge, request, me), source)
    messages: list[tuple[str, str]] = []
    if message is None and query.get("template"):
        composition = await templates.open_new(edge, me, query["template"], query.get("edit") == "1")
    elif message is None:
        composition = begin.blank(me, dict(query))
    elif kind == "draft":
        composition = replace(begin.resume(message, me), send_at=_later(query.get("at", "")))
        if composition.draft is None:
            text = _("This draft is too long to be changed here. What you write is saved as a new one.")
            messages.append(("warning", text))
    else:
        back = urls.message(message.ref)
        if kind.startswith("forward"):
            composition = begin.forward(message, me, back, as_attachment=kind == "forward-as")
        else:
            composition = begin.answer(message, me, kind, back)
            if kind == "reply-all" and answering.was_blind(message, me.identities):
                text = _("You were a blind copy of this message: the others do not know that you have it.")
                messages.append(("warning", text))
    saved = formats.short_date(message.row.received) if kind == "draft" and message else ""
    return composer.page(
        edge, request, me, composition, nav=nav, saved=saved, messages=messages, source=message
    )


def _later(text: str) -> str:
    """A time that is still to come, as a browser's field has it."""
    at = formats.parse_local(text[:32]) if text else None
    return formats.to_local(at) if at and at > formats.now() else ""


async def _nav(edge: Edge, request: Request, me: Me) -> dict[str, Any]:
    return {} if is_part(request) else await edge.nav(me)


async def _source(edge: Edge, me: Me, key: str, *, draft: bool) -> OpenMessage | None:
    if not key:
        return None
    ref = urls.parse_full_key(key)
    if ref is None:
        raise not_found("message")
    return await open_again(edge, me, ref, all_headers=draft)


async def submit(edge: Edge, request: Request, me: Me) -> Response:
    uploads = Uploads(edge, me)
    form = await edge.form(request, me, uploads)
    composition = comp.from_form(form)
    composition = comp.signed_anew(composition, form.get("signed_as"), me)
    composition = replace(composition, attachments=(*composition.attachments, *uploads.taken))
    verb, _colon, argument = form.get("do").partition(":")
    if uploads.problems:
        return composer.page(edge, request, me, composition, messages=uploads.problems, status=413)
    try:
        if verb in ("attach", "again"):
            return composer.page(edge, request, me, composition)
        if verb == "plain":
            return composer.page(edge, request, me, replace(composition, html="", text=_plain(composition)))
        if verb == "remove" and argument.isdigit():
            return await _remove(edge, request, me, composition, int(argument))
        if verb == "save":
            return await drafts.save_page(edge, request, me, composition)
        if verb in ("mine", "other", "both"):
            return await drafts.settle(edge, request, me, form, composition, verb)
        if verb == "template":
            return await templates.keep(edge, request, me, composition)
        if verb == "templates":
            return await templates.offer(edge, request, me, composition)
        if verb == "use" and argument:
            return await templates.use(edge, request, me, composition, argument)
        if verb == "discard":
            return await drafts.discard(edge, request, me, form, composition)
        if verb in ("send", "later", "") and not composition.template:
            at = (argument[:32] or composition.send_at) if verb == "later" else ""
            composition = replace(composition, send_at=at)
            return await sending.send(edge, request, me, composition)
        raise invalid_argument("do", "unknown")
    except Exception as err:
        return composer.failed(edge, request, me, composition, as_posted(err))


def _plain(composition: Composition) -> str:
    return html_to_text(composition.html) if composition.html else composition.text


async def _remove(edge: Edge, request: Request, me: Me, composition: Composition, index: int) -> Response:
    kept = list(composition.attachments)
    if index < len(kept):
        removed = kept.pop(index)
        if removed.upload_id:
            await edge.attempt(edge.services.send.delete_upload(me.token("sender"), removed.upload_id))
    return composer.page(edge, request, me, replace(composition, attachments=tuple(kept)))


async def present_again(edge: Edge, request: Request, me: Me, kept: Form) -> Response:
    """After signing in again in the midst of writing."""
    messages = [("info", _("You are signed in again. Your text is here; nothing was sent yet."))]
    if kept.files:
        names = ", ".join(kept.files)
        messages.append(("warning", _("Attach these files again: %(files)s") % {"files": names}))
    return composer.page(edge, request, me, comp.from_form(kept), messages=messages)
