"""The id of a conversation, made from the message alone so that every list tells the same one."""

from __future__ import annotations

import base64
import json

from services.common.errors import invalid_argument
from services.mailstore.mime.model import Envelope
from services.mailstore.names import MessageName

_MAX_ROOT = 500


def root_id(envelope: Envelope) -> str:
    """The Message-ID of the conversation's first message, as far as this message knows: the oldest of
    References, else of In-Reply-To, else its own; empty where it has none.
    """
    if envelope.references:
        return envelope.references[0]
    if envelope.in_reply_to:
        return envelope.in_reply_to[0]
    return envelope.message_id


def conversation_id(envelope: Envelope, name: MessageName) -> str:
    """Opaque; holds the root's Message-ID, or the name of a message that has none."""
    return from_root(root_id(envelope), name)


def is_root(root: str) -> bool:
    """Whether a Message-ID is fit to name a conversation."""
    return 0 < len(root) <= _MAX_ROOT


def from_root(root: str, name: MessageName) -> str:
    """As `conversation_id`, for a root that threading found."""
    if is_root(root):
        return "r" + _b64(root.encode("utf-8"))
    return "m" + _b64(json.dumps([name.mailbox, name.uid_validity, name.uid]).encode("utf-8"))


def parse(text: str) -> str | MessageName:
    """The root's Message-ID or the message. INVALID_ARGUMENT."""
    try:
        data = base64.urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4)).decode("utf-8")
        if text[:1] == "r" and data and not any(char < " " for char in data):
            return data
        if text[:1] == "m":
            mailbox, uid_validity, uid = json.loads(data)
            if isinstance(mailbox, str) and isinstance(uid_validity, int) and isinstance(uid, int):
                return MessageName(mailbox, uid_validity, uid)
    except ValueError:
        pass
    raise invalid_argument("conversation_id", "malformed")


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
