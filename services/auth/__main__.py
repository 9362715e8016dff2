"""`python -m services.auth`: settings, dependencies, serve; with arguments, the operator's commands."""

from __future__ import annotations

import asyncio
import sys

from services.auth import cli
from services.auth.service import Service
from services.auth.servicer import METHOD_SCOPES
from services.auth.settings import AuthSettings
from services.common.main import run
from services.common.rpc.server import serve
from services.common.settings import Env


async def main() -> None:
    settings = AuthSettings.from_env(Env.current())
    service = Service(settings)
    await service.migrate()
    sweeper = asyncio.create_task(service.sweep_forever())
    try:
        await serve(
            "auth",
            settings.server,
            service.register,
            METHOD_SCOPES,
            keys=service.keys,
            ready=service.database.ping,
        )
    finally:
        sweeper.cancel()
        await service.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(cli.main())
    run("auth", main)
