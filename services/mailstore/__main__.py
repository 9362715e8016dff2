"""`python -m services.mailstore`: settings, dependencies, serve."""

from __future__ import annotations

from functools import partial

from services.common.collector import collect_seldom
from services.common.main import run
from services.common.rpc.client import connect
from services.common.rpc.keyset import key_set_of
from services.common.rpc.server import serve
from services.common.settings import Env
from services.mailstore.service import Service
from services.mailstore.servicer import LONG_LIVED, METHOD_SCOPES, register
from services.mailstore.settings import MailstoreSettings


async def main() -> None:
    settings = MailstoreSettings.from_env(Env.current())
    service = Service(settings)
    service.start()
    collect_seldom()
    auth = connect(settings.auth_address, tls=settings.server.tls, service="auth")
    try:
        await serve(
            "mailstore",
            settings.server,
            partial(register, service),
            METHOD_SCOPES,
            keys=key_set_of(auth),
            long_lived=LONG_LIVED,
        )
    finally:
        await auth.close()
        await service.close()


if __name__ == "__main__":
    run("mailstore", main)
