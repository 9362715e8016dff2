"""Promise 1 through the whole system: signed in at auth, sent over gRPC, delivered, filed by mailstore, with
the sender killed by SIGKILL meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from services.common.errors import PosternError
from services.common.gen.postern.auth.v1 import session_service_pb2 as auth_pb
from services.common.gen.postern.auth.v1.session_service_pb2_grpc import SessionServiceStub
from services.common.gen.postern.sender.v1 import compose_service_pb2, types_pb2
from services.common.gen.postern.sender.v1 import submission_service_pb2 as pb
from services.common.gen.postern.sender.v1.compose_service_pb2_grpc import ComposeServiceStub
from services.common.gen.postern.sender.v1.submission_service_pb2_grpc import SubmissionServiceStub
from services.common.rpc.client import connect
from services.common.rpc.tls import TlsSettings
from services.sender.servicer import MAILSTORE_AUTHORIZATION
from tests.support.dovecot import MailUser
from tests.support.stack import Stack, embedded_stack

S = pb.SubmissionState


@dataclass
class Signed:
    submission: Any
    compose: Any
    token: str
    metadata: tuple[tuple[str, str], ...]

    async def state(self, id: str) -> Any:
        request = pb.GetSubmissionRequest(submission_id=id)
        return (await self.submission.GetSubmission(request, token=self.token)).submission

    async def serving(self) -> None:
        """Waits until the sender answers again."""
        while True:
            with contextlib.suppress(PosternError):
                await self.submission.ListSubmissions(pb.ListSubmissionsRequest(), token=self.token)
                return
            await asyncio.sleep(0.1)

    async def settled(self, id: str, seconds: float = 60) -> Any:
        until = time.monotonic() + seconds
        while True:
            with contextlib.suppress(PosternError):
                found = await self.state(id)
                if found.state in (S.SUBMISSION_STATE_FILED, S.SUBMISSION_STATE_UNKNOWN):
                    return found
            assert time.monotonic() < until, found
            await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def signed_in(stack: Stack, user: MailUser) -> AsyncIterator[Signed]:
    keys = stack.var / "keys" / "tls"
    tls = TlsSettings(keys / "web.pem", keys / "web.key", keys / "ca.pem")
    async with (
        connect(stack.process("auth")["grpc"], tls=tls, service="auth") as auth,
        connect(stack.process("sender")["grpc"], tls=tls, service="sender") as sender,
    ):
        sessions: Any = SessionServiceStub(auth)  # type: ignore[no-untyped-call]
        start = auth_pb.StartSignInRequest(
            password={"email_address": user.address, "password": user.password},
            client={"address": "127.0.0.1", "user_agent": "test"},
        )
        secret = (await sessions.StartSignIn(start)).signed_in.session_secret
        made = await sessions.CreateAccessTokens(auth_pb.CreateAccessTokensRequest(session_secret=secret))
        tokens = {item.audience: item.token for item in made.tokens}
        yield Signed(
            SubmissionServiceStub(sender),
            ComposeServiceStub(sender),
            tokens["sender"],
            ((MAILSTORE_AUTHORIZATION, f"Bearer {tokens['mailstore']}"),),
        )


def letter(to: MailUser, subject: str, **fields: Any) -> types_pb2.MessageContent:
    people = [types_pb2.EmailAddress(name="Bob", address=to.address)]
    return types_pb2.MessageContent(to=people, subject=subject, text="Good morning\n", **fields)


def found(stack: Stack, user: MailUser, mailbox: str, subject: str) -> list[bytes]:
    with stack.imap(user) as client:
        if not client.folder_exists(mailbox):
            return []
        client.select_folder(mailbox, readonly=True)
        uids = client.search(["SUBJECT", subject])
        return [item[b"BODY[]"] for item in client.fetch(uids, ["BODY.PEEK[]"]).values()] if uids else []


async def wait_for(stack: Stack, user: MailUser, mailbox: str, subject: str, count: int = 1) -> list[bytes]:
    until = time.monotonic() + 30
    while True:
        messages = await asyncio.to_thread(found, stack, user, mailbox, subject)
        if len(messages) >= count:
            return messages
        assert time.monotonic() < until, f"{len(messages)} of {count} in {mailbox}"
        await asyncio.sleep(0.3)


async def test_a_draft_with_an_attachment_is_sent_filed_and_gone(stack: Stack) -> None:
    alice, bob = stack.people()
    subject = f"draft {uuid.uuid4().hex}"
    async with signed_in(stack, alice) as it:

        async def steps() -> AsyncIterator[Any]:
            start = compose_service_pb2.UploadStart(filename="März.txt", total_bytes=200_000)
            yield compose_service_pb2.UploadAttachmentRequest(start=start)
            for _ in range(4):
                yield compose_service_pb2.UploadAttachmentRequest(data=b"x" * 50_000)

        upload = (await it.compose.UploadAttachment(steps(), token=it.token)).upload
        source = types_pb2.AttachmentSource(upload_id=upload.upload_id)
        copied = types_pb2.EmailAddress(address=alice.address)
        content = letter(bob, subject, attachments=[source], bcc=[copied])
        draft = await it.compose.SaveDraft(
            compose_service_pb2.SaveDraftRequest(request_id=uuid.uuid4().hex, content=content),
            token=it.token,
            metadata=it.metadata,
        )
        assert draft.name.uid and draft.draft_id
        (saved,) = await wait_for(stack, alice, draft.name.mailbox, subject)
        assert email.message_from_bytes(saved)["bcc"] == alice.address
        # The attachment is taken from the draft itself, from server to server.
        again = types_pb2.MessageContent()
        again.CopyFrom(content)
        del again.attachments[:]
        part = types_pb2.StoredPart(message=draft.name, part_id="2")
        again.attachments.add(stored_part=part)
        sent = await it.submission.SendMessage(
            pb.SendMessageRequest(request_id=uuid.uuid4().hex, content=again, replaces_draft=draft.name),
            token=it.token,
            metadata=it.metadata,
        )
        done = await it.settled(sent.submission.submission_id)
        assert done.state == S.SUBMISSION_STATE_FILED
        (copy,) = await wait_for(stack, alice, "Sent", subject)
        (arrived,) = await wait_for(stack, bob, "INBOX", subject)
        assert found(stack, alice, draft.name.mailbox, subject) == []
        message = email.message_from_bytes(arrived, policy=email.policy.default)
        (attachment,) = message.iter_attachments()
        assert attachment.get_filename() == "März.txt" and attachment.get_content() == "x" * 200_000
        assert message["bcc"] is None
        assert email.message_from_bytes(copy)["bcc"] == alice.address
        assert email.message_from_bytes(copy)["message-id"] == done.message_id == message["message-id"]


@pytest.mark.parametrize("kills", [4])
async def test_killed_while_it_sends(kills: int) -> None:
    """SIGKILL again and again while messages are handed over: none is lost, none is there twice."""
    with embedded_stack(POSTERN_SENDER_LEASE="2s") as stack:
        alice, bob = stack.people()
        mark = uuid.uuid4().hex
        async with signed_in(stack, alice) as it:

            async def send(number: int) -> str:
                request = pb.SendMessageRequest(
                    request_id=f"{mark}{number}", content=letter(bob, f"{mark} {number}")
                )
                while True:
                    try:
                        answer = await it.submission.SendMessage(request, token=it.token, timeout=5)
                        return str(answer.submission.submission_id)
                    except PosternError:
                        await asyncio.sleep(0.2)

            async def killing() -> None:
                for number in range(kills):
                    await asyncio.sleep(0.5 + number * 0.37)
                    before = stack.process("sender")["pid"]
                    await asyncio.to_thread(stack.kill, "sender")
                    while stack.process("sender")["pid"] == before:
                        await asyncio.sleep(0.1)
                    await it.serving()

            killer = asyncio.create_task(killing())
            ids = []
            while not killer.done() or len(ids) < 40:
                ids += await asyncio.gather(*(send(len(ids) + n) for n in range(4)))
                await asyncio.sleep(0.2)
            await killer
            states = [await it.settled(id) for id in ids]
            unknown = [item for item in states if item.state == S.SUBMISSION_STATE_UNKNOWN]
            filed = len(states) - len(unknown)
            copies = await wait_for(stack, alice, "Sent", mark, filed)
            arrived = await wait_for(stack, bob, "INBOX", mark, filed)
            sent = {item.message_id for item in states if item.state == S.SUBMISSION_STATE_FILED}

            def ids_of(messages: list[bytes]) -> list[str]:
                return [email.message_from_bytes(message)["message-id"] for message in messages]

            assert sorted(ids_of(copies)) == sorted(sent)
            assert len(ids_of(arrived)) == len(set(ids_of(arrived)))
            assert sent <= set(ids_of(arrived)) <= sent | {item.message_id for item in unknown}
            assert len(set(ids)) == len(ids) and len(unknown) <= kills * 8
