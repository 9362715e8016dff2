"""One account's index file: opened under its key, or thrown away and begun again.

Invariant: a Store is used by one thread at a time. Several Stores, of several processes too, may have one
file open: one of them writes at a time, and readers see the last commit (WAL).
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any

import apsw

from services.mailstore.files import EncipheredFile, encipher
from services.mailstore.index import schema
from services.mailstore.index.coding import hash64

_SIDES = ("", "-wal", "-shm", "-journal")


class IndexBroken(Exception):
    """The file cannot be read: another key, another version, or damaged. It has been removed."""


class NotNow(Exception):
    """What is held cannot be brought into line with the server now: the server is to be asked."""


class Store(EncipheredFile):
    """An open index file."""

    def __init__(
        self, path: Path, key: bytes, *, cache_mib: int = 16, create: bool = True, busy_ms: int = 2000
    ) -> None:
        """Open `path`, or begin it anew where it is not readable under `key`. With `create` false,
        IndexBroken where there is none.
        """
        self.path = path
        try:
            self.db = self._open(path, key, cache_mib, create, busy_ms)
        except IndexBroken:
            if not create:
                raise
            self.db = self._open(path, key, cache_mib, True, busy_ms)
        salt: bytes = self.value("salt")
        self.salt = salt

        def message_hash(*values: Any) -> int:
            return hash64(str(values[0]), salt)

        # For conditions that are made before it is known which file they are for.
        self.db.create_scalar_function("message_hash", message_hash, 1, deterministic=True)

    @staticmethod
    def _open(path: Path, key: bytes, cache_mib: int, create: bool, busy_ms: int) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
        db = None
        try:
            db = apsw.Connection(str(path), flags=flags, statementcachesize=200)
            db.set_busy_timeout(busy_ms)
            # A crash of the machine may cost the file its last seconds, or all: it is read again from the
            # server.
            encipher(db, key, cache_mib=cache_mib, synchronous="off")
            db.pragma("wal_autocheckpoint", 4000)
            if not db.pragma("user_version"):
                with db:
                    if not db.pragma("user_version"):
                        db.execute(schema.TABLES)
                        db.execute("INSERT INTO meta VALUES('salt', ?)", (secrets.token_bytes(32),))
                        db.execute("INSERT INTO meta VALUES('next_thread', 1), ('overrun', 0)")
                        db.pragma("user_version", schema.VERSION)
            if db.pragma("user_version") != schema.VERSION:
                raise apsw.NotADBError("another version")
            return db
        except (apsw.NotADBError, apsw.CorruptError, apsw.CantOpenError, apsw.SQLError) as err:
            if db is not None:
                db.close()
            if not isinstance(err, apsw.CantOpenError):
                remove(path)
            raise IndexBroken(type(err).__name__) from err

    def destroy(self) -> None:
        """Close and remove the file."""
        self.close()
        remove(self.path)

    def value(self, key: str) -> Any:
        """A value of the meta table, None where there is none."""
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def set_value(self, key: str, value: object) -> None:
        self.db.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (key, value))

    def make_orders(self) -> None:
        """Make the indices for sorted lists, unless they are there. Some seconds for 100,000 messages."""
        self.db.execute(schema.ORDERS)

    @property
    def has_orders(self) -> bool:
        found = self.db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'search_large'").fetchone()
        return found is not None

    def size_bytes(self) -> int:
        """Octets on disk, the write-ahead log included."""
        return size_of(self.path)

    def touch(self) -> None:
        """Mark as used now, for the order of eviction."""
        with contextlib.suppress(OSError):
            os.utime(self.path)


def remove(path: Path) -> None:
    """Remove an index file and what stands beside it."""
    for side in _SIDES:
        path.with_name(path.name + side).unlink(missing_ok=True)


def size_of(path: Path) -> int:
    """Octets on disk of an index file and its write-ahead log."""
    total = 0
    for side in _SIDES[:2]:
        with contextlib.suppress(OSError):
            total += path.with_name(path.name + side).stat().st_size
    return total
