"""An IMAP server's BODYSTRUCTURE, as imapclient parses it → Part tree (RFC 3501 7.4.2, numbering 6.4.5)."""

from __future__ import annotations

from typing import Any

from .model import Envelope, Part


def from_bodystructure(data: Any) -> Part | None:
    """The message's root part; None when the answer makes no sense (then use parse.parse_message)."""
    raise NotImplementedError


def from_envelope(data: Any) -> Envelope:
    """An ENVELOPE as a raw tuple or as imapclient's `Envelope`; References are not in it."""
    raise NotImplementedError


def is_doubtful(root: Part | None) -> bool:
    """Whether the server's structure shows nothing though there may be something: better fetch all and parse.

    True for None, for a part without a type, and for a multipart in which every part is empty.
    """
    raise NotImplementedError
