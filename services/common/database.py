"""SQLAlchemy from asyncio: one transaction per call, on a bounded pool of threads and connections.

MySQL in earnest, SQLite for a first look and for tests. Only services with a database import this module.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from services.common.endpoint import is_loopback
from services.common.errors import PosternError, Reason
from services.common.settings import Env, SettingsError

T = TypeVar("T")
REST_SECONDS = 1.0
PLAINTEXT_WORDS = "database-readable-on-the-network"
_ATTEMPTS = 3
_READ_ONLY = "postern_read_only"
# MySQL 1213: deadlock; 1205: lock wait timeout; 1020: MariaDB's "record has changed since last read".
_RETRY_CODES = {1213, 1205, 1020}


def database_url(env: Env, default: str | None = None) -> str:
    """POSTERN_DATABASE_URL. Refuses a MySQL off this machine without TLS, unless POSTERN_DATABASE_PLAINTEXT
    says so in words."""
    text = env.text("DATABASE_URL", default, expected="a URL such as mysql+pymysql://user:password@host/name")
    try:
        url = make_url(text)
    except ArgumentError:
        raise SettingsError("POSTERN_DATABASE_URL: expected a SQLAlchemy URL") from None
    if url.get_backend_name() not in ("sqlite", "mysql", "mariadb"):
        raise SettingsError("POSTERN_DATABASE_URL: expected sqlite:/// or mysql+pymysql://")
    encrypted = any(key.startswith("ssl_") and key != "ssl_disabled" for key in url.query)
    local = url.get_backend_name() == "sqlite" or is_loopback(url.host or "localhost")
    if not local and not encrypted and env.optional("DATABASE_PLAINTEXT") != PLAINTEXT_WORDS:
        raise SettingsError(
            "POSTERN_DATABASE_URL: the connection is not encrypted: add ?ssl_ca=/path/of/ca.pem, or, if"
            " everybody on the way may read it, set POSTERN_DATABASE_PLAINTEXT to exactly"
            f" {PLAINTEXT_WORDS!r}"
        )
    return text


def create_engine(
    url: str | URL, *, pool_size: int = 8, reads: bool = False, several: bool = False
) -> Engine:
    """An engine with bounds: `pool_size` connections, 5 s to get one, socket timeouts, lock timeouts.
    `several`: MySQL takes several statements, separated by ";", in one trip; the last one's result counts."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, pool_size)
    # The driver would try TLS with every server, and reads the system's authorities anew for each connection,
    # which takes longer than to connect. On this machine nobody listens in.
    plain = is_loopback(parsed.host or "localhost") and not any(
        key.startswith("ssl_") for key in parsed.query
    )
    engine = sqlalchemy.create_engine(
        parsed.update_query_dict({"charset": "utf8mb4"}),
        isolation_level="AUTOCOMMIT" if reads else "READ COMMITTED",
        # Every transaction ends in `_transact`, by COMMIT or by ROLLBACK: another one when a connection goes
        # back would be a trip to the server for nothing.
        pool_reset_on_return=None,
        # Nothing to roll back after a statement that committed by itself.
        skip_autocommit_rollback=reads,
        pool_recycle=1800,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        hide_parameters=True,
        connect_args={
            **({"ssl_disabled": True} if plain else {}),
            "connect_timeout": 5,
            "read_timeout": 20,
            "write_timeout": 20,
            "init_command": "SET SESSION time_zone='+00:00', innodb_lock_wait_timeout=5,"
            " sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
            "NO_ENGINE_SUBSTITUTION'",
            **(_several() if several else {}),
        },
    )
    if not reads:
        _ping_after_rest(engine)
    return engine


def _several() -> dict[str, Any]:
    from pymysql.constants import CLIENT
    from pymysql.cursors import Cursor

    class Several(Cursor):
        def execute(self, query: Any, args: Any = None) -> Any:
            # Raises what any of them failed with: left to be read later, it would be lost.
            count = super().execute(query, args)
            while self.nextset():
                count = self.rowcount
            return count

    return {"client_flag": CLIENT.MULTI_STATEMENTS, "cursorclass": Several}


def _ping_after_rest(engine: Engine) -> None:
    """Ask a connection whether it still stands before it is used again, unless it was used a moment ago. One
    that breaks in that moment is found out by its first statement, and then the transaction begins anew."""

    @event.listens_for(engine, "checkin")
    def rests(_connection: Any, record: Any) -> None:
        record.info["rests"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def used_again(connection: Any, record: Any, _proxy: Any) -> None:
        since = record.info.get("rests")
        if since is None or time.monotonic() - since < REST_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as err:
            raise DisconnectionError("lost while it rested") from err


def _reader(engine: Engine, url: str | URL, pool_size: int) -> Engine:
    """The engine for reads. On MySQL one of its own whose connections commit by themselves: a read is then
    one trip to the server rather than four (ping, statement, COMMIT, ROLLBACK). READ COMMITTED promised no
    more."""
    if engine.dialect.name == "sqlite":
        return engine
    return create_engine(url, pool_size=pool_size, reads=True)


def _passing(engine: Engine, url: str | URL) -> Engine:
    """The engine for what need not last. On MySQL that is the operator's choice for all that is written
    (innodb_flush_log_at_trx_commit)."""
    if engine.dialect.name != "sqlite" or isinstance(engine.pool, StaticPool):
        return engine
    return _sqlite_engine(make_url(url), 1, lasting=False)


def _sqlite_engine(url: URL, pool_size: int, *, lasting: bool = True) -> Engine:
    memory = url.database in (None, "", ":memory:")
    if not memory:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = (
        {"poolclass": StaticPool}
        if memory
        else {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": 5}
    )
    engine = sqlalchemy.create_engine(
        url, hide_parameters=True, connect_args={"check_same_thread": False, "timeout": 5.0}, **options
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        # The driver's own guesses at transactions are off; `began` below says BEGIN.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=5000")
        _to_wal(cursor)
        # NORMAL leaves the log to the system: a commit outlives the process, and not a power cut.
        for pragma in (f"synchronous={'FULL' if lasting else 'NORMAL'}", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def began(connection: Connection) -> None:
        # A transaction that reads first and writes later would fail at once when another wrote in between.
        reads = connection.get_execution_options().get(_READ_ONLY)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _to_wal(cursor: sqlite3.Cursor) -> None:
    """Switch a new file to its write-ahead log. Two processes that do so at once are in each other's way, and
    SQLite tells one of them at once, whatever its busy_timeout."""
    until = time.monotonic() + 5
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


class Database:
    """Runs functions that take a Session, each in one transaction, on worker threads."""

    def __init__(self, url: str | URL, *, pool_size: int = 8, several: bool = False) -> None:
        self.engine = create_engine(url, pool_size=pool_size, several=several)
        self._reader = _reader(self.engine, url, pool_size)
        self._passing = _passing(self.engine, url)
        workers = 1 if isinstance(self.engine.pool, StaticPool) else pool_size
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="database")
        self.dialect = self.engine.dialect.name

    async def run(self, work: Callable[[Session], T], *, lasting: bool = True) -> T:
        """`work(session)` in one transaction: committed when it returns, rolled back when it raises. Not
        `lasting`: it may be forgotten in a power cut, and SQLite does not wait for the disk.

        After a deadlock, a lock timeout or a connection lost before COMMIT it runs again, up to three times,
        so it must have no effect beyond the session. Reading a row in order to change it needs
        `with_for_update()` (READ COMMITTED on MySQL). Objects stay readable afterwards. UNAVAILABLE when the
        database cannot be reached. A caller that is cancelled leaves the transaction to end on its own,
        bounded by the socket's timeout.
        """
        return await self._submit(work, self.engine if lasting else self._passing)

    async def read(self, work: Callable[[Session], T]) -> T:
        """As `run`, for work that only reads: on SQLite it does not wait for writers."""
        return await self._submit(work, self._reader, read_only=True)

    async def ping(self) -> bool:
        """Whether the database answers; for readiness."""
        try:
            await self.read(lambda session: session.execute(sqlalchemy.text("SELECT 1")).scalar())
        except (PosternError, DBAPIError):
            return False
        return True

    async def close(self) -> None:
        await asyncio.to_thread(self._workers.shutdown, True, cancel_futures=True)
        self.engine.dispose()
        self._reader.dispose()
        self._passing.dispose()

    async def _submit(self, work: Callable[[Session], T], engine: Engine, *, read_only: bool = False) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, self._transact, work, engine, read_only)

    def _transact(self, work: Callable[[Session], T], engine: Engine, read_only: bool) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            committing = False
            try:
                with engine.connect() as connection:
                    connection = connection.execution_options(**{_READ_ONLY: read_only})
                    with Session(connection, expire_on_commit=False) as session:
                        result = work(session)
                        if not read_only:
                            session.flush()
                            committing = True
                            session.commit()
                    return result
            except DBAPIError as err:
                # Once COMMIT has gone out, nobody knows whether it came through.
                lost = err.connection_invalidated and not committing
                if (lost or _retryable(err)) and attempt < _ATTEMPTS:
                    time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 jitter
                    continue
                if _unreachable(err):
                    raise PosternError(Reason.UNAVAILABLE, metadata={"service": "database"}) from err
                raise
            except PoolTimeout as err:
                raise PosternError(Reason.UNAVAILABLE, metadata={"service": "database"}) from err
        raise AssertionError("unreachable")


def _number(err: DBAPIError) -> int | None:
    arguments = getattr(err.orig, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def _retryable(err: DBAPIError) -> bool:
    return _number(err) in _RETRY_CODES or "database is locked" in str(err.orig)


def _unreachable(err: DBAPIError) -> bool:
    if err.connection_invalidated or _number(err) in (2002, 2003, 2006, 2013, 1040, 1053):
        return True
    return _retryable(err) or (
        isinstance(err, (OperationalError, InterfaceError)) and "unable to open" in str(err.orig)
    )


async def migrate(url: str | URL, script_location: Path | str, version_table: str) -> None:
    """Bring the schema to the newest revision in `script_location`/versions.

    Alembic's revisions without an env.py. `version_table` is the service's own ("auth_version"). Replicas
    that start together take turns by a lock. UNAVAILABLE when the database cannot be reached.
    """
    try:
        await asyncio.to_thread(_migrate_alone, make_url(url), Path(script_location), version_table)
    except DBAPIError as err:
        if _unreachable(err):
            raise PosternError(Reason.UNAVAILABLE, metadata={"service": "database"}) from err
        raise


# Alembic's `op` is one object for the whole process.
_ONE_AT_A_TIME = threading.Lock()


def _migrate_alone(url: URL, location: Path, version_table: str) -> None:
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("a database in memory is not shared between connections: use a file")
    with _ONE_AT_A_TIME:
        _migrate(url, location, version_table)


def _migrate(url: URL, location: Path, version_table: str) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    engine = create_engine(url, pool_size=2)

    def upgrade(revision: Any, _context: Any) -> Any:
        return script._upgrade_revs("head", revision)

    try:
        with engine.connect() as connection, _lock(connection, url, version_table):
            with EnvironmentContext(config, script, fn=upgrade) as environment:
                environment.configure(
                    connection=connection, version_table=version_table, transaction_per_migration=True
                )
                with environment.begin_transaction():
                    environment.run_migrations()
            connection.commit()
    finally:
        engine.dispose()


@contextlib.contextmanager
def _lock(connection: Connection, url: URL, name: str) -> Iterator[None]:
    """Held by one process at a time for this database and version table; given up with the process."""
    if url.get_backend_name() == "sqlite":
        import fcntl

        with open(f"{url.database}.migrate-lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    # A connection of its own: the lock must not share the fate of the transactions.
    with connection.engine.connect() as keeper:
        keeper = keeper.execution_options(isolation_level="AUTOCOMMIT")
        label = f"postern.{url.database}.{name}"[-64:]
        # Below the socket's read timeout; a few turns for those who wait behind a long migration.
        for _ in range(20):
            got = keeper.execute(sqlalchemy.text("SELECT GET_LOCK(:label, 15)"), {"label": label}).scalar()
            if got == 1:
                break
        else:
            raise PosternError(Reason.UNAVAILABLE, cause="another process migrates for too long")
        try:
            yield
        finally:
            keeper.execute(sqlalchemy.text("SELECT RELEASE_LOCK(:label)"), {"label": label})
