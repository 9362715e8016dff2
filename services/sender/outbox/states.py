"""The state machine of a submission: pure functions that say where it goes next.

::

              accept (the row is on disk: Send is answered) ---a burst---> SUSPENDED --cancel--> CANCELLED
                 |                                                           |   |
                 |<---------------------- the operator lets it go -----------+   +--the operator refuses
        +--------+---------+                                                              |
        v                  v                                                              v
      HELD -----due----> QUEUED <--------- resolve: send again ---------+              REFUSED
        |                  |                                            |
      cancel             claim (leased)                                 |
        v                  v                                            |
    CANCELLED <-cancel- DEFERRED <--4xx, unreachable-- SUBMITTING --answer lost after the final dot--> UNKNOWN
        ^                  |            before the dot   |  |  |          (or the worker died there)    |
        |                  +----------due, claim-------->+  |  |                                        |
        |                                                   |  +--5xx for all, or too old--> REFUSED    |
        |                            taken for at least one |                                  |        |
        +--------------------------- cancel, to edit again -+----------------------------------+        |
        |                                                   v                                           |
        |                                 +------------ ACCEPTED <------- resolve: it was sent ---------+
        |                                 |  filing fails:  |                                           |
        |                                 +-- try again ----+ copy in Sent                              |
        |                                                   v                                           |
        |                                                 FILED (or DEFERRED, UNKNOWN for the rest)     |
        +------------------------------------------------------------------------- resolve: give up ----+

Invariants:
* Each arrow is one transaction. What a worker does to a row is conditional on the lease that it holds, so a
  worker whose lease ran out changes nothing.
* A message that is due at once and finds a worker free is accepted as SUBMITTING: the transaction of its
  acceptance is its claim as well.
* Before the final dot a transaction sets `dot_sent`. A row found in SUBMITTING after its lease ended was not
  sent where `dot_sent` is false, and goes to DEFERRED; where it is true nobody knows (RFC 1047), and it goes
  to UNKNOWN, from which only a person leads on, or the message itself where it is found
  in the account's mailboxes, or a report about it: either shows that the server took it.
* A worker that comes to know the server's answer late, after its lease ended, may still settle the row it
  held while nobody else touched it: knowing is better than UNKNOWN.
* A message is taken for each recipient by itself: after a partial refusal the copy is filed once, and only
  the recipients still PENDING are tried again.
* Where a relay account sends, a row holds no token. What this replica has in memory files it; where that is
  gone an ACCEPTED row has no `due_at`, but for recipients still PENDING, and is filed when its writer's next
  token comes.
* Filing is idempotent at the mailstore (unless_message_id), so it may be repeated until it is known to be
  done.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.sender.model import Fate, Recipient, State

TERMINAL = frozenset({State.FILED, State.CANCELLED})
CANCELLABLE = frozenset({State.HELD, State.QUEUED, State.DEFERRED, State.REFUSED, State.SUSPENDED})
# Fates of recipients that the SMTP server took it for, whatever became of it later.
TAKEN = frozenset({Fate.ACCEPTED, Fate.DELIVERED, Fate.FAILED, Fate.DISPLAYED, Fate.DELAYED, Fate.RELAYED})
DELIVERABLE = frozenset({State.HELD, State.QUEUED, State.DEFERRED})


@dataclass(frozen=True)
class Retry:
    """How long to wait between attempts, and when to give up. Milliseconds."""

    first: int = 15_000
    longest: int = 3_600_000
    max_age: int = 5 * 24 * 3_600_000

    def wait(self, attempts: int) -> int:
        """The wait after that many attempts: doubling, at most `longest`, a fifth more or less by chance."""
        exact = min(self.first * 2 ** min(attempts - 1, 30), self.longest)
        return int(exact * random.uniform(0.8, 1.2))  # noqa: S311 spreads the load, keeps no secret


@dataclass(frozen=True)
class Next:
    """Where a submission goes."""

    state: State
    recipients: tuple[Recipient, ...]
    deliver_at: int = 0
    problem: str = ""


def after_attempt(
    recipients: Sequence[Recipient],
    results: Mapping[str, Recipient],
    *,
    problem: str,
    filed: bool,
    now: int,
    send_at: int,
    attempts: int,
    retry: Retry,
) -> Next:
    """Where it goes after an attempt with these results by address. Recipients without one are still
    PENDING."""
    after = [
        results.get(recipient.address, recipient) if recipient.fate is Fate.PENDING else recipient
        for recipient in recipients
    ]
    if now - send_at > retry.max_age:
        after = [replace(r, fate=Fate.REFUSED) if r.fate is Fate.PENDING else r for r in after]
        problem = problem or "EXPIRED"
    fates = {recipient.fate for recipient in after}
    deliver_at = now + retry.wait(attempts) if Fate.PENDING in fates else 0
    state = resting_state(fates, filed=filed)
    return Next(state, tuple(after), deliver_at, problem if fates - TAKEN else "")


def resting_state(fates: set[Fate], *, filed: bool) -> State:
    """The state that recipients with these fates mean, once no worker is at it."""
    taken = bool(fates & TAKEN)
    if taken and not filed:
        return State.ACCEPTED
    if Fate.UNKNOWN in fates:
        return State.UNKNOWN
    if Fate.PENDING in fates:
        return State.DEFERRED
    return State.FILED if taken else State.REFUSED


def due_at(state: State, *, deliver_at: int, file_at: int) -> int | None:
    """When a worker should look at a row in that state; `file_at` 0: not to file it."""
    if state in DELIVERABLE:
        return deliver_at
    if state is State.ACCEPTED:
        return min((at for at in (file_at, deliver_at) if at), default=None)
    return None
