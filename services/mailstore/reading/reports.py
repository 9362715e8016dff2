"""Delivery reports and read receipts, as read from the message's machine-readable part."""

from __future__ import annotations

from dataclasses import replace

from services.mailstore.imap.session import Session
from services.mailstore.mime.headers import parse_headers, read_envelope
from services.mailstore.mime.model import DeliveryReport, Selection
from services.mailstore.mime.special import read_report
from services.mailstore.mime.transfer import decode_transfer
from services.mailstore.names import MessageName
from services.mailstore.reading.octets import fetch_sections
from services.mailstore.reading.structure import Structure

_MAX_REPORT = 64 * 1024


async def read(
    session: Session, name: MessageName, structure: Structure, selection: Selection
) -> DeliveryReport | None:
    """The report, None where the message is none."""
    part = selection.report
    if part is None:
        return None
    returned = next((p for p in structure.root.walk() if p.media_type == "text/rfc822-headers"), None)
    wanted = [part, returned] if returned is not None else [part]
    if structure.parsed is not None:
        contents = [structure.parsed.content(item.number) for item in wanted]
    else:
        contents = await fetch_sections(session, name, [(item.number, 0, _MAX_REPORT) for item in wanted])
    report = read_report(decode_transfer(contents[0] or b"", part.encoding))
    if not report.original_message_id:
        report = replace(report, original_message_id=_original(structure, contents[-1] if returned else None))
    return report


def _original(structure: Structure, returned_headers: bytes | None) -> str:
    """The Message-ID of the message that came back, from its headers or from the structure."""
    if returned_headers:
        return read_envelope(parse_headers(returned_headers)).message_id
    nested = (part.envelope for part in structure.root.walk() if part.envelope is not None)
    return next((envelope.message_id for envelope in nested if envelope.message_id), "")
