"""SubmissionService over the wire."""

from __future__ import annotations

import email
import email.policy

import pytest

from services.common.errors import PosternError
from services.common.gen.postern.sender.v1 import submission_service_pb2 as pb
from services.common.gen.postern.sender.v1 import types_pb2

S = pb.SubmissionState


def letter(**fields: object) -> types_pb2.MessageContent:
    content = types_pb2.MessageContent(
        to=[types_pb2.EmailAddress(name="Bob", address="bob@example.org")],
        subject="Grüße",
        text="Good morning\n",
    )
    content.MergeFrom(types_pb2.MessageContent(**fields))
    return content


async def send(remote, id: str = "r1", **fields):
    request = pb.SendMessageRequest(request_id=id, content=fields.pop("content", letter()), **fields)
    return (
        await remote.submission.SendMessage(request, token=remote.token, metadata=remote.metadata)
    ).submission


async def get(remote, id: str):
    answer = await remote.submission.GetSubmission(
        pb.GetSubmissionRequest(submission_id=id), token=remote.token
    )
    return answer.submission


async def test_send_get_list(remote) -> None:
    sent = await send(remote)
    assert sent.state == S.SUBMISSION_STATE_QUEUED and sent.message_id.endswith("@example.org>")
    await remote.inner.settle()
    now = await get(remote, sent.submission_id)
    assert now.state == S.SUBMISSION_STATE_FILED and now.HasField("filed_time")
    by_message = pb.GetSubmissionRequest(message_id=sent.message_id)
    again = await remote.submission.GetSubmission(by_message, token=remote.token)
    assert again.submission.submission_id == sent.submission_id
    listed = await remote.submission.ListSubmissions(
        pb.ListSubmissionsRequest(open_only=True), token=remote.token
    )
    assert listed.total_count == 0
    message = email.message_from_bytes(remote.peer.taken[0].data, policy=email.policy.default)
    assert message["subject"] == "Grüße" and message["from"] == "alice@example.org"


async def test_paging_is_newest_first(remote) -> None:
    ids = [(await send(remote, f"r{n}")).submission_id for n in range(5)]
    found, token = [], ""
    while True:
        request = pb.ListSubmissionsRequest(page_size=2, page_token=token)
        page = await remote.submission.ListSubmissions(request, token=remote.token)
        found += [item.submission_id for item in page.submissions]
        assert page.total_count == 5
        if not (token := page.next_page_token):
            break
    assert found == ids[::-1]


async def test_undo_gives_the_content_back_and_nothing_is_sent(remote) -> None:
    request = pb.SendMessageRequest(
        request_id="r", content=letter(bcc=[types_pb2.EmailAddress(address="c@d.example")])
    )
    request.undo_window.seconds = 30
    held = (await remote.submission.SendMessage(request, token=remote.token)).submission
    assert held.state == S.SUBMISSION_STATE_HELD and not held.scheduled
    await remote.inner.settle()
    cancel = pb.CancelSubmissionRequest(submission_id=held.submission_id, request_id="c")
    for _ in range(2):
        answer = await remote.submission.CancelSubmission(cancel, token=remote.token)
        assert answer.submission.state == S.SUBMISSION_STATE_CANCELLED
        assert answer.content == request.content
    assert remote.peer.taken == []


async def test_cancel_of_what_is_gone_is_a_conflict(remote) -> None:
    sent = await send(remote)
    await remote.inner.settle()
    with pytest.raises(PosternError, match="CONFLICT"):
        await remote.submission.CancelSubmission(
            pb.CancelSubmissionRequest(submission_id=sent.submission_id), token=remote.token
        )


async def test_reschedule_to_now_sends_with_a_new_date(remote) -> None:
    request = pb.SendMessageRequest(request_id="r", content=letter())
    request.send_time.GetCurrentTime()
    request.send_time.seconds += 86400
    held = (await remote.submission.SendMessage(request, token=remote.token)).submission
    assert held.scheduled and held.state == S.SUBMISSION_STATE_HELD
    await remote.inner.settle()
    assert not remote.peer.taken
    answer = await remote.submission.RescheduleSubmission(
        pb.RescheduleSubmissionRequest(submission_id=held.submission_id), token=remote.token
    )
    assert answer.submission.state == S.SUBMISSION_STATE_QUEUED
    await remote.inner.settle()
    message = email.message_from_bytes(remote.peer.taken[0].data, policy=email.policy.default)
    assert abs(message["date"].datetime.timestamp() - held.accepted_time.seconds) < 60


async def test_of_many_each_has_its_answer(remote) -> None:
    async def requests():
        for number in range(3):
            content = letter() if number != 1 else letter(subject="a\r\nBcc: x@y.example")
            yield pb.SendMessagesRequest(
                request=pb.SendMessageRequest(request_id=f"m{number}", content=content)
            )

    answers = [a async for a in remote.submission.SendMessages(requests(), token=remote.token)]
    assert [a.request_id for a in answers] == ["m0", "m1", "m2"]
    assert [a.WhichOneof("outcome") for a in answers] == ["submission", "failure", "submission"]
    assert answers[1].failure.reason == "INVALID_ARGUMENT"
    assert answers[1].failure.metadata["field"] == "content.subject"


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"to": [types_pb2.EmailAddress(address="nobody")]}, "content.to[1].address", "address_without_at"),
        ({"cc": [types_pb2.EmailAddress(address="a@b..c")]}, "content.cc[0].address", "address_domain"),
        ({"subject": "\n"}, "content.subject", "line_break_or_nul"),
        ({"draft_id": "a b"}, "content.draft_id", "malformed"),
    ],
)
async def test_bad_input_names_the_field(remote, fields, field, problem) -> None:
    with pytest.raises(PosternError) as caught:
        await send(remote, content=letter(**fields))
    assert caught.value.metadata["field"] == field and caught.value.metadata["problem"] == problem


async def test_somebody_elses_address_is_refused(remote) -> None:
    content = letter()
    getattr(content, "from").address = "bob@example.org"
    with pytest.raises(PosternError, match="PERMISSION_DENIED"):
        await send(remote, content=content)


async def test_without_the_scope_nothing_goes(remote) -> None:
    token = remote.server.token(scopes="mail.read", password="alice")
    with pytest.raises(PosternError, match="SCOPE_MISSING"):
        await remote.submission.SendMessage(pb.SendMessageRequest(request_id="r"), token=token)


async def test_another_account_sees_nothing(remote) -> None:
    sent = await send(remote)
    bob = remote.server.token(scopes="mail.send", account="bob@example.org", password="bob")
    with pytest.raises(PosternError, match="NOT_FOUND"):
        await remote.submission.GetSubmission(
            pb.GetSubmissionRequest(submission_id=sent.submission_id), token=bob
        )
    with pytest.raises(PosternError, match="NOT_FOUND"):
        await remote.submission.CancelSubmission(
            pb.CancelSubmissionRequest(submission_id=sent.submission_id), token=bob
        )


async def test_watch_tells_each_step_and_resumes(remote) -> None:
    stream = remote.submission.WatchSubmissions(
        pb.WatchSubmissionsRequest(resume_token="0"), token=remote.token
    )
    sent = await send(remote)
    first = await anext(stream)
    assert first.submission.submission_id == sent.submission_id
    await remote.inner.settle()
    states = {first.submission.state}
    while S.SUBMISSION_STATE_FILED not in states:
        step = await anext(stream)
        states.add(step.submission.state)
    stream.cancel()
    request = pb.WatchSubmissionsRequest(resume_token=first.resume_token)
    resumed = remote.submission.WatchSubmissions(request, token=remote.token)
    assert (await anext(resumed)).submission.state == S.SUBMISSION_STATE_FILED
    resumed.cancel()
