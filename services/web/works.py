"""Long work: acts on many messages, imports, exports. Each shows how far it is, can be stopped, and goes on
though the page that began it is left.

It lives in the memory of this process, bounded in number and time: what was done is at the mail server,
whatever becomes of this process. Replicas need one session to come to one of them (docs/operating.md); one
that does not know a work says so, and nothing is done twice.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from services.common.errors import PosternError, Reason
from services.common.logging import get_logger
from services.web import formats
from services.web.i18n import gettext as _
from services.web.model.mail import Tell
from services.web.notices import Notice

log = get_logger(__name__)
MOST_RUNNING = 200
MOST_OF_A_SESSION = 4
MOST_KEPT = 1_000
KEEP_SECONDS = 600.0
# How long a page waits for work to end before it shows progress instead.
PATIENCE = 0.8


@dataclass
class Work:
    """`kind` and `name` say what is done and to what mailbox; `back` is where to go afterwards. `done` of
    `total` messages; a total of 0 is not known. `request` is the id of the call that runs. It has ended where
    there is a `notice` or an `error`. `finding`: its messages are still being looked for."""

    work_id: str
    session: str
    kind: str
    back: str
    name: str = ""
    done: int = 0
    total: int = 0
    notice: Notice | None = None
    error: PosternError | None = None
    stopping: bool = False
    request: str = ""
    since: float = field(default_factory=time.monotonic)
    task: asyncio.Task[None] | None = None
    breaks: bool = False
    finding: bool = False

    @property
    def running(self) -> bool:
        return self.notice is None and self.error is None

    def telling(self, before: int = 0) -> Tell:
        """What a call reports to, where `before` messages were done by earlier calls; it ends the call where
        the service could not be told to stop."""

        def tell(done: int, total: int) -> bool:
            self.done, self.total = before + done, max(self.total, before + total)
            return not self.breaks

        return tell


class Works:
    def __init__(self) -> None:
        self._works: OrderedDict[str, Work] = OrderedDict()

    def _tidy(self) -> None:
        now = time.monotonic()
        for key, work in list(self._works.items()):
            if not work.running and (now - work.since > KEEP_SECONDS or len(self._works) > MOST_KEPT):
                del self._works[key]

    def add(self, work: Work) -> Work:
        """RATE_LIMITED where too much is going on, CONFLICT where the id is taken."""
        self._tidy()
        running = [one for one in self._works.values() if one.running]
        own = sum(one.session == work.session for one in running)
        if own >= MOST_OF_A_SESSION or len(running) >= MOST_RUNNING:
            raise PosternError(Reason.RATE_LIMITED)
        if work.work_id in self._works:
            raise PosternError(Reason.CONFLICT)
        self._works[work.work_id] = work
        return work

    def start(self, work: Work, run: Callable[[Work], Awaitable[Notice]]) -> Work:
        """Begin: `run` does it and says at the end what was done."""
        self.add(work)
        work.task = asyncio.create_task(self._run(work, run))
        return work

    async def _run(self, work: Work, run: Callable[[Work], Awaitable[Notice]]) -> None:
        try:
            work.notice = await run(work)
        except PosternError as err:
            log.info("work.failed", kind=work.kind, reason=err.reason)
            work.error = err
        except asyncio.CancelledError:
            work.error = PosternError(Reason.CANCELLED)
            raise
        except Exception as err:
            log.exception("work.failed", err, kind=work.kind)
            work.error = PosternError(Reason.INTERNAL, cause=err)
        finally:
            work.since = time.monotonic()

    def get(self, session: str, work_id: str) -> Work | None:
        """The work of that id, if it is this session's."""
        work = self._works.get(work_id)
        return work if work is not None and work.session == session else None

    def running(self, session: str) -> Work | None:
        """The latest that still runs."""
        if not self._works:
            return None
        return next(
            (one for one in reversed(self._works.values()) if one.running and one.session == session), None
        )


async def settle(work: Work, seconds: float = PATIENCE) -> bool:
    """Whether it has ended within that time."""
    if work.task is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.shield(work.task)
    return not work.running


def words(work: Work) -> str:
    """What is done, and how far it is, in one line."""
    match work.kind:
        case "delete":
            what = _("Moving to Trash")
        case "delete-forever":
            what = _("Deleting for good")
        case "archive":
            what = _("Archiving")
        case "read":
            what = _("Marking as read")
        case "unread":
            what = _("Marking as unread")
        case "star":
            what = _("Adding stars")
        case "unstar":
            what = _("Removing stars")
        case "label" | "unlabel":
            what = _("Changing labels")
        case "import":
            what = _("Importing to %(name)s") % {"name": work.name}
        case "export":
            what = _("Exporting")
        case "undo":
            what = _("Taking it back")
        case "move" if work.name:
            what = _("Moving to %(name)s") % {"name": work.name}
        case _:
            what = _("Moving")
    if work.stopping:
        return _("Stopping")
    if work.finding:
        # Translators: progress: "Archiving: finding the messages, 500 so far"
        return _("%(what)s: finding the messages, %(done)s so far") % {
            "what": what,
            "done": formats.number(work.done),
        }
    values = {"what": what, "done": formats.number(work.done), "total": formats.number(work.total)}
    if work.total:
        # Translators: progress: "Archiving: 500 of 4,312"
        return _("%(what)s: %(done)s of %(total)s") % values
    # Translators: progress where the end is not known: "Importing to Archive: 500"
    return _("%(what)s: %(done)s") % values
