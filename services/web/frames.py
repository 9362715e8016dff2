"""The document of an HTML message's frame: made when the frame asks for it, or before, behind the page around
it (warm.py): the browser then waits for nothing but the way."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from services.common.logging import get_logger
from services.web import crypto
from services.web.edge import Edge
from services.web.i18n import current
from services.web.i18n import gettext as _
from services.web.model.mail import MessageRef, OpenMessage, TextPart
from services.web.reading import PICTURES, choose
from services.web.sanitise import frame_document, sanitise_html
from services.web.session import Me

log = get_logger(__name__)
HTML = "text/html"
CAPABILITY_SECONDS = 280
_MAX_INLINE = 200
# Characters from which on cleaning leaves the loop.
_THREAD_FROM = 20_000
_FORWARDED = re.compile(r"\s*(?:fwd?|wg|tr|rv|i|vs|enc)\s*[:\uff1a]", re.IGNORECASE)


async def document(edge: Edge, me: Me, message: OpenMessage, part: TextPart, images: bool) -> str:
    """The document of an HTML part, sanitised. `images`: the reader asked for pictures from elsewhere."""
    options: dict[str, Any] = {
        "cid": addresses(edge, me, message),
        "allow_remote": images,
        "image_proxy": proxied(edge) if images else None,
        # What was forwarded is what the message is about.
        "fold_label": "" if _FORWARDED.match(message.row.envelope.subject) else _("Show the quoted text"),
    }
    if len(part.text) > _THREAD_FROM:
        clean = await asyncio.to_thread(sanitise_html, part.text, **options)
    else:
        clean = sanitise_html(part.text, **options)
    return frame_document(
        clean, lang=current().tag, cut_note=_("This message is too long; its end is not shown.")
    )


def expect(
    edge: Edge, me: Me, message: OpenMessage, within: str, *, images: bool, prefer_text: bool, ahead: bool
) -> None:
    """The page that is about to be answered has a frame for each HTML part that it shows: keep the message,
    and make the documents once the page is on its way. `ahead`: the browser only fetches it."""

    async def make(part: TextPart) -> str | None:
        try:
            return await document(edge, me, message, part, images)
        except Exception as err:  # the frame's own request will tell
            log.exception("frame.not_made", err)
            return None

    for part in choose(message.texts, prefer_text):
        if part.media_type == HTML:
            edge.warm.put(
                crypto.session_hash(me.secret),
                (message.ref, within, part.part_id),
                message,
                _terms(images),
                None if ahead else make(part),
            )


async def take(
    edge: Edge, me: Me, ref: MessageRef, within: str, part_id: str, images: bool
) -> tuple[OpenMessage | None, str | None]:
    """The message that this session's page just opened, and the document of its part on the same terms."""
    kept = edge.warm.take(crypto.session_hash(me.secret), (ref, within, part_id))
    if kept is None:
        return None, None
    made = None
    if kept.document is not None and kept.terms == _terms(images):
        # A shield: the frame's request may go away, and another may come.
        made = await asyncio.shield(kept.document)
    return kept.message, made


def _terms(images: bool) -> tuple[bool, str]:
    return images, current().tag


def addresses(edge: Edge, me: Me, message: OpenMessage) -> Callable[[str], str | None]:
    """Content-ID → an address that carries its own permission: the frame sends no cookie."""
    parts = {
        part.content_id: part
        for part in (*message.inline, *message.attachments)
        if part.content_id and part.media_type in PICTURES
    }
    made: dict[str, str] = {}

    def address(content_id: str) -> str | None:
        part = parts.get(content_id)
        if part is None or len(made) >= _MAX_INLINE:
            return None
        if content_id not in made:
            ref = message.ref
            content = {
                "t": me.token("mailstore"),
                "m": ref.mailbox,
                "v": ref.uid_validity,
                "u": ref.uid,
                "p": part.part_id,
                "k": part.media_type,
            }
            made[content_id] = "/inline/" + edge.capabilities.seal("inline", content, CAPABILITY_SECONDS)
        return made[content_id]

    return address


def proxied(edge: Edge) -> Callable[[str], str]:
    """Address of a picture from elsewhere → one of ours, which fetches it."""
    made: dict[str, str] = {}

    def address(url: str) -> str:
        if url not in made and len(made) < _MAX_INLINE:
            made[url] = "/image/" + edge.capabilities.seal("image", {"u": url}, CAPABILITY_SECONDS)
        return made.get(url, "")

    return address
