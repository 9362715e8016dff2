"""Writers: signed in at auth, they send through either sender and ask again until they are answered."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from typing import Any

from bench.chaos.outbox_ledger import Promise, S
from bench.chaos.outbox_world import World
from services.common.errors import PosternError, Reason
from services.common.gen.postern.auth.v1 import session_service_pb2 as auth_pb
from services.common.gen.postern.auth.v1.session_service_pb2_grpc import SessionServiceStub
from services.common.gen.postern.sender.v1 import submission_service_pb2 as pb
from services.common.gen.postern.sender.v1 import types_pb2
from services.common.gen.postern.sender.v1.submission_service_pb2_grpc import SubmissionServiceStub
from services.common.rpc.client import connect
from tests.support import rpc

RESTING = (S.SUBMISSION_STATE_FILED, S.SUBMISSION_STATE_UNKNOWN, S.SUBMISSION_STATE_REFUSED)


class Writers:
    """Everybody who sends. Calls go to one sender or the other; a failed one goes out again with its request
    id."""

    def __init__(self, it: World, rnd: random.Random) -> None:
        self._it, self._rnd = it, rnd
        self._stack = contextlib.AsyncExitStack()
        self._secrets: dict[str, str] = {}
        self._tokens: dict[str, tuple[float, str]] = {}

    async def __aenter__(self) -> Writers:
        def channel(name: str) -> Any:
            service = name.rstrip("12")
            made = connect(self._it.grpc[name], tls=rpc.tls("web"), service=service)
            self._stack.push_async_callback(made.close)
            return made

        self._sessions: Any = SessionServiceStub(channel("auth"))
        self._senders: list[Any] = [SubmissionServiceStub(channel(name)) for name in ("sender1", "sender2")]
        for writer in self._it.writers:
            start = auth_pb.StartSignInRequest(
                password={"email_address": writer.address, "password": writer.password},
                client={"address": "127.0.0.1", "user_agent": "chaos"},
            )
            answer = await self._sessions.StartSignIn(start)
            self._secrets[writer.address] = answer.signed_in.session_secret
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _token(self, account: str) -> str:
        since, token = self._tokens.get(account, (0.0, ""))
        if not token or time.monotonic() - since > 120:
            request = auth_pb.CreateAccessTokensRequest(session_secret=self._secrets[account])
            made = await self._sessions.CreateAccessTokens(request)
            token = next(item.token for item in made.tokens if item.audience == "sender")
            self._tokens[account] = time.monotonic(), token
        return token

    async def call(self, account: str, method: str, request: Any, tries: int = 1000) -> Any:
        """The answer, from whichever sender gives one; the failure that repeating does not mend."""
        while True:
            stub = self._rnd.choice(self._senders)
            try:
                return await getattr(stub, method)(request, token=await self._token(account), timeout=5)
            except PosternError as err:
                tries -= 1
                lasting = (Reason.INVALID_ARGUMENT, Reason.CONFLICT, Reason.NOT_FOUND, Reason.TOKEN_INVALID)
                if err.reason in lasting or tries <= 0:
                    raise
            await asyncio.sleep(self._rnd.uniform(0.05, 0.3))

    async def send(self, promise: Promise, size: int, *, undo: int, twice: bool, patient: bool) -> list[Any]:
        """The submissions that it was answered with: two for a double click, none where an impatient writer
        left before the answer."""
        lines = "".join(f"line {number} of {promise.token}\n" for number in range(size // 24))
        request = pb.SendMessageRequest(
            request_id=f"chaos-{promise.token}",
            content=types_pb2.MessageContent(
                to=[types_pb2.EmailAddress(address=address) for address in promise.recipients],
                subject=f"chaos {promise.token}",
                text=f"{lines}END {promise.token}",
            ),
        )
        request.undo_window.FromSeconds(undo)
        tries = 1000 if patient else 1
        calls = [self.call(promise.account, "SendMessage", request, tries) for _ in range(1 + twice)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and (patient or not isinstance(answer, PosternError)):
                raise answer
        return [answer.submission for answer in answers if not isinstance(answer, BaseException)]

    async def resolve(self, account: str, id: str, *, again: bool) -> None:
        kinds = pb.ResolveSubmissionRequest
        kind = kinds.RESOLUTION_SEND_AGAIN if again else kinds.RESOLUTION_SENT
        request = pb.ResolveSubmissionRequest(submission_id=id, resolution=kind, request_id=f"{id}-{kind}")
        await self.call(account, "ResolveSubmission", request)

    async def some(self, account: str, *states: Any) -> list[Any]:
        """All of an account's submissions, or those in these states."""
        found, page = [], ""
        while True:
            request = pb.ListSubmissionsRequest(page_size=200, page_token=page, states=states)
            answer = await self.call(account, "ListSubmissions", request)
            found += answer.submissions
            page = answer.next_page_token
            if not page:
                return found

    async def everything(self) -> list[Any]:
        return [one for writer in self._it.writers for one in await self.some(writer.address)]

    async def at_rest(self, seconds: float) -> dict[str, int]:
        """What is still on its way, counted by state: empty as soon as nothing is, at the latest then."""
        moving = [state for state in S.values() if state and state not in RESTING]
        until = time.monotonic() + seconds
        while True:
            found = [one for writer in self._it.writers for one in await self.some(writer.address, *moving)]
            if not found or time.monotonic() > until:
                return dict(Counter(f"{S.Name(one.state)} {one.problem}" for one in found))
            await asyncio.sleep(0.3)
