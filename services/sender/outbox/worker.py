"""Workers: lease what is due, submit it, file its copy. Any number of replicas may run them."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from services.common.database import Database
from services.common.errors import PosternError
from services.common.logging import get_logger
from services.common.remembered import Remembered
from services.common.sealing import Credential, PrivateKey, SealingError, open_credential
from services.common.tokens import CLAIM_CREDENTIAL, decode_sealed
from services.sender import clock, faults
from services.sender.links.links import Links
from services.sender.model import Fate, State, Submission, Work
from services.sender.outbox.filing import NEEDS_SIGN_IN, Filing
from services.sender.outbox.hub import Hub
from services.sender.outbox.keeping import Kept
from services.sender.outbox.states import TERMINAL, Next, Retry, after_attempt
from services.sender.outbox.token import claim_of
from services.sender.smtp import attempt
from services.sender.smtp.attempt import Envelope
from services.sender.smtp.connections import Connections
from services.sender.storage import blobs, content, leases, upkeep
from services.sender.storage.changes import LeaseLost
from services.sender.storage.outcomes import Attempted, Marked, Outcome
from services.sender.storage.together import Together

log = get_logger(__name__)

# How long a message that was just accepted waits for its answer to go out first, in seconds.
ANSWER_FIRST = 0.001
# How long a busy worker lets due messages gather before it claims them, in seconds.
GATHER = 0.005
# Credentials that are kept open for messages of the same token, for at most so many seconds.
MOST_OPEN, OPEN_SECONDS = 500, 300


@dataclass(frozen=True)
class WorkerSettings:
    """Milliseconds, but for `workers` and `ahead`, which are numbers of messages: so many are worked on at
    once, so many more are leased and in memory, for the worker that is free next. A lease is renewed every
    third of `lease`."""

    workers: int = 24
    ahead: int = 24
    lease: int = 60_000
    poll: int = 1_000
    keep: int = 30 * clock.DAY
    housekeeping: int = 600_000


class Outbox:
    """Drives submissions from QUEUED to FILED. `wake()` after an acceptance saves the wait for the next
    look."""

    def __init__(
        self,
        db: Database,
        connections: Connections,
        filing: Filing,
        hub: Hub,
        outcomes: Together[Outcome, Submission],
        links: Links,
        *,
        sealing_key: PrivateKey,
        relay: Credential | None = None,
        kept: Kept | None = None,
        retry: Retry = Retry(),
        settings: WorkerSettings = WorkerSettings(),
        now: clock.Clock = clock.now,
    ) -> None:
        self._db, self._connections, self._filing, self._hub = db, connections, filing, hub
        self._sealing_key, self._relay = sealing_key, relay
        # With a relay: what would else lie in the database.
        self._kept = kept if relay is not None else None
        self._retry, self._settings, self._now = retry, settings, now
        self.lease = settings.lease
        self._outcomes, self._links = outcomes, links
        self._open: Remembered[tuple[str, bytes], Credential] = Remembered(MOST_OPEN)
        self._awake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers = asyncio.Semaphore(settings.workers)
        self._runner: asyncio.Task[None] | None = None
        # Workers that are kept free for messages which are just being accepted.
        self._reserved = 0
        # One lease id for all of them: no later lease of any of these rows has it.
        self._birth = secrets.token_hex(16)
        # Whether there may be more due than workers could take.
        self._behind = False

    def wake(self) -> None:
        self._awake.set()

    def start(self) -> None:
        """Begins to work, until `stop`. Not within a call: its deadline must not be inherited."""
        self._runner = asyncio.create_task(self._run(), context=contextvars.Context())

    @property
    def keeps_tokens(self) -> bool:
        """Whether a message's row holds its writer's token until it is filed."""
        return self._kept is None

    def keep(self, id: str, token: str, due_at: int) -> None:
        """Keeps a token for a message whose row does not, to be worked on at that time."""
        if self._kept is not None:
            self._kept.put(id, token, due_at)

    def forget(self, id: str) -> None:
        """Gives up the token of a message that did not come to be, or has no more need of it."""
        if self._kept is not None:
            self._kept.forget(id)

    async def visited(self, account: str, token: str) -> None:
        """What waits for its writer goes on with the token that the writer has brought."""
        if self._kept is not None:
            waiting = await self._db.read(lambda s: upkeep.to_file(s, account))
            for id in waiting:
                self._kept.put(id, token, 0)
            if waiting:
                self.wake()
            return
        now, problems = self._now(), [str(reason) for reason in NEEDS_SIGN_IN]
        if await self._db.read(lambda s: upkeep.waits_for_token(s, account, problems)):
            await self._db.run(lambda s: upkeep.refresh_token(s, account, token, problems, now))
            self.wake()

    def reserve(self) -> str:
        """The lease of a message that is about to be accepted, where a worker is free for it or will be soon:
        followed by `begin`, or by `give_back` where it does not come to that. Else empty."""
        if self._runner is None or self._free() <= 0:
            self._behind = True
            return ""
        self._reserved += 1
        return self._birth

    def give_back(self) -> None:
        self._reserved -= 1

    def begin(self, work: Work) -> None:
        """Starts on a message that was accepted under a reserved lease."""
        self._reserved -= 1
        if self._runner is not None:
            # Not in the call's context: its deadline must not be inherited.
            contextvars.Context().run(self._start, work, ANSWER_FIRST)

    def _free(self) -> int:
        return self._settings.workers + self._settings.ahead - len(self._tasks) - self._reserved

    async def stop(self, grace: float = 5.0) -> None:
        """Takes nothing new and gives what is running `grace` seconds; the rest is found again by its
        lease."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._connections.close()

    async def _run(self) -> None:
        cleaned = 0
        while True:
            self._awake.clear()
            found = 0
            try:
                found = await self.take()
                if self._now() - cleaned > self._settings.housekeeping:
                    cleaned = self._now()
                    await self._clean()
            except Exception as err:
                log.exception("outbox.look_failed", err)
            # A full hand means that there may be more.
            if not found or self._free() <= 0:
                # Not wait_for, which before Python 3.12 forgets a cancellation that comes with the waking.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.poll / 1000):
                        await self._awake.wait()
            if self._tasks:
                # Busy: a moment later there is more to claim at once.
                await asyncio.sleep(GATHER)

    async def take(self) -> int:
        """Leases what is due, as far as there is room, and starts on it; how many."""
        free = self._free()
        if free <= 0:
            self._behind = True
            return 0
        now, lease = self._now(), self._settings.lease
        begun = 0
        if self._kept is not None and (asked := self._kept.due(free)):
            begun = await self._take_to_file(asked)
            free -= begun
        if free <= 0:
            self._behind = True
            return begun
        claimed = await self._db.run(lambda s: leases.claim(s, now=now, lease=lease, limit=free))
        self._behind = len(claimed.work) + len(claimed.recovered) >= free
        for submission in claimed.recovered:
            log.warning("outbox.recovered", submission=submission.id, state=submission.state)
            self._hub.changed(submission.account)
        for work in claimed.work:
            self._start(work)
        return begun + len(claimed.work) + len(claimed.recovered)

    async def _take_to_file(self, ids: list[str]) -> int:
        """Starts to file those among these messages that wait for it; how many."""
        now, lease = self._now(), self._settings.lease
        claimed, over = await self._db.run(lambda s: leases.claim_to_file(s, ids, now=now, lease=lease))
        for id in over:
            self.forget(id)
        for work in claimed.work:
            self._start(work)
        return len(claimed.work)

    def _start(self, work: Work, after: float = 0.0) -> None:
        if self._kept is not None and not work.token:
            work = replace(work, token=self._kept.get(work.submission.id), in_memory=True)
        task = asyncio.create_task(self._guarded(work, after))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def drain(self) -> None:
        """Waits for what is running; for tests."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._behind:
            self._awake.set()

    async def _guarded(self, work: Work, after: float) -> None:
        id = work.submission.id
        renewing = asyncio.create_task(self._renew(work))
        try:
            if after:
                await asyncio.sleep(after)
            async with self._workers:
                await faults.at("claim.committed")
                await self._work(work)
        except LeaseLost:
            log.warning("outbox.lease_lost", submission=id)
        except Exception as err:
            # Nothing is settled: the lease runs out and the row is found again, as after a crash.
            log.exception("outbox.work_failed", err, submission=id)
        finally:
            renewing.cancel()

    async def _renew(self, work: Work) -> None:
        id, lease_id, lease = work.submission.id, work.lease_id, self._settings.lease

        def write(session: Session) -> None:
            leases.renew(session, id, lease_id, self._now() + lease)

        while True:
            await asyncio.sleep(lease / 3000)
            try:
                await self._db.run(write)
            except LeaseLost:
                return
            except Exception as err:
                log.warning("outbox.renewal_failed", submission=id, cause=type(err).__name__)

    async def _work(self, work: Work) -> None:
        if work.submission.state is State.SUBMITTING:
            self._hub.changed(work.submission.account)
            submission = await self._deliver(work)
            log.info(
                "outbox.attempted",
                submission=submission.id,
                account=submission.account,
                state=submission.state,
                problem=submission.problem,
                attempt_count=submission.attempt_count,
            )
            self._hub.changed(submission.account)
            if submission.state is not State.ACCEPTED:
                self._settled(submission, work.token)
                return
            work = replace(work, submission=submission, file_attempts=0)
        submission = await self._filing.file(work)
        self._settled(submission, work.token)
        self._hub.changed(submission.account)

    def _settled(self, submission: Submission, token: str) -> None:
        """Forgets its token where that is needed no more, or of no use."""
        if self._kept is None:
            return
        if submission.filed_at or submission.state in TERMINAL or submission.state is State.REFUSED:
            self._kept.forget(submission.id)
        elif submission.state is State.ACCEPTED and submission.problem not in NEEDS_SIGN_IN:
            self._kept.later(submission.id)
        elif submission.state is State.ACCEPTED and token:
            # A newer one may have come meanwhile.
            self._kept.forget(submission.id, token)

    async def _deliver(self, work: Work) -> Submission:
        submission = work.submission
        pending = tuple(r.address for r in submission.recipients if r.fate is Fate.PENDING)
        envelope = Envelope(
            submission.id,
            work.from_address,
            pending,
            submission.size_bytes,
            work.needs_smtputf8,
            work.eight_bit,
            work.delivery_report,
        )
        try:
            credential = self.credential_of(work.submission.account, work.token)
            outcome = await self._connections.submit(
                credential, envelope, lambda: self._octets(work), lambda: self._mark(work)
            )
        except SealingError:
            outcome = attempt.Outcome(problem=attempt.AUTH_FAILED)
        except PosternError as err:
            # The database or an attachment failed before the dot: nothing was sent.
            outcome = attempt.Outcome(problem=err.reason)
        decided = after_attempt(
            submission.recipients,
            outcome.results,
            problem=outcome.problem,
            filed=bool(submission.filed_at),
            now=self._now(),
            send_at=submission.send_at,
            attempts=submission.attempt_count,
            retry=self._retry,
        )
        settled = await self._settle(work, decided)
        await faults.at("attempt.settled")
        return settled

    async def _settle(self, work: Work, decided: Next) -> Submission:
        """Writes down what is known now. While the database is away this goes on: to forget it would be to
        lie."""
        item = Attempted(work, decided)
        wait = 0.1
        while True:
            try:
                return await self._outcomes.do(item)
            except PosternError as err:
                log.warning("outbox.settle_waits", submission=work.submission.id, cause=err.reason)
            await asyncio.sleep(wait)
            wait = min(wait * 2, 10.0)

    async def _mark(self, work: Work) -> None:
        await self._outcomes.do(Marked(work))

    def _octets(self, work: Work) -> AsyncIterator[bytes]:
        if work.segments:
            return content.octets(self._db, work.segments, with_sent_only=False)
        return content.stored_message(self._db, work.submission.id, with_sent_only=False)

    def credential_of(self, account: str, token: str) -> Credential | None:
        """What the SMTP server is to see: the operator's relay account, or what the token carries."""
        if self._relay is not None:
            return self._relay
        key = (account, hashlib.sha256(token.encode()).digest())
        credential = self._open.get(key)
        if credential is None:
            sealed = claim_of(token, CLAIM_CREDENTIAL)
            if not sealed:
                raise SealingError("the token carries no credential")
            credential = open_credential(
                self._sealing_key, decode_sealed(sealed), account=account, audience="sender"
            )
            self._open.put(key, credential, time.time() + OPEN_SECONDS)
        return credential

    async def _clean(self) -> None:
        now, keep = self._now(), self._settings.keep
        if removed := await self._links.clean():
            log.info("links.cleaned", removed_count=removed)
        for _ in range(20):
            purged = await self._db.run(lambda s: upkeep.purge(s, now=now, keep=keep))
            dropped = await self._db.run(lambda s: blobs.drop_expired(s, now))
            if purged or dropped:
                log.info("outbox.cleaned", purged_count=purged, dropped_count=dropped)
            else:
                return
