"""Which tests come first, so that the processes that share the suite end together.

xdist's `--dist loadfile` gives each process a file at a time, and by itself begins with the files of the most
tests; here the longest have the fewest, and would come last, on one process, while the others wait.
"""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# The longest files, roughly in order.
LONGEST = (
    "e2e/test_accessibility.py",
    "e2e/test_filing.py",
    "e2e/test_bulk.py",
    "e2e/test_writing.py",
    "e2e/test_hostile_html.py",
    "integration/test_truth.py",
    "integration/test_sender_stack.py",
)
# A file of the first of these takes longer than one of the last.
FOLDERS = ("e2e", "integration", "bench", "rpc", "unit")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "loadscopereorder"):  # xdist is there
        config.option.loadscopereorder = False


def _place(path: Path) -> int:
    try:
        name = path.relative_to(TESTS).as_posix()
    except ValueError:
        return 0
    if name in LONGEST:
        return LONGEST.index(name)
    folder = name.partition("/")[0]
    return len(LONGEST) + (FOLDERS.index(folder) if folder in FOLDERS else len(FOLDERS))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files whole and in the order above; within a file the order stays."""
    items.sort(key=lambda item: _place(item.path))


def pytest_collection_finish() -> None:
    """What all tests need stays until the end: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    # And what is new, less often: every 700 objects it is a sixteenth of the suite's time.
    gc.set_threshold(20_000, 10, 10)
