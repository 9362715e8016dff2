"""Streams an account's submissions as they change, from whichever replica."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from services.common.database import Database
from services.common.errors import invalid_argument
from services.sender import clock
from services.sender.model import Submission
from services.sender.outbox.hub import Hub
from services.sender.storage import submissions

# A transaction may commit this much later than the time it wrote: that far back a look goes again.
OVERLAP = 10_000
MAX_AGE = 7 * clock.DAY
PAGE = 200


async def watch(
    db: Database,
    hub: Hub,
    account: str,
    *,
    resume_token: str = "",
    poll: float = 1.0,
    heartbeat: float = 30.0,
    now: clock.Clock = clock.now,
) -> AsyncIterator[tuple[Submission | None, str]]:
    """(submission, token) at each change, (None, token) as a heartbeat. A change may come twice, never not at
    all: each brings the whole submission as it is."""
    since = _since(resume_token, now())
    seen = {} if resume_token else await _versions(db, account, since - OVERLAP)
    quiet_since = now()
    with hub.listen(account) as event:
        while True:
            event.clear()
            position = since - OVERLAP
            while True:
                found = await db.read(lambda s, at=position: submissions.changed_since(s, account, at, PAGE))  # type: ignore[misc]
                for submission in found:
                    if seen.get(submission.id) == submission.version:
                        continue
                    seen[submission.id] = submission.version
                    since = max(since, submission.updated_at)
                    quiet_since = now()
                    yield submission, _token(since)
                # More than a page within one millisecond does not happen to one account.
                if len(found) < PAGE or found[-1].updated_at <= position:
                    break
                position = found[-1].updated_at
            if len(seen) > 10 * PAGE:
                seen = await _versions(db, account, since - OVERLAP)
            if now() - quiet_since >= heartbeat * 1000:
                quiet_since = now()
                yield None, _token(since)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(poll):
                    await event.wait()


async def _versions(db: Database, account: str, since: int) -> dict[str, int]:
    found = await db.read(lambda s: submissions.changed_since(s, account, since, 10 * PAGE))
    return {submission.id: submission.version for submission in found}


def _token(since: int) -> str:
    return f"{since:x}"


def _since(token: str, now: int) -> int:
    if not token:
        return now
    try:
        since = int(token[:16], 16)
    except ValueError:
        raise invalid_argument("resume_token", "malformed") from None
    return max(min(since, now), now - MAX_AGE)
