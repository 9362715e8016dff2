"""What stands beside the mailboxes on every page and is asked for once in a while, behind the page: how many
messages wait in the outbox, and how full the mailbox is. Remembered by account, bounded; a page draws what is
known and waits for neither.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from services.common.errors import PosternError
from services.web.model.mail import Quota
from services.web.ports import Services
from services.web.session import Me

MOST = 20_000
OUTBOX_SECONDS = 20.0
QUOTA_SECONDS = 120.0
# How old what is known of the outbox may be for who asks for it, where nothing has said that it changed.
ASK_SECONDS = 2.0
PATIENCE = 2.0
_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Aside:
    """`waiting` in the outbox; `quota` where there is a bound. When each was asked for, by the clock of this
    process."""

    waiting: int = 0
    quota: tuple[Quota, ...] = ()
    waiting_asked: float = _NEVER
    quota_asked: float = _NEVER
    # Grows with each change that is told; an answer to a question from before it is old when it comes.
    changes: int = 0

    @property
    def storage(self) -> Quota | None:
        """The bound that is shown: of octets, else of messages."""
        return next((one for one in sorted(self.quota, key=lambda one: one.resource, reverse=True)), None)


@dataclass
class Asides:
    services: Services
    _known: OrderedDict[str, Aside] = field(default_factory=OrderedDict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def of(self, account: str) -> Aside:
        return self._known.get(account, Aside())

    def _put(self, account: str, aside: Aside) -> None:
        self._known[account] = aside
        self._known.move_to_end(account)
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    def waits(self, account: str, count: int, changes: int) -> None:
        """So many wait in the outbox, as was just seen; it was asked after so many `changes`."""
        aside = self.of(account)
        asked = time.monotonic() if aside.changes == changes else _NEVER
        self._put(account, replace(aside, waiting=count, waiting_asked=asked))

    def sent(self, account: str) -> None:
        """A message was handed over: it waits, until the next look says otherwise."""
        aside = self.of(account)
        self._put(account, replace(aside, waiting=max(1, aside.waiting)))
        self.changed(account)

    def changed(self, account: str) -> None:
        """Something became of what is in the outbox: what is known of it is old."""
        aside = self.of(account)
        self._put(account, replace(aside, waiting_asked=_NEVER, changes=aside.changes + 1))

    def look(self, me: Me) -> None:
        """Ask behind this page what is not fresh of the outbox."""
        if time.monotonic() - self.of(me.account).waiting_asked > OUTBOX_SECONDS:
            self._start(me)

    async def ask(self, me: Me, *, quota: bool = False) -> Aside:
        """What is known, asked for now unless it just was; what does not come soon is left as it was."""
        calls = []
        if time.monotonic() - self.of(me.account).waiting_asked > ASK_SECONDS:
            calls.append(self._outbox(me))
        if quota and time.monotonic() - self.of(me.account).quota_asked > QUOTA_SECONDS:
            calls.append(self._quota(me))
        await asyncio.gather(*calls)
        return self.of(me.account)

    def _start(self, me: Me) -> None:
        if me.account not in self._tasks:
            task = self._tasks[me.account] = asyncio.create_task(self._outbox(me))
            task.add_done_callback(lambda _done: self._tasks.pop(me.account, None))

    async def _outbox(self, me: Me) -> None:
        changes = self.of(me.account).changes
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self.services.send.outbox(me.token("sender"))
        except (PosternError, TimeoutError):
            # Not again on every page while sender is down.
            self._put(me.account, replace(self.of(me.account), waiting_asked=time.monotonic()))
            return
        self.waits(me.account, len(found), changes)

    async def _quota(self, me: Me) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self.services.mail.quota(me.token("mailstore"))
        except (PosternError, TimeoutError):
            found = self.of(me.account).quota
        self._put(me.account, replace(self.of(me.account), quota=found, quota_asked=time.monotonic()))
