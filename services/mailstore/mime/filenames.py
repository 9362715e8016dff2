"""File names of attachments made safe."""

from __future__ import annotations


def safe_filename(name: str) -> str:
    """No path, no control or direction-override characters, at most 200 characters; may be empty."""
    raise NotImplementedError
