"""The web's clients over real gRPC: what they ask, what they make of the answers, and the scopes that they
need."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.common.errors import PosternError, Reason, error
from services.common.gen.postern.auth.v1 import account_service_pb2 as a
from services.common.gen.postern.auth.v1 import session_service_pb2 as s
from services.common.gen.postern.contacts.v1 import contact_service_pb2 as c
from services.common.gen.postern.contacts.v1 import suggest_service_pb2 as sg
from services.common.gen.postern.contacts.v1 import types_pb2 as ct
from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as mb
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as ms
from services.common.gen.postern.mailstore.v1 import types_pb2 as t
from services.common.gen.postern.sender.v1 import compose_service_pb2 as cs
from services.common.gen.postern.sender.v1 import submission_service_pb2 as sub
from services.common.gen.postern.sender.v1 import types_pb2 as st
from services.web.model.account import Challenge, Client, Identity, Preferences, SignedIn
from services.web.model.mail import (
    Address,
    FlagChange,
    MessageRange,
    MessageRef,
    Order,
    Use,
)
from services.web.model.outgoing import DELIVERY_REPORT, Attachment, Outgoing
from services.web.model.people import Contact, Labelled
from tests.rpc.web.scripted import scripted, token

REF = MessageRef("INBOX", 7, 9)
GROUP = MessageRange("INBOX", 7, (9, 10))
MAIL = SEND = PEOPLE = AUTH = ""


@pytest.fixture(autouse=True)
def fresh_tokens() -> None:
    """Made for each test: a token lives five minutes, and the whole suite takes longer."""
    global MAIL, SEND, PEOPLE, AUTH
    MAIL, SEND, PEOPLE, AUTH = (token(name) for name in ("mailstore", "sender", "contacts", "auth"))


@pytest.fixture
async def wired():
    async with scripted() as pair:
        yield pair


def summary(uid: int = 9) -> t.MessageSummary:
    message = t.MessageSummary(
        name=t.MessageName(mailbox="INBOX", uid_validity=7, uid=uid),
        flags=t.MessageFlags(seen=True, labels=["work"]),
        received_time=Timestamp(seconds=1_800_000_000),
        size_bytes=5,
        snippet="first words",
    )
    message.envelope.subject = "Héllo"
    getattr(message.envelope, "from").append(t.Address(name="Bob", address="bob@example.org"))
    return message


async def test_mailboxes(wired):
    script, services = wired
    script.answers["ListMailboxes"] = mb.ListMailboxesResponse(
        mailboxes=[
            mb.Mailbox(name="INBOX", special_use=mb.SPECIAL_USE_INBOX, selectable=True, unread_count=2),
            mb.Mailbox(name="Work/Ünï", display_name="Ünï", parent="Work", delimiter="/"),
        ],
        stale_seconds=60,
    )
    tree = await services.mail.mailboxes(MAIL)
    assert tree.stale_seconds == 60 and tree.special(Use.INBOX).unread == 2
    assert tree.find("Work/Ünï").display_name == "Ünï" and tree.find("inbox").use is Use.INBOX


async def test_messages(wired):
    script, services = wired
    script.answers["ListMessages"] = ms.ListMessagesResponse(
        messages=[summary()], next_page_token="n", total_count=120, unread_count=3, state="s1"
    )
    page = await services.mail.messages(
        MAIL, "INBOX", rows=25, page="p", order=Order("subject", True), query="is:unread"
    )
    (request,) = script.asked["ListMessages"]
    assert (request.page_size, request.page_token, request.filter.text) == (25, "p", "is:unread")
    assert request.order.key == t.SortOrder.KEY_SUBJECT and request.order.ascending
    (row,) = page.rows
    assert row.ref == REF and row.envelope.from_ == (Address("Bob", "bob@example.org"),)
    assert row.received == datetime(2027, 1, 15, 8, 0, tzinfo=UTC) and row.flags.labels == ("work",)
    assert (page.next_token, page.total, page.unread, page.state) == ("n", 120, 3, "s1")


async def test_conversations(wired):
    script, services = wired
    script.answers["ListConversations"] = ms.ListConversationsResponse(
        conversations=[
            t.ConversationSummary(
                newest=summary(),
                message_count=3,
                messages=[t.MessageName(mailbox="INBOX", uid_validity=7, uid=9)],
            )
        ],
        total_count=1,
    )
    page = await services.mail.conversations(MAIL, "INBOX", rows=50, page="", order=Order(), query="")
    assert page.conversations[0].messages == 3 and page.conversations[0].refs == (REF,)


async def test_message(wired):
    script, services = wired
    script.answers["GetMessage"] = ms.GetMessageResponse(
        message=t.Message(
            summary=summary(),
            text_parts=[t.TextPart(part_id="1", media_type="text/plain", text="Hi", alternative_group=1)],
            attachments=[t.Part(part_id="2", media_type="image/png", filename="a.png", size_bytes=9)],
            headers=[t.HeaderField(name="List-Id", value="<x>")],
            defects=["bad-charset"],
        ),
        older=t.MessageName(mailbox="INBOX", uid_validity=7, uid=8),
    )
    message = await services.mail.message(MAIL, REF, mark_seen=True, neighbours=True, within="3")
    (request,) = script.asked["GetMessage"]
    assert request.mark_seen and request.with_neighbours and request.within_part_id == "3"
    assert message.texts[0].text == "Hi" and message.attachments[0].filename == "a.png"
    assert message.header("list-id") == "<x>" and message.older.uid == 8 and message.newer is None


async def test_errors_arrive_with_their_reason(wired):
    script, services = wired
    script.answers["GetMessage"] = error(Reason.MAILBOX_CHANGED, mailbox="INBOX")
    with pytest.raises(PosternError) as caught:
        await services.mail.message(MAIL, REF, mark_seen=False, neighbours=False, within="")
    assert caught.value.reason == Reason.MAILBOX_CHANGED and caught.value.metadata == {"mailbox": "INBOX"}


async def test_a_search_comes_step_by_step(wired):
    script, services = wired
    script.answers["SearchMessages"] = [
        ms.SearchMessagesResponse(messages=[summary(9)], progress=t.Progress(done_units=1, total_units=3)),
        ms.SearchMessagesResponse(
            messages=[summary(8)], total_count=2, next_page_token="n", failed_mailboxes=["X"]
        ),
    ]
    first, last = [step async for step in services.mail.search(MAIL, "from:bob", [], rows=50, page="")]
    assert [row.ref.uid for row in (*first.rows, *last.rows)] == [9, 8]
    assert (first.searched, first.mailboxes) == (1, 3)
    assert (last.total, last.next_token, last.failed) == (2, "n", ("X",))


async def test_parts_and_source_are_streams(wired):
    script, services = wired
    script.answers["ReadPart"] = [
        ms.ReadPartResponse(part=t.Part(part_id="2", media_type="image/png", filename="a.png"), data=b"ab"),
        ms.ReadPartResponse(data=b"cd"),
    ]
    async with services.mail.read_part(MAIL, REF, "2") as stream:
        assert stream.part.filename == "a.png"
        assert [chunk async for chunk in stream.chunks] == [b"ab", b"cd"]
    script.answers["ReadSource"] = [ms.ReadSourceResponse(size_bytes=3, data=b"abc")]
    async with services.mail.read_source(MAIL, REF, headers_only=True) as (size, chunks):
        assert size == 3 and [chunk async for chunk in chunks] == [b"abc"]


async def test_actions_count_and_pair(wired):
    script, services = wired
    here = t.MessageRange(mailbox="INBOX", uid_validity=7, uids=[9])
    there = t.MessageRange(mailbox="Trash", uid_validity=8, uids=[1])
    pair = ms.MovedMessages(source=here, destination=there)
    gone = t.MessageRange(mailbox="INBOX", uid_validity=7, uids=[10])
    script.answers["ModifyMessages"] = [ms.ModifyMessagesResponse(changed=[here], gone=[gone])]
    script.answers["MoveMessages"] = [
        ms.MoveMessagesResponse(moved=[pair]),
        ms.MoveMessagesResponse(gone=[gone]),
    ]
    script.answers["CopyMessages"] = [ms.CopyMessagesResponse(copied=[pair])]
    script.answers["DeleteMessages"] = [
        ms.DeleteMessagesResponse(trashed=[pair]),
        ms.DeleteMessagesResponse(destroyed=[gone]),
    ]
    flagged = await services.mail.flag(MAIL, GROUP, FlagChange(("seen",), ("flagged",)), "r1")
    assert (flagged.done, flagged.gone) == (1, 1)
    request = script.asked["ModifyMessages"][0]
    assert list(request.messages.range.uids) == [9, 10] and request.request_id == "r1"
    assert list(request.add_flags) == [t.SYSTEM_FLAG_SEEN] and list(request.remove_flags) == [
        t.SYSTEM_FLAG_FLAGGED
    ]
    moved = await services.mail.move(MAIL, GROUP, "Trash", "r2")
    assert (moved.done, moved.gone) == (1, 1) and moved.moved[0].destination.uids == (1,)
    assert (await services.mail.copy(MAIL, GROUP, "Trash", "r3")).done == 1
    deleted = await services.mail.delete(MAIL, GROUP, permanently=True, request_id="r4")
    assert deleted.done == 2 and script.asked["DeleteMessages"][0].permanently


async def test_mailboxes_are_managed(wired):
    script, services = wired
    box = mb.Mailbox(name="Trash")
    script.answers |= {
        "EnsureSpecialMailbox": mb.EnsureSpecialMailboxResponse(mailbox=box),
        "CreateMailbox": mb.CreateMailboxResponse(mailbox=box),
        "RenameMailbox": mb.RenameMailboxResponse(mailbox=box),
        "DeleteMailbox": mb.DeleteMailboxResponse(),
    }
    assert await services.mail.ensure_special(MAIL, Use.TRASH, create=True, request_id="r") == "Trash"
    assert script.asked["EnsureSpecialMailbox"][0].special_use == mb.SPECIAL_USE_TRASH
    assert await services.mail.create_mailbox(MAIL, "Trash", "r") == "Trash"
    assert await services.mail.rename_mailbox(MAIL, "A", "Trash", "r") == "Trash"
    await services.mail.delete_mailbox(MAIL, "A", with_messages=True, request_id="r")
    assert script.asked["DeleteMailbox"][0].with_messages


async def test_uploads_go_in_small_chunks(wired):
    script, services = wired
    script.answers["UploadAttachment"] = cs.UploadAttachmentResponse(
        upload=cs.Upload(upload_id="u1", filename="a.bin", received_bytes=150_000, complete=True)
    )

    async def content():
        yield b"x" * 150_000

    taken = await services.send.upload(SEND, "a.bin", "text/plain", content())
    first, *rest = script.asked["UploadAttachment"]
    assert first.start.filename == "a.bin"
    assert [len(step.data) for step in rest] == [65536, 65536, 150_000 - 2 * 65536]
    assert taken == Attachment("a.bin", "text/plain", 150_000, "u1")


async def test_sending_and_drafts_pass_the_mailstores_token(wired):
    script, services = wired
    script.answers["SendMessage"] = sub.SendMessageResponse(
        submission=sub.Submission(submission_id="s1", state=sub.SUBMISSION_STATE_HELD)
    )
    script.answers["SaveDraft"] = cs.SaveDraftResponse(
        name=st.StoredMessageName(mailbox="Drafts", uid_validity=3, uid=4), draft_id="d"
    )
    content = Outgoing(
        sender=Address("Alice", "alice@example.org"),
        to=(Address("", "bob@example.org", "Team"),),
        subject="S",
        text="T",
        attachments=(
            Attachment("a", upload_id="u1"),
            Attachment("b", message=REF, part_id="2"),
            Attachment("c", message=REF),
        ),
        answered=REF,
        in_reply_to=("<a@x>",),
        extra_fields=(DELIVERY_REPORT,),
    )
    sent = await services.send.send(
        SEND, MAIL, content, request_id="r", undo_seconds=10, send_at=None, draft=REF
    )
    assert sent.state == "held"
    (request,) = script.asked["SendMessage"]
    assert request.request_delivery_report
    assert request.undo_window.seconds == 10 and request.replaces_draft.uid == 9
    assert getattr(request.content, "from").address == "alice@example.org"
    kinds = [one.WhichOneof("source") for one in request.content.attachments]
    assert kinds == ["upload_id", "stored_part", "stored_message"]
    assert script.passed["SendMessage"]["postern-mailstore-authorization"] == f"Bearer {MAIL}"
    saved = await services.send.save_draft(SEND, MAIL, content, REF, "r2")
    assert saved.ref == MessageRef("Drafts", 3, 4) and saved.draft_id == "d"
    assert script.passed["SaveDraft"]["postern-mailstore-authorization"] == f"Bearer {MAIL}"
    script.answers["CancelSubmission"] = sub.CancelSubmissionResponse(content=request.content)
    _submission, back = await services.send.cancel(SEND, "s1", "r3")
    assert back.to == content.to and back.answered == REF and back.attachments == content.attachments


async def test_templates(wired):
    script, services = wired
    one = cs.Template(template_id="t1", name="Offer")
    content = Outgoing(sender=Address("Alice", "alice@example.org"), subject="S", text="T")
    script.answers |= {
        "ListTemplates": cs.ListTemplatesResponse(templates=[one]),
        "SaveTemplate": cs.SaveTemplateResponse(template=one),
        "GetTemplate": cs.GetTemplateResponse(template=one),
        "DeleteTemplate": cs.DeleteTemplateResponse(),
    }
    assert [t.name for t in await services.send.templates(SEND)] == ["Offer"]
    assert (await services.send.save_template(SEND, "Offer", content)).template_id == "t1"
    (request,) = script.asked["SaveTemplate"]
    assert request.name == "Offer" and request.content.text == "T"
    found, back = await services.send.template(SEND, "t1")
    assert found.name == "Offer" and back.subject == ""
    await services.send.delete_template(SEND, "t1")
    assert script.asked["DeleteTemplate"][0].template_id == "t1"
    script.answers["ListSubmissions"] = sub.ListSubmissionsResponse(next_page_token="more")
    assert await services.send.history(SEND, "p") == ((), "more")


async def test_outbox(wired):
    script, services = wired
    script.answers |= {
        "ListSubmissions": sub.ListSubmissionsResponse(
            submissions=[
                sub.Submission(
                    submission_id="s1",
                    state=sub.SUBMISSION_STATE_UNKNOWN,
                    recipients=[
                        sub.Recipient(address="b@x", state=sub.RECIPIENT_STATE_REFUSED, smtp_code=550)
                    ],
                )
            ]
        ),
        "RescheduleSubmission": sub.RescheduleSubmissionResponse(),
        "ResolveSubmission": sub.ResolveSubmissionResponse(),
        "DeleteUpload": cs.DeleteUploadResponse(),
    }
    (one,) = await services.send.outbox(SEND)
    assert one.state == "unknown" and one.recipients[0].state == "refused" and one.recipients[0].code == 550
    assert script.asked["ListSubmissions"][0].open_only
    await services.send.reschedule(SEND, "s1", None, "r")
    await services.send.resolve(SEND, "s1", "again", "r")
    assert (
        script.asked["ResolveSubmission"][0].resolution == sub.ResolveSubmissionRequest.RESOLUTION_SEND_AGAIN
    )
    await services.send.delete_upload(SEND, "u1")


async def test_signing_in(wired):
    script, services = wired
    client = Client("192.0.2.1", "Browser")
    script.answers["StartSignIn"] = s.StartSignInResponse(
        signed_in=s.SignedIn(session_secret="x", account="alice@example.org")
    )
    outcome = await services.auth.sign_in("Alice@Example.org", "pw", client)
    assert outcome == SignedIn("x", "alice@example.org")
    assert script.asked["StartSignIn"][0].client.address == "192.0.2.1"
    assert "x" not in repr(SignedIn("x", "a"))
    script.answers["StartSignIn"] = s.StartSignInResponse(
        challenge=s.Challenge(sign_in_state="st", factor_kinds=[s.FACTOR_KIND_TOTP])
    )
    assert await services.auth.sign_in("a", "b", client) == Challenge("st", ("totp",))
    script.answers["CreateAccessTokens"] = s.CreateAccessTokensResponse(
        tokens=[s.AccessToken(audience="sender", token="t")],
        account="alice@example.org",
        expire_time=Timestamp(seconds=1_900_000_000),
        preferences=s.Preferences(language="de"),
        identities=[s.Identity(identity_id="i", address="alice@example.org")],
    )
    grant = await services.auth.grant("x", client)
    assert grant.tokens == {"sender": "t"} and grant.preferences.language == "de"
    assert grant.identities[0].identity_id == "i"


async def test_account(wired):
    script, services = wired
    script.answers |= {
        "EndSession": s.EndSessionResponse(),
        "ListSessions": s.ListSessionsResponse(sessions=[s.Session(session_id="1", current=True)]),
        "RevokeSessions": s.RevokeSessionsResponse(revoked_count=2),
        "UpdatePreferences": a.UpdatePreferencesResponse(preferences=s.Preferences(theme="dark")),
        "UpdateIdentity": a.UpdateIdentityResponse(identity=s.Identity(identity_id="i", etag="2")),
    }
    await services.auth.end_session("x")
    assert (await services.auth.devices(AUTH))[0].current
    assert await services.auth.revoke(AUTH, "1") == 2 and await services.auth.revoke_others(AUTH) == 2
    changed = await services.auth.update_preferences(AUTH, Preferences(theme="dark"), ["theme"])
    assert changed.theme == "dark"
    assert list(script.asked["UpdatePreferences"][0].update_mask.paths) == ["theme"]
    assert (await services.auth.update_identity(AUTH, Identity("i", "a@b"), "r")).etag == "2"


async def test_a_contacts_other_fields_stay_when_it_is_edited(wired):
    script, services = wired
    stored = ct.Contact(
        contact_id="c1",
        display_name="Bob",
        birthday="1990-01-01",
        emails=[ct.LabelledValue(value="b@x", label="work", preferred=True)],
        etag="e1",
    )
    script.answers |= {
        "GetContact": c.GetContactResponse(contact=stored),
        "UpdateContact": c.UpdateContactResponse(contact=stored),
        "CreateContact": c.CreateContactResponse(contact=stored),
        "ListContacts": c.ListContactsResponse(contacts=[stored], total_count=1),
        "DeleteContacts": c.DeleteContactsResponse(deleted_count=1),
        "UndeleteContacts": c.UndeleteContactsResponse(restored_count=1),
    }
    edited = Contact("c1", "Robert", emails=(Labelled("b@x", "home"), Labelled("n@x")), etag="e0")
    await services.people.update(PEOPLE, edited, "r")
    sent = script.asked["UpdateContact"][0].contact
    assert sent.birthday == "1990-01-01" and sent.display_name == "Robert" and sent.etag == "e0"
    assert [(one.value, one.label, one.preferred) for one in sent.emails] == [
        ("b@x", "home", True),
        ("n@x", "", False),
    ]
    assert (await services.people.contact(PEOPLE, "c1")).name == "Bob"
    assert (await services.people.contacts(PEOPLE, "b", page="", rows=9)).total == 1
    assert (await services.people.create(PEOPLE, edited, "r")).contact_id == "c1"
    assert await services.people.delete(PEOPLE, ["c1"], "r") == 1
    assert await services.people.undelete(PEOPLE, ["c1"], "r") == 1


async def test_suggestions(wired):
    script, services = wired
    script.answers["SuggestContacts"] = sg.SuggestContactsResponse(
        suggestions=[sg.Suggestion(display_name="Bob", address="b@x", source=sg.Suggestion.SOURCE_DIRECTORY)]
    )
    script.answers["RecordUse"] = sg.RecordUseResponse()
    (one,) = await services.people.suggest(PEOPLE, "bo", ["c@x"], 8)
    assert one.source == "directory" and list(script.asked["SuggestContacts"][0].exclude_addresses) == ["c@x"]
    await services.people.record_use(PEOPLE, [("Bob", "b@x")], "r")
    assert script.asked["RecordUse"][0].addresses[0].address == "b@x"


async def test_a_token_of_another_audience_is_refused(wired):
    script, services = wired
    script.answers["ListMailboxes"] = mb.ListMailboxesResponse()
    with pytest.raises(PosternError) as caught:
        await services.mail.mailboxes(SEND)
    assert caught.value.reason == Reason.TOKEN_INVALID
