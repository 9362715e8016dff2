"""Settings, Security: second factors, signed-in browsers, recent activity."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError
from services.web import urls
from services.web.edge import Edge
from services.web.enrolling import PAGE
from services.web.errors import sentence
from services.web.i18n import gettext as _
from services.web.i18n import mark as N_
from services.web.model.security import Activity, Event, Factors
from services.web.notices import Notice
from services.web.session import Me

ACTIVITY_ROWS = 20
_ACTIONS = {
    "sign-in": N_("Signed in"),
    "sign-in-refused": N_("A sign-in was refused"),
    "sign-out": N_("Signed out"),
    "sessions-revoked": N_("Other browsers signed out"),
    "identity-created": N_("Sender address added"),
    "identity-changed": N_("Sender address changed"),
    "identity-deleted": N_("Sender address deleted"),
    "factor-enrolled": N_("Second factor added"),
    "factor-removed": N_("Second factor removed"),
    "factor-refused": N_("Right password, but a wrong code"),
    "passkey-counter": N_("A passkey was refused that may be a copy"),
    "recovery-codes-created": N_("New recovery codes made"),
    "app-token-created": N_("App token made"),
    "app-token-revoked": N_("App token revoked"),
    "api-client-created": N_("The operator let a system in"),
    "api-client-revoked": N_("The operator ended a system's access"),
}


async def show(edge: Edge, request: Request, me: Me) -> Response:
    page = request.query_params.get("page", "")[:500]
    auth, token = edge.services.auth, me.token("auth")
    nav, (factors, no_factors), (devices, no_devices), (activity, no_activity) = await asyncio.gather(
        edge.nav(me),
        edge.attempt(auth.factors(token)),
        edge.attempt(auth.devices(token)),
        edge.attempt(auth.activity(token, rows=ACTIVITY_ROWS, page=page)),
    )
    found = activity or Activity()
    return edge.page(
        request,
        me,
        "security.html",
        "settings",
        wide=True,
        factors=factors or Factors(),
        factors_problem=_said(no_factors),
        devices=devices or (),
        devices_problem=_said(no_devices),
        events=[(one, words(one)) for one in found.events],
        events_problem=_said(no_activity),
        older=urls.with_query(PAGE, page=found.next_token) if found.next_token else None,
        newer=PAGE if page else None,
        **nav,
    )


def words(event: Event) -> str:
    """What was done, with the name of what it was done to."""
    known = _ACTIONS.get(event.action)
    text = _(known) if known else _("Something else (%(action)s)") % {"action": event.action}
    what = next(
        (event.details[key] for key in ("factor", "address", "token", "client") if event.details.get(key)), ""
    )
    return f"{text}: {what}" if what else text


def _said(err: PosternError | None) -> str:
    return sentence(err) if err else ""


async def end_sessions(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    if form.get("session"):
        count = await edge.services.auth.revoke(me.token("auth"), form.get("session"))
    else:
        count = await edge.services.auth.revoke_others(me.token("auth"))
    return edge.redirect(me, PAGE, Notice("sessions-ended", count))
