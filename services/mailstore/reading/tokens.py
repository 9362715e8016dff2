"""Page tokens: opaque to callers, anchored on a UID so that they stay right while the mailbox changes."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass

from services.common.errors import invalid_argument

MAX_TOKEN = 8000


@dataclass(frozen=True, slots=True)
class PageToken:
    """Where a page begins: after (or, `back`, before) the row of `uid`, which stood at `position`.

    `list_key` names the list (mailbox, order, filter), so that a token is not used on another.
    """

    list_key: str
    uid_validity: int
    uid: int
    position: int
    back: bool = False


def encode(value: object) -> str:
    """Any plain JSON value as a token."""
    data = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> object:
    """What `encode` was given. INVALID_ARGUMENT."""
    if len(text) > MAX_TOKEN:
        raise invalid_argument("page_token", "malformed")
    try:
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError as err:
        raise invalid_argument("page_token", "malformed", err) from None


def encode_page(token: PageToken) -> str:
    return encode(list(asdict(token).values()))


def decode_page(text: str, list_key: str) -> PageToken | None:
    """None for the first page. INVALID_ARGUMENT where it is no token, or one of another list."""
    if not text:
        return None
    match decode(text):
        case [str(key), int(validity), int(uid), int(position), bool(back)]:
            if key != list_key:
                raise invalid_argument("page_token", "other_list")
            if validity >= 0 and 0 <= uid < 2**32 and 0 <= position < 2**32:
                return PageToken(key, validity, uid, position, back)
    raise invalid_argument("page_token", "malformed")


def page_size(asked: int, default: int = 50, most: int = 200) -> int:
    """The rows of a page. INVALID_ARGUMENT on a negative size; more than the most means the most
    (AIP-158).
    """
    if asked < 0:
        raise invalid_argument("page_size", "negative")
    return min(asked or default, most)
