"""An opened message as the page shows it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from services.web import conversing, formats, labels, listing, trust, urls
from services.web.addresses import join
from services.web.i18n import gettext as _
from services.web.i18n import ngettext
from services.web.invitation import Invitation
from services.web.model.mail import Address, MailboxTree, OpenMessage, Part, Row, TextPart
from services.web.model.outgoing import RecipientFate, Submission
from services.web.sanitise import asks_for_pictures, glance, text_to_html
from services.web.session import Me

# Pictures that cannot hold anything active; SVG can.
PICTURES = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif"}
# A larger picture is not loaded for its thumbnail's sake.
MOST_THUMBNAIL = 1_000_000
PDF = "application/pdf"
CALENDAR = "text/calendar"
_TEXTS = {
    "application/json",
    "application/xml",
    "application/x-yaml",
    "application/sql",
    "message/delivery-status",
}


def is_text(media_type: str) -> bool:
    """Whether it can be looked at as plain text. HTML is a download, as everything active."""
    return (media_type.startswith("text/") and media_type != "text/html") or media_type in _TEXTS


@dataclass(frozen=True)
class Body:
    """One thing shown of a message: text as safe HTML, or a frame with the address of its document."""

    kind: str
    html: Any = ""
    src: str = ""
    size: str = "medium"
    dark: bool = False
    truncated: bool = False
    source: str = ""


@dataclass(frozen=True)
class Chip:
    name: str
    href: str
    media_type: str
    size: str
    open_href: str = ""
    show_href: str = ""
    thumbnail: bool = False


def choose(texts: tuple[TextPart, ...], prefer_text: bool) -> list[TextPart]:
    """One of each group of alternatives: the richest that we show (RFC 2046 section 5.1.4), or the
    plainest."""
    chosen: list[TextPart] = []
    groups: dict[int, list[TextPart]] = {}
    for part in texts:
        if not part.alternative:
            chosen.append(part)
            continue
        if part.alternative not in groups:
            groups[part.alternative] = []
            chosen.append(part)
        groups[part.alternative].append(part)
    for number, members in groups.items():
        html = [part for part in members if part.media_type == "text/html"]
        plain = [part for part in members if part.media_type != "text/html" and part.text.strip()]
        best = (plain or html or members)[:] if prefer_text else (html or plain or members)[:]
        at = next(i for i, part in enumerate(chosen) if part.alternative == number)
        kept = [part for part in members if part in best and (part.media_type == best[0].media_type)]
        chosen[at : at + 1] = kept or members[:1]
    return chosen


def bodies(message: OpenMessage, *, prefer_text: bool, within: str = "", images: bool = False) -> list[Body]:
    """What is shown, in order."""
    shown: list[Body] = []
    for part in choose(message.texts, prefer_text):
        if part.media_type == "text/html":
            seen = glance(part.text, images)
            shown.append(
                Body(
                    "html",
                    src=urls.html(message.ref, part.part_id, within=within, images="1" if images else ""),
                    size=seen.size,
                    dark=seen.dark,
                    truncated=part.truncated,
                    source=part.part_id,
                )
            )
        elif part.text.strip():
            html = text_to_html(
                part.text, fold_label=_("Show the quoted text"), cut_note=_("The rest is not shown.")
            )
            shown.append(Body("text", html=html, truncated=part.truncated))
    return shown


def has_remote(message: OpenMessage) -> bool:
    return any(part.media_type == "text/html" and asks_for_pictures(part.text) for part in message.texts)


def has_choice(message: OpenMessage) -> bool:
    """Whether there is both HTML and plain text to switch between."""
    kinds = {part.media_type == "text/html" for part in message.texts if part.text.strip()}
    return kinds == {True, False}


def chips(
    message: OpenMessage, invited: bool = False, query: Mapping[str, object] = MappingProxyType({})
) -> tuple[list[Chip], list[Chip]]:
    """What is offered: attachments with inline parts that no HTML shows, and apart from them what the HTML
    shows. Where an invitation is shown (`invited`), the part that it was read from is in neither. `query`:
    where the list beside the message stands."""
    used = " ".join(part.text for part in message.texts if part.media_type == "text/html")
    calendar = calendar_part(message) if invited else None
    offered, shown = [part for part in message.attachments if part is not calendar], list[Part]()
    for part in message.inline:
        if part is calendar:
            continue
        within = part.content_id and f"cid:{part.content_id}" in used
        (shown if within else offered).append(part)
    return [_chip(message, one, query) for one in offered], [_chip(message, one, query) for one in shown]


def calendar_part(message: OpenMessage) -> Part | None:
    """The part that an invitation is read from."""
    parts = (*message.attachments, *message.inline)
    return next((one for one in parts if one.media_type == CALENDAR), None)


def calendar_href(message: OpenMessage) -> str:
    """Where the invitation is had as a file, if no other part is that file already."""
    part = calendar_part(message)
    others = (one for one in message.attachments if one is not part)
    if part is None or any(one.media_type in (CALENDAR, "application/ics") for one in others):
        return ""
    return urls.part(message.ref, part.part_id)


def _chip(message: OpenMessage, part: Part, query: Mapping[str, object]) -> Chip:
    attached = part.media_type == "message/rfc822"
    within = urls.message(message.ref, within=part.part_id, **query) if attached else ""
    name = part.filename or (part.envelope.subject if part.envelope else "") or _("Attachment")
    kind = part.media_type.lower()
    shown = kind in PICTURES or kind == PDF or is_text(kind)
    return Chip(
        name,
        urls.part(message.ref, part.part_id),
        part.media_type,
        formats.size(part.size, part.estimated) if part.size else "",
        within,
        urls.part(message.ref, part.part_id, show="1") if shown else "",
        kind in PICTURES and part.size <= MOST_THUMBNAIL,
    )


def to_words(message: OpenMessage, me: Me) -> str:
    """ "to me and 3 others"."""
    everyone = [entry for entry in (*message.row.envelope.to, *message.row.envelope.cc) if entry.address]
    if not everyone:
        return _("to undisclosed recipients")
    own = {identity.address.lower() for identity in me.identities} | {me.account.lower()}
    everyone.sort(key=lambda entry: entry.address.lower() not in own)
    first = _("me") if everyone[0].address.lower() in own else everyone[0].shown
    if len(everyone) == 1:
        return _("to %(person)s") % {"person": first}
    return ngettext(
        "to %(person)s and %(count)s other", "to %(person)s and %(count)s others", len(everyone) - 1
    ) % {"person": first, "count": len(everyone) - 1}


def header_rows(message: OpenMessage) -> list[tuple[str, str]]:
    envelope = message.row.envelope
    rows = [
        (_("From"), join(envelope.from_)),
        (_("Sender"), join(envelope.sender) if differs(envelope.sender, envelope.from_) else ""),
        (_("Reply to"), join(envelope.reply_to) if differs(envelope.reply_to, envelope.from_) else ""),
        (_("To"), join(envelope.to)),
        (_("Cc"), join(envelope.cc)),
        (_("Bcc"), join(envelope.bcc)),
        (_("Date"), formats.full_date(envelope.date or message.row.received)),
        (_("Size"), formats.size(message.row.size) if message.row.size else ""),
    ]
    return [(name, value) for name, value in rows if value]


def differs(some: tuple[Address, ...], others: tuple[Address, ...]) -> bool:
    return bool(some) and {one.address.lower() for one in some} != {one.address.lower() for one in others}


def warnings(message: OpenMessage) -> list[str]:
    """One quiet line each, above the text."""
    found: list[str] = []
    if message.defects:
        found.append(_("Parts of this message are broken; they are shown as well as they can be read."))
    if any(text.truncated for text in message.texts):
        found.append(
            _("This message is very long; its end is not shown. Download the source to read all of it.")
        )
    return found


def report_lines(message: OpenMessage) -> list[tuple[str, str, str]]:
    """(address, fate in words, detail) of a delivery report."""
    words = {
        "failed": _("not delivered"),
        "delayed": _("delayed; the server goes on trying"),
        "delivered": _("delivered"),
        "relayed": _("passed on to a server that does not report back"),
        "expanded": _("passed on to a list"),
        "displayed": _("opened by its recipient"),
        "deleted": _("deleted, perhaps unread"),
        "dispatched": _("passed on"),
        "processed": _("taken up by a program"),
    }
    return [
        (one.address, words.get(one.action, one.action), " ".join(filter(None, (one.status, one.diagnostic))))
        for one in message.report
    ]


def fate_words(recipient: RecipientFate) -> str:
    """What became of a message for one recipient, for a person."""
    words = {
        "pending": _("not taken yet"),
        "accepted": _("taken"),
        "refused": _("refused"),
        "unknown": _("not known"),
        "delivered": _("arrived"),
        "failed": _("did not arrive"),
        "displayed": _("shown to its reader"),
        "delayed": _("late"),
        "relayed": _("passed on to a server that does not report back"),
    }
    return words.get(recipient.state, recipient.state)


def fate_lines(sent: Submission) -> list[tuple[str, str, str]]:
    """(address, fate in words, the server's words) of those of whom more is known than that the server took
    it."""
    return [
        (one.address, fate_words(one), one.server_text) for one in sent.recipients if one.state != "accepted"
    ]


def context(
    message: OpenMessage,
    me: Me,
    *,
    prefer_text: bool,
    within: str,
    thread: Sequence[Row] = (),
    earlier: int = 0,
    whole: bool = False,
    places: MailboxTree | None = None,
    query: Mapping[str, object] = MappingProxyType({}),
    images: bool = False,
    can_load: bool = False,
    authserv_ids: Collection[str] = (),
    invitation: Invitation | None = None,
    sent: Submission | None = None,
) -> dict[str, Any]:
    """What the reading pane needs. `thread`: the message's conversation, but for `earlier` messages;
    `whole`: acts are on all of it."""
    before, after = conversing.folded(message, thread, places or MailboxTree(), query)
    offered, shown = chips(message, invitation is not None, query)
    envelope = message.row.envelope
    sender = next((entry for entry in envelope.from_ if entry.address or entry.name), Address())
    return {
        "opened": message,
        "before": before,
        "after": after,
        "earlier": earlier,
        "earlier_at": conversing.search_for(message),
        "together": conversing.together(message, thread) if whole else "",
        "key": urls.full_key(message.ref),
        "within": within,
        "subject": listing.subject_of(message.row),
        "labels": [labels.of(me).get(one) for one in message.row.flags.labels],
        "sender": sender,
        "date": envelope.date or message.row.received,
        "to_words": to_words(message, me),
        "header_rows": header_rows(message),
        "bodies": bodies(message, prefer_text=prefer_text, within=within, images=images),
        "chips": offered,
        "chips_within": shown,
        "warnings": warnings(message),
        "blocked": not prefer_text and not images and has_remote(message),
        "can_load": can_load,
        "report": report_lines(message),
        "can_reply_list": not within and "mailto:" in message.header("list-post").lower(),
        "report_about": sent.subject if sent is not None and message.report else "",
        "fates": [] if sent is None or message.report else fate_lines(sent),
        "verdict": trust.verdict(message, authserv_ids),
        "can_unsubscribe": can_load and not within and bool(trust.unsubscribe_address(message)),
        "invitation": invitation,
        "calendar_href": calendar_href(message) if invitation else "",
        "prefer_text": prefer_text,
        "images": images,
        "has_choice": has_choice(message),
    }
