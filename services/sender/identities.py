"""As which addresses an account may write: the operator's policy, never what the account says of itself.

An account writes as its own address; as that with a tag (alice+shop@example.org, RFC 5233), where the
operator leaves that on; and as the addresses that the operator's file grants it. Identities that a person
made up in their settings name the one to use; they grant nothing. Where the operator turned that on, a code
that was mailed to an address and came back grants it too: `verifying/`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.common.errors import PosternError
from services.common.logging import get_logger
from services.sender.compose.address import Mailbox, parse_address, same_mailbox

log = get_logger(__name__)


@dataclass
class _Read:
    stamp: tuple[int, int] = (0, 0)
    granted: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Identities:
    """`aliases`: a file of lines "address account [account …]"; "#" begins a comment. It is read again when
    it changes. `subaddress`: what separates a tag, empty for no tags."""

    def __init__(self, aliases: Path | None = None, *, subaddress: str = "+") -> None:
        self._path, self._subaddress = aliases, subaddress
        self._read = _Read()
        self._lock = threading.Lock()

    def may(self, account: str, address: Mailbox) -> bool:
        """Whether the account may write as that address."""
        if address.address == account or same_mailbox(address.address, account):
            return True
        local, tagged, _ = address.local.partition(self._subaddress) if self._subaddress else ("", "", "")
        if tagged and local and same_mailbox(f"{local}@{address.domain}", account):
            return True
        return _key(account) in self._granted().get(_key(address.address), frozenset())

    def _granted(self) -> Mapping[str, frozenset[str]]:
        if self._path is None:
            return {}
        with self._lock:
            try:
                found = self._path.stat()
                stamp = (found.st_mtime_ns, found.st_size)
                if stamp != self._read.stamp:
                    self._read = _Read(stamp, parse(self._path.read_text(encoding="utf-8")))
            except (OSError, UnicodeDecodeError) as err:
                # Fails closed: who may write as what is not known.
                log.warning("identities.unreadable", cause=type(err).__name__)
                self._read = _Read()
            return self._read.granted


def parse(text: str) -> dict[str, frozenset[str]]:
    """Accounts by the address that they may write as. A line that cannot be read grants nothing."""
    granted: dict[str, frozenset[str]] = {}
    for line in text.splitlines():
        address, *accounts = line.partition("#")[0].replace(",", " ").split()[:1000] or [""]
        if address and accounts:
            known = {key for one in accounts if (key := _key(one))}
            granted[_key(address)] = granted.get(_key(address), frozenset()) | known
    granted.pop("", None)
    return granted


def _key(address: str) -> str:
    """Equal for the same mailbox as sign-in names are compared; empty for what is no address."""
    try:
        found = parse_address(address, "address")
    except PosternError:
        return ""
    return f"{found.local.casefold()}@{found.domain}"
