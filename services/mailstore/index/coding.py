"""Small things as they lie in the file, and the hash by which message ids and subjects are found."""

from __future__ import annotations

from hashlib import blake2b

from services.mailstore.index.model import TextPart


def encode_part(part: TextPart) -> str:
    """A text part in one line."""
    return f"{part.number} {part.media_type} {part.encoding or '7bit'} {part.charset}"


def decode_part(text: str) -> TextPart:
    """What `encode_part` was given."""
    number, media_type, encoding, charset = text.split(" ", 3)
    return TextPart(number, media_type, encoding, charset)


def hash64(text: str, salt: bytes) -> int:
    """A signed 64-bit number for `text`. Salted by the file, so that nobody can write a message whose id
    collides with another's and is shown in its conversation.
    """
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=salt).digest()
    return int.from_bytes(digest, "little", signed=True)
