"""A search while it runs: what it found so far, and how far it is; and those whose page is on its way."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator

from services.common.errors import PosternError, Reason
from services.common.logging import get_logger
from services.web.model.mail import Row, SearchStep

log = get_logger(__name__)
# Searches that Stop can find; of the oldest it then knows nothing.
MOST_FLOWS = 200
_SESSION = (Reason.SESSION_ENDED, Reason.TOKEN_INVALID)


class Finding:
    """Whoever makes one calls `stop` in the end, also where it has ended by itself.

    `over`: there is nothing more to come; `complete`: it came to its end, so that `total` and `next_token`
    are true; `problem`: why it did not; `stopped`: somebody ended it.
    """

    def __init__(self, steps: AsyncGenerator[SearchStep, None] | None) -> None:
        self._steps = steps
        self._next: asyncio.Task[SearchStep] | None = None
        self.rows: list[Row] = []
        self.searched = self.mailboxes = self.total = 0
        self.next_token = ""
        self.failed: tuple[str, ...] = ()
        self.over = self.complete = steps is None
        self.stopped = False
        self.problem: PosternError | None = None

    async def until(self, seconds: float) -> None:
        """Take steps until its end, or for `seconds`. An ended session is raised."""
        end = asyncio.get_running_loop().time() + seconds
        while not self.over:
            left = end - asyncio.get_running_loop().time()
            if left <= 0 or await self.step(left) is None:
                return
        if self.problem is not None and self.problem.reason in _SESSION:
            raise self.problem

    async def step(self, seconds: float | None = None) -> tuple[Row, ...] | None:
        """The rows of the next step; None where there was none in time, or is none any more."""
        if self.over or self._steps is None:
            return None
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._steps))
        done, _ = await asyncio.wait({self._next}, timeout=seconds)
        if not done:
            return None
        task, self._next = self._next, None
        try:
            step = task.result()
        except StopAsyncIteration:
            self.over = self.complete = True
            return None
        except asyncio.CancelledError:
            # The step was cut off: were it this task, `wait` would have said so.
            return None
        except PosternError as err:
            self.over = True
            # Its own time was up, or that of the server: what was found stands, and that there may be more.
            if err.reason != Reason.DEADLINE_EXCEEDED:
                self.problem = err
            log.warning("search.broken_off", reason=err.reason, found=len(self.rows))
            return None
        self.rows.extend(step.rows)
        self.searched = max(self.searched, step.searched)
        self.mailboxes = max(self.mailboxes, step.mailboxes)
        self.total = max(self.total, step.total)
        self.next_token = step.next_token or self.next_token
        self.failed = step.failed or self.failed
        return step.rows

    def cut(self) -> None:
        """End it here, with what was found; whoever takes its steps finds it over."""
        if not self.over:
            self.over = self.stopped = True
            if self._next is not None:
                self._next.cancel()

    async def stop(self) -> None:
        """End the search, at mailstore too."""
        self.over = True
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
            self._next = None
        if self._steps is not None:
            await self._steps.aclose()

    @property
    def found(self) -> int:
        """How many, as far as is known."""
        return max(self.total, len(self.rows))


class Flows:
    """Searches whose page is on its way, by session and a name that their page alone knows: Stop ends one and
    keeps what it found. In this process's memory, bounded; what is not known here is searched anew."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], Finding] = OrderedDict()

    def add(self, session: str, finding: Finding) -> str:
        name = secrets.token_urlsafe(9)
        self._known[session, name] = finding
        if len(self._known) > MOST_FLOWS:
            self._known.popitem(last=False)
        return name

    def cut(self, session: str, name: str) -> Finding | None:
        """The search, ended; None where it is not known."""
        finding = self._known.get((session, name))
        if finding is not None:
            finding.cut()
        return finding
