"""Mail inside mail: uuencoded blocks, winmail.dat, delivery reports."""

from __future__ import annotations

from .headers import Headers, parse_date, parse_headers
from .model import DeliveryReport, RecipientStatus
from .tnef import read_tnef
from .uuencode import split_uuencoded
from .words import decode_text

__all__ = ["read_report", "read_tnef", "split_uuencoded"]

_RECIPIENTS_BOUND = 1000
_RECIPIENT_FIELDS = ("final-recipient", "action", "disposition")
_LOOKED_AT = 1024 * 1024


def read_report(data: bytes) -> DeliveryReport:
    """A decoded message/delivery-status, message/global-delivery-status or
    message/disposition-notification.
    """
    groups = _groups(data)
    recipients = [group for group in groups if any(name in group for name in _RECIPIENT_FIELDS)]
    about = next((group for group in groups if group not in recipients), Headers([]))
    first = groups[0] if groups else about
    return DeliveryReport(
        reporting_mta=_typed(about.get("reporting-mta") or first.get("reporting-mta")),
        original_envelope_id=about.text("original-envelope-id"),
        arrival=parse_date(about.get("arrival-date")),
        recipients=tuple(_recipient(group) for group in recipients[:_RECIPIENTS_BOUND]),
        disposition=first.text("disposition"),
        original_message_id=first.text("original-message-id").strip("<> "),
    )


def _groups(data: bytes) -> list[Headers]:
    """The blocks of fields between empty lines (RFC 3464 2.1)."""
    lines = data[:_LOOKED_AT].replace(b"\r\n", b"\n").split(b"\n")
    groups: list[Headers] = []
    block: list[bytes] = []
    blocks = 0
    for line in [*lines, b""]:
        if line.strip():
            block.append(line)
        elif block:
            fields = parse_headers(b"\n".join(block))
            block = []
            blocks += 1
            if len(fields):
                groups.append(fields)
            if blocks > 2 * _RECIPIENTS_BOUND:
                break
    return groups


def _disposition_type(text: str) -> str:
    """RFC 8098, 3.2.6: "mode; type/modifiers", as "manual-action/MDN-sent-manually; displayed"."""
    found = text.partition(";")[2].partition("/")[0].strip().lower()
    return found if found in ("displayed", "deleted", "dispatched", "processed") else ""


def _recipient(group: Headers) -> RecipientStatus:
    return RecipientStatus(
        final_recipient=_typed(group.get("final-recipient")),
        original_recipient=_typed(group.get("original-recipient")),
        action=group.text("action").lower().split(" ", 1)[0] or _disposition_type(group.text("disposition")),
        status=group.text("status").split(" ", 1)[0],
        diagnostic=_typed(group.get("diagnostic-code")),
        remote_mta=_typed(group.get("remote-mta")),
        last_attempt=parse_date(group.get("last-attempt-date")),
        will_retry_until=parse_date(group.get("will-retry-until")),
    )


def _typed(raw: bytes) -> str:
    """`rfc822; a@b` without its type."""
    text = decode_text(raw)
    kind, semicolon, value = text.partition(";")
    if semicolon and kind.strip().replace("-", "").isalnum():
        text = value
    return text.strip().strip("<>")
