"""ComposeService over the wire: uploads, drafts, building."""

from __future__ import annotations

import email
import email.policy
import os

import pytest

from services.common.errors import PosternError
from services.common.gen.postern.sender.v1 import compose_service_pb2 as pb
from services.common.gen.postern.sender.v1 import submission_service_pb2, types_pb2
from services.sender.model import StoredName
from services.sender.ports import PartHead
from tests.rpc.sender.test_sending import letter, send

CHUNK = 64 * 1024
NAME = types_pb2.StoredMessageName(mailbox="INBOX", uid_validity=7, uid=12)


async def upload(remote, data: bytes, token: str | None = None, **start):
    async def steps():
        yield pb.UploadAttachmentRequest(start=pb.UploadStart(**start))
        for at in range(0, len(data), CHUNK):
            yield pb.UploadAttachmentRequest(data=data[at : at + CHUNK])

    return (await remote.compose.UploadAttachment(steps(), token=token or remote.token)).upload


def parsed(data: bytes):
    return email.message_from_bytes(data, policy=email.policy.default)


async def test_an_upload_is_sent_as_it_came(remote) -> None:
    data = os.urandom(1_300_000)
    taken = await upload(remote, data, filename="Übersicht – März.pdf")
    assert taken.complete and taken.received_bytes == len(data) and taken.media_type == "application/pdf"
    source = types_pb2.AttachmentSource(upload_id=taken.upload_id)
    sent = await send(remote, content=letter(attachments=[source]))
    await remote.inner.settle()
    wire = remote.peer.taken[0].data
    assert len(wire) == sent.size_bytes
    (part,) = parsed(wire).iter_attachments()
    assert part.get_filename() == "Übersicht – März.pdf" and part.get_content() == data


async def test_an_upload_is_taken_up_again(remote) -> None:
    data = os.urandom(900_000)
    first = await upload(remote, data[:600_000], filename="a.bin", total_bytes=len(data))
    assert not first.complete and first.received_bytes == 600_000
    known = await remote.compose.GetUpload(pb.GetUploadRequest(upload_id=first.upload_id), token=remote.token)
    assert known.upload.received_bytes == 600_000
    with pytest.raises(PosternError, match="CONFLICT"):
        await upload(remote, data[:5], upload_id=first.upload_id, offset_bytes=5)
    with pytest.raises(PosternError, match="CONFLICT"):
        await send(
            remote, content=letter(attachments=[types_pb2.AttachmentSource(upload_id=first.upload_id)])
        )
    last = await upload(remote, data[600_000:], upload_id=first.upload_id, offset_bytes=600_000)
    assert last.complete
    await send(remote, content=letter(attachments=[types_pb2.AttachmentSource(upload_id=first.upload_id)]))
    await remote.inner.settle()
    assert next(parsed(remote.peer.taken[0].data).iter_attachments()).get_content() == data


async def test_bounds_and_strangers(remote) -> None:
    with pytest.raises(PosternError, match="TOO_LARGE"):
        await upload(remote, b"x", filename="a", total_bytes=10**10)
    mine = await upload(remote, b"secret", filename="a.txt")
    bob = remote.server.token(scopes="mail.send", account="bob@example.org", password="bob")
    with pytest.raises(PosternError, match="NOT_FOUND"):
        await remote.compose.GetUpload(pb.GetUploadRequest(upload_id=mine.upload_id), token=bob)
    await remote.compose.DeleteUpload(pb.DeleteUploadRequest(upload_id=mine.upload_id), token=bob)
    content = letter(attachments=[types_pb2.AttachmentSource(upload_id=mine.upload_id)])
    request = submission_service_pb2.SendMessageRequest(request_id="x", content=content)
    getattr(request.content, "from").address = "bob@example.org"
    with pytest.raises(PosternError) as caught:
        await remote.submission.SendMessage(request, token=bob)
    assert caught.value.reason == "NOT_FOUND" and caught.value.metadata["field"] == "content.attachments[0]"
    await remote.compose.DeleteUpload(pb.DeleteUploadRequest(upload_id=mine.upload_id), token=remote.token)
    with pytest.raises(PosternError, match="NOT_FOUND"):
        await remote.compose.GetUpload(pb.GetUploadRequest(upload_id=mine.upload_id), token=remote.token)


async def test_a_draft_is_saved_with_bcc_and_unfinished_addresses(remote) -> None:
    content = types_pb2.MessageContent(
        to=[types_pb2.EmailAddress(address="bob@"), types_pb2.EmailAddress(address="carol@example.org")],
        bcc=[types_pb2.EmailAddress(address="dan@example.org")],
        subject="Half a th",
        text="I wanted to",
    )
    request = pb.SaveDraftRequest(request_id="d1", content=content, replaces=NAME)
    answer = await remote.compose.SaveDraft(request, token=remote.token, metadata=remote.metadata)
    assert answer.name.mailbox == "Drafts" and answer.draft_id
    ((asked, data),) = remote.inner.mailstore.drafts
    assert asked.replaces == StoredName("INBOX", 7, 12) and asked.draft_id == answer.draft_id
    message = parsed(data)
    assert message["x-postern-draft-id"] == answer.draft_id and message["bcc"] == "dan@example.org"
    assert [a.addr_spec for a in message["to"].addresses] == ["carol@example.org"]
    assert message["to"].groups[0].display_name == "bob@"
    with pytest.raises(PosternError, match="postern-mailstore-authorization"):
        await remote.compose.SaveDraft(request, token=remote.token)


async def test_a_draft_keeps_what_it_answers_and_forwards(remote) -> None:
    content = letter(
        answered=NAME, forwarded=types_pb2.StoredMessageName(mailbox="A/b", uid_validity=3, uid=4)
    )
    request = pb.SaveDraftRequest(request_id="d2", content=content)
    await remote.compose.SaveDraft(request, token=remote.token, metadata=remote.metadata)
    ((asked, _data),) = remote.inner.mailstore.drafts
    assert asked.answers == StoredName("INBOX", 7, 12) and asked.forwards == StoredName("A/b", 3, 4)


async def test_stored_parts_are_copied_once_and_messages_forwarded_as_they_are(remote) -> None:
    store, name = remote.inner.mailstore, StoredName("INBOX", 7, 12)
    lines = ["From: x@example.net", "Content-Transfer-Encoding: 8bit", "", "ça va", ".", "voilà", ""]
    original = "\r\n".join(lines).encode()
    store.parts[name, "2"] = PartHead("plan.png", "image/png", 5), b"\x89PNG!"
    store.parts[name, ""] = PartHead("", "message/rfc822", len(original)), original
    sources = [
        types_pb2.AttachmentSource(stored_part=types_pb2.StoredPart(message=NAME, part_id="2")),
        types_pb2.AttachmentSource(stored_message=NAME),
    ]
    request = pb.SaveDraftRequest(request_id="d", content=letter(attachments=sources))
    await remote.compose.SaveDraft(request, token=remote.token, metadata=remote.metadata)
    await remote.compose.SaveDraft(request, token=remote.token, metadata=remote.metadata)
    await send(remote, content=letter(attachments=sources))
    assert store.reads == 2
    await remote.inner.settle()
    assert any("BODY=8BITMIME" in command for command in remote.peer.commands)
    wire = remote.peer.taken[0].data
    assert original in wire
    picture, forwarded = parsed(wire).iter_attachments()
    assert picture.get_content() == b"\x89PNG!" and picture.get_filename() == "plan.png"
    assert (
        forwarded.get_content_type() == "message/rfc822" and forwarded["content-transfer-encoding"] == "8bit"
    )


async def test_a_part_that_is_gone_names_the_attachment(remote) -> None:
    source = types_pb2.AttachmentSource(stored_part=types_pb2.StoredPart(message=NAME, part_id="9"))
    with pytest.raises(PosternError) as caught:
        await send(remote, content=letter(attachments=[source]))
    assert (
        caught.value.reason == "MESSAGE_GONE" and caught.value.metadata["field"] == "content.attachments[0]"
    )


async def test_build_streams_the_message(remote) -> None:
    request = pb.BuildMessageRequest(content=letter(bcc=[types_pb2.EmailAddress(address="c@example.org")]))
    data = b"".join([step.data async for step in remote.compose.BuildMessage(request, token=remote.token)])
    assert parsed(data)["bcc"] == "c@example.org" and data.endswith(b"\r\n")


async def test_templates(remote) -> None:
    save = pb.SaveTemplateRequest(name=" Weekly  report ", content=letter(subject="Week"))
    save.content.references.append("<a@b>")
    first = (await remote.compose.SaveTemplate(save, token=remote.token)).template
    assert first.name == "Weekly report" and not first.HasField("content")
    save.content.subject = "Week 2"
    assert (
        await remote.compose.SaveTemplate(save, token=remote.token)
    ).template.template_id == first.template_id
    listed = await remote.compose.ListTemplates(pb.ListTemplatesRequest(), token=remote.token)
    assert [item.name for item in listed.templates] == ["Weekly report"]
    get = pb.GetTemplateRequest(template_id=first.template_id)
    found = (await remote.compose.GetTemplate(get, token=remote.token)).template
    assert found.content.subject == "Week 2" and not found.content.references
    other = remote.server.token(scopes="mail.send", account="bob@example.org")
    with pytest.raises(PosternError) as caught:
        await remote.compose.GetTemplate(get, token=other)
    assert caught.value.reason == "NOT_FOUND"
    delete = pb.DeleteTemplateRequest(template_id=first.template_id)
    await remote.compose.DeleteTemplate(delete, token=other)
    await remote.compose.DeleteTemplate(delete, token=remote.token)
    listed = await remote.compose.ListTemplates(pb.ListTemplatesRequest(), token=remote.token)
    assert not listed.templates
