"""The demo messages are what they are meant to be."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage

from deploy.local.demo import MAILBOXES, USERS, build

NOW = datetime(2030, 3, 1, 12, 0, tzinfo=UTC)


def parsed(address: str) -> list[EmailMessage]:
    return [email.message_from_bytes(f.raw, policy=email.policy.default) for f in build(NOW)[address]]


def test_a_few_dozen_messages_in_mailboxes_that_exist() -> None:
    boxes = build(NOW)
    assert set(boxes) == set(USERS)
    assert len(boxes["alice@example.org"]) >= 36
    for filed in (f for messages in boxes.values() for f in messages):
        assert filed.mailbox in (*MAILBOXES, "INBOX")
        assert filed.when < NOW
        assert b"\n" not in filed.raw.replace(b"\r\n", b"")


def test_every_kind_is_there() -> None:
    messages = parsed("alice@example.org")
    types = {part.get_content_type() for message in messages for part in message.walk()}
    assert types >= {
        "text/html",
        "text/calendar",
        "message/rfc822",
        "message/delivery-status",
        "multipart/related",
        "application/pdf",
        "image/png",
        "application/zip",
    }
    raw = b"".join(f.raw for f in build(NOW)["alice@example.org"])
    for mark in (b"iso-2022-jp", b"koi8-r", b'format="flowed"', b"List-Unsubscribe", b"<script>"):
        assert mark in raw or mark.replace(b'"', b"") in raw, mark


def test_alice_and_bob_see_the_same_conversation() -> None:
    ids = [{m["Message-ID"] for m in parsed(address)} for address in USERS]
    assert len(ids[0] & ids[1]) >= 8


def test_threads_hang_together() -> None:
    messages = parsed("alice@example.org")
    ids = {m["Message-ID"] for m in messages}
    answers = [m for m in messages if m["In-Reply-To"] and m["In-Reply-To"] in ids]
    assert len(answers) >= 5
    assert all(m["In-Reply-To"] in m["References"] for m in answers)


def test_building_twice_gives_the_same() -> None:
    first, second = build(NOW), build(NOW)
    assert [f.when for f in first["bob@example.org"]] == [f.when for f in second["bob@example.org"]]
