"""What was promised, what came of it, and how the two differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.chaos.outbox_world import Receipt
from services.common.gen.postern.sender.v1 import submission_service_pb2 as pb

S = pb.SubmissionState
FATE = pb.RecipientState


@dataclass
class Promise:
    """One message that a writer handed over. `id` is empty while nobody has answered that it is accepted;
    `again`: how often its writer had it sent once more out of UNKNOWN, `told_sent`: that it arrived."""

    token: str
    account: str
    recipients: tuple[str, ...]
    id: str = ""
    message_id: str = ""
    again: int = 0
    told_sent: bool = False
    impatient: bool = False


@dataclass
class Findings:
    """Each a list of sentences; all must be empty but `window`, which SMTP itself leaves open (RFC 1047)."""

    lost: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    window: list[str] = field(default_factory=list)


def judge(
    promises: Mapping[str, Promise],
    listed: Sequence[Any],
    receipts: Iterable[Receipt],
    copies: Mapping[str, Sequence[tuple[str, str, bytes]]],
) -> Findings:
    """`listed`: every Submission of every account, after all has come to rest; `copies`: Sent by account."""
    out = Findings()
    taken: dict[str, dict[str, list[Receipt]]] = defaultdict(lambda: defaultdict(list))
    for receipt in receipts:
        taken[receipt.token][receipt.transaction].append(receipt)
    by_token: dict[str, list[Any]] = defaultdict(list)
    for submission in listed:
        by_token[submission.subject.removeprefix("chaos ").split(" ")[0]].append(submission)
    filed: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for account in copies.values():
        for token, message_id, body in account:
            filed[token].append((message_id, body))
    for token in {*taken, *by_token, *filed} - set(promises):
        out.states.append(f"{token!r}: nobody sent that")
    for token, promise in promises.items():
        _judge_one(out, promise, by_token[token], taken[token], filed[token])
    return out


def _judge_one(
    out: Findings,
    promise: Promise,
    submissions: list[Any],
    taken: Mapping[str, list[Receipt]],
    copies: list[tuple[str, bytes]],
) -> None:
    token = promise.token
    if len(submissions) > 1:
        out.duplicates.append(f"{token}: {len(submissions)} submissions for one request id")
    if not submissions:
        if promise.id:
            out.lost.append(f"{token}: acknowledged as {promise.id}, and not in the outbox")
        if taken or copies:
            out.states.append(f"{token}: was taken or filed without a submission")
        return
    (submission, *_) = submissions
    if promise.id and promise.id != submission.submission_id:
        out.states.append(f"{token}: answered as {promise.id}, listed as {submission.submission_id}")
    if submission.state not in (S.SUBMISSION_STATE_FILED, S.SUBMISSION_STATE_REFUSED):
        name = S.Name(submission.state)
        out.lost.append(f"{token}: stuck in {name}, {submission.problem or 'no problem said'}")
        return
    _judge_delivery(out, promise, submission, taken)
    wanted = 1 if submission.state == S.SUBMISSION_STATE_FILED else 0
    ids = [message_id for message_id, _ in copies]
    if ids != [submission.message_id] * wanted:
        out.copies.append(f"{token}: {len(copies)} copies in Sent, not {wanted}")
    bodies = {body for _, body in copies} | {r.body for found in taken.values() for r in found}
    if len(bodies) > 1 or not all(body.endswith(f"END {token}".encode()) for body in bodies):
        out.copies.append(f"{token}: what arrived is not what is in Sent")


def _judge_delivery(
    out: Findings, promise: Promise, submission: Any, taken: Mapping[str, list[Receipt]]
) -> None:
    token = promise.token
    reached = {receipt.recipient for found in taken.values() for receipt in found}
    for person in submission.recipients:
        if person.state == FATE.RECIPIENT_STATE_ACCEPTED and person.address not in reached:
            # Whoever says "it arrived" says so for every recipient; what the server took is not known.
            if not (promise.told_sent and reached):
                out.lost.append(f"{token}: said to be taken for {person.address}, and was not")
        elif person.state == FATE.RECIPIENT_STATE_REFUSED and person.address in reached and not promise.again:
            # Sent again out of UNKNOWN it may be refused by Postfix after smtp-sink took it.
            out.states.append(f"{token}: said to be refused for {person.address}, and was taken")
        elif person.state not in (FATE.RECIPIENT_STATE_ACCEPTED, FATE.RECIPIENT_STATE_REFUSED):
            out.states.append(f"{token}: {person.address} is {FATE.Name(person.state)} in the end")
    for address in promise.recipients:
        count = sum(any(r.recipient == address for r in found) for found in taken.values())
        if count > 1 + promise.again:
            out.duplicates.append(f"{token}: taken {count} times for {address}")
        elif count > 1:
            out.window.append(token)
    if {r.message_id for found in taken.values() for r in found} - {submission.message_id}:
        out.duplicates.append(f"{token}: taken with another Message-ID than {submission.message_id}")
