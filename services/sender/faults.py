"""Named moments at which tests end the process, or what stands for it.

`await at("dot.marked")` does nothing, unless a test has put a hook in, or POSTERN_FAULT names the point: then
the process kills itself there, at the nth passing ("dot.marked:3"), as SIGKILL would.
"""

from __future__ import annotations

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


async def at(point: str) -> None:
    """Passes the named point."""
    global _left
    if hook is not None:
        await hook(point)
    if point == _point:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
