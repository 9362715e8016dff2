"""Messages between "Send" and "delivered and filed"."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import invalid_argument
from services.web.edge import Edge, request_id
from services.web.i18n import gettext as _
from services.web.model.outgoing import Submission
from services.web.notices import Notice
from services.web.reading import fate_words
from services.web.routes import compose
from services.web.session import Me


def state_words(submission: Submission) -> str:
    """Where it stands, for a person."""
    words = {
        "held": _("Waiting to be sent"),
        "queued": _("About to be sent"),
        "submitting": _("Being sent"),
        "deferred": _("Not taken yet; it will be tried again"),
        "accepted": _("Sent; not yet filed in Sent"),
        "filed": _("Sent"),
        "refused": _("Refused"),
        "unknown": _("Not known whether it was sent: the connection was lost at the last moment"),
        "cancelled": _("Cancelled"),
        "suspended": _("Stopped; whoever runs the mail system will look at it"),
    }
    return words.get(submission.state, submission.state)


def problem_words(submission: Submission) -> str:
    """Why it is not yet delivered or filed, for a person; empty where the recipients' own lines say it."""
    words = {
        "MAIL_SERVER_UNREACHABLE": _("The mail server could not be reached, or broke off."),
        "MAIL_SERVER_TIMEOUT": _("The mail server did not answer in time."),
        "MAIL_SERVER_TLS_FAILED": _(
            "No secure connection to the mail server came about, so nothing was sent."
        ),
        "AUTHENTICATION_FAILED": _("The mail server did not take the password. Sign in again."),
        "TOO_LARGE": _("It is larger than the mail server takes."),
        "UNSUPPORTED": _("The mail server cannot send to such an address, or cannot send such content."),
        "EXPIRED": _("It was tried for too long."),
        "SENDING_BURST": _("Much was sent in a short time, so it waits until somebody has looked at it."),
        "REFUSED_BY_OPERATOR": _("Whoever runs the mail system decided not to send it."),
    }
    found = words.get(submission.problem, "")
    if submission.problem == "MAIL_SERVER_REFUSED" and not any(one.code for one in submission.recipients):
        found = _("The mail server refused to speak with Postern.")
    if submission.state == "accepted" and submission.problem and not found:
        found = _("The copy could not be put in Sent yet; it will be tried again.")
    return found


async def show(edge: Edge, request: Request, me: Me) -> Response:
    nav, submissions = await asyncio.gather(
        edge.nav(me), edge.services.send.outbox(me.token("sender"), me.token("mailstore"))
    )
    entries = [(one, state_words(one), problem_words(one)) for one in submissions]
    return edge.page(
        request, me, "outbox.html", "outbox", wide=True, entries=entries, fate_words=fate_words, **nav
    )


async def submit(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    submission, verb = request.path_params["submission"], form.get("do") or "cancel"
    send, token, write = edge.services.send, me.token("sender"), request_id()
    if verb == "cancel":
        # Back into the composer, so that nothing written is lost by taking it back.
        _submission, content = await send.cancel(token, submission, f"{write}.cancel")
        return await compose.present_content(edge, request, me, content)
    if verb == "now":
        await send.reschedule(token, submission, None, f"{write}.now")
    elif verb in ("sent", "again", "give-up"):
        await send.resolve(token, submission, verb, f"{write}.{verb}")
    else:
        raise invalid_argument("do", "unknown")
    return edge.redirect(me, "/outbox", Notice("resolved"))
