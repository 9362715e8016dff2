"""Named moments at which tests end the process, or what stands for it.

`await at("dot.marked")` does nothing, unless a test has put a hook in, or POSTERN_FAULT names the point: then
the process kills itself there, at the nth passing ("dot.marked:3"), as SIGKILL would. POSTERN_FAULT_SOCKET
names a Unix socket at which somebody is told of each passing ("PID POINT") and who answers with a line when
the process may go on: that one can end this process, or another, while it stands there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable

POINTS = (
    "accept.before_commit",
    "accept.committed",
    "claim.committed",
    "smtp.before_data",
    "dot.before_mark",
    "dot.marked",
    "dot.sent",
    "dot.answered",
    "attempt.settled",
    "file.begin",
    "file.appended",
    "file.settled",
)

Hook = Callable[[str], Awaitable[None]]

hook: Hook | None = None
_point, _, _count = os.environ.get("POSTERN_FAULT", "").partition(":")
_left = int(_count or 1)
_socket = os.environ.get("POSTERN_FAULT_SOCKET", "")


async def at(point: str) -> None:
    """Passes the named point."""
    global _left
    if hook is not None:
        await hook(point)
    if _socket:
        await _tell(point)
    if point == _point:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


async def _tell(point: str) -> None:
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_unix_connection(_socket)
        try:
            writer.write(f"{os.getpid()} {point}\n".encode())
            await reader.readline()
        finally:
            writer.close()
