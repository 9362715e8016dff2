"""The migrations make what tables.py says."""

from __future__ import annotations

import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.common.database import create_engine, migrate
from services.sender.service import MIGRATIONS, VERSION_TABLE
from services.sender.storage import tables


async def test_migrations_and_tables_agree(database_url: str) -> None:
    await migrate(database_url, MIGRATIONS, VERSION_TABLE)
    await migrate(database_url, MIGRATIONS, VERSION_TABLE)
    engine = create_engine(database_url)

    def ours(thing, name, kind, reflected, compare_to) -> bool:
        return kind != "table" or name != VERSION_TABLE

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours})
        assert compare_metadata(context, tables.metadata) == []
        if engine.dialect.name != "sqlite":
            found = connection.execute(
                sqlalchemy.text(
                    "SELECT DISTINCT table_collation FROM information_schema.tables"
                    " WHERE table_schema = DATABASE() AND table_name LIKE 'sender_%' AND table_name <> :v"
                ),
                {"v": VERSION_TABLE},
            ).scalars()
            assert set(found) == {"utf8mb4_bin"}
    engine.dispose()
