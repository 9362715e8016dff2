"""The files of links on disk, encrypted in blocks. Blocking calls, for worker threads.

A block is 64 KiB of the file: 12 octets of nonce, the ciphertext, 16 octets of tag (AES-256-GCM). The nonces
are random, so that a block may be written twice. Which file and which block it is, is authenticated with it,
so that none can take another's place. How long the file is stands in its head, authenticated the same way.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.sender.links.token import LinkKey

BLOCK = 64 * 1024
_NONCE, _TAG = 12, 16
_STORED = BLOCK + _NONCE + _TAG
_NAME = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Head:
    """What a file is."""

    filename: str
    media_type: str
    total: int


class Damaged(Exception):
    """What is stored is not what was written, or not all of it."""


def _seal(link: LinkKey, label: str, data: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(link.key).encrypt(nonce, data, f"{link.id} {label}".encode())


def _open(link: LinkKey, label: str, stored: bytes) -> bytes:
    try:
        return AESGCM(link.key).decrypt(stored[:_NONCE], stored[_NONCE:], f"{link.id} {label}".encode())
    except (InvalidTag, ValueError) as err:
        raise Damaged(label) from err


def seal_head(link: LinkKey, head: Head) -> bytes:
    return _seal(link, "head", json.dumps([head.filename, head.media_type, head.total]).encode())


def open_head(link: LinkKey, stored: bytes) -> Head:
    """Damaged where the key is another's."""
    filename, media_type, total = json.loads(_open(link, "head", stored))
    return Head(filename, media_type, total)


class Vault:
    """A directory that all replicas share. Nobody but this service's user can read it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _path(self, id: str) -> Path:
        if not _NAME.fullmatch(id):
            raise ValueError("not a stored name")
        return self._directory / id

    def write(self, link: LinkKey, offset: int, data: bytes, *, last: bool) -> None:
        """Writes blocks from `offset`, a multiple of BLOCK; on disk for sure when it returns and it was the
        `last`."""
        fd = os.open(self._path(link.id), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            for start in range(0, len(data), BLOCK):
                number = (offset + start) // BLOCK
                stored = _seal(link, str(number), data[start : start + BLOCK])
                _write_all(fd, stored, number * _STORED)
            if last:
                os.fsync(fd)
        finally:
            os.close(fd)

    def read(self, link: LinkKey, offset: int, total: int) -> bytes:
        """The rest of the block in which `offset` lies; Damaged where it is not as it was written."""
        number = offset // BLOCK
        size = min(BLOCK, total - number * BLOCK)
        try:
            with self._path(link.id).open("rb") as file:
                file.seek(number * _STORED)
                stored = file.read(size + _NONCE + _TAG)
        except FileNotFoundError as err:
            raise Damaged("no file") from err
        data = _open(link, str(number), stored)
        if len(data) != size:
            raise Damaged("block")
        return data[offset - number * BLOCK :]

    def remove(self, id: str) -> None:
        self._path(id).unlink(missing_ok=True)

    def older_than(self, seconds: float) -> Iterator[str]:
        """The stored names of files that nobody has written to for so long."""
        limit = time.time() - seconds
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name) and entry.stat().st_mtime < limit:
                    yield entry.name


def _write_all(fd: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, at)
        view, at = view[written:], at + written
