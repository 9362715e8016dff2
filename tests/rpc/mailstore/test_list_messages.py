"""ListMessages against a real server: pages stay right while the mailbox changes."""

from __future__ import annotations

import itertools
from email.message import EmailMessage
from typing import Any

import pytest
from imapclient import IMAPClient

from services.common.errors import PosternError
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.mailstore.imap.parser import parse_lazily
from services.mailstore.imap.tracking import Selected
from services.mailstore.reading import opening
from services.mailstore.reading.arriving import Arriving
from services.mailstore.reading.rows import RowCache
from services.mailstore.reading.snippets import Snippets
from tests.rpc.mailstore.conftest import Client, message

Key = types_pb.SortOrder


def fill(imap: IMAPClient, *subjects: str, **fields: Any) -> None:
    for subject in subjects:
        imap.append("INBOX", message(subject, **fields))


def subjects(page: Any) -> list[str]:
    return [row.envelope.subject for row in page.messages]


async def walk(client: Client, **fields: Any) -> list[str]:
    """All rows, page by page."""
    found: list[str] = []
    token = ""
    for _ in range(50):
        page = await client.list(page_token=token, **fields)
        assert page.position == len(found)
        found += subjects(page)
        token = page.next_page_token
        if not token:
            return found
    raise AssertionError("no end")


async def test_first_page_is_newest_first(client: Client, imap: IMAPClient) -> None:
    fill(imap, *(f"Number {number}" for number in range(5)))
    page = await client.list(page_size=3)
    assert subjects(page) == ["Number 4", "Number 3", "Number 2"]
    assert (page.total_count, page.unread_count, page.position) == (5, 5, 0)
    assert page.messages[0].snippet == "Some text."
    assert not page.previous_page_token
    rest = await client.list(page_size=3, page_token=page.next_page_token)
    assert subjects(rest) == ["Number 1", "Number 0"]
    assert rest.position == 3
    assert not rest.next_page_token
    first = await client.list(page_size=3, page_token=rest.previous_page_token)
    assert subjects(first) == ["Number 4", "Number 3", "Number 2"]


async def test_empty_mailbox(client: Client) -> None:
    page = await client.list()
    assert (list(page.messages), page.total_count, page.next_page_token) == ([], 0, "")
    assert page.uid_validity > 0


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
async def test_pages_hold_everything_once(
    client: Client, imap: IMAPClient, size: int, ascending: bool
) -> None:
    expected = [f"Number {number}" for number in range(7)]
    fill(imap, *expected)
    order = types_pb.SortOrder(ascending=ascending)
    found = await walk(client, page_size=size, order=order)
    assert found == (expected if ascending else expected[::-1])
    # And again, now that the rows are known.
    assert await walk(client, page_size=size, order=order) == found


async def test_new_mail_shifts_no_page(client: Client, imap: IMAPClient) -> None:
    fill(imap, *"abcdef")
    page = await client.list(page_size=2)
    fill(imap, "new 1", "new 2", "new 3")
    page = await client.list(page_size=2, page_token=page.next_page_token)
    assert subjects(page) == ["d", "c"]
    assert (page.position, page.total_count) == (5, 9)
    back = await client.list(page_size=2, page_token=page.previous_page_token)
    assert subjects(back) == ["f", "e"]


async def test_expunged_rows_shift_no_page(client: Client, imap: IMAPClient) -> None:
    fill(imap, *"abcdef")
    page = await client.list(page_size=2)
    imap.select_folder("INBOX")
    imap.delete_messages([5, 6, 3])
    imap.expunge()
    page = await client.list(page_size=2, page_token=page.next_page_token)
    assert subjects(page) == ["d", "b"]
    assert (page.position, page.total_count) == (0, 3)


async def test_what_others_change_is_seen_at_once(client: Client, imap: IMAPClient) -> None:
    fill(imap, *"abc")
    before = await client.list()
    assert (await client.list()).state == before.state
    imap.select_folder("INBOX")
    imap.add_flags([2], [rb"\Seen", rb"\Flagged"])
    page = await client.list()
    assert [row.flags.seen for row in page.messages] == [False, True, False]
    assert page.unread_count == 2
    assert page.state != before.state
    imap.delete_messages([2])
    imap.expunge()
    fill(imap, "d")
    page = await client.list()
    assert subjects(page) == ["d", "c", "a"]
    assert page.total_count == 3


async def test_skip(client: Client, imap: IMAPClient) -> None:
    fill(imap, *"abcdefg")
    page = await client.list(skip=3, page_size=2)
    assert (subjects(page), page.position) == (["d", "c"], 3)
    assert subjects(await client.list(page_size=2, page_token=page.next_page_token)) == ["b", "a"]
    assert subjects(await client.list(page_size=2, page_token=page.previous_page_token)) == ["f", "e"]
    assert subjects(await client.list(skip=100)) == []


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (Key.KEY_SUBJECT, ["apple", "Re: banana", "cherry"]),
        (Key.KEY_FROM, ["cherry", "Re: banana", "apple"]),
        (Key.KEY_SIZE, ["Re: banana", "apple", "cherry"]),
        (Key.KEY_DATE, ["cherry", "apple", "Re: banana"]),
        (Key.KEY_TO, ["apple", "cherry", "Re: banana"]),
    ],
)
async def test_orders(client: Client, imap: IMAPClient, key: Any, expected: list[str]) -> None:
    date = "Mon, 0{} Nov 2026 10:00:00 +0000"
    fill(imap, "cherry", From="Ann <z@x.org>", To="m@x.org", Date=date.format(2), body="x" * 900)
    fill(imap, "Re: banana", From="Mia <a@x.org>", To="z@x.org", Date=date.format(4))
    fill(imap, "apple", From="Zoe <b@x.org>", To="a@x.org", Date=date.format(3), body="x" * 90)
    ascending = await walk(client, page_size=2, order=types_pb.SortOrder(key=key, ascending=True))
    assert ascending == expected
    descending = await walk(client, page_size=2, order=types_pb.SortOrder(key=key))
    assert descending == expected[::-1]


async def test_filter(client: Client, imap: IMAPClient) -> None:
    fill(imap, "keep 1", "drop", "keep 2", "keep 3")
    query = types_pb.SearchQuery(text="subject:keep")
    assert await walk(client, page_size=2, filter=query) == ["keep 3", "keep 2", "keep 1"]
    page = await client.list(page_size=2, filter=query)
    assert (page.total_count, page.unread_count) == (3, 4)


async def test_tokens_are_of_one_list(client: Client, imap: IMAPClient) -> None:
    fill(imap, *"abc")
    token = (await client.list(page_size=1)).next_page_token
    with pytest.raises(PosternError, match="other_list"):
        await client.list(page_size=1, page_token=token, order=types_pb.SortOrder(ascending=True))
    with pytest.raises(PosternError, match="INVALID_ARGUMENT"):
        await client.list(page_token="junk")
    with pytest.raises(PosternError, match="page_size"):
        await client.list(page_size=-1)


async def test_token_from_before_the_mailbox_was_made_again(client: Client, imap: IMAPClient) -> None:
    imap.create_folder("Again")
    for subject in "abc":
        imap.append("Again", message(subject))
    token = (await client.list("Again", page_size=1)).next_page_token
    imap.delete_folder("Again")
    imap.create_folder("Again")
    with pytest.raises(PosternError, match="MAILBOX_CHANGED"):
        await client.list("Again", page_size=1, page_token=token)


async def test_kept_rows_are_of_their_uidvalidity(
    client: Client, imap: IMAPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "REOPEN_AFTER", 0.0)
    for subject in ("old", "new"):
        imap.create_folder("Again")
        imap.append("Again", message(subject))
        assert subjects(await client.list("Again")) == [subject]
        imap.delete_folder("Again")


async def test_one_round_trip_for_a_page_that_is_known(client: Client, imap: IMAPClient) -> None:
    """A page that was shown costs one exchange: counts, flags and NOOP together."""
    fill(imap, *"abc")
    await client.list()
    session = next(iter(itertools.chain(*(slot.idle for slot in client.service.pool._slots.values()))))
    before = session._tag
    await client.list()
    assert session._tag - before == 3


async def test_one_round_trip_for_a_page_of_which_nothing_is_known(client: Client, imap: IMAPClient) -> None:
    """The words of most messages begin with their first part; those of others are asked for next."""
    fill(imap, *"abc")
    await client.list()
    session = next(iter(itertools.chain(*(slot.idle for slot in client.service.pool._slots.values()))))

    async def shown() -> tuple[list[str], int]:
        client.service.rows, client.service.snippets = RowCache(), Snippets()
        before = session._tag
        page = await client.list()
        return [row.snippet for row in page.messages], session._tag - before

    assert await shown() == (["Some text."] * 3, 3)
    imap.append("INBOX", html_with_a_long_head())
    imap.append("INBOX", nested_and_attached())
    await shown()
    assert await shown() == (["Nested.", "After the styles."] + ["Some text."] * 3, 5)


def html_with_a_long_head() -> bytes:
    styles = "p { color: red }\r\n" * 100
    markup = f"<html><head><style>{styles}</style></head><body>After the styles.</body></html>"
    return b"Subject: d\r\nContent-Type: text/html\r\n\r\n" + markup.encode() + b"\r\n"


def nested_and_attached() -> bytes:
    inner = EmailMessage()
    inner.set_content("Nested.")
    inner.add_alternative("<p>Nested.</p>", subtype="html")
    inner["Subject"] = "e"
    inner.add_attachment(b"x" * 100, maintype="application", subtype="pdf", filename="a.pdf")
    return inner.as_bytes()


async def test_what_changes_while_a_page_comes_is_what_it_shows() -> None:
    """Rows are made as they arrive; what is told last of a message counts (RFC 9051 section 7.5.2)."""
    snippets = Snippets()
    arriving = Arriving("a", Selected("INBOX", False, 1, 7), snippets)
    structure = b'("text" "plain" ("charset" "utf-8") NIL NIL "8bit" 6 1)'
    for flags in (b"", rb"\Seen"):
        items = b'FLAGS (%s) INTERNALDATE "24-Nov-2026 10:00:00 +0000" RFC822.SIZE 99' % flags
        line = b"* 1 FETCH (UID 4 " + items + b" BODYSTRUCTURE " + structure
        parts = [
            line + b" BODY[HEADER.FIELDS (SUBJECT)] {14}",
            b"Subject: a\r\n\r\n",
            b" BODY[1]<0> {6}",
            b"Words.",
            b")",
        ]
        arriving.take(parse_lazily(parts))
    arriving.take(parse_lazily([rb"* 1 FETCH (FLAGS (\Flagged) UID 4)"]))
    arriving.take(parse_lazily([rb"* 1 FETCH (FLAGS (\Deleted))"]))
    arriving.take(parse_lazily([b"* 5 EXISTS"]))
    row = arriving.rows[4]
    assert (row.flags.seen, row.flags.flagged, row.flags.deleted) == (False, True, False)
    assert (row.envelope.subject, snippets.get("a", row.name)) == ("a", "Words.")
    assert list(arriving.found) == [4]
