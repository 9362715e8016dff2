from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mailstore.mime.model import Envelope
from services.mailstore.names import MessageName
from services.mailstore.threads import ids
from services.mailstore.threads.build import Light, build
from services.mailstore.threads.subject import base_subject, is_reply

START = datetime(2026, 1, 1, tzinfo=UTC)


def made(
    uid: int, message_id: str = "", *references: str, subject: str = "", days: int = 0, box: str = "INBOX"
) -> Light:
    when = START + timedelta(days=days, seconds=uid)
    return Light(MessageName(box, 1, uid), message_id, references, subject, received=when)


def groups(*messages: Light) -> list[list[int]]:
    return sorted([message.name.uid for message in each.messages] for each in build(messages))


def test_by_references() -> None:
    assert groups(made(1, "a"), made(2, "b", "a"), made(3, "c", "a", "b"), made(4, "d")) == [[1, 2, 3], [4]]


def test_siblings_of_a_message_that_nobody_has() -> None:
    assert groups(made(1, "b", "gone"), made(2, "c", "gone")) == [[1, 2]]


def test_replies_without_references_go_by_subject() -> None:
    assert groups(made(1, "a", subject="Plan"), made(2, "b", subject="AW: Plan")) == [[1, 2]]
    assert groups(made(1, "a", subject="Plan"), made(2, "b", subject="Plan")) == [[1], [2]]
    assert groups(made(1, "a", subject="Plan"), made(2, "b", subject="Re: Plan", days=90)) == [[1], [2]]
    assert groups(made(1, "a"), made(2, "b", subject="Re: ")) == [[1], [2]]


def test_copies_count_once() -> None:
    (each,) = build([made(1, "a", box="Sent"), made(2, "a"), made(3, "b", "a")])
    assert [message.name.mailbox for message in each.each_once("INBOX")] == ["INBOX", "INBOX"]
    assert len(each.within("INBOX")) == 2


@given(st.lists(st.tuples(st.integers(0, 20), st.lists(st.integers(0, 20), max_size=3)), max_size=40))
def test_everything_is_in_one_conversation(drawn: list[tuple[int, list[int]]]) -> None:
    messages = [
        made(uid, f"{own}", *(f"{other}" for other in others)) for uid, (own, others) in enumerate(drawn, 1)
    ]
    found = [message.name.uid for each in build(messages) for message in each.messages]
    assert sorted(found) == list(range(1, len(messages) + 1))


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Re: Plan", "Plan"),
        ("RE[2]: Re: Fwd: Plan (fwd)", "Plan"),
        ("[list] Re: [list] Plan", "Plan"),
        ("[fwd: Plan]", "Plan"),
        ("AW: WG: Plan", "Plan"),
        ("回复：计划", "计划"),
        ("Regarding: x", "Regarding: x"),
        ("[only a blob]", "[only a blob]"),
        ("  a   b ", "a b"),
        ("", ""),
    ],
)
def test_base_subject(subject: str, base: str) -> None:
    assert base_subject(subject) == base


@given(st.text(max_size=2000))
def test_base_subject_of_anything(subject: str) -> None:
    once = base_subject(subject)
    assert len(once) <= 1000
    is_reply(subject)


def test_ids_there_and_back() -> None:
    name = MessageName("Größe/x", 7, 9)
    assert (
        ids.parse(ids.conversation_id(Envelope(references=("r@x", "s@x"), message_id="t@x"), name)) == "r@x"
    )
    assert ids.parse(ids.conversation_id(Envelope(), name)) == name
