"""What files of the index and of accounts behind POP3 have in common: enciphered SQLite, used in threads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any, TypeVar

import apsw

T = TypeVar("T")
# ChaCha20-Poly1305 (RFC 8439) with a fresh nonce for each page written; see
# docs/adr/0001-index-encryption.md.
_CIPHER = "chacha20"


def encipher(db: apsw.Connection, key: bytes, *, cache_mib: int, synchronous: str) -> None:
    """Make a connection that was just opened read and write under `key`, with a write-ahead log.
    apsw.NotADBError where the file is under another. `synchronous` as SQLite has it.
    """
    db.pragma("cipher", _CIPHER)
    db.pragma("key", "raw:" + key.hex())
    db.pragma("journal_mode", "wal")
    db.pragma("synchronous", synchronous)
    db.pragma("temp_store", "memory")
    db.pragma("cache_size", -cache_mib * 1024)


class EncipheredFile:
    """Transactions on `db`, by one thread at a time. Those within another are part of it."""

    db: apsw.Connection

    def close(self) -> None:
        self.db.close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """A transaction that may write. apsw.BusyError where another holds the file for longer than the busy
        time-out.
        """
        if self.db.in_transaction:
            yield self.db
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    @contextlib.contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """A transaction in which everything is read as of one moment."""
        if self.db.in_transaction:
            yield self.db
            return
        self.db.execute("BEGIN")
        try:
            yield self.db
        finally:
            self.db.execute("ROLLBACK")


async def in_thread(threads: Executor, work: Callable[..., T], *args: Any) -> T:
    """Blocking work. Who is cancelled meanwhile still waits for the thread, or another would use its file at
    that time.
    """
    future = asyncio.get_running_loop().run_in_executor(threads, work, *args)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
