"""ListMessages against a real server."""

from tests.rpc.mailstore.conftest import Client, message


async def test_first_page_is_newest_first(client: Client, imap) -> None:
    for number in range(5):
        imap.append("INBOX", message(f"Number {number}"))
    page = await client.list(page_size=3)
    assert [row.envelope.subject for row in page.messages] == ["Number 4", "Number 3", "Number 2"]
    assert (page.total_count, page.unread_count, page.position) == (5, 5, 0)
    assert page.messages[0].snippet == "Some text."
    rest = await client.list(page_size=3, page_token=page.next_page_token)
    assert [row.envelope.subject for row in rest.messages] == ["Number 1", "Number 0"]
    assert rest.position == 3
    assert not rest.next_page_token
    first = await client.list(page_size=3, page_token=rest.previous_page_token)
    assert [row.envelope.subject for row in first.messages] == ["Number 4", "Number 3", "Number 2"]
