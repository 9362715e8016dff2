"""A real MariaDB of its own: `with mariadb() as server: url = server.create_database()`."""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pymysql

from tests.support.process import HOST, Daemon, StartFailed, free_port

_USER = "postern"


class MariaDB:
    """A MariaDB that runs in DIRECTORY, on a Unix socket and a free port of loopback."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.socket = directory / "sock"
        self.password = secrets.token_urlsafe(12)
        self.data = directory / "data"
        self._install()
        self.daemon = Daemon(
            "mariadbd",
            [
                "/usr/sbin/mariadbd",
                "--no-defaults",
                f"--user={getpass.getuser()}",
                f"--datadir={self.data}",
                f"--socket={self.socket}",
                f"--pid-file={directory / 'pid'}",
                f"--port={self.port}",
                f"--bind-address={HOST}",
                "--skip-name-resolve",
                "--skip-log-bin",
                "--character-set-server=utf8mb4",
                "--collation-server=utf8mb4_unicode_ci",
                "--sql-mode=STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION",
                "--innodb-buffer-pool-size=64M",
                "--innodb-log-file-size=16M",
                # A committed transaction survives the end of the process, not of the machine.
                "--innodb-flush-log-at-trx-commit=2",
                "--max-connections=300",
                *arguments,
            ],
            directory / "mariadb.log",
            self._ready,
            timeout=60.0,
        )

    def start(self) -> None:
        self.daemon.start()
        with self._admin() as cursor:
            cursor.execute(f"CREATE USER IF NOT EXISTS {_USER}@'%%' IDENTIFIED BY %s", (self.password,))
            cursor.execute(f"GRANT ALL ON *.* TO {_USER}@'%'")

    def stop(self) -> None:
        self.daemon.stop(30)

    def kill(self) -> None:
        """End it as a crash would; start() then recovers from the log."""
        self.daemon.kill()

    def pause(self) -> None:
        self.daemon.pause()

    def resume(self) -> None:
        self.daemon.resume()

    def create_database(self, prefix: str = "t") -> str:
        """A new empty database; its SQLAlchemy URL."""
        name = f"{prefix}_{secrets.token_hex(6)}"
        with self._admin() as cursor:
            cursor.execute(f"CREATE DATABASE `{name}`")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        name = url.rpartition("/")[2].partition("?")[0]
        with self._admin() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")

    def url(self, name: str) -> str:
        return f"mysql+pymysql://{_USER}:{self.password}@{HOST}:{self.port}/{name}?charset=utf8mb4"

    @contextlib.contextmanager
    def _admin(self) -> Iterator[pymysql.cursors.Cursor]:
        connection = pymysql.connect(
            unix_socket=str(self.socket), user="root", autocommit=True, ssl_disabled=True
        )
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def _ready(self) -> bool:
        try:
            with self._admin():
                return True
        except pymysql.Error:
            return False

    def _install(self) -> None:
        self.data.mkdir(mode=0o700)
        argv = [
            "/usr/bin/mariadb-install-db",
            "--no-defaults",
            f"--datadir={self.data}",
            f"--user={getpass.getuser()}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ]
        environment = {**os.environ, "TMPDIR": str(self.directory)}
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, env=environment)
        if done.returncode:
            last = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise StartFailed(f"mariadb-install-db ended with status {done.returncode}\n{last}")


@contextlib.contextmanager
def mariadb(*arguments: str) -> Iterator[MariaDB]:
    """A running MariaDB whose data goes with it."""
    with tempfile.TemporaryDirectory(prefix="postern-mariadb-", ignore_cleanup_errors=True) as name:
        server = MariaDB(Path(name), *arguments)
        try:
            server.start()
            yield server
        finally:
            server.daemon.kill()
