"""Where the enrolment of a second factor begins: from the settings, and before anything else where the
operator demands it. What waits behind it is carried along."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.web import urls
from services.web.edge import Edge, own_path
from services.web.errors import sentence
from services.web.forms import read_form
from services.web.i18n import gettext as _
from services.web.kept import Waiting
from services.web.model.security import Factors
from services.web.session import Me

START = "/settings/security/app"


async def start_page(
    edge: Edge,
    request: Request,
    me: Me,
    waiting: Waiting = Waiting(),
    *,
    name: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    """The first step: a name, and a proof that it is the person. Who must enrol has no factor to prove with,
    and no mail to list beside it."""
    if me.must_enrol:
        return edge.page(
            request,
            me,
            "factor_start.html",
            "settings",
            status=status,
            bare=True,
            with_code=False,
            factor_name=name,
            problem=problem,
            waiting=waiting.fields,
        )
    nav, (factors, failed) = await asyncio.gather(
        edge.nav(me), edge.attempt(edge.services.auth.factors(me.token("auth")))
    )
    return edge.page(
        request,
        me,
        "factor_start.html",
        "settings",
        status=status,
        wide=True,
        with_code=bool((factors or Factors()).proper),
        factor_name=name,
        problem=problem or (sentence(failed) if failed else ""),
        waiting=waiting.fields,
        **nav,
    )


async def enrol_first(edge: Edge, request: Request) -> Response:
    """To the enrolment instead of what was asked for; a form that was typed waits behind it."""
    if request.method != "POST":
        target = own_path(request)
        where = urls.with_query(START, next=target if target not in ("/", "/mail/INBOX") else "")
        if request.headers.get("hx-request") == "true":
            return Response(status_code=403, headers={"hx-redirect": where})
        return RedirectResponse(where, 303)
    me = await edge.open(request)
    form = request.scope.get("postern_form")
    if form is None:
        form = await read_form(request, 2 * edge.settings.max_form_bytes)
    return await start_page(edge, request, me, Waiting.after(request, form, own_path(request)), status=403)


def wrong_code(recovery: bool = False) -> str:
    """`recovery`: the person was asked for a recovery code."""
    if recovery:
        return _("This code is not right, or was used before. Try another one.")
    return _("This code is not right, or was used before. Wait until your app shows the next one.")
