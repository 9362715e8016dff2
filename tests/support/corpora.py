"""Real messages and hostile HTML that nobody on this project wrote, kept beside the repository.

In a plain clone they are not there: tests that use them are skipped with a line that says so. With CI=true
they must run.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CORPORA = Path(os.environ.get("POSTERN_CORPORA") or Path(__file__).parents[3] / "shared/corpora")


def corpora(*parts: str) -> Path:
    """The folder or file below the corpora; where it is not there, skips the test, with CI=true fails it."""
    path = CORPORA.joinpath(*parts)
    if not path.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI=true and the corpora are not at {path}", pytrace=False)
        pytest.skip(f"the corpora are not beside this clone ({path})")
    return path
