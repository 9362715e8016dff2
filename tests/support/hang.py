"""No test hangs for ever: one that takes longer than LIMIT in a phase of its own (its fixtures, itself, their
end) fails with the stacks of all threads and of the loop's tasks, and the suite goes on.

The alarm comes again until the phase is over, since a loop swallows what is raised within a callback or
another task; pytest-timeout's comes once, and knows of threads alone. What no signal reaches, a thread that
never comes back from C, ends with its process (`faulthandler_timeout` in pyproject.toml), and pytest-xdist
starts another.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Generator
from types import FrameType
from typing import Any

import pytest

LIMIT = float(os.environ.get("POSTERN_TEST_SECONDS", "300"))
AGAIN = LIMIT / 20  # seconds


def _stacks() -> None:
    faulthandler.dump_traceback(file=2)
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    for task in asyncio.all_tasks(loop):
        print(f"Task {task.get_name()} (most recent call last):", file=sys.stderr)
        step: Any = task.get_coro()
        while (frame := getattr(step, "cr_frame", None)) is not None:  # print_stack stops at the outermost
            place = f'File "{frame.f_code.co_filename}", line {frame.f_lineno}'
            print(f"  {place}, in {frame.f_code.co_name}", file=sys.stderr)
            step = step.cr_await


def _guarded(phase: str, limit: float) -> Generator[None, object, object]:
    if threading.current_thread() is not threading.main_thread():
        return (yield)  # a signal's handler runs in the main thread alone

    def ring(_number: int, _frame: FrameType | None) -> None:
        _stacks()
        pytest.fail(f"Its {phase} took longer than {limit:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit, AGAIN)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    return (yield from _guarded("setup", LIMIT))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    return (yield from _guarded("call", LIMIT))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    return (yield from _guarded("teardown", LIMIT))
