"""Drafts: saved on condition that nobody else changed them, given up, and made of what is taken back."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.common.errors import PosternError, Reason
from services.web import begin, formats, urls
from services.web import composition as comp
from services.web.acts import Acts, taken_back
from services.web.composition import Composition
from services.web.edge import Edge, request_id
from services.web.errors import sentence
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.model.mail import MessageRange, MessageRef, Use
from services.web.model.outgoing import Outgoing, SavedDraft, Submission
from services.web.notices import Notice
from services.web.routes import composer
from services.web.routes.message import open_again
from services.web.session import Me


async def current(edge: Edge, me: Me, composition: Composition) -> Composition:
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


async def save(edge: Edge, me: Me, composition: Composition) -> SavedDraft:
    composition = await current(edge, me, composition)
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
    message, _problem = await edge.attempt(open_again(edge, me, ref, all_headers=True))
    return begin.resume(message, me) if message else None


async def save_page(edge: Edge, request: Request, me: Me, composition: Composition) -> Response:
    _outgoing, problems = comp.to_outgoing(composition, me)
    try:
        saved = await save(edge, me, composition)
    except PosternError as err:
        if not _is_conflict(err):
            raise
        other = await _other(edge, me, err)
        return composer.page(edge, request, me, composition, conflict=True, other=other, status=409)
    composition = replace(composition, draft=saved.ref, draft_id=saved.draft_id, request_id=request_id())
    when = formats.short_date(saved.saved or formats.now())
    return composer.page(edge, request, me, composition, problems=problems, saved=when)


async def settle(
    edge: Edge, request: Request, me: Me, form: Form, composition: Composition, verb: str
) -> Response:
    """A conflict, as its writer decided: `mine` goes over the other version, `other` is taken instead, `both`
    stay."""
    newer = urls.parse_full_key(form.get("newer"))
    if verb == "other" and newer:
        message = await open_again(edge, me, newer, all_headers=True)
        saved = formats.short_date(message.row.received)
        return composer.page(edge, request, me, begin.resume(message, me), saved=saved, source=message)
    if verb == "both":
        composition = replace(composition, draft=None, draft_id=begin.draft_id(), request_id=request_id())
    else:
        composition = replace(composition, draft=newer)
    return await save_page(edge, request, me, composition)


async def autosave(edge: Edge, request: Request, me: Me) -> Response:
    """For scripts: save, and answer which draft it is now; 409 with the other text where another window or
    program changed it."""
    form = await edge.form(request, me)
    composition = comp.from_form(form)
    if composition.empty and composition.draft is None:
        return JSONResponse({"draft": "", "saved": ""})
    try:
        saved = await save(edge, me, composition)
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


async def discard(edge: Edge, request: Request, me: Me, form: Form, composition: Composition) -> Response:
    """To Trash rather than away, also what was never saved: a slip of the hand can be taken back."""
    if composition.draft is None and composition.empty:
        return composer.done(edge, request, me, composition)
    draft = composition.draft or (await save(edge, me, composition)).ref
    if draft is None:
        return composer.done(edge, request, me, composition, Notice("discarded"))
    group = MessageRange(draft.mailbox, draft.uid_validity, (draft.uid,))
    acts = Acts(edge, me)
    try:
        notice = await acts.perform(form, "delete", [group])
    except PosternError as err:
        if err.reason != Reason.SPECIAL_MAILBOX_MISSING:
            raise
        # Nobody who gives a letter up wants to hear of mailboxes; making one destroys nothing.
        token = me.token("mailstore")
        await edge.services.mail.ensure_special(token, Use.TRASH, create=True, request_id=request_id())
        notice = await acts.perform(form, "delete", [group])
    undo = "/compose/restore" if notice.undo else ""
    return composer.done(edge, request, me, composition, replace(notice, kind="discarded", undo_action=undo))


async def restore(edge: Edge, request: Request, me: Me) -> Response:
    """Discarding taken back: the draft lies where it lay, and is open again."""
    form = await edge.form(request, me)
    for target, group in taken_back(form)[:1]:
        result = await edge.services.mail.move(me.token("mailstore"), group, target, request_id())
        for one in result.moved:
            for uid in one.destination.uids[:1]:
                ref = MessageRef(one.destination.mailbox, one.destination.uid_validity, uid)
                return edge.redirect(me, urls.with_query("/compose", draft=urls.full_key(ref)))
    return edge.redirect(me, urls.safe_next(form.get("back")), Notice("not-undone"))


async def take_back(
    edge: Edge, request: Request, me: Me, taken: Submission, content: Outgoing, *, open_it: bool
) -> Response:
    """A message taken back from the outbox. It is a draft at once: nothing else holds it from now on, and a
    version that was left in Drafts is gone on with. It is shown at the draft's own address."""
    composition = begin.from_outgoing(content)
    saved, problem = await edge.attempt(save(edge, me, composition))
    if saved is not None and saved.ref is not None:
        if not open_it:
            return edge.redirect(me, "/outbox", Notice("drafted"))
        at = formats.to_local(taken.send_at) if taken.scheduled and taken.send_at else ""
        target = urls.with_query("/compose", draft=urls.full_key(saved.ref), at=at)
        return edge.redirect(me, target, Notice("cancelled"))
    messages = [("info", _("Sending was cancelled."))]
    if problem is not None:
        messages.append(("warning", _("It could not be saved as a draft yet.") + " " + sentence(problem)))
    return composer.page(edge, request, me, composition, messages=messages)
