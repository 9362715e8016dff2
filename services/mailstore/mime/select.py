"""What of a message is shown and what is attached (RFC 2046, 2387, 6522; RFC 8621 4.1.4)."""

from __future__ import annotations

from .model import Part, Selection


def select(root: Part) -> Selection:
    """Choose from the Part tree alone; nothing needs to be fetched for it."""
    raise NotImplementedError
