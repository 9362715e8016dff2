"""The accounts of one POP3 server, in place of connections to an IMAP server."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from services.common.sealing import PrivateKey
from services.mailstore.imap.connect import Account, ImapServer
from services.mailstore.imap.failure import LoginRefused
from services.mailstore.imap.session import Session
from services.mailstore.pop3.account import PopAccount, PopSettings
from services.mailstore.pop3.client import PopEndpoint
from services.mailstore.pop3.keys import KeyRing
from services.mailstore.pop3.session import LocalSession

# Accounts that are kept open without a session, and seconds that they are.
MOST_IDLE, IDLE_FOR = 200, 600.0
THREADS = 16


class PopAccounts:
    """Accounts that are in use. Used from one event loop."""

    def __init__(self, settings: PopSettings) -> None:
        self.settings = settings
        self._threads = ThreadPoolExecutor(THREADS, "pop3")
        self._accounts: OrderedDict[bytes, PopAccount] = OrderedDict()

    async def open(self, account: Account) -> Session:
        """A session of the account."""
        if account.kind != "password":
            raise LoginRefused("POP3 with an access token is not supported")
        found = self._accounts.get(account.key)
        if found is None:
            found = self._accounts[account.key] = PopAccount(self.settings, account, self._threads)
        self._accounts.move_to_end(account.key)
        found.used = time.monotonic()
        await self.let_go()
        return await LocalSession.open(found)

    def local(self, account: Account) -> dict[str, str]:
        """Where the account's file is, and its key, for another process of ours."""
        found = self._accounts.get(account.key)
        if found is None or not found.key:
            return {}
        settings = self.settings
        return {
            "directory": str(settings.directory),
            "name": found.path.stem,
            "key": found.key.hex(),
            "interval": str(settings.interval),
            "max_message_bytes": str(settings.max_message_bytes),
            "account_bytes": str(settings.account_bytes),
        }

    async def adopt(self, account: Account, key: bytes) -> None:
        """Have the account open, under a key that another process found to be right."""
        found = self._accounts[account.key] = PopAccount(self.settings, account, self._threads)
        await found.adopt(key)

    async def let_go(self) -> None:
        """Close accounts that nobody uses, and forget their passwords and keys."""
        now = time.monotonic()
        idle = [key for key, each in self._accounts.items() if not each.users and not each.opening]
        over = len(idle) - MOST_IDLE
        gone = [
            self._accounts.pop(key)
            for index, key in enumerate(idle)
            if now - self._accounts[key].used > IDLE_FOR or index < over
        ]
        for each in gone:
            await each.close()

    async def close(self) -> None:
        """Close all."""
        for each in self._accounts.values():
            await each.close()
        self._accounts.clear()
        self._threads.shutdown(wait=True)


@dataclass(frozen=True)
class PopServer(ImapServer):
    """A POP3 server where an IMAP server is asked for."""

    accounts: PopAccounts | None = field(default=None, compare=False)

    async def open(self, account: Account) -> Session:
        assert self.accounts is not None
        return await self.accounts.open(account)

    def local(self, account: Account) -> dict[str, str]:
        return self.accounts.local(account) if self.accounts is not None else {}

    async def keep_house(self) -> None:
        while self.accounts is not None:
            await asyncio.sleep(60.0)
            await self.accounts.let_go()

    async def close(self) -> None:
        if self.accounts is not None:
            await self.accounts.close()


async def adopted(server: ImapServer, account: Account, local: Mapping[str, str]) -> PopServer:
    """In another process: the server with the one account that `local` tells of."""
    sealing = PrivateKey.generate()
    found = pop_server(
        PopSettings(
            PopEndpoint(server.host, server.port, server.tls, server.context),
            Path(local["directory"]),
            # No password is tried here: the key is given.
            KeyRing(b"", sealing, sealing.public_key()),
            local["name"],
            float(local["interval"]),
            int(local["max_message_bytes"]),
            int(local["account_bytes"]),
        )
    )
    assert found.accounts is not None
    await found.accounts.adopt(account, bytes.fromhex(local["key"]))
    return found


def pop_server(settings: PopSettings) -> PopServer:
    """The server. Call it from where the event loop will run."""
    endpoint = settings.endpoint
    return PopServer(
        endpoint.host,
        endpoint.port,
        endpoint.tls,
        endpoint.context,
        endpoint.connect_timeout,
        endpoint.io_timeout,
        accounts=PopAccounts(settings),
    )
