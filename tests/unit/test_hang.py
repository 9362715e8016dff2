"""A test that hangs fails, says where, and holds up no other: a suite of its own, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITE = """
import asyncio, threading, pytest

def test_a_thread():
    threading.Event().wait()

async def never_told():
    await asyncio.Event().wait()

async def test_a_task():
    await never_told()

async def test_beside_callbacks():
    loop = asyncio.get_running_loop()
    def busy():  # the alarm comes within it, mostly, and is swallowed there
        sum(range(20_000))
        loop.call_soon(busy)
    busy()
    await never_told()

@pytest.fixture
def server():
    threading.Event().wait()

def test_a_fixture(server):
    pass

def test_that_is_well():
    pass
"""


def test_what_hangs_fails_and_the_suite_goes_on(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.hang", "-p", "no:cacheprovider", "-p"]
    ran = subprocess.run(
        [*command, "no:xdist", "-c", os.devnull, "--rootdir", tmp_path, "-o", "asyncio_mode=auto", tmp_path],
        cwd=ROOT,
        env={**os.environ, "POSTERN_TEST_SECONDS": "0.5"},
        capture_output=True,
        text=True,
        timeout=40,
    )
    assert re.search(r"3 failed, 1 passed, 1 error", ran.stdout), ran.stdout + ran.stderr
    assert "Its call took longer than 0.5 s" in ran.stdout and "Its setup took longer" in ran.stdout
    assert ran.stdout.count("in never_told") >= 2  # the task's own stack, not the loop's alone
