"""`python -m deploy.local`, which is `make run`: a whole Postern on this machine, until Ctrl-C.

Settings are read from the environment as everywhere (docs/operating.md): PORT, POSTERN_IMAP_URL with
POSTERN_SMTP_URL for real mail servers, POSTERN_DATABASE_URL. Everything it writes is under var/ (--var).
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from deploy.local.children import ROOT, CannotStart, Layout, inherited, lay_out
from deploy.local.supervisor import Supervisor
from services.common.keys import make_keys

READY_WITHIN = 60.0  # seconds; a few are usual, a busy machine takes longer


def say(line: str) -> None:
    print(line, flush=True)


def lock(var: Path) -> TextIO:
    """Only one Postern may use VAR at a time. Raises CannotStart when another does."""
    handle = (var / "run.lock").open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise CannotStart(f"Postern already runs here: {var / 'run.json'} says where.") from error
    return handle


def prepare(var: Path) -> None:
    """Directories and keys."""
    for directory in (var, var / "log"):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_keys(var / "keys")
    web_key = var / "keys/web.key"
    if not web_key.exists():  # what browsers keep of a letter being written stays readable after a restart
        web_key.touch(mode=0o600)
        web_key.write_text(secrets.token_urlsafe(32))


def check_assets() -> None:
    if not (ROOT / "services/web/static/dist/manifest.json").exists():
        raise CannotStart("The web pages' style sheet and scripts are not built. Run: make assets")


def greeting(layout: Layout, seconds: float, var: Path) -> str:
    who = (
        "  Sign in as   alice@example.org / alice   or   bob@example.org / bob\n"
        if layout.embedded
        else "  Sign in with an account of your mail server\n"
    )
    where = os.path.relpath(var / "log") if var.is_relative_to(Path.cwd()) else str(var / "log")
    last = f"  Ready after {seconds:.1f} s. Logs are in {where}. Ctrl-C ends it.\n"
    return f"\n  Postern is at  {layout.url}\n{who}{last}"


async def run(layout: Layout, var: Path, began: float) -> int:
    supervisor = Supervisor(layout, var / "run.json", say)
    loop = asyncio.get_running_loop()
    starting = asyncio.create_task(supervisor.start(READY_WITHIN))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, starting.cancel)
    try:
        await starting
    except asyncio.CancelledError:
        await supervisor.stop()
        return 0
    say(greeting(layout, time.monotonic() - began, var))
    return await supervisor.run_until_signal()


def main(environment: Mapping[str, str] = os.environ) -> int:
    began = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description="Runs a whole Postern here.")
    parser.add_argument("--var", type=Path, default=ROOT / "var", help="where keys, databases and logs go")
    parser.add_argument("--empty", action="store_true", help="embedded mailboxes without messages")
    options = parser.parse_args()
    var = options.var.resolve()
    try:
        prepare(var)
        with lock(var):
            check_assets()
            layout = lay_out(var, inherited(environment), empty=options.empty)
            return asyncio.run(run(layout, var, began))
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Cannot write to {error.filename}: {error.strerror}.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
