"""Searching mail: what is found is shown as it is found.

A search that ends soon is a page like any other. One that does not goes out in pieces: the page up to what is
there, further lines as they come, its end when the search has ended. It works without scripts so, and whoever
leaves the page ends the search.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from services.web import formats, listing, queries, urls
from services.web.edge import Edge, is_fragment
from services.web.errors import sentence
from services.web.finding import Finding
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.i18n import ngettext
from services.web.model.account import SavedSearch
from services.web.model.mail import MailboxTree, MessageRef
from services.web.render import deflated, html
from services.web.session import Me
from services.web.streamed import Streamed

# Seconds before a page goes out although the search has not ended.
PATIENCE = 0.4
# Seconds that a search has where its page cannot wait: further lines of a list, the list beside a message,
# and what is left when somebody stopped it.
SHORT, BESIDE, STOPPED = 7.0, 2.0, 1.0
# Stands for the lines to come in a page that is drawn before them; no text of a page can look like it.
MARK = Markup("<!--more-->")


@dataclass(frozen=True)
class Wanted:
    """What an address says: the text, one mailbox to look in, where to go on, the saved search it came from;
    `quick`: only what is there at once; `flow`: stopped, and what its page had found until then."""

    text: str = ""
    where: str = ""
    page: str = ""
    saved: str = ""
    quick: bool = False
    flow: str = ""

    @classmethod
    def of(cls, request: Request, name: str = "q") -> Wanted:
        query = request.query_params
        return cls(
            query.get(name, "").strip()[:1000],
            query.get("in", "")[:1000],
            query.get("page", "")[:2000],
            query.get("saved", "")[:20],
            query.get("quick") == "1",
            query.get("flow", "")[:40],
        )

    @classmethod
    def of_form(cls, form: Form) -> Wanted:
        """What a form says that acts on all that a search finds."""
        return cls(form.get("q").strip()[:1000], form.get("in")[:1000], "", form.get("saved")[:20])

    @property
    def url(self) -> str:
        return self.elsewhere(self.page)

    @property
    def query(self) -> dict[str, Any]:
        """What the address of a message says of the search it was found by."""
        return {"find": self.text, "in_": self.where, "saved": self.saved}

    def elsewhere(self, page: str = "") -> str:
        return urls.with_query("/search", q=self.text, in_=self.where, saved=self.saved, page=page)

    @property
    def stop_url(self) -> str:
        """Ends the search named by `flow`, and shows what it has found."""
        terms = {"q": self.text, "in_": self.where, "saved": self.saved, "page": self.page}
        return urls.with_query("/search", **terms, quick="1", flow=self.flow)

    def other(self, **changes: Any) -> Wanted:
        """Another search, from its start."""
        return replace(self, saved="", page="", **changes)

    def start(self, edge: Edge, me: Me) -> Finding:
        if not self.text:
            return Finding(None)
        rows = min(me.preferences.page_rows or 50, listing.MAX_ROWS)
        places = self.places(me)
        return Finding(
            edge.services.mail.search(me.token("mailstore"), self.text, places, rows=rows, page=self.page)
        )

    def places(self, me: Me) -> tuple[str, ...]:
        """The mailboxes to look in; none for all but Trash and Junk."""
        saved = self.known(me)
        return (self.where,) if self.where else saved.mailboxes if saved else ()

    def known(self, me: Me) -> SavedSearch | None:
        """The saved search, where the address is that of one of the reader's."""
        return next(
            (one for one in me.preferences.searches if (one.search_id, one.text) == (self.saved, self.text)),
            None,
        )


async def show(edge: Edge, request: Request, me: Me) -> Response:
    wanted, session = Wanted.of(request), me.grant.session_id
    cut = edge.flows.cut(session, wanted.flow) if wanted.flow else None
    # One that was cut is ended by the page that it is from.
    finding = cut or wanted.start(edge, me)
    flows = cut is not None
    try:
        if is_fragment(request, "rows"):
            return await _rows(edge, request, me, wanted, finding)
        seconds = STOPPED if wanted.quick else PATIENCE
        nav, _none = await asyncio.gather(edge.nav(me), finding.until(seconds))
        flowing = not finding.over and not wanted.quick and request.method != "HEAD"
        flows = flows or flowing
        context = nav | list_context(me, wanted, nav["tree"], finding) | {"flowing": flowing, "more": MARK}
        if not flowing:
            headers = {"postern-stopped": "1"} if cut else None
            return edge.page(request, me, "search.html", "search", headers=headers, **context)
        context["stop"] = replace(wanted, flow=edge.flows.add(session, finding)).stop_url
        stack = AsyncExitStack()
        stack.push_async_callback(finding.stop)

        def answer(text: str) -> Response:
            headers, sent = deflated(request, _flow(edge, me, wanted, finding, context, text))
            return Streamed(stack, sent, headers)

        return edge.page(request, me, "search.html", "search", answer=answer, **context)
    finally:
        if not flows:
            await finding.stop()


async def _flow(
    edge: Edge, me: Me, wanted: Wanted, finding: Finding, context: dict[str, Any], text: str
) -> AsyncIterator[str]:
    """The page in pieces."""
    head, middle, tail = text.split(MARK)
    yield head
    while not finding.over:
        rows = await finding.step()
        if rows:
            lines = listing.message_lines(rows, me, places=context["places"], **wanted.query)
            yield str(edge.renderer.rows(lines))
    yield middle
    yield edge.renderer.text("search_end.html", context | _end(wanted, finding, context["places"]))
    yield tail


async def _rows(edge: Edge, request: Request, me: Me, wanted: Wanted, finding: Finding) -> Response:
    """The lines alone, for a list that goes on in place."""
    await finding.until(SHORT)
    if finding.problem is not None and not finding.rows:
        raise finding.problem
    places = {row.ref.mailbox: row.ref.mailbox for row in finding.rows}
    lines = listing.message_lines(finding.rows, me, places=places, **wanted.query)
    headers = {
        "postern-older": wanted.elsewhere(finding.next_token) if finding.next_token else "",
        "postern-total": str(finding.found),
    }
    return html(request, str(edge.renderer.rows(lines)), 200, headers)


async def beside(edge: Edge, me: Me, wanted: Wanted, tree: MailboxTree, opened: MessageRef) -> dict[str, Any]:
    """The list of a search beside a message that it found."""
    finding = wanted.start(edge, me)
    try:
        await finding.until(BESIDE)
    finally:
        await finding.stop()
    return list_context(me, wanted, tree, finding, opened) | {"flowing": False, "more": ""}


def list_context(
    me: Me, wanted: Wanted, tree: MailboxTree, finding: Finding, opened: MessageRef | None = None
) -> dict[str, Any]:
    """What the templates need of a search, as far as it is."""
    places = {one.name: listing.mailbox_label(one) for one in tree.mailboxes}
    saved = wanted.known(me)
    chips = [(one.label, wanted.other(text=one.rest).url) for one in queries.filters(wanted.text, places)]
    if wanted.where:
        chips.insert(
            0,
            (
                _("In: %(value)s") % {"value": places.get(wanted.where, wanted.where)},
                wanted.other(where="").url,
            ),
        )
    left = finding.mailboxes - finding.searched
    return {
        "tree": tree,
        "query": wanted.text,
        "where": wanted.where,
        "wanted": wanted,
        "saved": saved,
        "current_search": saved.search_id if saved else "",
        "heading": saved.name if saved else _("Search: %(query)s") % {"query": wanted.text},
        "lines": listing.message_lines(
            finding.rows,
            me,
            places=places,
            open_key=urls.full_key(opened) if opened else "",
            **wanted.query,
        ),
        "filters": chips,
        "further": _further(wanted),
        "waiting": ngettext(
            "Searching %(count)s more mailbox; what is not indexed yet takes longer.",
            "Searching %(count)s more mailboxes; what is not indexed yet takes longer.",
            left,
        )
        % {"count": formats.number(left)}
        if left > 0
        else _("Searching…"),
        "places": places,
        "elsewhere": [
            (label, wanted.other(where=name).url)
            for name, label in (("", _("All mailboxes")), *places.items())
            if name != wanted.where
        ],
        "targets": listing.move_targets(tree, ""),
        "back": wanted.url,
        "opened": None,
        **_end(wanted, finding, places),
    }


def _end(wanted: Wanted, finding: Finding, places: dict[str, str]) -> dict[str, Any]:
    """What is known when a search has ended."""
    return {
        "any": bool(finding.rows),
        "query": wanted.text,
        "where": wanted.where,
        "count": ngettext("%(count)s found", "%(count)s found", finding.found)
        % {"count": formats.number(finding.found)},
        "problem": sentence(finding.problem) if finding.problem else "",
        "failed": [places.get(name, name) for name in finding.failed],
        "complete": finding.complete,
        "stopped": finding.stopped,
        "total": finding.found if finding.complete else 0,
        "again": wanted.url,
        "older": wanted.elsewhere(finding.next_token) if finding.next_token else None,
        "newer": wanted.elsewhere() if wanted.page else None,
    }


def _further(wanted: Wanted) -> list[tuple[str, str]]:
    """Filters that people want next, as links."""
    has = {(piece.name, piece.value.lower()) for piece in queries.pieces(wanted.text) if not piece.negated}
    names = {name for name, _value in has}
    offered = [
        (_("Unread"), "is:unread", ("is", "unread") in has),
        (_("With attachments"), "has:attachment", "has" in names),
        (_("Last 30 days"), "after:30d", bool({"after", "on"} & names)),
    ]
    return [
        (label, wanted.other(text=queries.with_piece(wanted.text, piece)).url)
        for label, piece, there in offered
        if not there
    ]
