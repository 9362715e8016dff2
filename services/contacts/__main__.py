"""`python -m services.contacts`: settings, dependencies, serve."""

import asyncio
import contextlib
from pathlib import Path

from services.common.database import Database, migrate
from services.common.main import run
from services.common.rpc.client import connect
from services.common.rpc.keyset import key_set_of
from services.common.rpc.server import serve
from services.common.settings import Env
from services.contacts.once import forget_old
from services.contacts.servicer import METHOD_SCOPES, register
from services.contacts.settings import ContactsSettings

MIGRATIONS = Path(__file__).with_name("migrations")


async def tidy(database: Database) -> None:
    """Once an hour, forget what is not needed any more."""
    while True:
        with contextlib.suppress(Exception):
            await database.run(forget_old)
        await asyncio.sleep(3600)


async def main() -> None:
    settings = ContactsSettings.from_env(Env.current())
    await migrate(settings.database_url, MIGRATIONS, "contacts_alembic_version")
    database = Database(settings.database_url)
    auth = connect(settings.auth_address, tls=settings.server.tls, service="auth")
    housekeeping = asyncio.create_task(tidy(database))
    try:
        await serve(
            "contacts",
            settings.server,
            lambda server: register(server, database),
            METHOD_SCOPES,
            keys=key_set_of(auth),
            ready=database.ping,
        )
    finally:
        housekeeping.cancel()
        await auth.close()
        await database.close()


if __name__ == "__main__":
    run("contacts", main)
