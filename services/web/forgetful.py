"""Memory that forgets: what the process has freed is overwritten, so that a password which passed through is
not found there later, by a core dump or a neighbour who reads the machine's memory.

glibc's allocator fills what is freed where `glibc.malloc.perturb` says so, but not what its per-thread caches
hold, which are therefore off; and Python's own allocator of small objects, which fills nothing, gives way to
it. All are read at the start of a process alone, so web starts itself anew once, under the same process id.
Other C libraries ignore it. It costs a tenth of the processor time of drawing a page.

The event loop reads all sockets into one buffer, whose end keeps what the last long request held; `scrub`
has it overwritten once a password came in.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys

_WANTED = "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0"
_VARIABLE = "GLIBC_TUNABLES"


def ensure() -> None:
    """Start the process anew with such an allocator, where it does not have it yet."""
    present = os.environ.get(_VARIABLE, "")
    small = os.environ.get("PYTHONMALLOC", "") == "malloc"
    if ("glibc.malloc.perturb" in present and small) or not sys.platform.startswith("linux"):
        return
    os.environ["PYTHONMALLOC"] = "malloc"
    if "glibc.malloc.perturb" not in present:
        os.environ[_VARIABLE] = f"{present}:{_WANTED}" if present else _WANTED
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 this very program


# As large as uvloop's buffer, and the most that is read at once.
_NOTHING = bytes(256_000)


class _Reader(asyncio.Protocol):
    def __init__(self, done: asyncio.Future[None]) -> None:
        self._done = done

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


async def scrub() -> None:
    """Overwrite the loop's read buffer, by reading nothing but zeros into it; a tenth of a millisecond."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    try:
        with ours:
            ours.setblocking(False)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * len(_NOTHING))
            ours.send(_NOTHING)
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_unix_connection(lambda: _Reader(done), sock=theirs)
        await done
    except OSError:  # out of descriptors: the form matters more
        theirs.close()
