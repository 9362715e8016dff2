"""A Part tree → BODYSTRUCTURE as an IMAP server would tell it (RFC 9051 section 7.5.2).

What is told is read by `mime.structure` alone, so strings go as UTF-8 whatever they hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import format_datetime

from services.mailstore.mime.model import Address, Envelope, Part

_NESTED = ("message/rfc822", "message/global")
_ENCODED = ("base64", "quoted-printable")


def bodystructure(part: Part) -> bytes:
    """The octets of the list."""
    main, _, sub = part.media_type.partition("/")
    ending = b" ".join(
        (
            _disposition(part),
            _list([string(tag) for tag in part.language]),
            string(part.location) if part.location else b"NIL",
        )
    )
    if part.is_multipart:
        children = b"".join(bodystructure(child) for child in part.children)
        return b"(%s %s %s %s)" % (children, string(sub), _params(part.params), ending)
    fields = [
        string(main),
        string(sub),
        _params(part.params),
        string(f"<{part.content_id}>") if part.content_id else b"NIL",
        string(part.description) if part.description else b"NIL",
        string(part.encoding),
        b"%d" % part.size,
    ]
    if part.media_type in _NESTED:
        # One that is encoded itself (RFC 2046 section 5.2.1 forbids it) cannot be served by its numbers.
        inside = part.encoding not in _ENCODED and part.children and part.envelope is not None
        if inside and part.envelope is not None:
            fields += [envelope(part.envelope), bodystructure(part.children[0])]
        else:
            fields += [b"NIL", b"NIL"]
        fields.append(b"0")
    elif main == "text":
        fields.append(b"0")
    return b"(%s NIL %s)" % (b" ".join(fields), ending)


def envelope(found: Envelope) -> bytes:
    """The octets of an ENVELOPE."""
    lists = (found.from_, found.sender, found.reply_to, found.to, found.cc, found.bcc)
    replied = " ".join(f"<{each}>" for each in found.in_reply_to)
    return _list(
        [
            string(format_datetime(found.date)) if found.date else b"NIL",
            string(found.subject),
            *(_list([_address(each) for each in addresses], b"") for addresses in lists),
            string(replied) if replied else b"NIL",
            string(f"<{found.message_id}>") if found.message_id else b"NIL",
        ]
    )


def string(text: str) -> bytes:
    """A quoted string; line breaks and NUL, which cannot stand in one, are left out."""
    data = text.encode("utf-8", "replace")
    for octet in (b"\r", b"\n", b"\0"):
        data = data.replace(octet, b"")
    return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _list(items: list[bytes], between: bytes = b" ") -> bytes:
    return b"(" + between.join(items) + b")" if items else b"NIL"


def _params(params: Mapping[str, str]) -> bytes:
    return _list([string(word) for pair in params.items() for word in pair])


def _disposition(part: Part) -> bytes:
    if not part.disposition and not part.disposition_params:
        return b"NIL"
    return b"(%s %s)" % (string(part.disposition), _params(part.disposition_params))


def _address(address: Address) -> bytes:
    local, _, host = address.addr.rpartition("@")
    name = string(address.name) if address.name else b"NIL"
    return b"(%s NIL %s %s)" % (name, string(local or host), string(host if local else ""))
