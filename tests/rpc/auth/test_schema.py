"""The migrations make what tables.py says, on SQLite and MariaDB, also when several replicas start
together."""

from __future__ import annotations

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from services.auth.service import MIGRATIONS, VERSION_TABLE
from services.auth.tables import metadata
from services.common.database import Database, migrate


async def test_the_schema(database_url: str) -> None:
    await asyncio.gather(*(migrate(database_url, MIGRATIONS, VERSION_TABLE) for _ in range(3)))
    database = Database(database_url)
    try:
        # Types are not compared: MySQL calls a long TEXT by another name.
        options = {"version_table": VERSION_TABLE, "compare_type": False}
        with database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts=options)
            differences = compare_metadata(context, metadata)
            assert not differences
            if database.dialect == "mysql":
                query = "SELECT table_name, table_collation FROM information_schema.tables"
                found = connection.execute(text(query + " WHERE table_schema = database()"))
                collations = {name: collation for name, collation in found if name in metadata.tables}
                assert set(collations) == set(metadata.tables)
                assert set(collations.values()) == {"utf8mb4_bin"}
    finally:
        await database.close()
