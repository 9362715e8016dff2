"""Contacts: list, search, add, edit, delete with undo; suggestions while somebody types."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.common.errors import PosternError, Reason, invalid_argument
from services.web import addresses, kinds, urls
from services.web.edge import Edge, request_id
from services.web.errors import explain, sentence
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.model.people import Contact, ContactPage, Labelled
from services.web.notices import Notice
from services.web.render import Gaps
from services.web.session import Me

EXTRA_FIELDS = 2
MOST_VALUES = 20


async def show(edge: Edge, request: Request, me: Me) -> Response:
    return await _list_page(edge, request, me)


async def show_one(edge: Edge, request: Request, me: Me) -> Response:
    contact = edge.services.people.contact(me.token("contacts"), request.path_params["contact"])
    return await _list_page(edge, request, me, opening=contact)


async def _list_page(
    edge: Edge,
    request: Request,
    me: Me,
    opening: Any = None,
    form: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    query = request.query_params.get("q", "").strip()[:200]
    page = request.query_params.get("page", "")[:2000]

    async def opened() -> Contact | None:
        return await opening if opening is not None else None

    nav, (found, problem), contact = await asyncio.gather(
        edge.nav(me),
        edge.attempt(edge.services.people.contacts(me.token("contacts"), query, page=page, rows=200)),
        opened(),
    )
    found = found or ContactPage()
    return edge.page(
        request,
        me,
        "contacts.html",
        "contacts",
        status=status,
        contacts=found.contacts,
        total=found.total,
        contact_query=query,
        problem=sentence(problem) if problem else "",
        older=urls.with_query("/contacts", q=query, page=found.next_token) if found.next_token else None,
        contact=contact,
        form=form,
        request_id=request_id(),
        **nav,
    )


async def new(edge: Edge, request: Request, me: Me) -> Response:
    found, _bad = addresses.parse(request.query_params.get("address", "")[:500])
    person = found[0] if found else None
    contact = Contact(
        name=person.name if person else "", emails=(Labelled(person.address),) if person else ()
    )
    return await _list_page(edge, request, me, form=_form_context(contact))


async def edit(edge: Edge, request: Request, me: Me) -> Response:
    contact = await edge.services.people.contact(me.token("contacts"), request.path_params["contact"])
    return await _list_page(edge, request, me, form=_form_context(contact))


def _form_context(contact: Contact, problems: dict[str, str] | None = None) -> dict[str, Any]:
    def padded(values: tuple[Labelled, ...]) -> list[Labelled]:
        missing = max(1, EXTRA_FIELDS - len(values)) if len(values) < MOST_VALUES else 0
        return [*values, *(Labelled("") for _ in range(missing))]

    return {
        "contact": contact,
        "emails": padded(contact.emails),
        "phones": padded(contact.phones),
        "problems": Gaps(problems or {}),
    }


def _typed(form: Form) -> Contact:
    def values(name: str) -> tuple[Labelled, ...]:
        pairs = zip(form.all(name), form.all(f"{name}_label"), strict=False)
        return tuple(
            Labelled(value.strip()[:500], kinds.typed(label.strip()[:50]))
            for value, label in pairs
            if value.strip()
        )[:MOST_VALUES]

    return Contact(
        contact_id=form.get("contact_id"),
        name=form.get("name").strip()[:200],
        given_name=form.get("given_name").strip()[:200],
        family_name=form.get("family_name").strip()[:200],
        emails=values("email"),
        phones=values("phone"),
        organisation=form.get("organisation").strip()[:200],
        title=form.get("title").strip()[:200],
        note=form.get("note")[:10_000],
        etag=form.get("etag"),
        address_book_id=form.get("address_book_id"),
    )


async def save(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    contact = _typed(form)
    problems: dict[str, str] = {}
    if not (
        contact.name or contact.given_name or contact.family_name or contact.emails or contact.organisation
    ):
        problems["name"] = _("Type a name or an email address.")
    bad = [one.value for one in contact.emails if not addresses.good(one.value)]
    if bad:
        problems["email"] = _("This is not an email address: %(address)s") % {"address": ", ".join(bad)}
    status = 400
    if not problems:
        people, token, write = edge.services.people, me.token("contacts"), form.write_id()
        try:
            call = people.update if contact.contact_id else people.create
            saved = await call(token, contact, write)
            return edge.redirect(me, f"/contacts/{saved.contact_id}", Notice("contact-saved"))
        except PosternError as err:
            if err.reason == Reason.SESSION_ENDED:
                raise
            problems["all"], status = sentence(err), explain(err).status
    return await _list_page(edge, request, me, form=_form_context(contact, problems), status=status)


async def act(edge: Edge, request: Request, me: Me) -> Response:
    form = await edge.form(request, me)
    ids = form.all("contact")[:1000]
    people, token, write = edge.services.people, me.token("contacts"), request_id()
    if form.get("do") == "delete":
        if not ids:
            return edge.redirect(me, "/contacts", Notice("nothing-selected"))
        count = await people.delete(token, ids, f"{write}.delete")
        undo = {"do": "undelete", "contact": " ".join(ids)}
        return edge.redirect(
            me, "/contacts", Notice("contacts-deleted", count, "", "/contacts/actions", undo)
        )
    if form.get("do") == "undelete":
        ids = [one for value in ids for one in value.split()][:1000]
        await people.undelete(token, ids, f"{write}.undelete")
        return edge.redirect(me, "/contacts", Notice("undone"))
    raise invalid_argument("do", "unknown")


async def suggest(edge: Edge, request: Request, me: Me) -> Response:
    """While somebody types an address: a JSON array of {name, address}, for a group {name, members}."""
    prefix = request.query_params.get("q", "").strip()[:100]
    if not prefix:
        return JSONResponse([])
    found = await edge.services.people.suggest(
        me.token("contacts"), prefix, request.query_params.getlist("not")[:100], 8
    )
    return JSONResponse(
        [
            {"name": one.name, "address": one.address, "members": one.members, "source": one.source}
            for one in found
        ]
    )
