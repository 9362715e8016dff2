"""A part's MIME fields, given as raw octets by a header or by an IMAP server → what Part holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .filenames import given_filename
from .headers import Headers
from .params import parse_content_type, parse_disposition
from .transfer import normalise_encoding
from .words import decode_text

Fields = dict[str, Any]


def from_headers(headers: Headers, default_type: str) -> Fields:
    """Keyword arguments for Part, from a part's header; `default_type` where Content-Type is absent."""
    raw_type = next((value for value in headers.get_all("content-type") if value.strip()), b"")
    media_type, params = parse_content_type(raw_type) if raw_type else (default_type, {})
    disposition, disposition_params = parse_disposition(headers.get("content-disposition"))
    encodings = headers.get_all("content-transfer-encoding")
    return assemble(
        media_type,
        params,
        disposition,
        disposition_params,
        encoding=next((value for value in encodings if value.strip()), b""),
        content_id=headers.get("content-id"),
        location=headers.get("content-location"),
        description=headers.get("content-description"),
        language=headers.get("content-language"),
    )


def assemble(
    media_type: str,
    params: Mapping[str, str],
    disposition: str,
    disposition_params: Mapping[str, str],
    *,
    encoding: bytes,
    content_id: bytes,
    location: bytes,
    description: bytes,
    language: bytes,
) -> Fields:
    """Decode and normalise the single fields."""
    return {
        "media_type": media_type,
        "params": params,
        "disposition": disposition,
        "disposition_params": disposition_params,
        "filename": given_filename(disposition_params, params),
        "encoding": normalise_encoding(encoding.decode("latin-1")),
        "content_id": decode_text(content_id).strip("<> "),
        "location": "".join(decode_text(location).split()),
        "description": decode_text(description),
        "language": tuple(tag.strip() for tag in decode_text(language).split(",") if tag.strip())[:20],
    }
