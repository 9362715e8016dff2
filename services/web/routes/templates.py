"""Templates: the page that lists them, and what the composer does with them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import invalid_argument
from services.web import begin, templating
from services.web import composition as comp
from services.web.composition import Composition
from services.web.edge import Edge
from services.web.i18n import gettext as _
from services.web.notices import Notice
from services.web.routes import composer
from services.web.session import Me

PAGE = "/settings/templates"


async def show(edge: Edge, request: Request, me: Me) -> Response:
    nav, found = await asyncio.gather(edge.nav(me), edge.services.send.templates(me.token("sender")))
    return edge.page(request, me, "templates.html", "settings", wide=True, templates=found, **nav)


async def submit(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    if form.get("do") != "delete":
        raise invalid_argument("do", "unknown")
    await edge.services.send.delete_template(me.token("sender"), form.get("template"))
    return edge.redirect(me, PAGE, Notice("template-deleted"))


async def open_new(edge: Edge, me: Me, template_id: str, edit: bool) -> Composition:
    """A message begun with a template, or the template itself to be changed ("new": one that is not yet)."""
    blank = begin.blank(me, {})
    if template_id == "new":
        return templating.edited(blank, "new", "", None)
    template, content = await edge.services.send.template(me.token("sender"), template_id)
    if edit:
        return templating.edited(blank, template.template_id, template.name, content)
    return templating.begun(blank, content, me.identities)


async def offer(edge: Edge, request: Request, me: Me, composition: Composition) -> Response:
    """The composer with the templates to choose from."""
    found = await edge.services.send.templates(me.token("sender"))
    return composer.page(edge, request, me, composition, templates=found)


async def use(edge: Edge, request: Request, me: Me, composition: Composition, template_id: str) -> Response:
    template, content = await edge.services.send.template(me.token("sender"), template_id)
    filled = replace(templating.insert(composition, content), template_name=template.name)
    return composer.page(edge, request, me, filled)


async def keep(edge: Edge, request: Request, me: Me, composition: Composition) -> Response:
    """The message, or the template being changed, under its name. Another template of that name is written
    over only where that was asked for twice."""
    send, token = edge.services.send, me.token("sender")
    name = composition.template_name or ("" if composition.template else composition.subject.strip()[:200])
    outgoing, problems = comp.to_outgoing(composition, me, draft=True)
    problems = {field: text for field, text in problems.items() if field in ("body", "subject")}
    if not name or len(name) > 200:
        problems["template_name"] = _("Give the template a name of at most 200 characters.")
    else:
        composition = replace(composition, template_name=name)
        known = next((one for one in await send.templates(token) if one.name == name), None)
        same = known is not None and known.template_id == composition.template
        if known and not same and composition.template_replace != name:
            problems["template_name"] = _("There is a template of this name. Save again to replace it.")
            composition = replace(composition, template_replace=name)
    if problems:
        return composer.page(edge, request, me, composition, problems=problems, status=400)
    content = templating.to_keep(outgoing, comp.identity_of(composition, me))
    saved = await send.save_template(token, name, content)
    if composition.template:
        if composition.template not in ("new", saved.template_id):
            await send.delete_template(token, composition.template)
        return composer.done(edge, request, me, composition, Notice("template-saved", 0, name[:200]))
    messages = [("success", _("Saved as the template “%(name)s”.") % {"name": name})]
    if composition.attachments:
        messages.append(("info", _("A template keeps no attachments.")))
    return composer.page(edge, request, me, replace(composition, template_replace=""), messages=messages)
