"""One message, with its list beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.common.errors import not_found
from services.web import frames, invitation, reading, trust, urls
from services.web.edge import Edge, is_fragment
from services.web.errors import explain
from services.web.model.mail import (
    Conversation,
    ConversationPage,
    MailboxTree,
    MessagePage,
    MessageRef,
    OpenMessage,
    Row,
)
from services.web.model.outgoing import Submission
from services.web.notices import Notice
from services.web.routes.mail import Place, list_context, read_page
from services.web.routes.search import Wanted, beside
from services.web.session import Me


def named(request: Request) -> MessageRef:
    """The message that the address names; NOT_FOUND where it names none."""
    mailbox = urls.mailbox_name(request.path_params["mailbox"])
    ref = urls.parse_key(mailbox, request.path_params["key"])
    if ref is None:
        raise not_found("message")
    return ref


async def show(edge: Edge, request: Request, me: Me) -> Response:
    ref, place, wanted = named(request), Place.of(request), Wanted.of(request, "find")
    within = request.query_params.get("within", "")[:100]
    prefer_text = request.query_params.get("as") == "text"
    # A browser that fetches ahead of time has not shown the message to anybody.
    ahead = "prefetch" in request.headers.get("sec-purpose", "") or request.method == "HEAD"
    alone = is_fragment(request, "message")  # where its line in the conversation was
    opening = edge.services.mail.message(
        me.token("mailstore"), ref, mark_seen=not ahead and not within, neighbours=not alone, within=within
    )
    options: dict[str, Any] = {
        "authserv_ids": edge.settings.authserv_ids,
        "prefer_text": prefer_text,
        "within": within,
        "images": edge.images_wanted(request),
        "can_load": edge.images is not None,
        "whole": place.in_conversations(me) and not wanted.text,
        "query": wanted.query if wanted.text else place.query,
    }

    def answer(template: str, name: str, message: OpenMessage, context: dict[str, Any]) -> Response:
        response = edge.page(request, me, template, name, **context)
        frames.expect(
            edge, me, message, within, images=options["images"], prefer_text=prefer_text, ahead=ahead
        )
        return response

    if alone or is_fragment(request, "reading"):
        message, (thread, earlier), places = await asyncio.gather(
            opening, _thread(edge, me, place, ref, within or alone), _places(edge, me)
        )
        options["places"] = places
        options["invitation"], options["sent"] = await _about(edge, me, message, within)
        context = reading.context(message, me, thread=thread, earlier=earlier, **options)
        context |= list_context(me, place, places, None) | {
            "opened": message,
            "title": context["subject"],
        }
        if wanted.text:
            context |= found_by(wanted, message)
        return answer("reading_message.html" if alone else "reading_pane.html", "mail", message, context)
    message, (thread, earlier), (tree, tree_error), (page, page_error) = await asyncio.gather(
        opening,
        _thread(edge, me, place, ref, within),
        edge.attempt(edge.services.mail.mailboxes(me.token("mailstore"))),
        read_page(edge, me, place) if not wanted.text else _no_page(),
    )
    options["invitation"], options["sent"] = await _about(edge, me, message, within)
    if not within:
        tree, page = _seen(tree or MailboxTree(), page, ref)
    listed: dict[str, Any] = list_context(me, place, tree or MailboxTree(), page, opened=ref)
    if wanted.text:
        listed |= await beside(edge, me, wanted, tree or MailboxTree(), ref) | {"list_place": wanted}
    if wanted.text or place.reorders(me):
        message = nearby(message, listed["lines"].of)
    context = listed | reading.context(message, me, thread=thread, earlier=earlier, places=tree, **options)
    context["tree_error"] = explain(tree_error).title if tree_error else ""
    context["list_error"] = explain(page_error).title if page_error else ""
    if wanted.text:
        return answer("search.html", "search", message, context)
    return answer("mail.html", "mail", message, context)


async def _places(edge: Edge, me: Me) -> MailboxTree:
    """What the mailboxes are for and what is allowed in them, for a pane alone; as of the last page."""
    known = edge.places.of(me.account)
    if known is None:
        tree, _problem = await edge.attempt(edge.services.mail.mailboxes(me.token("mailstore")))
        edge.places.saw(me.account, tree or MailboxTree())
        known = tree
    return known or MailboxTree()


async def _no_page() -> tuple[None, None]:
    return None, None


def found_by(wanted: Wanted, message: OpenMessage) -> dict[str, Any]:
    """A message that a search found leads back to the search; what lies beside it in its mailbox does not
    belong there, and the pane alone does not know what the search has found beside it."""
    return {"list_place": wanted, "opened": replace(message, newer=None, older=None)}


def nearby(message: OpenMessage, lines: Sequence[Row | Conversation]) -> OpenMessage:
    """The message with what lies beside it in its list, which has an order of its own or not all of the
    mailbox; with nothing beside it where the list does not show it."""
    held = [one.refs or (one.newest.ref,) if isinstance(one, Conversation) else (one.ref,) for one in lines]
    shown = [one.newest.ref if isinstance(one, Conversation) else one.ref for one in lines]
    at = next((n for n, refs in enumerate(held) if message.ref in refs), len(shown))
    return replace(
        message,
        newer=shown[at - 1] if 0 < at < len(shown) else None,
        older=shown[at + 1] if at + 1 < len(shown) else None,
    )


async def _about(
    edge: Edge, me: Me, message: OpenMessage, within: str
) -> tuple[invitation.Invitation | None, Submission | None]:
    """What else is told of a message: at most one of the two is asked for, nearly always."""
    if reading.calendar_part(message) is None:
        return await _invitation(edge, me, message), await _fates(edge, me, message, within)
    return await asyncio.gather(_invitation(edge, me, message), _fates(edge, me, message, within))


async def _invitation(edge: Edge, me: Me, message: OpenMessage) -> invitation.Invitation | None:
    """The message's invitation, read for it alone; a message stands without it too."""
    part = reading.calendar_part(message)
    if part is None or part.size > invitation.MAX_BYTES:
        text = next((one.text for one in message.texts if one.media_type == reading.CALENDAR), "")
        return invitation.read(text.encode()) if text else None
    found, _problem = await edge.attempt(_whole(edge, me, message.ref, part.part_id))
    return invitation.read(found) if found else None


async def _fates(edge: Edge, me: Me, message: OpenMessage, within: str) -> Submission | None:
    """What became of the person's own message, or of the one that a delivery report is about; the report is
    then remembered with it."""
    envelope, send = message.row.envelope, edge.services.send
    if within:
        return None
    if message.report:
        recorded = send.record_report(me.token("sender"), me.token("mailstore"), message.ref)
        found, _problem = await edge.attempt(recorded)
        return found
    mine = {me.account.lower(), *(one.address.lower() for one in me.identities)}
    if not envelope.message_id or not any(one.address.lower() in mine for one in envelope.from_):
        return None
    found, _problem = await edge.attempt(send.submission_of(me.token("sender"), envelope.message_id))
    return found


async def _whole(edge: Edge, me: Me, ref: MessageRef, part_id: str) -> bytes:
    content = bytearray()
    async with edge.services.mail.read_part(me.token("mailstore"), ref, part_id) as stream:
        async for chunk in stream.chunks:
            content += chunk
            if len(content) > invitation.MAX_BYTES:
                break
    return bytes(content)


async def unsubscribe(edge: Edge, request: Request, me: Me) -> Response:
    """Leaves the list that the message came from, at the reader's word (RFC 8058)."""
    form, ref = await edge.form(request, me), named(request)
    address = trust.unsubscribe_address(await open_again(edge, me, ref))
    done = bool(address) and edge.images is not None and await edge.images.unsubscribe(address)
    back = urls.safe_next(form.get("back") or urls.message(ref))
    return edge.redirect(me, back, Notice("unsubscribed" if done else "not-unsubscribed"))


async def _thread(
    edge: Edge, me: Me, place: Place, ref: MessageRef, alone: str | bool
) -> tuple[tuple[Row, ...], int]:
    """The rest of the conversation, for those who read in conversations, and how many messages are older than
    these; a message stands without it too."""
    if alone or not (me.preferences.conversations or place.in_conversations(me)):
        return (), 0
    found, _problem = await edge.attempt(edge.services.mail.thread(me.token("mailstore"), ref))
    rows, total = found or ((), 0)
    return rows, total - len(rows)


def _seen(
    tree: MailboxTree, page: MessagePage | ConversationPage | None, ref: MessageRef
) -> tuple[MailboxTree, MessagePage | ConversationPage | None]:
    """The list was read while the message was being marked as read: show it as it is now."""
    if not isinstance(page, MessagePage):
        return tree, page
    if not any(row.ref == ref and not row.flags.seen for row in page.rows):
        return tree, page
    rows = tuple(
        replace(row, flags=replace(row.flags, seen=True)) if row.ref == ref else row for row in page.rows
    )
    page = replace(page, rows=rows, unread=max(0, page.unread - 1))
    mailboxes = tuple(
        replace(box, unread=page.unread) if box.name == ref.mailbox else box for box in tree.mailboxes
    )
    return replace(tree, mailboxes=mailboxes), page


async def open_again(
    edge: Edge, me: Me, ref: MessageRef, within: str = "", *, all_headers: bool = False
) -> OpenMessage:
    """The message without marking it read: for its parts and for answering it, or with `all_headers` for
    writing on in a draft."""
    return await edge.services.mail.message(
        me.token("mailstore"),
        ref,
        mark_seen=False,
        neighbours=False,
        within=within,
        all_headers=all_headers,
    )
