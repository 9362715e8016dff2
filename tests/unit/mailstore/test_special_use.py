from collections.abc import Iterable

import pytest

from services.mailstore.mailboxes.model import Mailbox, Namespace, Use
from services.mailstore.mailboxes.special_use import NAMES, assign, fold, sort_key


def uses(boxes: Iterable[tuple[str, str]], delimiter: str = "/") -> dict[str, Use]:
    """Name and attribute of each mailbox → its use, where it has one."""
    found = [
        (Mailbox(name, delimiter), frozenset({attribute.upper()} if attribute else ()))
        for name, attribute in boxes
    ]
    return {box.name: box.use for box in assign(found) if box.use}


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([("INBOX", "")], {"INBOX": Use.INBOX}),
        ([("Trash", ""), ("Bin", r"\Trash")], {"Bin": Use.TRASH}),
        (
            [("Gesendete Elemente", ""), ("Papierkorb", "")],
            {"Gesendete Elemente": Use.SENT, "Papierkorb": Use.TRASH},
        ),
        ([("ENVOYÉS", "")], {"ENVOYÉS": Use.SENT}),
        ([("Корзина", ""), ("下書き", "")], {"Корзина": Use.TRASH, "下書き": Use.DRAFTS}),
        ([("Clients/Sent", "")], {}),
        ([("INBOX/Sent", "")], {"INBOX/Sent": Use.SENT}),
        ([("INBOX/Sent", ""), ("Sent Items", "")], {"Sent Items": Use.SENT}),
        ([("Deleted Items", ""), ("Trash", "")], {"Trash": Use.TRASH}),
        ([("A", r"\Sent"), ("B", r"\Sent")], {"A": Use.SENT}),
        ([("All", ""), ("Starred", "")], {}),
        ([("All mail", r"\All"), ("Stars", r"\Flagged")], {"All mail": Use.ALL, "Stars": Use.FLAGGED}),
    ],
)
def test_uses(boxes: list[tuple[str, str]], expected: dict[str, Use]) -> None:
    assert uses(boxes) == expected


def test_other_peoples_mailboxes_are_not_ones_own() -> None:
    box = Mailbox("Trash", "/", namespace=Namespace.SHARED)
    assert [found.use for found in assign([(box, frozenset())])] == [Use.NONE]


def test_no_name_means_two_things() -> None:
    names = [fold(name) for names in NAMES.values() for name in names]
    assert len(names) == len(set(names))


def test_order() -> None:
    boxes = [
        Mailbox("b", "/"), Mailbox("a/x", "/"), Mailbox("T", "/", use=Use.TRASH), Mailbox("a", "/"),
        Mailbox("INBOX", "/", use=Use.INBOX), Mailbox("a b", "/"),
    ]  # fmt: skip
    assert [box.name for box in sorted(boxes, key=sort_key)] == ["INBOX", "T", "a", "a/x", "a b", "b"]
