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
from services.web import answering, begin, cautions, formats, urls
from services.web import composition as comp
from services.web.composition import Composition
from services.web.edge import Edge, request_id
from services.web.errors import explain, sentence
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.model.mail import MessageRange, MessageRef, OpenMessage, Use
from services.web.model.outgoing import Outgoing, SavedDraft
from services.web.notices import Notice
from services.web.pages import as_posted
from services.web.plaintext import html_to_text
from services.web.render import Gaps
from services.web.routes import parts
from services.web.routes.actions import perform
from services.web.routes.message import open_again
from services.web.session import Me
from services.web.uploads import Uploads

log = get_logger(__name__)
_FIELD = re.compile(r"\b(to|cc|bcc|subject)\b")
_background: set[asyncio.Task[None]] = set()


KINDS = ("reply", "reply-all", "reply-list", "forward", "forward-as", "draft")


async def show(edge: Edge, request: Request, me: Me) -> Response:
    query = request.query_params
    kind = next((one for one in KINDS if query.get(one)), "")
    source = _source(edge, me, query.get(kind, "") if kind else "")
    nav, message = await asyncio.gather(_nav(edge, request, me), source)
    messages: list[tuple[str, str]] = []
    if message is None:
        composition = begin.blank(me, dict(query))
    elif kind == "draft":
        composition = begin.resume(message, me)
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
    return _page(edge, request, me, composition, nav=nav, saved=saved, messages=messages, source=message)


def is_part(request: Request) -> bool:
    """Whether a script asks for the composer alone."""
    return request.headers.get("postern-fragment") == "composer"


async def _nav(edge: Edge, request: Request, me: Me) -> dict[str, Any]:
    return {} if is_part(request) else await edge.nav(me)


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
    other: Composition | None = None,
    conflict: bool = False,
    source: OpenMessage | None = None,
) -> Response:
    """The composer. `messages` are (kind, text) notices above it, `problems` stand beside their fields;
    `conflict`: the draft was changed elsewhere, `other` is that version (None: it is gone)."""
    identity = comp.identity_of(composition, me)
    pictures = parts.addresses(edge, me, source) if source and composition.html else None
    return edge.page(
        request,
        me,
        "composer_form.html" if is_part(request) else "compose.html",
        "compose",
        status=status,
        wide=True,
        c=composition,
        identity=identity,
        identities=me.identities,
        attached=[(one, comp.attachment_field(one)) for one in composition.attachments],
        pictures={
            one.content_id: address
            for one in composition.attachments
            if pictures and one.content_id and (address := pictures(one.content_id))
        },
        problems=Gaps(problems or {}),
        messages=messages or [],
        conflict=conflict,
        other=other,
        saved=saved,
        upload_limit=formats.size(edge.settings.max_upload_bytes),
        upload_bytes=edge.settings.max_upload_bytes,
        signatures={one.identity_id or one.address: one.signature.strip() for one in me.identities},
        spell=me.preferences.spell,
        undo_seconds=me.preferences.undo_send_seconds,
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
        if verb in ("attach", "again"):
            return _page(edge, request, me, composition)
        if verb == "plain":
            return _page(edge, request, me, replace(composition, html="", text=_plain(composition)))
        if verb == "remove" and argument.isdigit():
            return await _remove(edge, request, me, composition, int(argument))
        if verb == "save":
            return await _save_page(edge, request, me, composition)
        if verb in ("mine", "other", "both"):
            return await _settle(edge, request, me, form, composition, verb)
        if verb == "discard":
            return await _discard(edge, request, me, form, composition)
        if verb in ("send", "later", ""):
            if verb != "later":
                composition = replace(composition, send_at="")
            return await _send(edge, request, me, composition)
        raise invalid_argument("do", "unknown")
    except Exception as err:
        return _failed(edge, request, me, composition, as_posted(err))


def _plain(composition: Composition) -> str:
    return html_to_text(composition.html) if composition.html else composition.text


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


def _is_conflict(err: PosternError) -> bool:
    return err.reason == Reason.CONFLICT and err.metadata.get("what") == "draft"


async def _other(edge: Edge, me: Me, err: PosternError) -> Composition | None:
    """The version that somebody else, or another window, has saved; None where the draft is gone."""
    found = err.metadata
    if not found.get("uid"):
        return None
    ref = MessageRef(found["mailbox"], int(found["uid_validity"]), int(found["uid"]))
    message, _problem = await edge.attempt(open_again(edge, me, ref))
    return begin.resume(message, me) if message else None


async def _save_page(edge: Edge, request: Request, me: Me, composition: Composition) -> Response:
    _outgoing, problems = comp.to_outgoing(composition, me)
    try:
        saved = await _save(edge, me, composition)
    except PosternError as err:
        if not _is_conflict(err):
            raise
        other = await _other(edge, me, err)
        return _page(edge, request, me, composition, conflict=True, other=other, status=409)
    composition = replace(composition, draft=saved.ref, draft_id=saved.draft_id, request_id=request_id())
    when = formats.short_date(saved.saved or formats.now())
    return _page(edge, request, me, composition, problems=problems, saved=when)


async def _settle(
    edge: Edge, request: Request, me: Me, form: Form, composition: Composition, verb: str
) -> Response:
    """A conflict, as its writer decided: `mine` goes over the other version, `other` is taken instead, `both`
    stay."""
    newer = urls.parse_full_key(form.get("newer"))
    if verb == "other" and newer:
        message = await open_again(edge, me, newer)
        saved = formats.short_date(message.row.received)
        return _page(edge, request, me, begin.resume(message, me), saved=saved, source=message)
    if verb == "both":
        composition = replace(composition, draft=None, draft_id=begin.draft_id(), request_id=request_id())
    else:
        composition = replace(composition, draft=newer)
    return await _save_page(edge, request, me, composition)


async def autosave(edge: Edge, request: Request, me: Me) -> Response:
    """For scripts: save, and answer which draft it is now; 409 with the other text where another window or
    program changed it."""
    form = await edge.form(request, me)
    composition = comp.from_form(form)
    if composition.empty and composition.draft is None:
        return JSONResponse({"draft": "", "saved": ""})
    try:
        saved = await _save(edge, me, composition)
    except PosternError as err:
        if not _is_conflict(err):
            raise
        other = await _other(edge, me, err)
        answer = {"error": Reason.CONFLICT, "newer": "", "text": ""}
        if other and other.draft:
            answer = {
                "error": Reason.CONFLICT,
                "newer": urls.full_key(other.draft),
                "subject": other.subject,
                "to": other.to,
                "text": other.text,
            }
        return JSONResponse(answer, 409)
    field = replace(composition, draft=saved.ref, draft_id=saved.draft_id).draft_field
    return JSONResponse({"draft": field, "saved": formats.short_date(saved.saved or formats.now())})


async def _send(edge: Edge, request: Request, me: Me, composition: Composition) -> Response:
    outgoing, problems = comp.to_outgoing(composition, me)
    if not problems and not (outgoing.to or outgoing.cc or outgoing.bcc):
        problems["to"] = _("Type at least one recipient.")
    send_at = formats.parse_local(composition.send_at) if composition.send_at else None
    if composition.send_at and (send_at is None or send_at <= formats.now()):
        problems["send_at"] = _("Choose a time that is still to come.")
    if problems:
        return _page(edge, request, me, composition, problems=problems, status=400)
    found = [*cautions.of(composition, outgoing, me.identities), *await _gone(edge, me, composition)]
    mark = cautions.mark(found)
    if found and composition.confirmed != mark:
        messages = [("warning", text) for text in (*found, _("Press Send again to send it all the same."))]
        unsure = replace(composition, confirmed=mark)
        return _page(edge, request, me, unsure, messages=messages, status=422)
    composition = await _current(edge, me, composition)
    outgoing, _problems = comp.to_outgoing(composition, me)
    undo = min(me.preferences.undo_send_seconds, 120)
    sending = edge.services.send.send(
        me.token("sender"),
        me.token("mailstore"),
        outgoing,
        request_id=comp.send_id(composition),
        undo_seconds=0 if send_at else undo,
        send_at=send_at,
        draft=composition.draft,
    )
    submission, _made = await asyncio.gather(sending, _have_sent(edge, me))
    people = [(one.name, one.address) for one in (*outgoing.to, *outgoing.cc, *outgoing.bcc)][:500]
    _in_background(_record(edge, me, people, composition.request_id))
    notice = Notice("sent")
    taking_back = f"/outbox/{submission.submission_id}", {"do": "cancel"}
    if send_at:
        notice = Notice("scheduled", 0, formats.medium_date(send_at), *taking_back)
    elif submission.state == "held" and undo:
        notice = Notice("held", undo, "", *taking_back)
    return _done(edge, request, me, composition, notice)


async def _gone(edge: Edge, me: Me, composition: Composition) -> list[str]:
    """Words where the draft is not there any more: it may have been sent from another window."""
    if composition.draft is None:
        return []
    _message, problem = await edge.attempt(open_again(edge, me, composition.draft))
    if problem is None or problem.reason not in (Reason.MESSAGE_GONE, Reason.NOT_FOUND):
        return []
    return [
        _("This draft was changed, sent or discarded elsewhere meanwhile. Look into Sent and Drafts first.")
    ]


def _done(
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
    if composition.draft is None and composition.empty:
        return _done(edge, request, me, composition)
    draft = composition.draft or (await _save(edge, me, composition)).ref
    if draft is None:
        return _done(edge, request, me, composition, Notice("discarded"))
    group = MessageRange(draft.mailbox, draft.uid_validity, (draft.uid,))
    notice = await perform(edge, me, form, "delete", [group])
    return _done(edge, request, me, composition, replace(notice, kind="discarded"))


async def present_again(edge: Edge, request: Request, me: Me, kept: Form) -> Response:
    """After signing in again in the midst of writing."""
    messages = [("info", _("You are signed in again. Your text is here; nothing was sent yet."))]
    if kept.files:
        names = ", ".join(kept.files)
        messages.append(("warning", _("Attach these files again: %(files)s") % {"files": names}))
    return _page(edge, request, me, comp.from_form(kept), messages=messages)


async def present_content(edge: Edge, request: Request, me: Me, content: Outgoing) -> Response:
    """A message taken back from the outbox. It is a draft at once: nothing else holds it from now on, and a
    version that was left in Drafts is gone on with."""
    composition = begin.from_outgoing(content)
    saved, problem = await edge.attempt(_save(edge, me, composition))
    when = ""
    if saved is not None:
        composition = replace(composition, draft=saved.ref, draft_id=saved.draft_id)
        when = formats.short_date(saved.saved or formats.now())
    messages = [("info", _("Sending was cancelled."))]
    if problem is not None:
        messages.append(("warning", _("It could not be saved as a draft yet.") + " " + sentence(problem)))
    return _page(edge, request, me, composition, messages=messages, saved=when)
