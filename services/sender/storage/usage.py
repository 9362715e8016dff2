"""What each account has sent of late, and what that means for its next message.

Counted in steps of five minutes, in the transaction that accepts the messages, so that any number of replicas
keep one limit together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete
from sqlalchemy.orm import Session

from services.common.errors import PosternError, Reason, error
from services.sender.storage import statements
from services.sender.storage.tables import usage

STEP = 5 * 60_000
STEPS = 12


@dataclass(frozen=True)
class Limits:
    """The most that an account may send; 0 is no limit. `burst`, `burst_recipients`: within five minutes;
    what goes beyond is accepted, and held for the operator."""

    messages: int = 0
    recipients: int = 0
    octets: int = 0
    burst: int = 0
    burst_recipients: int = 0

    def __bool__(self) -> bool:
        return any((self.messages, self.recipients, self.octets, self.burst, self.burst_recipients))


@dataclass(frozen=True)
class Amount:
    """Messages, recipients and octets."""

    messages: int = 0
    recipients: int = 0
    octets: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.messages + other.messages, self.recipients + other.recipients, self.octets + other.octets
        )

    def __sub__(self, other: Amount) -> Amount:
        return self + Amount(-other.messages, -other.recipients, -other.octets)


def admit(
    session: Session,
    wanted: Sequence[tuple[str, Amount]],
    limits: Limits,
    now: int,
    *,
    beside: Sequence[statements.Rows] = (),
) -> list[bool | PosternError]:
    """Counts messages, as (account, amount): whether each is to be held for the operator, or RATE_LIMITED
    with `limit` and `retry_seconds`; then it is not counted. `beside`: rows that are written before, in the
    same trip, whatever the answers are."""
    step = now // STEP
    accounts = sorted({account for account, _ in wanted})
    # Counts first: that locks each account's row, so that what is read next is what others have committed.
    # What is refused then is taken off again, which is rare.
    sums: dict[str, Amount] = defaultdict(Amount)
    for account, amount in wanted:
        sums[account] += amount
    sent = _count(session, {account: sums[account] for account in accounts}, step, beside)
    for account in accounts:
        sent[account][step] -= sums[account]
    answers: list[bool | PosternError] = []
    refused_of: dict[str, Amount] = defaultdict(Amount)
    for account, amount in wanted:
        steps = sent[account]
        refused = _over(steps, amount, limits, step, now)
        if refused is not None:
            answers.append(refused)
            refused_of[account] -= amount
            continue
        steps[step] = steps.get(step, Amount()) + amount
        answers.append(_burst(steps[step], limits))
    if refused_of:
        _count(session, refused_of, step)
    return answers


def forgive(session: Session, account: str) -> None:
    """Begins anew for an account, once the operator has looked at it."""
    session.execute(delete(usage).where(usage.c.account == account))


def purge(session: Session, now: int) -> None:
    session.execute(delete(usage).where(usage.c.step < now // STEP - STEPS))


def _count(
    session: Session, amounts: Mapping[str, Amount], step: int, beside: Sequence[statements.Rows] = ()
) -> dict[str, dict[int, Amount]]:
    """Adds to what each account has sent in this step; what it has sent of late, by step."""
    rows = [{"account": account, "step": step, **vars(amount)} for account, amount in amounts.items()]
    wanted = statements.Wanted(
        usage,
        ("account", "step", "messages", "recipients", "octets"),
        {"account": list(amounts), "step": range(step - STEPS + 1, step + 1)},
    )
    counted = statements.Rows(usage, rows, adding=("messages", "recipients", "octets"))
    found: dict[str, dict[int, Amount]] = {account: {} for account in amounts}
    for row in statements.insert_all(session, [*beside, counted], wanted):
        found[row.account][row.step] = Amount(row.messages, row.recipients, row.octets)
    return found


def _over(
    steps: dict[int, Amount], amount: Amount, limits: Limits, step: int, now: int
) -> PosternError | None:
    total = sum(steps.values(), amount)
    for name in ("messages", "recipients", "octets"):
        limit = getattr(limits, name)
        if not limit or getattr(total, name) <= limit:
            continue
        left, free_at = getattr(total, name), step
        for old in sorted(steps):
            if left <= limit:
                break
            left -= getattr(steps[old], name)
            free_at = old + STEPS
        if left > limit:  # one message that alone is more
            free_at = step + STEPS
        seconds = max(1, -(-(free_at * STEP - now) // 1000))
        return error(Reason.RATE_LIMITED, limit=name, most=str(limit), retry_seconds=str(seconds))
    return None


def _burst(latest: Amount, limits: Limits) -> bool:
    return bool(
        (limits.burst and latest.messages > limits.burst)
        or (limits.burst_recipients and latest.recipients > limits.burst_recipients)
    )
