"""Send: what is wrong is told beside its field, what is odd once; then it is sender's."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason
from services.common.logging import get_logger
from services.web import cautions, formats
from services.web import composition as comp
from services.web.composition import Composition
from services.web.edge import Edge, request_id
from services.web.i18n import gettext as _
from services.web.model.mail import Use
from services.web.notices import Notice
from services.web.routes import composer, drafts
from services.web.routes.message import open_again
from services.web.session import Me

log = get_logger(__name__)
_background: set[asyncio.Task[None]] = set()


async def send(edge: Edge, request: Request, me: Me, composition: Composition) -> Response:
    outgoing, problems = comp.to_outgoing(composition, me)
    if not problems and not (outgoing.to or outgoing.cc or outgoing.bcc):
        problems["to"] = _("Type at least one recipient.")
    send_at = formats.parse_local(composition.send_at) if composition.send_at else None
    if composition.send_at and (send_at is None or send_at <= formats.now()):
        problems["send_at"] = _("Choose a time that is still to come.")
    if problems:
        return composer.page(edge, request, me, composition, problems=problems, status=400)
    found = [*cautions.of(composition, outgoing, me.identities), *await _gone(edge, me, composition)]
    mark = cautions.mark(found)
    if found and composition.confirmed != mark:
        messages = [("warning", text) for text in (*found, _("Press Send again to send it all the same."))]
        unsure = replace(composition, confirmed=mark)
        return composer.page(edge, request, me, unsure, messages=messages, status=422)
    composition = await drafts.current(edge, me, composition)
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
    return composer.done(edge, request, me, composition, notice)


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
