"""The list of a mailbox, alone or beside an open message."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import PosternError, Reason
from services.web import formats, listing, urls
from services.web.edge import Edge
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

# Without an answer about conversations (a server without an index) the plain list stands in.
_NO_CONVERSATIONS = {Reason.UNSUPPORTED}


@dataclass(frozen=True)
class Place:
    """Where in a mailbox a list stands: what its address says."""

    mailbox: str
    page: str = ""
    sort: str = ""
    filter: str = ""

    @classmethod
    def of(cls, request: Request) -> Place:
        query = request.query_params
        return cls(
            urls.mailbox_name(request.path_params["mailbox"]),
            query.get("page", "")[:2000],
            query.get("sort", "")[:20],
            query.get("filter", "")[:1000],
        )

    @property
    def query(self) -> dict[str, Any]:
        return {"page": self.page, "sort": self.sort, "filter": self.filter}

    @property
    def url(self) -> str:
        return urls.mailbox(self.mailbox, **self.query)

    @property
    def order(self) -> Order:
        return listing.parse_sort(self.sort)


async def show(edge: Edge, request: Request, me: Me) -> Response:
    place = Place.of(request)
    (tree, tree_error), page = await asyncio.gather(
        edge.attempt(edge.services.mail.mailboxes(me.token("mailstore"))),
        _read(edge, me, place),
    )
    tree = tree or MailboxTree()
    tag = ""
    if page.state and edge.cookies.notice not in request.cookies:
        parts = (place, page.state, page.total, page.unread, page.stale_seconds, type(page).__name__)
        tag = listing.etag(me, parts, tree, edge.static.version)
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"etag": tag, "cache-control": "private, no-cache"})
    headers = {"etag": tag, "cache-control": "private, no-cache"} if tag else {}
    context = list_context(me, place, tree, page)
    context["tree_error"] = explain(tree_error).title if tree_error else ""
    return edge.page(request, me, "mail.html", "mail", headers=headers, **context)


async def _read(edge: Edge, me: Me, place: Place) -> MessagePage | ConversationPage:
    rows = min(me.preferences.page_rows or 50, listing.MAX_ROWS)
    token = me.token("mailstore")
    if me.preferences.conversations and not place.sort:
        try:
            return await edge.services.mail.conversations(
                token, place.mailbox, rows=rows, page=place.page, order=place.order, query=place.filter
            )
        except PosternError as err:
            if err.reason not in _NO_CONVERSATIONS:
                raise
    return await edge.services.mail.messages(
        token, place.mailbox, rows=rows, page=place.page, order=place.order, query=place.filter
    )


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
    outgoing = mailbox.use in listing.OUTGOING
    open_key = opened.key if opened else ""
    if isinstance(page, ConversationPage):
        lines = listing.conversation_lines(page.conversations, me, open_key=open_key, **place.query)
    else:
        lines = listing.message_lines(
            page.rows if page else (),
            me,
            outgoing=outgoing,
            open_key=open_key,
            drafts=mailbox.use is Use.DRAFTS,
            **place.query,
        )
    return {
        "tree": tree,
        "mailbox": mailbox,
        "title": listing.mailbox_label(mailbox),
        "current_mailbox": mailbox.name,
        "list_place": place,
        "lines": lines,
        "list_page": page,
        "list_count": count_text(page) if page else "",
        "newer": urls.mailbox(place.mailbox, **{**place.query, "page": page.previous_token})
        if page and page.previous_token
        else _first_page(place, page),
        "older": urls.mailbox(place.mailbox, **{**place.query, "page": page.next_token})
        if page and page.next_token
        else None,
        "opened": None,
        "list_error": "",
        "special": {use.value: box.name for use in Use if (box := tree.special(use)) and use is not Use.NONE},
        "in_trash": mailbox.use is Use.TRASH,
        "in_junk": mailbox.use is Use.JUNK,
        "targets": move_targets(tree, mailbox.name),
    }


def _first_page(place: Place, page: MessagePage | ConversationPage | None) -> str | None:
    return (
        urls.mailbox(place.mailbox, sort=place.sort, filter=place.filter) if page and page.position else None
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


def move_targets(tree: MailboxTree, current: str) -> list[tuple[str, str]]:
    """(name, as shown) of the mailboxes that messages can be moved to."""
    return [
        (line.mailbox.name, " " * 2 * line.depth + line.name)
        for line in listing.tree_lines(tree, current)
        if line.mailbox.selectable
        and line.mailbox.name != current
        and line.mailbox.use not in (Use.ALL, Use.FLAGGED)
    ]
