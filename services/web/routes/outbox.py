"""Messages between "Send" and "delivered and filed"."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import invalid_argument
from services.web import formats, urls
from services.web.edge import Edge, request_id
from services.web.i18n import gettext as _
from services.web.model.outgoing import Submission
from services.web.notices import Notice
from services.web.reading import fate_words
from services.web.render import Gaps
from services.web.routes import drafts
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


def wrong_words(submission: Submission) -> str:
    """What its writer must know wherever they are: it did not go, or not to all. Empty where all is well."""
    name = submission.subject or _("(no subject)")
    if submission.state in ("refused", "unknown", "suspended"):
        # Translators: a letter's subject, and where it stands: “About the roof”: Refused
        return _("“%(name)s”: %(words)s") % {"name": name, "words": state_words(submission)}
    lost = [one.address for one in submission.recipients if one.state in ("refused", "failed")]
    if submission.state in ("accepted", "filed") and lost:
        values = {"name": name, "addresses": ", ".join(lost[:3]) + (", …" if len(lost) > 3 else "")}
        return _("“%(name)s” was not taken for %(addresses)s.") % values
    return ""


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
    return await _page(edge, request, me)


async def _page(
    edge: Edge, request: Request, me: Me, problems: dict[str, str] | None = None, status: int = 200
) -> Response:
    """What waits, or with `view=all` everything that is still known; the list alone for the page's script.
    `problems` are texts by submission."""
    everything = request.query_params.get("view") == "all"
    alone = request.headers.get("postern-fragment") == "outbox"
    nav, (submissions, older) = await asyncio.gather(
        _no_nav() if alone else edge.nav(me), _submissions(edge, request, me, everything)
    )
    return edge.page(
        request,
        me,
        "outbox_list.html" if alone else "outbox.html",
        "outbox",
        status=status,
        wide=True,
        entries=[_entry(one) for one in submissions],
        everything=everything,
        older=urls.with_query("/outbox", view="all", page=older) if older else "",
        problems=Gaps(problems or {}),
        fate_words=fate_words,
        **nav,
    )


async def _no_nav() -> dict[str, Any]:
    return {}


async def _submissions(
    edge: Edge, request: Request, me: Me, everything: bool
) -> tuple[tuple[Submission, ...], str]:
    send, token = edge.services.send, me.token("sender")
    if everything:
        return await send.history(token, request.query_params.get("page", "")[:500])
    return await send.outbox(token, me.token("mailstore")), ""


def _entry(one: Submission) -> tuple[Submission, str, str, str, int]:
    """A submission, its state and its problem in words, what names this state of it, and how many recipients
    the mail server took it for."""
    version = hashlib.sha256(repr(one).encode()).hexdigest()[:12]
    taken = sum(person.state not in ("pending", "refused", "unknown") for person in one.recipients)
    return one, state_words(one), problem_words(one), version, taken


async def submit(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    submission, verb = request.path_params["submission"], form.get("do") or "cancel"
    send, token, write = edge.services.send, me.token("sender"), request_id()
    notice = Notice("resolved")
    if verb in ("cancel", "drop"):
        # Back into the composer or into Drafts, so that nothing written is lost by taking it back.
        taken, content = await send.cancel(token, submission, f"{write}.cancel")
        edge.asides.changed(me.account)
        return await drafts.take_back(edge, request, me, taken, content, open_it=verb == "cancel")
    if verb == "now":
        await send.reschedule(token, submission, None, f"{write}.now")
    elif verb == "reschedule":
        at = formats.parse_local(form.get("send_at")[:32])
        if at is None or at <= formats.now():
            return await _page(
                edge, request, me, {submission: _("Choose a time that is still to come.")}, status=400
            )
        await send.reschedule(token, submission, at, f"{write}.at")
        notice = Notice("rescheduled", 0, formats.medium_date(at))
    elif verb in ("sent", "again", "give-up"):
        await send.resolve(token, submission, verb, f"{write}.{verb}")
    else:
        raise invalid_argument("do", "unknown")
    edge.asides.changed(me.account)
    return edge.redirect(me, "/outbox", notice)
