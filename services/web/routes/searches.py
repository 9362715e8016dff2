"""Saved searches (ADR 22), and what completes a search while it is typed."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.common.errors import PosternError, Reason, invalid_argument
from services.web import listing, queries, urls
from services.web.edge import Edge
from services.web.finding import Finding
from services.web.model.account import SavedSearch
from services.web.notices import Notice
from services.web.queries import MOST_OPTIONS, PEOPLE, Option
from services.web.session import Me

MOST = 50
MAX_NAME, MAX_TEXT = 100, 1000
# Of more than these no count is told; each has its time, and few run at once.
MOST_COUNTED, COUNT_SECONDS, SIDE_BY_SIDE = 20, 3.0, 3


async def submit(edge: Edge, request: Request, me: Me) -> Response:
    """Save, rename, delete a search, or bring back one that was just deleted."""
    form = await edge.form(request, me)
    verb, name = form.get("do") or "save", " ".join(form.get("name").split())[:MAX_NAME]
    found = next((one for one in me.preferences.searches if one.search_id == form.get("saved")), None)
    if verb == "save":
        text = form.get("q").strip()
        if not text or len(text) > MAX_TEXT:
            raise invalid_argument("q", "empty" if not text else "too_long")
        if len(me.preferences.searches) >= MOST:
            raise PosternError(Reason.TOO_LARGE)
        where = form.get("in")[:MAX_TEXT]
        made = SavedSearch(secrets.token_hex(4), name or text[:MAX_NAME], text, (where,) if where else ())
        await _write(edge, me, made.search_id, made)
        return edge.redirect(me, urls.saved_search(made), Notice("search-saved", name=made.name))
    if found is None:
        raise PosternError(Reason.NOT_FOUND)
    if verb == "delete":
        await _write(edge, me, found.search_id, None)
        undo = {"do": "save", "name": found.name, "q": found.text, "in": "".join(found.mailboxes[:1])}
        back = urls.with_query("/search", q=found.text, in_=undo["in"])
        return edge.redirect(me, back, Notice("search-deleted", 0, found.name, "/search/saved", undo))
    if verb != "rename":
        raise invalid_argument("do", "unknown")
    changed = replace(found, name=name or found.name)
    await _write(edge, me, found.search_id, changed)
    return edge.redirect(me, urls.saved_search(changed), Notice("search-renamed", name=changed.name))


async def _write(edge: Edge, me: Me, search_id: str, search: SavedSearch | None) -> None:
    """One entry alone: another tab may be changing others."""
    others = tuple(one for one in me.preferences.searches if one.search_id != search_id)
    changed = replace(me.preferences, searches=(*others, search) if search else others)
    await edge.services.auth.update_preferences(me.token("auth"), changed, [f"extra.search.{search_id}"])
    edge.sessions.forget(me.secret)


async def counts(edge: Edge, request: Request, me: Me) -> Response:
    """How many each saved search finds, by its id; without those that did not say so in time."""
    gate = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(search: SavedSearch) -> tuple[str, int | None]:
        async with gate:
            finding = Finding(
                edge.services.mail.search(
                    me.token("mailstore"), search.text, search.mailboxes, rows=1, page=""
                )
            )
            try:
                await finding.until(COUNT_SECONDS)
            finally:
                await finding.stop()
            return search.search_id, finding.found if finding.complete else None

    found = await asyncio.gather(*(one(search) for search in me.preferences.searches[:MOST_COUNTED]))
    return JSONResponse({search_id: count for search_id, count in found if count is not None})


async def suggest(edge: Edge, request: Request, me: Me) -> Response:
    """How a search may go on that was typed so far: a JSON array of options."""
    text = request.query_params.get("q", "")[:MAX_TEXT]
    before, operator, typed = queries.split(text)
    name = operator.removeprefix("-").lower()
    if not operator:
        options = queries.operators(before, typed)
        if len(typed) > 1 and not typed.startswith(("-", '"')):
            options = [*options[:4], *await _people(edge, me, before, "from", typed)]
    elif name in PEOPLE:
        options = await _people(edge, me, before, operator, typed)
    elif name == "in":
        tree, _problem = await edge.attempt(edge.services.mail.mailboxes(me.token("mailstore")))
        places = [
            (one.name, listing.mailbox_label(one))
            for one in (tree.mailboxes if tree else ())
            if one.selectable
        ]
        options = queries.mailboxes(before, operator, typed, places)
    else:
        options = queries.values(before, operator, typed)
    saved = [
        Option(one.text + " ", one.name, one.text)
        for one in me.preferences.searches
        if text.strip() and not before and one.name.casefold().startswith(text.strip().casefold())
    ]
    return JSONResponse(
        [
            {"value": one.value, "text": one.text, "hint": one.hint, "more": one.more}
            for one in (*saved, *options)[: MOST_OPTIONS + 5]
        ]
    )


async def _people(edge: Edge, me: Me, before: str, operator: str, typed: str) -> list[Option]:
    """Without contacts one types on."""
    if not typed:
        return []
    found, _problem = await edge.attempt(
        edge.services.people.suggest(me.token("contacts"), typed, (), MOST_OPTIONS)
    )
    return [queries.person(before, operator, one.address, one.name) for one in found or () if one.address]
