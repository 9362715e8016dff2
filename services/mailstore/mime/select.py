"""What of a message is shown and what is attached (RFC 2046, 2387, 6522; RFC 8621 4.1.4)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .filenames import extension_for, made_up_filename
from .model import Attachment, Part, Selection

_TEXT = ("text/plain", "text/html")
_MEDIA = ("image/", "audio/", "video/")
_REPORTS = (
    "message/delivery-status",
    "message/global-delivery-status",
    "message/disposition-notification",
    "message/global-disposition-notification",
    "message/feedback-report",
)
_MESSAGES = ("message/rfc822", "message/global", "message/news")
# Renderings for special programs; those that cannot show them need not hear of them.
_SILENT_ALTERNATIVES = ("text/x-amp-html", "text/watch-html")
_KINDS = {
    "application/ics": "calendar",
    "application/ms-tnef": "tnef",
    "application/pgp-encrypted": "encrypted",
    "application/pgp-keys": "key",
    "application/pgp-signature": "signature",
    "application/pkcs7-mime": "encrypted",
    "application/pkcs7-signature": "signature",
    "application/vnd.ms-tnef": "tnef",
    "application/x-pkcs7-mime": "encrypted",
    "application/x-pkcs7-signature": "signature",
    "text/calendar": "calendar",
    "text/directory": "contact",
    "text/vcard": "contact",
    "text/x-vcard": "contact",
    "text/x-vcalendar": "calendar",
}


@dataclass(slots=True)
class _Work:
    attachments: list[tuple[Part, bool]] = field(default_factory=list)  # part, in multipart/related
    report: Part | None = None
    calendar: Part | None = None
    security: str = ""


def select(root: Part) -> Selection:
    """Choose from the Part tree alone; nothing needs to be fetched for it."""
    work = _Work()
    plain: list[Part] = []
    html: list[Part] = []
    _walk((root,), "mixed", plain, html, False, work)
    shown_html = any(part.media_type == "text/html" for part in html)
    inline: dict[str, Part] = {}
    by_location: dict[str, Part] = {}
    attachments = []
    for part, related in work.attachments:
        if part.content_id:
            inline.setdefault(part.content_id, part)
        if part.location:
            by_location.setdefault(part.location, part)
        hidden = related or (bool(part.content_id) and part.disposition != "attachment")
        is_inline = shown_html and hidden and part.media_type.startswith("image/")
        attachments.append(_attachment(part, is_inline))
    return Selection(
        plain=tuple(plain),
        html=tuple(html),
        attachments=tuple(attachments),
        inline=inline,
        by_location=by_location,
        report=work.report,
        calendar=work.calendar,
        security=work.security,
    )


def _walk(
    parts: tuple[Part, ...],
    kind: str,
    plain: list[Part] | None,
    html: list[Part] | None,
    alternative: bool,
    work: _Work,
) -> None:
    """RFC 8621 4.1.4 with RFC 2387's start. `plain` or `html` is None in a branch of the other form."""
    plain_before = len(plain) if plain is not None else -1
    html_before = len(html) if html is not None else -1
    for index, part in enumerate(parts):
        if part.is_multipart and part.children:
            _multipart(part, plain, html, alternative, work)
        elif not _is_body(part, index, kind):
            _attach(part, kind, work)
        elif kind == "alternative":
            if part.media_type == "text/plain" and plain is not None:
                plain.append(part)
            elif part.media_type == "text/html" and html is not None:
                html.append(part)
            elif part.media_type not in _TEXT:
                _attach(part, kind, work)
        else:
            if alternative and part.media_type == "text/plain":
                html = None
            if alternative and part.media_type == "text/html":
                plain = None
            if part.media_type in _TEXT:
                if plain is not None:
                    plain.append(part)
                if html is not None:
                    html.append(part)
            else:
                _attach(part, kind, work)
    if kind == "alternative" and plain is not None and html is not None:
        if len(plain) == plain_before and len(html) != html_before:
            plain.extend(html[html_before:])
        elif len(html) == html_before and len(plain) != plain_before:
            html.extend(plain[plain_before:])


def _multipart(
    part: Part, plain: list[Part] | None, html: list[Part] | None, alternative: bool, work: _Work
) -> None:
    kind = part.media_type.partition("/")[2]
    children = part.children
    if kind == "related":
        children = _start_first(part)
    elif kind == "signed":
        work.security = work.security or "signed"
    elif kind == "encrypted":
        work.security = "encrypted"
    elif kind == "report" and work.report is None:
        reports = [child for child in children if child.media_type in _REPORTS]
        if len(reports) > 1 and reports[0] is children[0]:
            # RFC 6522 section 3: the first part is for people, whatever it calls itself.
            children = (replace(children[0], media_type="text/plain"), *children[1:])
            del reports[0]
        work.report = reports[0] if reports else None
    _walk(children, kind, plain, html, alternative or kind == "alternative", work)


def _start_first(part: Part) -> tuple[Part, ...]:
    """The root of a multipart/related comes first: RFC 2387 3.2 names it by content id."""
    start = part.params.get("start", "").strip("<> ")
    root = next((child for child in part.children if start and child.content_id == start), None)
    if root is None:
        return part.children
    return (root, *(child for child in part.children if child is not root))


def _is_body(part: Part, index: int, kind: str) -> bool:
    if part.disposition == "attachment":
        return False
    media = part.media_type.startswith(_MEDIA)
    if not media and part.media_type not in _TEXT:
        return False
    if kind == "signed" and index > 0:
        return False  # RFC 1847 2.1: the second is the signature, whatever its type
    return index == 0 or (kind != "related" and (media or not part.filename))


def _attach(part: Part, kind: str, work: _Work) -> None:
    if kind == "alternative" and part.media_type in _SILENT_ALTERNATIVES:
        return
    if part.media_type in ("text/calendar", "text/x-vcalendar", "application/ics") and work.calendar is None:
        work.calendar = part
    if part.media_type in ("application/pkcs7-mime", "application/x-pkcs7-mime") and not work.security:
        work.security = "signed" if part.params.get("smime-type", "") == "signed-data" else "encrypted"
    work.attachments.append((part, kind == "related"))


def _attachment(part: Part, inline: bool) -> Attachment:
    name = part.filename
    if not name:
        title = part.envelope.subject if part.envelope else part.description
        name = made_up_filename(part.media_type, part.number, title)
    elif part.media_type in _MESSAGES and "." not in name:
        name += extension_for(part.media_type)
    return Attachment(
        number=part.number,
        name=name,
        media_type=part.media_type,
        size=decoded_size(part),
        content_id=part.content_id,
        kind=_kind(part),
        inline=inline,
    )


def _kind(part: Part) -> str:
    if part.media_type in _MESSAGES:
        return "message"
    if part.media_type in _REPORTS:
        return "report"
    if part.filename.lower() == "winmail.dat":
        return "tnef"
    return _KINDS.get(part.media_type, "file")


def decoded_size(part: Part) -> int:
    """About how many octets are left once the transfer encoding is undone."""
    if part.encoding == "base64":
        return part.size * 3 * 76 // (4 * 78)  # lines of 76 digits and CRLF
    if part.encoding == "uuencode":
        return part.size * 45 // 63
    return part.size
