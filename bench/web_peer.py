"""web beside Roundcube, in the same run.

Where the shared benchmark's servers run and POSTERN_SHARED_BENCH names its folder; elsewhere a word on
standard error, and no figure."""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bench.figures import Figure, benchmark, full
from tests.support.stack import Stack

OPERATIONS = {
    "web.list_vs_roundcube": "list page 1",
    "web.open_vs_roundcube": "open message (reading pane)",
    "web.conversations_vs_roundcube": "threads page 1",
}
ROUNDCUBE = "http://127.0.0.1:11080/"


def _bench() -> Any | None:
    """The shared benchmark's program, or None where it is not set up."""
    folder = os.environ.get("POSTERN_SHARED_BENCH", "")
    base = Path(os.environ.get("BENCH_BASE", "/tmp/bench"))
    if not folder or not (base / "manifest.json").exists():
        print("POSTERN_SHARED_BENCH is not set, or its servers are not set up: skipped", file=sys.stderr)
        return None
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module("webbench")


def _start(var: Path) -> Stack:
    stack = Stack(
        "beside Roundcube",
        var,
        {
            "POSTERN_IMAP_URL": "imap://127.0.0.1:11143",
            "POSTERN_SMTP_URL": "smtp://127.0.0.1:11025",
            "POSTERN_DEFAULT_DOMAIN": "example.org",
            "POSTERN_IMAP_USERNAME": "localpart",
            "POSTERN_LOG_LEVEL": "WARNING",
        },
    )
    stack.daemon.start()
    return stack


@cache
def _measured() -> dict[str, tuple[float, float, int]]:
    """(ours, Roundcube's, how many) by figure, the two taken in turns."""
    bench = _bench()
    if bench is None:
        return {}
    from tests.bench.webmail_driver import PosternClient

    peer = importlib.import_module("clients").RoundcubeClient
    manifest = json.loads((Path(os.environ.get("BENCH_BASE", "/tmp/bench")) / "manifest.json").read_text())
    found: dict[str, tuple[float, float, int]] = {}
    with tempfile.TemporaryDirectory(prefix="postern-peer-", ignore_cleanup_errors=True) as name:
        stack = _start(Path(name))
        try:
            make = {"ours": lambda: PosternClient(stack.url + "/"), "peer": lambda: peer(ROUNDCUBE)}
            runs, user = (40, "bigm") if full() else (15, "small")
            make["ours"]().login(user).check()
            time.sleep(90 if full() else 5)  # the index is built meanwhile
            only = "^(list page 1$|threads page 1|open message .reading)"
            ours: list[dict[str, Any]] = []
            theirs: list[dict[str, Any]] = []
            for _ in range(3):
                ours.append(bench.single(make["ours"], user, runs, manifest, 0, only))
                theirs.append(bench.single(make["peer"], user, runs, manifest, 0, only))
            for figure, operation in OPERATIONS.items():
                own = statistics.median(one[operation]["median"] for one in ours)
                other = statistics.median(one[operation]["median"] for one in theirs)
                found[figure] = (own, other, 3 * runs)
            users = [f"u{number:03d}" for number in range(1, 33)]
            for each in users:
                make["ours"]().login(each).check()
            time.sleep(40)  # 32 indexes are built meanwhile
            rates = {
                key: bench.throughput(make[key], users, 20 if full() else 5, manifest, [], 60)
                for key in ("ours", "peer")
            }
            if rates["ours"]["errors"]:
                raise AssertionError(rates["ours"]["first_errors"])
            found["web.throughput_vs_roundcube"] = (
                rates["ours"]["rps"],
                rates["peer"]["rps"],
                rates["ours"]["requests"],
            )
        finally:
            stack.daemon.stop(30)
    return found


def _figure(name: str, unit: str) -> Iterator[Figure]:
    if name in (found := _measured()):
        own, other, n = found[name]
        yield Figure(name, own, unit, against="Roundcube", ratio=own / other, n=n)


@benchmark("web.list_vs_roundcube")
def list_vs_roundcube() -> Iterator[Figure]:
    yield from _figure("web.list_vs_roundcube", "ms")


@benchmark("web.open_vs_roundcube")
def open_vs_roundcube() -> Iterator[Figure]:
    yield from _figure("web.open_vs_roundcube", "ms")


@benchmark("web.conversations_vs_roundcube")
def conversations_vs_roundcube() -> Iterator[Figure]:
    yield from _figure("web.conversations_vs_roundcube", "ms")


@benchmark("web.throughput_vs_roundcube")
def throughput_vs_roundcube() -> Iterator[Figure]:
    """Requests a second of 32 users at once."""
    yield from _figure("web.throughput_vs_roundcube", "requests/s")
