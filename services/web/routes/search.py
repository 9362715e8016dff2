"""Searching mail."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from services.web import listing, urls
from services.web.edge import Edge, is_fragment
from services.web.errors import sentence
from services.web.i18n import gettext as _
from services.web.i18n import ngettext
from services.web.model.mail import MailboxTree, SearchResult
from services.web.render import html
from services.web.session import Me


async def show(edge: Edge, request: Request, me: Me) -> Response:
    query = request.query_params.get("q", "").strip()[:1000]
    where = request.query_params.get("in", "")
    page = request.query_params.get("page", "")[:2000]
    if is_fragment(request, "rows"):
        return await _rows(edge, request, me, query, where, page)
    (tree, tree_error), (found, problem) = await asyncio.gather(
        edge.attempt(edge.services.mail.mailboxes(me.token("mailstore"))),
        edge.attempt(_find(edge, me, query, where, page)),
    )
    tree = tree or MailboxTree()
    labels = {one.name: listing.mailbox_label(one) for one in tree.mailboxes}
    result = found or SearchResult()
    lines = listing.message_lines(result.rows, me, places=labels)
    if where and where not in labels:
        labels[where] = where
    return edge.page(
        request,
        me,
        "search.html",
        "search",
        tree=tree,
        tree_error=sentence(tree_error) if tree_error else "",
        query=query,
        where=where,
        where_label=labels.get(where, ""),
        lines=lines,
        problem=sentence(problem) if problem else "",
        count=_count(result),
        failed=[labels.get(name, name) for name in result.failed],
        complete=result.complete,
        older=urls.with_query("/search", q=query, in_=where, page=result.next_token)
        if result.next_token
        else None,
        newer=urls.with_query("/search", q=query, in_=where) if page else None,
        places=[("", _("All mailboxes")), *((name, label) for name, label in labels.items())],
        targets=listing.move_targets(tree, ""),
        back=urls.with_query("/search", q=query, in_=where, page=page),
    )


async def _rows(edge: Edge, request: Request, me: Me, query: str, where: str, page: str) -> Response:
    """The lines alone, for a list that goes on in place."""
    result = await _find(edge, me, query, where, page)
    places = {row.ref.mailbox: row.ref.mailbox for row in result.rows}
    lines = listing.message_lines(result.rows, me, places=places)
    older = urls.with_query("/search", q=query, in_=where, page=result.next_token)
    headers = {
        "postern-older": older if result.next_token else "",
        "postern-total": str(result.total),
    }
    return html(request, str(edge.renderer.rows(lines)), 200, headers)


async def _find(edge: Edge, me: Me, query: str, where: str, page: str) -> SearchResult:
    if not query:
        return SearchResult()
    rows = min(me.preferences.page_rows or 50, listing.MAX_ROWS)
    return await edge.services.mail.search(
        me.token("mailstore"), query, [where] if where else [], rows=rows, page=page
    )


def _count(result: SearchResult) -> str:
    return ngettext("%(count)s found", "%(count)s found", result.total) % {"count": result.total}
