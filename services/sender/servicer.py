"""RPC in, domain call, RPC out."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
from sqlalchemy.orm import Session

from services.common.database import Database
from services.common.errors import PosternError, invalid_argument
from services.common.gen.postern.sender.v1 import (
    compose_service_pb2,
    compose_service_pb2_grpc,
    submission_service_pb2,
    submission_service_pb2_grpc,
)
from services.common.logging import get_logger
from services.common.remembered import Remembered
from services.common.rpc.access import Rule
from services.common.rpc.context import current_identity
from services.sender import clock, convert
from services.sender.acceptance import MAX_AHEAD, Acceptance, Writer
from services.sender.compose.build import date_field
from services.sender.links.servicer import METHOD_SCOPES as LINKS
from services.sender.model import Fate, State, Submission
from services.sender.outbox.hub import Hub
from services.sender.outbox.worker import Outbox
from services.sender.storage import rows, submissions, templates
from services.sender.storage.content import sized
from services.sender.uploads import Uploads
from services.sender.verifying.servicer import METHOD_SCOPES as VERIFYING
from services.sender.watch import watch

log = get_logger(__name__)

MAILSTORE_AUTHORIZATION = "postern-mailstore-authorization"
CHUNK = 64 * 1024
PAGE, MAX_PAGE = 50, 200
# What a page of the outbox spends on finding out about UNKNOWN messages: how many, how long, how often.
LOOK_MOST, LOOK_SECONDS, LOOK_AGAIN_SECONDS = 3, 3.0, 60.0

_SUBMISSION = "/postern.sender.v1.SubmissionService"
_COMPOSE = "/postern.sender.v1.ComposeService"
METHOD_SCOPES: dict[str, Rule | str] = {
    f"{_SUBMISSION}/SendMessage": "mail.send",
    f"{_SUBMISSION}/SendMessages": "mail.send",
    f"{_SUBMISSION}/CancelSubmission": "mail.send",
    f"{_SUBMISSION}/RescheduleSubmission": "mail.send",
    f"{_SUBMISSION}/ResolveSubmission": "mail.send",
    f"{_SUBMISSION}/RecordReport": "mail.send",
    f"{_SUBMISSION}/GetSubmission": "mail.send",
    f"{_SUBMISSION}/ListSubmissions": "mail.send",
    f"{_SUBMISSION}/WatchSubmissions": "mail.send",
    f"{_COMPOSE}/UploadAttachment": "mail.send",
    f"{_COMPOSE}/GetUpload": "mail.send",
    f"{_COMPOSE}/DeleteUpload": "mail.send",
    f"{_COMPOSE}/SaveDraft": "mail.send",
    f"{_COMPOSE}/BuildMessage": "mail.send",
    f"{_COMPOSE}/SaveTemplate": "mail.send",
    f"{_COMPOSE}/ListTemplates": "mail.send",
    f"{_COMPOSE}/GetTemplate": "mail.send",
    f"{_COMPOSE}/DeleteTemplate": "mail.send",
    **LINKS,
    **VERIFYING,
}
LONG_LIVED = (f"{_SUBMISSION}/WatchSubmissions",)

_Resolution = submission_service_pb2.ResolveSubmissionRequest
_RESOLUTIONS = {
    _Resolution.RESOLUTION_SENT: Fate.ACCEPTED,
    _Resolution.RESOLUTION_SEND_AGAIN: Fate.PENDING,
    _Resolution.RESOLUTION_GIVE_UP: Fate.REFUSED,
}


def _writer(context: grpc.aio.ServicerContext) -> Writer:
    """The caller with both tokens: its own, and the mailstore's that it may pass for reading parts and
    drafts."""
    identity = current_identity()
    passed = ""
    for key, value in context.invocation_metadata() or ():
        if key == MAILSTORE_AUTHORIZATION and isinstance(value, str):
            scheme, _, passed = value.partition(" ")
            if scheme.lower() != "bearer":
                raise invalid_argument(MAILSTORE_AUTHORIZATION, "malformed")
    return Writer(identity.account, identity.token, passed.strip())


class SubmissionServicer(submission_service_pb2_grpc.SubmissionServiceServicer):
    """The outbox."""

    def __init__(self, db: Database, acceptance: Acceptance, outbox: Outbox, hub: Hub) -> None:
        self._db, self._acceptance, self._outbox, self._hub = db, acceptance, outbox, hub
        self._looked: Remembered[str, bool] = Remembered(1000)

    async def SendMessage(self, request: Any, context: Any) -> Any:
        submission = await self._acceptance.accept(_writer(context), convert.order(request))
        return submission_service_pb2.SendMessageResponse(submission=convert.submission(submission))

    async def SendMessages(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        writer = _writer(context)
        async for step in request_iterator:
            answer = submission_service_pb2.SendMessagesResponse(request_id=step.request.request_id)
            try:
                submission = await self._acceptance.accept(writer, convert.order(step.request))
                answer.submission.CopyFrom(convert.submission(submission))
            except PosternError as err:
                answer.failure.reason = err.reason
                answer.failure.metadata.update(err.metadata)
            yield answer

    async def CancelSubmission(self, request: Any, context: Any) -> Any:
        account, now = current_identity().account, clock.now()
        submission, raw = await self._db.run(
            lambda s: submissions.cancel(s, account, request.submission_id, now)
        )
        self._hub.changed(account)
        return submission_service_pb2.CancelSubmissionResponse(
            submission=convert.submission(submission), content=convert.original_content(raw)
        )

    async def RescheduleSubmission(self, request: Any, context: Any) -> Any:
        account, now = current_identity().account, clock.now()
        send_at = convert.milliseconds(request.send_time) if request.HasField("send_time") else now
        if send_at > now + MAX_AHEAD:
            raise invalid_argument("send_time", "too_far")
        date = date_field(clock.as_datetime(max(send_at, now)))
        submission = await self._db.run(
            lambda s: submissions.reschedule(
                s, account, request.submission_id, send_at=send_at, date_field=date, now=now
            )
        )
        self._changed(submission)
        return submission_service_pb2.RescheduleSubmissionResponse(submission=convert.submission(submission))

    async def ResolveSubmission(self, request: Any, context: Any) -> Any:
        account, now = current_identity().account, clock.now()
        if request.resolution == _Resolution.RESOLUTION_LOOK:
            found = await self._acceptance.look(_writer(context), request.submission_id)
            return submission_service_pb2.ResolveSubmissionResponse(submission=convert.submission(found))
        fate = _RESOLUTIONS.get(request.resolution)
        if fate is None:
            raise invalid_argument("resolution", "missing")
        if not 0 < len(request.request_id) <= 128:
            raise invalid_argument("request_id", "missing")
        key = rows.request_key(account, f"resolve {request.submission_id} {request.request_id}")
        submission = await self._db.run(
            lambda s: submissions.resolve(
                s, account, request.submission_id, fate=fate, write_key=key, now=now
            )
        )
        self._changed(submission)
        return submission_service_pb2.ResolveSubmissionResponse(submission=convert.submission(submission))

    async def RecordReport(self, request: Any, context: Any) -> Any:
        name = convert.stored_name(request.report, "report")
        found = await self._acceptance.report(_writer(context), name)
        return submission_service_pb2.RecordReportResponse(submission=convert.submission(found))

    def _changed(self, submission: Submission) -> None:
        if submission.state is not State.CANCELLED:
            self._outbox.keep(submission.id, current_identity().token, submission.send_at)
        self._hub.changed(submission.account)
        self._outbox.wake()

    async def GetSubmission(self, request: Any, context: Any) -> Any:
        account = current_identity().account
        if not request.WhichOneof("submission"):
            raise invalid_argument("submission", "missing")
        found = await self._db.read(
            lambda s: submissions.get(s, account, id=request.submission_id, message_id=request.message_id)
        )
        return submission_service_pb2.GetSubmissionResponse(submission=convert.submission(found))

    async def ListSubmissions(self, request: Any, context: Any) -> Any:
        identity = current_identity()
        size = request.page_size or PAGE
        if not 0 < size <= MAX_PAGE:
            raise invalid_argument("page_size", "out_of_range")
        if request.page_token and not re.fullmatch("[0-9a-f]{32}", request.page_token):
            raise invalid_argument("page_token", "malformed")
        states = [convert.state(number) for number in request.states]
        await self._outbox.visited(identity.account, identity.token)

        def page(session: Session) -> tuple[list[Submission], int]:
            return submissions.page(
                session,
                identity.account,
                states=states,
                open_only=request.open_only,
                before=request.page_token,
                limit=size + 1,
            )

        found, total = await self._db.read(page)
        if await self._look(_writer(context), found):
            found, total = await self._db.read(page)
        return submission_service_pb2.ListSubmissionsResponse(
            submissions=[convert.submission(item) for item in found[:size]],
            next_page_token=found[size - 1].id if len(found) > size else "",
            total_count=total,
        )

    async def _look(self, writer: Writer, found: list[Submission]) -> bool:
        """Looks for what is UNKNOWN in its writer's mailboxes, where the caller lets it, each once in a
        while; whether anything was found."""
        if not writer.mailstore_token:
            return False
        settled = False
        for item in [one for one in found if one.state is State.UNKNOWN][:LOOK_MOST]:
            if self._looked.get(item.id) is not None:
                continue
            self._looked.put(item.id, True, time.time() + LOOK_AGAIN_SECONDS)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    settled |= (await self._acceptance.look(writer, item.id)).state is not State.UNKNOWN
            except (PosternError, TimeoutError) as err:
                log.info("outbox.look_failed", submission=item.id, cause=type(err).__name__)
        return settled

    async def WatchSubmissions(self, request: Any, context: Any) -> AsyncIterator[Any]:
        identity = current_identity()
        await self._outbox.visited(identity.account, identity.token)
        stream = watch(self._db, self._hub, identity.account, resume_token=request.resume_token)
        async for submission, token in stream:
            yield submission_service_pb2.WatchSubmissionsResponse(
                submission=convert.submission(submission) if submission else None, resume_token=token
            )


class ComposeServicer(compose_service_pb2_grpc.ComposeServiceServicer):
    """Uploads, drafts, and messages built to be looked at."""

    def __init__(self, db: Database, acceptance: Acceptance, uploads: Uploads) -> None:
        self._db, self._acceptance, self._uploads = db, acceptance, uploads

    async def UploadAttachment(self, request_iterator: Any, context: Any) -> Any:
        account = current_identity().account
        first = await anext(aiter(request_iterator), None)
        if first is None or first.WhichOneof("step") != "start":
            raise invalid_argument("start", "missing")
        blob = await self._uploads.take(
            account, convert.upload_start(first.start), _upload_data(request_iterator)
        )
        return compose_service_pb2.UploadAttachmentResponse(upload=convert.upload(blob))

    async def GetUpload(self, request: Any, context: Any) -> Any:
        blob = await self._uploads.get(current_identity().account, request.upload_id)
        return compose_service_pb2.GetUploadResponse(upload=convert.upload(blob))

    async def DeleteUpload(self, request: Any, context: Any) -> Any:
        await self._uploads.delete(current_identity().account, request.upload_id)
        return compose_service_pb2.DeleteUploadResponse()

    async def SaveDraft(self, request: Any, context: Any) -> Any:
        replaces = None
        if request.HasField("replaces"):
            replaces = convert.stored_name(request.replaces, "replaces")
        saved, draft_id = await self._acceptance.save_draft(
            _writer(context),
            request.request_id,
            convert.content(request.content),
            replaces,
            request.must_replace,
        )
        return compose_service_pb2.SaveDraftResponse(
            name=convert.to_stored_name(saved.name),
            draft_id=draft_id,
            replaced_missing=saved.replaced_missing,
            saved_time=convert.timestamp(clock.now()),
        )

    async def BuildMessage(self, request: Any, context: Any) -> AsyncIterator[Any]:
        octets = await self._acceptance.built(_writer(context), convert.content(request.content))
        async for data in octets:
            for piece in sized(data, CHUNK):
                yield compose_service_pb2.BuildMessageResponse(data=piece)

    async def SaveTemplate(self, request: Any, context: Any) -> Any:
        account, now = current_identity().account, clock.now()
        convert.content(request.content)
        kept = convert.template_content(request.content)
        saved = await self._db.run(lambda s: templates.save(s, account, request.name, kept, now))
        return compose_service_pb2.SaveTemplateResponse(template=convert.template(saved))

    async def ListTemplates(self, request: Any, context: Any) -> Any:
        account = current_identity().account
        found = await self._db.read(lambda s: templates.names(s, account))
        return compose_service_pb2.ListTemplatesResponse(templates=[convert.template(one) for one in found])

    async def GetTemplate(self, request: Any, context: Any) -> Any:
        account = current_identity().account
        found = await self._db.read(lambda s: templates.get(s, account, request.template_id))
        return compose_service_pb2.GetTemplateResponse(template=convert.template(found))

    async def DeleteTemplate(self, request: Any, context: Any) -> Any:
        account = current_identity().account
        await self._db.run(lambda s: templates.remove(s, account, request.template_id))
        return compose_service_pb2.DeleteTemplateResponse()


async def _upload_data(steps: Any) -> AsyncIterator[bytes]:
    async for step in steps:
        if step.WhichOneof("step") != "data":
            raise invalid_argument("data", "missing")
        yield step.data
