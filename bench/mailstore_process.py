"""mailstore in a process of its own, so that its memory and its time are told from those of its callers.

`python -m bench.mailstore_process` is that process: its settings come as one line of JSON on standard input,
its port goes out as one line; then each further line is a request that is answered in one line, and it ends
when its input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvloop

from services.common.collector import collect_seldom
from services.common.rpc.client import Channel, connect
from services.mailstore.index.shelf import IndexSettings
from services.mailstore.reading.rows import RowCache
from services.mailstore.reading.snippets import Snippets
from services.mailstore.service import Service
from services.mailstore.servicer import LONG_LIVED, METHOD_SCOPES, register
from tests.rpc.mailstore.conftest import settings_for
from tests.support import rpc
from tests.support.dovecot import MailUser


class Mailstore:
    """A running mailstore."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.pid, self.port = process.pid, port
        self._process = process

    def channel(self) -> Channel:
        """As the web edge calls; close it."""
        return connect(f"127.0.0.1:{self.port}", tls=rpc.tls("web"), service="mailstore")

    @staticmethod
    def token(user: MailUser) -> str:
        return rpc.mint("mailstore", account=user.address, password=user.password)

    def forget(self) -> None:
        """Have it know nothing of any message."""
        self._ask("forget")

    @property
    def indexed(self) -> bool:
        """Whether every mailbox of every account in use is held whole."""
        return self._ask("indexed") == "True"

    def _ask(self, what: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(what.encode() + b"\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().decode().strip()

    def child(self, module: str) -> int | None:
        """The process id of a child that runs this module."""
        for each in Path("/proc").iterdir():
            if each.name.isdigit():
                with contextlib.suppress(OSError):
                    parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
                    if parent == self.pid and module.encode() in (each / "cmdline").read_bytes().split(b"\0"):
                        return int(each.name)
        return None

    def memory(self) -> int:
        """Octets resident now."""
        return self._status("VmRSS")

    def peak(self) -> int:
        """The most octets resident since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise AssertionError(name)


@contextlib.contextmanager
def mailstore(imap_port: int, *, index: bool) -> Iterator[Mailstore]:
    """mailstore in front of that IMAP server, with an index or without one."""
    with tempfile.TemporaryDirectory() as directory:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.mailstore_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            settings = {
                "imap_port": imap_port,
                "keys": str(rpc.keys_dir()),
                "index": directory if index else "",
            }
            process.stdin.write(json.dumps(settings).encode() + b"\n")
            process.stdin.flush()
            yield Mailstore(process, int(process.stdout.readline()))
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Tokens:
    """One token for each account, renewed every minute, as the web edge does."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[float, str]] = {}

    def of(self, user: MailUser) -> str:
        now = self._clock()
        made, token = self._kept.get(user.address, (float("-inf"), ""))
        if now - made > 60:
            made, token = self._kept[user.address] = (now, Mailstore.token(user))
        return token


async def _serve(given: dict[str, Any]) -> None:
    settings = settings_for("127.0.0.1", given["imap_port"], io_timeout=60.0)
    if given["index"]:
        settings = replace(settings, index=IndexSettings(Path(given["index"])))
    service = Service(settings)
    service.start()
    collect_seldom()
    try:
        async with rpc.running(
            "mailstore",
            partial(register, service),
            METHOD_SCOPES,
            long_lived=LONG_LIVED,
            settings={"max_concurrent_rpcs": 6000},
        ) as server:
            print(server.running.port, flush=True)
            while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
                print(_answer(service, line.strip()), flush=True)
    finally:
        await service.close()


def _answer(service: Service, request: str) -> object:
    if request == "indexed":
        held = service.index._open.values() if service.index is not None else ()
        return bool(held) and not any(index.wanting for index in held)
    service.rows, service.snippets = RowCache(), Snippets()
    return "forgotten"


if __name__ == "__main__":
    _given = json.loads(sys.stdin.readline())
    rpc._holder = lambda: SimpleNamespace(name=_given["keys"])  # type: ignore[assignment]
    uvloop.run(_serve(_given))
