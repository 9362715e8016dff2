"""Managing labels: their names and colours, which are a preference of the account."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason
from services.web import labels
from services.web.edge import Edge
from services.web.errors import explain, sentence
from services.web.i18n import gettext as _
from services.web.notices import Notice
from services.web.session import Me


async def show(edge: Edge, request: Request, me: Me) -> Response:
    return await _page(edge, request, me)


async def _page(edge: Edge, request: Request, me: Me, problem: str = "", status: int = 200) -> Response:
    return edge.page(
        request,
        me,
        "labels.html",
        "settings",
        status=status,
        wide=True,
        problem=problem,
        known=labels.of(me).known,
        colours=[(value, _(name)) for value, name in labels.COLOUR_NAMES.items()],
        **await edge.nav(me),
    )


async def submit(edge: Edge, request: Request, me: Me) -> Response:
    """One label: made, named or coloured anew, or not offered any more."""
    form = await edge.form(request, me)
    known = labels.of(me)
    keyword = form.get("label")
    try:
        if form.get("do") == "remove":
            name = known.name(keyword)
            await save(edge, me, known.without(keyword))
            return edge.redirect(me, "/settings/labels", Notice("label-removed", name=name))
        name = labels.check(form.get("name"))
        colour = form.get("colour") if form.get("colour") in labels.COLOURS else ""
        twin = known.find(name)
        if twin is not None and twin.keyword != keyword:
            return await _page(edge, request, me, _("There is a label of that name."), 409)
        await save(edge, me, known.with_(labels.Label(keyword or name, name, colour)))
    except PosternError as err:
        if err.reason != Reason.INVALID_ARGUMENT:
            raise
        problem = _("Type a name.") if err.metadata.get("problem") == "missing" else sentence(err)
        if err.metadata.get("problem") == "too_many":
            problem = _("There are too many labels. Remove one first.")
        return await _page(edge, request, me, problem, explain(err).status)
    return edge.redirect(me, "/settings/labels", Notice("label-saved", name=name))


async def save(edge: Edge, me: Me, known: labels.Labels) -> None:
    preferences = replace(me.preferences, labels=known.text())
    await edge.services.auth.update_preferences(me.token("auth"), preferences, ("extra.labels",))
    edge.sessions.forget(me.secret)
