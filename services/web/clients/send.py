"""Calls to sender."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime

import grpc
from google.protobuf.duration_pb2 import Duration

from services.common.gen.postern.sender.v1 import compose_service_pb2 as c
from services.common.gen.postern.sender.v1 import submission_service_pb2 as s
from services.common.gen.postern.sender.v1.compose_service_pb2_grpc import ComposeServiceStub
from services.common.gen.postern.sender.v1.submission_service_pb2_grpc import SubmissionServiceStub
from services.web.clients.links import LinkCalls
from services.web.clients.standing import StandingCalls
from services.web.convert import send as convert
from services.web.convert import stamp, when
from services.web.model.mail import MessageRef
from services.web.model.outgoing import Attachment, Outgoing, SavedDraft, Submission, Template, Upload

SECONDS = 8.0
UPLOAD_SECONDS = 3600.0
WATCH_SECONDS = 900.0
RESOLUTIONS: dict[str, s.ResolveSubmissionRequest.Resolution] = {
    "sent": s.ResolveSubmissionRequest.RESOLUTION_SENT,
    "again": s.ResolveSubmissionRequest.RESOLUTION_SEND_AGAIN,
    "give-up": s.ResolveSubmissionRequest.RESOLUTION_GIVE_UP,
}
CHUNK = 64 * 1024


def _passed_on(mailstore_token: str) -> tuple[tuple[str, str], ...]:
    return (("postern-mailstore-authorization", f"Bearer {mailstore_token}"),)


class SendClient(LinkCalls, StandingCalls):
    def __init__(self, channel: grpc.aio.Channel) -> None:
        LinkCalls.__init__(self, channel)
        StandingCalls.__init__(self, channel)
        self._compose = ComposeServiceStub(channel)
        self._submissions = SubmissionServiceStub(channel)

    async def upload(
        self, token: str, filename: str, media_type: str, chunks: AsyncIterator[bytes]
    ) -> Attachment:
        async def steps() -> AsyncIterator[c.UploadAttachmentRequest]:
            yield c.UploadAttachmentRequest(start=c.UploadStart(filename=filename, media_type=media_type))
            async for chunk in chunks:
                for at in range(0, len(chunk), CHUNK):
                    yield c.UploadAttachmentRequest(data=chunk[at : at + CHUNK])

        reply = await self._compose.UploadAttachment(steps(), token=token, timeout=UPLOAD_SECONDS)
        upload = reply.upload
        return Attachment(
            filename=upload.filename or filename,
            media_type=upload.media_type or media_type,
            size=upload.received_bytes,
            upload_id=upload.upload_id,
        )

    async def upload_piece(
        self, token: str, upload: Upload, total: int, chunks: AsyncIterator[bytes]
    ) -> Upload:
        async def steps() -> AsyncIterator[c.UploadAttachmentRequest]:
            start = c.UploadStart(
                upload_id=upload.upload_id,
                offset_bytes=upload.received,
                filename=upload.filename,
                media_type=upload.media_type,
                total_bytes=total,
            )
            yield c.UploadAttachmentRequest(start=start)
            async for chunk in chunks:
                for at in range(0, len(chunk), CHUNK):
                    yield c.UploadAttachmentRequest(data=chunk[at : at + CHUNK])

        reply = await self._compose.UploadAttachment(steps(), token=token, timeout=UPLOAD_SECONDS)
        return convert.upload(reply.upload)

    async def get_upload(self, token: str, upload_id: str) -> Upload:
        request = c.GetUploadRequest(upload_id=upload_id)
        return convert.upload((await self._compose.GetUpload(request, token=token, timeout=SECONDS)).upload)

    async def delete_upload(self, token: str, upload_id: str) -> None:
        request = c.DeleteUploadRequest(upload_id=upload_id)
        await self._compose.DeleteUpload(request, token=token, timeout=SECONDS)

    async def save_draft(
        self,
        token: str,
        mailstore_token: str,
        content: Outgoing,
        replaces: MessageRef | None,
        request_id: str,
    ) -> SavedDraft:
        request = c.SaveDraftRequest(
            request_id=request_id, content=convert.content(content), must_replace=replaces is not None
        )
        if replaces is not None:
            request.replaces.CopyFrom(convert.stored(replaces))
        passed = _passed_on(mailstore_token)
        reply = await self._compose.SaveDraft(request, token=token, metadata=passed, timeout=SECONDS)
        return SavedDraft(
            convert.ref(reply.name) if reply.name.uid else None,
            reply.draft_id,
            reply.replaced_missing,
            when(reply.saved_time) if reply.HasField("saved_time") else None,
        )

    async def templates(self, token: str) -> tuple[Template, ...]:
        reply = await self._compose.ListTemplates(c.ListTemplatesRequest(), token=token, timeout=SECONDS)
        return tuple(convert.template(one) for one in reply.templates)

    async def template(self, token: str, template_id: str) -> tuple[Template, Outgoing]:
        request = c.GetTemplateRequest(template_id=template_id)
        found = (await self._compose.GetTemplate(request, token=token, timeout=SECONDS)).template
        return convert.template(found), convert.outgoing(found.content)

    async def save_template(self, token: str, name: str, content: Outgoing) -> Template:
        request = c.SaveTemplateRequest(name=name, content=convert.content(content))
        return convert.template(
            (await self._compose.SaveTemplate(request, token=token, timeout=SECONDS)).template
        )

    async def delete_template(self, token: str, template_id: str) -> None:
        request = c.DeleteTemplateRequest(template_id=template_id)
        await self._compose.DeleteTemplate(request, token=token, timeout=SECONDS)

    async def send(
        self,
        token: str,
        mailstore_token: str,
        content: Outgoing,
        *,
        request_id: str,
        undo_seconds: int,
        send_at: datetime | None,
        draft: MessageRef | None,
    ) -> Submission:
        request = s.SendMessageRequest(
            request_id=request_id,
            content=convert.content(content),
            request_delivery_report=content.delivery_report,
        )
        if undo_seconds:
            request.undo_window.CopyFrom(Duration(seconds=undo_seconds))
        if send_at is not None:
            request.send_time.CopyFrom(stamp(send_at))
        if draft is not None:
            request.replaces_draft.CopyFrom(convert.stored(draft))
        passed = _passed_on(mailstore_token)
        reply = await self._submissions.SendMessage(request, token=token, metadata=passed, timeout=SECONDS)
        return convert.submission(reply.submission)

    async def cancel(self, token: str, submission_id: str, request_id: str) -> tuple[Submission, Outgoing]:
        request = s.CancelSubmissionRequest(submission_id=submission_id, request_id=request_id)
        reply = await self._submissions.CancelSubmission(request, token=token, timeout=SECONDS)
        return convert.submission(reply.submission), convert.outgoing(reply.content)

    async def reschedule(
        self, token: str, submission_id: str, at: datetime | None, request_id: str
    ) -> Submission:
        request = s.RescheduleSubmissionRequest(submission_id=submission_id, request_id=request_id)
        if at is not None:
            request.send_time.CopyFrom(stamp(at))
        reply = await self._submissions.RescheduleSubmission(request, token=token, timeout=SECONDS)
        return convert.submission(reply.submission)

    async def resolve(self, token: str, submission_id: str, resolution: str, request_id: str) -> Submission:
        request = s.ResolveSubmissionRequest(
            submission_id=submission_id, resolution=RESOLUTIONS[resolution], request_id=request_id
        )
        reply = await self._submissions.ResolveSubmission(request, token=token, timeout=SECONDS)
        return convert.submission(reply.submission)

    @asynccontextmanager
    async def watch(
        self, token: str, resume: str
    ) -> AsyncIterator[AsyncIterator[tuple[Submission | None, str]]]:
        request = s.WatchSubmissionsRequest(resume_token=resume)
        stream = self._submissions.WatchSubmissions(request, token=token, timeout=WATCH_SECONDS)
        async with aclosing(stream):
            yield (
                (convert.submission(one.submission) if one.HasField("submission") else None, one.resume_token)
                async for one in stream
            )

    async def outbox(self, token: str, mailstore_token: str = "") -> tuple[Submission, ...]:
        request = s.ListSubmissionsRequest(page_size=100, open_only=True)
        passed = _passed_on(mailstore_token) if mailstore_token else ()
        reply = await self._submissions.ListSubmissions(
            request, token=token, metadata=passed, timeout=SECONDS
        )
        return tuple(convert.submission(one) for one in reply.submissions)

    async def history(self, token: str, page: str = "") -> tuple[tuple[Submission, ...], str]:
        request = s.ListSubmissionsRequest(page_size=50, page_token=page)
        reply = await self._submissions.ListSubmissions(request, token=token, timeout=SECONDS)
        return tuple(convert.submission(one) for one in reply.submissions), reply.next_page_token

    async def submission_of(self, token: str, message_id: str) -> Submission:
        request = s.GetSubmissionRequest(message_id=message_id)
        reply = await self._submissions.GetSubmission(request, token=token, timeout=SECONDS)
        return convert.submission(reply.submission)

    async def record_report(self, token: str, mailstore_token: str, report: MessageRef) -> Submission:
        request = s.RecordReportRequest(report=convert.stored(report))
        passed = _passed_on(mailstore_token)
        reply = await self._submissions.RecordReport(request, token=token, metadata=passed, timeout=SECONDS)
        return convert.submission(reply.submission)
