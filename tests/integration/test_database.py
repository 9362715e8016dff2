"""Transactions and migrations on SQLite and on a real MariaDB."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from services.common.database import Database, migrate
from services.common.errors import PosternError

FIRST = """
import time
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0001", None
def upgrade():
    time.sleep(PAUSE)
    number = sa.Column("n", sa.Integer, nullable=False)
    op.create_table("counter", sa.Column("id", sa.Integer, primary_key=True), number)
"""
SECOND = """
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade():
    op.execute("INSERT INTO counter (id, n) VALUES (1, 0), (2, 0)")
"""


@pytest.fixture
def revisions(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations" / "versions"
    folder.mkdir(parents=True)
    (folder / "0001_first.py").write_text(FIRST.replace("PAUSE", "0"))
    (folder / "0002_second.py").write_text(SECOND)
    return folder.parent


def value(session: Session) -> int:
    return int(session.execute(text("SELECT n FROM counter WHERE id = 1")).scalar_one())


def add(session: Session) -> int:
    lock = " FOR UPDATE" if session.get_bind().dialect.name == "mysql" else ""
    n = session.execute(text(f"SELECT n FROM counter WHERE id = 1{lock}")).scalar_one() + 1
    session.execute(text("UPDATE counter SET n = :n WHERE id = 1"), {"n": n})
    return n


async def test_one_transaction_per_call(database_url: str, revisions: Path) -> None:
    await migrate(database_url, revisions, "test_version")
    await migrate(database_url, revisions, "test_version")
    database = Database(database_url, pool_size=4)
    try:
        results = await asyncio.gather(*(database.run(add) for _ in range(20)))
        assert sorted(results) == list(range(1, 21)) and await database.read(value) == 20

        def fails(session: Session) -> None:
            add(session)
            raise RuntimeError

        with pytest.raises(RuntimeError):
            await database.run(fails)
        assert await database.read(value) == 20
        assert await database.ping()
    finally:
        await database.close()


async def test_a_deadlock_runs_again(mariadb_url: str, revisions: Path) -> None:
    await migrate(mariadb_url, revisions, "test_version")
    database = Database(mariadb_url)
    barrier, runs = threading.Barrier(2, timeout=5), []

    def swap(first: int, second: int, session: Session) -> None:
        runs.append(first)
        session.execute(text("UPDATE counter SET n = n + 1 WHERE id = :id"), {"id": first})
        if len(runs) <= 2:
            barrier.wait()
        session.execute(text("UPDATE counter SET n = n + 1 WHERE id = :id"), {"id": second})

    try:
        await asyncio.gather(database.run(lambda s: swap(1, 2, s)), database.run(lambda s: swap(2, 1, s)))
        assert await database.read(value) == 2 and len(runs) == 3
    finally:
        await database.close()


@pytest.mark.parametrize("rest", (0.0, 1.2))
async def test_a_connection_that_the_server_ended_is_replaced(
    mariadb_url: str, revisions: Path, rest: float
) -> None:
    await migrate(mariadb_url, revisions, "test_version")
    database, other = Database(mariadb_url, pool_size=2), Database(mariadb_url)

    def connection_id(session: Session) -> int:
        return int(session.execute(text("SELECT CONNECTION_ID()")).scalar_one())

    try:
        for expected in (1, 2, 3):
            number = await database.run(connection_id)
            await other.run(lambda s, number=number: s.execute(text(f"KILL {number}")))
            await asyncio.sleep(rest)
            assert await database.run(add) == expected
        assert await database.read(value) == 3
    finally:
        await asyncio.gather(database.close(), other.close())


async def test_a_transaction_without_commit_leaves_nothing_to_the_next(
    mariadb_url: str, revisions: Path
) -> None:
    await migrate(mariadb_url, revisions, "test_version")
    database = Database(mariadb_url, pool_size=1)

    def fails(session: Session) -> None:
        add(session)
        raise RuntimeError

    try:
        for _ in range(3):
            with pytest.raises(RuntimeError):
                await database.run(fails)
            # The same connection: what was not committed is neither seen nor locked by it.
            assert await database.run(value) == 0
            assert await database.read(value) == 0
    finally:
        await database.close()


async def test_a_connection_lost_during_commit_is_not_run_again(mariadb_url: str, revisions: Path) -> None:
    await migrate(mariadb_url, revisions, "test_version")
    database, other, runs = Database(mariadb_url, pool_size=1), Database(mariadb_url), []

    def doomed(session: Session) -> None:
        runs.append(session.execute(text("SELECT CONNECTION_ID()")).scalar_one())
        add(session)
        event.listen(session, "before_commit", lambda _s: kill(runs[-1]), once=True)

    def kill(number: int) -> None:
        with other.engine.connect() as connection:
            connection.exec_driver_sql(f"KILL {number}")

    try:
        with pytest.raises(PosternError, match="UNAVAILABLE"):
            await database.run(doomed)
        assert len(runs) == 1 and await database.read(value) == 0
    finally:
        await asyncio.gather(database.close(), other.close())


async def test_replicas_that_start_together_take_turns(database_url: str, revisions: Path) -> None:
    first = revisions / "versions" / "0001_first.py"
    first.write_text(FIRST.replace("PAUSE", "1.5"))
    code = (
        "import asyncio, sys; from services.common.database import migrate;"
        "asyncio.run(migrate(sys.argv[1], sys.argv[2], 'test_version'))"
    )
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, database_url, str(revisions), cwd=Path(__file__).parents[2], stderr=-1
        )
        for _ in range(3)
    ]
    for process in processes:
        _, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, err.decode()
    database = Database(database_url)
    assert await database.read(value) == 0
    await database.close()


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    database = Database("mysql+pymysql://u:p@127.0.0.1:1/x")
    with pytest.raises(PosternError, match="UNAVAILABLE"):
        await database.run(value)
    assert not await database.ping()
    await database.close()


async def test_what_need_not_last_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/x.db")

    def level(session: Session) -> int:
        return session.execute(text("PRAGMA synchronous")).scalar_one()

    assert [await database.run(level), await database.run(level, lasting=False)] == [2, 1]
    await database.run(lambda session: session.execute(text("CREATE TABLE t (x INT)")), lasting=False)
    assert await database.read(lambda session: session.execute(text("SELECT count(*) FROM t")).scalar()) == 0
    await database.close()


async def test_sqlite_is_set_up_for_several_connections(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new/x.db")

    def pragmas(session: Session) -> list[object]:
        names = ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        return [session.execute(text(f"PRAGMA {name}")).scalar() for name in names]

    assert await database.read(pragmas) == ["wal", 1, 5000, 2]
    await database.close()
