"""The list of a mailbox, alone or beside an open message."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason
from services.common.logging import get_logger
from services.web import formats, listing, urls
from services.web.edge import Edge, is_fragment
from services.web.errors import explain
from services.web.i18n import gettext as _
from services.web.i18n import ngettext
from services.web.model.mail import (
    ConversationPage,
    MailboxTree,
    MailboxView,
    MessagePage,
    MessageRef,
    Order,
    Use,
)
from services.web.session import Me

log = get_logger(__name__)
# Without an answer about conversations (a server without an index) the plain list stands in.
_NO_CONVERSATIONS = {Reason.UNSUPPORTED}
VIEWS = ("conversations", "messages")


@dataclass(frozen=True)
class Place:
    """Where in a mailbox a list stands: what its address says. `at` counts the lines before it, where
    there is no token in `page`."""

    mailbox: str
    page: str = ""
    sort: str = ""
    filter: str = ""
    view: str = ""
    at: int = 0

    @classmethod
    def of(cls, request: Request) -> Place:
        return cls.at_query(urls.mailbox_name(request.path_params["mailbox"]), request.query_params)

    @classmethod
    def at_query(cls, mailbox: str, query: Mapping[str, str]) -> Place:
        return cls(
            mailbox,
            query.get("page", "")[:2000],
            query.get("sort", "")[:20],
            query.get("filter", "")[:1000],
            view if (view := query.get("view", "")) in VIEWS else "",
            int(at) if (at := query.get("at", "")).isdecimal() and len(at) < 9 else 0,
        )

    @property
    def query(self) -> dict[str, Any]:
        return {
            "page": self.page,
            "sort": self.sort,
            "filter": self.filter,
            "view": self.view,
            "at": self.at or "",
        }

    @property
    def url(self) -> str:
        return urls.mailbox(self.mailbox, **self.query)

    @property
    def order(self) -> Order:
        return listing.parse_sort(self.sort)

    def elsewhere(self, page: str = "", at: int = 0) -> str:
        """The address of another page of the same list."""
        return urls.mailbox(self.mailbox, **{**self.query, "page": page, "at": at or ""})

    def in_conversations(self, me: Me) -> bool:
        """The address decides, else the reader's settings; only the order of arrival has conversations."""
        if self.view:
            return self.view == "conversations"
        return me.preferences.conversations and not self.sort

    def reorders(self, me: Me) -> bool:
        """Whether the list is other than the mailbox's messages by their numbers, the newest first."""
        return bool(self.sort or self.filter) or self.in_conversations(me)


async def show(edge: Edge, request: Request, me: Me) -> Response:
    place = Place.of(request)
    if is_fragment(request, "rows"):
        return await _rows(edge, request, me, place)
    (tree, tree_error), page = await asyncio.gather(
        edge.attempt(edge.services.mail.mailboxes(me.token("mailstore"))),
        _read(edge, me, place),
    )
    tree = tree or MailboxTree()
    tag = ""
    quiet = edge.cookies.notice not in request.cookies and not edge.works.running(me.grant.session_id)
    if page.state and quiet:
        aside = edge.asides.of(me.account)
        beside = (aside.waiting, aside.quota)
        parts = (place, page.state, page.total, page.unread, page.stale_seconds, type(page).__name__, beside)
        tag = listing.etag(me, parts, tree, edge.static.version)
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"etag": tag, "cache-control": "private, no-cache"})
    headers = {"etag": tag, "cache-control": "private, no-cache"} if tag else {}
    context = list_context(me, place, tree, page)
    context["tree_error"] = explain(tree_error).title if tree_error else ""
    return edge.page(request, me, "mail.html", "mail", headers=headers, **context)


async def _rows(edge: Edge, request: Request, me: Me, place: Place) -> Response:
    """The lines alone, for a list that goes on in place; what stands around them is in headers."""
    page = await _read(edge, me, place)
    use = _use(request.query_params)
    return edge.renderer.bodies.answer(
        request,
        page,
        ("rows", place, use, *listing.reader(me)),
        lambda: _draw_rows(edge, me, place, use, page),
    )


def _draw_rows(
    edge: Edge, me: Me, place: Place, use: Use, page: MessagePage | ConversationPage
) -> tuple[str, dict[str, str]]:
    headers = {
        "postern-older": place.elsewhere(page.next_token) if page.next_token else "",
        "postern-position": str(page.position),
        "postern-total": str(page.total),
        "postern-count": quote(count_text(page)),
        "postern-unread": str(page.unread),
    }
    if page.state:
        parts = ("rows", place, use, page.state, page.total, page.unread, page.stale_seconds)
        headers["etag"] = listing.etag(me, parts, MailboxTree(), edge.static.version)
        headers["cache-control"] = "private, no-cache"
    bare = replace(place, page="", at=0)
    mailbox = MailboxView(place.mailbox, place.mailbox, use=use)
    return str(edge.renderer.rows(_lines(me, bare, mailbox, page))), headers


async def lines_after(edge: Edge, me: Me, mailbox: str, shown: str) -> tuple[str, dict[str, str]] | None:
    """After an act on `mailbox`: some lines of the list that the page shows, and what is told of all of it,
    as for a list that goes on in place. `shown` is the list's query, `at` the first of them, `rows` how many.
    None where it cannot be read: the act is done, and the page asks for itself."""
    query = QueryParams(shown[:4000])
    place = Place.at_query(mailbox, query)
    wanted = query.get("rows", "")
    rows = int(wanted) if wanted.isdecimal() and len(wanted) < 4 else 0
    try:
        page = await _read(edge, me, place, max(1, min(rows, listing.MAX_ROWS)))
    except PosternError as err:
        log.warning("pane.failed", reason=err.reason)
        return None
    return _draw_rows(edge, me, place, _use(query), page)


def _use(query: Mapping[str, str]) -> Use:
    """What the page says that the mailbox is for: it knows the tree, and nothing but words depends on it."""
    try:
        return Use(query.get("use", ""))
    except ValueError:
        return Use.NONE


async def _read(edge: Edge, me: Me, place: Place, rows: int = 0) -> MessagePage | ConversationPage:
    rows = rows or min(me.preferences.page_rows or 50, listing.MAX_ROWS)
    token = me.token("mailstore")
    asked: dict[str, Any] = {
        "rows": rows,
        "page": place.page,
        "order": place.order,
        "query": place.filter,
        "skip": place.at,
    }
    if place.in_conversations(me):
        try:
            return await edge.services.mail.conversations(token, place.mailbox, **asked)
        except PosternError as err:
            if err.reason not in _NO_CONVERSATIONS:
                raise
    return await edge.services.mail.messages(token, place.mailbox, **asked)


async def read_page(
    edge: Edge, me: Me, place: Place
) -> tuple[MessagePage | ConversationPage | None, PosternError | None]:
    """The list beside a message; a message is shown without it where it fails."""
    return await edge.attempt(_read(edge, me, place))


def list_context(
    me: Me,
    place: Place,
    tree: MailboxTree,
    page: MessagePage | ConversationPage | None,
    opened: MessageRef | None = None,
) -> dict[str, Any]:
    """What the templates need for the tree and the list."""
    mailbox = tree.find(place.mailbox) or MailboxView(place.mailbox, place.mailbox)
    if place.mailbox.upper() == "INBOX" and mailbox.use is Use.NONE:
        mailbox = MailboxView(place.mailbox, place.mailbox, use=Use.INBOX)
    return {
        "tree": tree,
        "mailbox": mailbox,
        "title": listing.mailbox_label(mailbox),
        "current_mailbox": mailbox.name,
        "list_place": place,
        "lines": _lines(me, place, mailbox, page, opened.key if opened else ""),
        "list_page": page,
        "list_count": count_text(page) if page else "",
        "newer": place.elsewhere(page.previous_token)
        if page and page.previous_token
        else _first_page(place, page),
        "older": place.elsewhere(page.next_token) if page and page.next_token else None,
        "opened": None,
        "list_error": "",
        "rows_attrs": _window(me, place, mailbox, page) if page else {},
        "special": {use.value: box.name for use in Use if (box := tree.special(use)) and use is not Use.NONE},
        "in_trash": mailbox.use is Use.TRASH,
        "in_junk": mailbox.use is Use.JUNK,
    }


def _window(
    me: Me, place: Place, mailbox: MailboxView, page: MessagePage | ConversationPage
) -> dict[str, Any]:
    """What scripts need to show the rest of the list in place."""
    where = {**place.query, "page": "", "at": ""}
    return {
        "data-url": urls.mailbox(place.mailbox, **where, use=mailbox.use.value),
        "data-total": page.total,
        "data-position": page.position,
        "data-size": min(me.preferences.page_rows or 50, listing.MAX_ROWS),
        "data-query": place.filter,
    }


def _first_page(place: Place, page: MessagePage | ConversationPage | None) -> str | None:
    return place.elsewhere() if page and page.position else None


def _lines(
    me: Me,
    place: Place,
    mailbox: MailboxView,
    page: MessagePage | ConversationPage | None,
    open_key: str = "",
) -> listing.Drafts:
    if isinstance(page, ConversationPage):
        return listing.conversation_lines(page.conversations, me, open_key=open_key, **place.query)
    return listing.message_lines(
        page.rows if page else (),
        me,
        outgoing=mailbox.use in listing.OUTGOING,
        open_key=open_key,
        drafts=mailbox.use is Use.DRAFTS,
        **place.query,
    )


def count_text(page: MessagePage | ConversationPage) -> str:
    total = ngettext("%(count)s message", "%(count)s messages", page.total) % {
        "count": formats.number(page.total)
    }
    if isinstance(page, ConversationPage):
        total = ngettext("%(count)s conversation", "%(count)s conversations", page.total) % {
            "count": formats.number(page.total)
        }
    if not page.unread:
        return total
    unread = ngettext("%(count)s unread", "%(count)s unread", page.unread) % {
        "count": formats.number(page.unread)
    }
    # Translators: the heading of a list: "3 unread, 120 messages"
    return _("%(unread)s, %(total)s") % {"unread": unread, "total": total}
