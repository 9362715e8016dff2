"""The directory of index files: who has which, and how much they may take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.mailstore.index.keys import file_name
from services.mailstore.index.store import remove, size_of


@dataclass(frozen=True)
class IndexSettings:
    """Where indices lie and their bounds. Sizes in octets; `workers` build at the same time; `ca_file` is the
    authority of the mail server's certificate, as the workers need it by path.
    """

    directory: Path
    account_bytes: int = 4 * 1024**3
    total_bytes: int = 50 * 1024**3
    workers: int = 1
    ca_file: Path | None = None


class Shelf:
    """The files. Blocking; call it in a thread."""

    def __init__(self, settings: IndexSettings, pepper: bytes) -> None:
        self.settings = settings
        self._pepper = pepper
        settings.directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, account: str) -> Path:
        return self.settings.directory / file_name(account, self._pepper)

    def sweep(self, in_use: frozenset[Path]) -> list[Path]:
        """Remove the files least recently used until the rest fits, none of those in use. What went."""
        try:
            sizes = {path: size_of(path) for path in self.settings.directory.glob("*.db")}
        except OSError:
            return []
        total = sum(sizes.values())
        gone: list[Path] = []
        for path in sorted(sizes, key=_used):
            if total <= self.settings.total_bytes:
                break
            if path in in_use:
                continue
            try:
                remove(path)
            except OSError:
                continue
            gone.append(path)
            total -= sizes[path]
        return gone


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
