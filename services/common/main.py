"""The frame of every service's `__main__`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

import uvloop

from services.common import logging
from services.common.settings import SettingsError


def run(name: str, main: Callable[[], Awaitable[None]]) -> None:
    """Run `main` on uvloop with logs configured; a SettingsError is one line and status 2, anything else
    status 1."""
    log = logging.get_logger("services." + name)
    try:
        logging.configure(name, _level())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_await(main))
    except SettingsError as err:
        print(f"postern {name}: {err}", file=sys.stderr)  # noqa: T201 for the operator's eyes
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as err:
        log.exception("service.failed", err)
        sys.exit(1)


async def _await(main: Callable[[], Awaitable[None]]) -> None:
    await main()


def _level() -> str:
    level = os.environ.get("POSTERN_LOG_LEVEL", "INFO").upper()
    return level if level in ("DEBUG", "INFO", "WARNING", "ERROR") else "INFO"
