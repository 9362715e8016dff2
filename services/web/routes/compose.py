"""Writing: new, answer, forward, draft; save, attach, send, discard."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.common.errors import PosternError, Reason, invalid_argument, not_found
from services.common.logging import get_logger
from services.web import composition as comp
from services.web import formats, urls
from services.web.composition import Composition
from services.web.edge import Edge, request_id
from services.web.errors import explain, sentence
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.model.mail import MessageRange, OpenMessage, Use
from services.web.model.outgoing import SavedDraft
from services.web.notices import Notice
from services.web.pages import as_posted
from services.web.render import Gaps
from services.web.routes.actions import perform
from services.web.routes.message import open_again
from services.web.session import Me
from services.web.uploads import Uploads

log = get_logger(__name__)
_FIELD = re.compile(r"\b(to|cc|bcc|subject)\b")
_background: set[asyncio.Task[None]] = set()


async def show(edge: Edge, request: Request, me: Me) -> Response:
    query = request.query_params
    kind = next((one for one in ("reply", "reply-all", "forward", "draft") if query.get(one)), "")
    nav, message = await asyncio.gather(edge.nav(me), _source(edge, me, query.get(kind, "") if kind else ""))
    if message is None:
        composition = comp.blank(me, dict(query))
    elif kind == "draft":
        composition = comp.resume(message, me)
    else:
        back = urls.message(message.ref)
        if kind == "forward":
            composition = comp.forward(message, me, back)
        else:
            composition = comp.answer(message, me, kind == "reply-all", back)
    saved = formats.short_date(message.row.received) if kind == "draft" and message else ""
    return _page(edge, request, me, composition, nav=nav, saved=saved)


async def _source(edge: Edge, me: Me, key: str) -> OpenMessage | None:
    if not key:
        return None
    ref = urls.parse_full_key(key)
    if ref is None:
        raise not_found("message")
    return await open_again(edge, me, ref)


def _page(
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
) -> Response:
    """The composer. `messages` are (kind, text) notices above it, `problems` stand beside their fields."""
    identity = comp.identity_of(composition, me)
    return edge.page(
        request,
        me,
        "compose.html",
        "compose",
        status=status,
        wide=True,
        c=composition,
        identity=identity,
        identities=me.identities,
        attached=[(one, comp.attachment_field(one)) for one in composition.attachments],
        problems=Gaps(problems or {}),
        messages=messages or [],
        saved=saved,
        upload_limit=formats.size(edge.settings.max_upload_bytes),
        cancel=urls.safe_next(composition.back or "/mail/INBOX"),
        title=_title(composition),
        **(nav or {}),
    )


def _title(composition: Composition) -> str:
    if composition.answered:
        return _("Reply")
    if composition.forwarded:
        return _("Forward")
    return _("Draft") if composition.draft else _("New message")


async def submit(edge: Edge, request: Request, me: Me) -> Response:
    uploads = Uploads(edge, me)
    form = await edge.form(request, me, uploads)
    composition = comp.from_form(form)
    composition = replace(composition, attachments=(*composition.attachments, *uploads.taken))
    verb, _colon, argument = form.get("do").partition(":")
    if uploads.problems:
        return _page(edge, request, me, composition, messages=uploads.problems, status=413)
    try:
        if verb == "attach":
            return _page(edge, request, me, composition)
        if verb == "remove" and argument.isdigit():
            return await _remove(edge, request, me, composition, int(argument))
        if verb == "save":
            return await _save_page(edge, request, me, composition)
        if verb == "discard":
            return await _discard(edge, request, me, form, composition)
        if verb in ("send", ""):
            return await _send(edge, request, me, composition)
        raise invalid_argument("do", "unknown")
    except Exception as err:
        return _failed(edge, request, me, composition, as_posted(err))


def _failed(edge: Edge, request: Request, me: Me, composition: Composition, err: PosternError) -> Response:
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
    return _page(
        edge,
        request,
        me,
        composition,
        problems=problems,
        messages=[] if problems else [("error", text)],
        status=explain(err).status,
    )


async def _remove(edge: Edge, request: Request, me: Me, composition: Composition, index: int) -> Response:
    kept = list(composition.attachments)
    if index < len(kept):
        removed = kept.pop(index)
        if removed.upload_id:
            await edge.attempt(edge.services.send.delete_upload(me.token("sender"), removed.upload_id))
    return _page(edge, request, me, replace(composition, attachments=tuple(kept)))


async def _current(edge: Edge, me: Me, composition: Composition) -> Composition:
    """With references into an earlier version of the draft put right."""
    draft = composition.draft
    stale = draft and any(
        one.part_id and one.message not in (None, draft, composition.forwarded)
        for one in composition.attachments
    )
    if draft is None or not stale:
        return composition
    stored, _problem = await edge.attempt(open_again(edge, me, draft))
    return comp.rebased(composition, stored) if stored else composition


async def _save(edge: Edge, me: Me, composition: Composition) -> SavedDraft:
    composition = await _current(edge, me, composition)
    outgoing, _problems = comp.to_outgoing(composition, me, draft=True)
    tokens = me.token("sender"), me.token("mailstore")
    return await edge.services.send.save_draft(*tokens, outgoing, composition.draft, request_id())


async def _save_page(edge: Edge, request: Request, me: Me, composition: Composition) -> Response:
    _outgoing, problems = comp.to_outgoing(composition, me)
    saved = await _save(edge, me, composition)
    composition = replace(composition, draft=saved.ref, draft_id=saved.draft_id, request_id=request_id())
    messages = []
    if saved.replaced_missing:
        messages.append(
            (
                "warning",
                _("The draft was changed or sent elsewhere meanwhile; this is now a draft of its own."),
            )
        )
    when = formats.short_date(saved.saved or formats.now())
    return _page(edge, request, me, composition, problems=problems, messages=messages, saved=when)


async def autosave(edge: Edge, request: Request, me: Me) -> Response:
    """For scripts: save, and answer which draft it is now."""
    form = await edge.form(request, me)
    composition = comp.from_form(form)
    if composition.empty:
        return JSONResponse({"draft": "", "saved": ""})
    saved = await _save(edge, me, composition)
    field = replace(composition, draft=saved.ref, draft_id=saved.draft_id).draft_field
    return JSONResponse({"draft": field, "saved": formats.short_date(saved.saved or formats.now())})


async def _send(edge: Edge, request: Request, me: Me, composition: Composition) -> Response:
    outgoing, problems = comp.to_outgoing(composition, me)
    if not problems and not (outgoing.to or outgoing.cc or outgoing.bcc):
        problems["to"] = _("Type at least one recipient.")
    if problems:
        return _page(edge, request, me, composition, problems=problems, status=400)
    composition = await _current(edge, me, composition)
    outgoing, _problems = comp.to_outgoing(composition, me)
    undo = min(me.preferences.undo_send_seconds, 120)
    sending = edge.services.send.send(
        me.token("sender"),
        me.token("mailstore"),
        outgoing,
        request_id=comp.send_id(composition),
        undo_seconds=undo,
        send_at=None,
        draft=composition.draft,
    )
    submission, _made = await asyncio.gather(sending, _have_sent(edge, me))
    people = [(one.name, one.address) for one in (*outgoing.to, *outgoing.cc, *outgoing.bcc)][:500]
    _in_background(_record(edge, me, people, composition.request_id))
    notice = Notice("sent")
    if submission.state == "held" and undo:
        notice = Notice("held", undo, "", f"/outbox/{submission.submission_id}", {"do": "cancel"})
    return edge.redirect(me, urls.safe_next(composition.back or "/mail/INBOX"), notice)


async def _have_sent(edge: Edge, me: Me) -> None:
    """The first message ever sent makes Sent when it is filed; made now, the next page shows it."""
    try:
        async with asyncio.timeout(2):
            await edge.services.mail.ensure_special(
                me.token("mailstore"), Use.SENT, create=True, request_id=request_id()
            )
    except (PosternError, TimeoutError) as err:
        log.info("compose.sent_not_made", reason=getattr(err, "reason", "timeout"))


async def _record(edge: Edge, me: Me, people: list[tuple[str, str]], write: str) -> None:
    """Contacts learn who was written to; whether they can now does not concern the message."""
    try:
        await edge.services.people.record_use(me.token("contacts"), people, f"{write}.use")
    except PosternError as err:
        log.info("contacts.use_not_recorded", reason=err.reason)


def _in_background(work: Any) -> None:
    task = asyncio.create_task(work)
    _background.add(task)
    task.add_done_callback(_background.discard)


async def _discard(edge: Edge, request: Request, me: Me, form: Form, composition: Composition) -> Response:
    """To Trash rather than away, also what was never saved: a slip of the hand can be taken back."""
    back = urls.safe_next(composition.back or "/mail/INBOX")
    if composition.draft is None and composition.empty:
        return edge.redirect(me, back)
    draft = composition.draft or (await _save(edge, me, composition)).ref
    if draft is None:
        return edge.redirect(me, back, Notice("discarded"))
    group = MessageRange(draft.mailbox, draft.uid_validity, (draft.uid,))
    notice = await perform(edge, me, form, "delete", [group])
    return edge.redirect(me, back, replace(notice, kind="discarded"))


async def present_again(edge: Edge, request: Request, me: Me, kept: Form) -> Response:
    """After signing in again in the midst of writing."""
    messages = [("info", _("You are signed in again. Your text is here; nothing was sent yet."))]
    if kept.files:
        names = ", ".join(kept.files)
        messages.append(("warning", _("Attach these files again: %(files)s") % {"files": names}))
    return _page(edge, request, me, comp.from_form(kept), messages=messages)


async def present_content(edge: Edge, request: Request, me: Me, content: Any) -> Response:
    """A message taken back from the outbox."""
    composition = comp.from_outgoing(content)
    return _page(edge, request, me, composition, messages=[("info", _("Sending was cancelled."))])
