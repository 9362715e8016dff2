"""The payloads that DOMPurify is tested with, from beside the repository."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
PLACES = [ROOT.parent / "shared", ROOT.parent.parent / "shared"]
COUNT = 223


@cache
def payloads() -> tuple[str, ...]:
    """All payloads. Skips the test where they are not laid beside the repository, and fails there in CI."""
    for place in PLACES:
        file = place / "corpora" / "html" / "dompurify-payloads.json"
        if file.exists():
            found = tuple(entry["payload"] for entry in json.loads(file.read_text(encoding="utf-8")))
            assert len(found) == COUNT
            return found
    if os.environ.get("CI") == "true":
        pytest.fail("corpora/html/dompurify-payloads.json is not beside the repository")
    pytest.skip("corpora/html/dompurify-payloads.json is not beside the repository")
