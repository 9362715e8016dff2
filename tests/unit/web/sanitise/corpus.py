"""The payloads that DOMPurify is tested with, from beside the repository."""

from __future__ import annotations

import json

from tests.support.corpora import corpora

COUNT = 223


def payloads() -> tuple[str, ...]:
    """All payloads. Skips the test where they are not laid beside the repository, and fails there in CI."""
    file = corpora("html", "dompurify-payloads.json")
    found = tuple(entry["payload"] for entry in json.loads(file.read_text(encoding="utf-8")))
    assert len(found) == COUNT
    return found
