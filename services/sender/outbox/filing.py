"""Puts the copy in Sent, through the mailstore, until it is there."""

from __future__ import annotations

import time
from collections import OrderedDict

from services.common.database import Database
from services.common.errors import PosternError, Reason
from services.common.logging import get_logger
from services.sender import clock, faults
from services.sender.model import Submission, Work
from services.sender.outbox.states import Retry
from services.sender.ports import FileRequest, Mailstore, Tokens
from services.sender.storage import content
from services.sender.storage.outcomes import Filed, Outcome
from services.sender.storage.together import Together

log = get_logger(__name__)

# Reasons that only a new sign-in mends; the next token of the same person is put in place of the old one.
NEEDS_SIGN_IN = (
    Reason.AUTHENTICATION_FAILED,
    Reason.SESSION_ENDED,
    Reason.TOKEN_INVALID,
    Reason.SCOPE_MISSING,
    Reason.PERMISSION_DENIED,
)
TOKEN_SECONDS = 240.0


class Filing:
    """Files accepted messages. Filing tokens are kept for a few minutes, in memory alone."""

    def __init__(
        self,
        db: Database,
        mailstore: Mailstore,
        tokens: Tokens,
        outcomes: Together[Outcome, Submission],
        *,
        retry: Retry = Retry(first=5_000, longest=900_000),
        now: clock.Clock = clock.now,
    ) -> None:
        self._db, self._mailstore, self._tokens = db, mailstore, tokens
        self._retry, self._now = retry, now
        self._outcomes = outcomes
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()

    async def file(self, work: Work) -> Submission:
        """ACCEPTED → FILED (or what the other recipients need), else ACCEPTED with the problem and a later
        time, or none where the token is in memory."""
        id = work.submission.id
        try:
            await faults.at("file.begin")
            there = await self._append(work)
            await faults.at("file.appended")
        except PosternError as err:
            problem = err.reason
            self._kept.pop(work.token, None)
            # Not due, where only this replica can file it: another one would take it for nothing.
            file_at = 0 if work.in_memory else self._now() + self._retry.wait(work.file_attempts + 1)
            log.warning("outbox.not_filed", submission=id, cause=problem)
            return await self._outcomes.do(Filed(work, problem, file_at))
        submission = await self._outcomes.do(Filed(work))
        log.info("outbox.filed", submission=id, account=submission.account, already_there=there)
        await faults.at("file.settled")
        return submission

    async def _append(self, work: Work) -> bool:
        submission = work.submission
        if work.segments:
            size = sum(segment.size for segment in work.segments)
            octets = content.octets(self._db, work.segments, with_sent_only=True)
        else:
            size, first = await self._db.read(lambda s: content.open_copy(s, submission.id))
            octets = content.stored_message(self._db, submission.id, with_sent_only=True, first=first)
        request = FileRequest(
            request_id=submission.id,
            message_id=submission.message_id,
            size=size,
            answered=work.answered,
            forwarded=work.forwarded,
            replaces_draft=work.replaces_draft,
        )
        return await self._mailstore.file_sent(await self._token(work.token), request, octets)

    async def _token(self, sender_token: str) -> str:
        if not sender_token:
            raise PosternError(Reason.SESSION_ENDED, cause="no token kept")
        found = self._kept.get(sender_token)
        if found and found[0] > time.monotonic():
            return found[1]
        token = await self._tokens.for_filing(sender_token)
        self._kept[sender_token] = (time.monotonic() + TOKEN_SECONDS, token)
        while len(self._kept) > 1000:
            self._kept.popitem(last=False)
        return token
