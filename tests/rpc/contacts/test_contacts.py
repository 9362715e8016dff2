"""The contacts service over real gRPC, on SQLite and on MariaDB."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import services.contacts
from services.common.database import Database, migrate
from services.common.errors import PosternError
from services.common.gen.postern.contacts.v1 import (
    address_book_service_pb2 as book_pb,
)
from services.common.gen.postern.contacts.v1 import (
    contact_service_pb2 as contact_pb,
)
from services.common.gen.postern.contacts.v1 import (
    suggest_service_pb2 as suggest_pb,
)
from services.common.gen.postern.contacts.v1 import types_pb2 as types
from services.common.gen.postern.contacts.v1.address_book_service_pb2_grpc import AddressBookServiceStub
from services.common.gen.postern.contacts.v1.contact_service_pb2_grpc import ContactServiceStub
from services.common.gen.postern.contacts.v1.suggest_service_pb2_grpc import SuggestServiceStub
from services.contacts.schema import metadata
from services.contacts.servicer import METHOD_SCOPES, register
from tests.support.rpc import TestServer, running

MIGRATIONS = Path(services.contacts.__file__).with_name("migrations")


@dataclass
class Client:
    """The stubs with the token of one account."""

    server: TestServer
    books: AddressBookServiceStub
    contacts: ContactServiceStub
    suggest: SuggestServiceStub
    token: str

    def of(self, account: str) -> Client:
        token = self.server.token(account=account)
        return Client(self.server, self.books, self.contacts, self.suggest, token)

    async def create(self, name: str, *emails: str, request_id: str = "", **fields: object) -> types.Contact:
        contact = types.Contact(
            display_name=name, emails=[types.LabelledValue(value=email) for email in emails], **fields
        )
        request = contact_pb.CreateContactRequest(contact=contact, request_id=request_id)
        return (await self.contacts.CreateContact(request, token=self.token)).contact

    async def list(self, query: str = "", **fields: object) -> contact_pb.ListContactsResponse:
        request = contact_pb.ListContactsRequest(query=query, **fields)
        return await self.contacts.ListContacts(request, token=self.token)

    async def names(self, query: str = "") -> list[str]:
        return [contact.display_name for contact in (await self.list(query)).contacts]

    async def suggested(self, prefix: str, **fields: object) -> list[str]:
        request = suggest_pb.SuggestContactsRequest(prefix=prefix, **fields)
        response = await self.suggest.SuggestContacts(request, token=self.token)
        return [item.address for item in response.suggestions]


@pytest_asyncio.fixture
async def client(database_url: str) -> AsyncIterator[Client]:
    await migrate(database_url, MIGRATIONS, "contacts_alembic_version")
    database = Database(database_url)
    async with running("contacts", lambda server: register(server, database), METHOD_SCOPES) as server:
        channel = server.channel()
        yield Client(
            server,
            AddressBookServiceStub(channel),
            ContactServiceStub(channel),
            SuggestServiceStub(channel),
            server.token(),
        )
    await database.close()


async def test_the_migrations_make_the_schema_that_the_code_uses(database_url: str) -> None:
    await migrate(database_url, MIGRATIONS, "contacts_alembic_version")
    engine = sa.create_engine(database_url)
    with engine.connect() as connection:
        options = {"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


async def test_a_contact_is_created_found_changed_deleted_and_brought_back(client: Client) -> None:
    zoe = await client.create("Zoë Ångström", "zoe@example.org", organisation="Castle", note="two\nlines")
    await client.create("Bob", "bob@example.org")
    assert await client.names() == ["Bob", "Zoë Ångström"]
    assert await client.names("ang") == ["Zoë Ångström"]
    assert await client.names("zoe@exam") == ["Zoë Ångström"]
    assert await client.names("cast zo") == ["Zoë Ångström"]
    assert await client.names("nobody") == []

    zoe.phones.add(value="+49 30 1234", label="work")
    changed = await client.contacts.UpdateContact(
        contact_pb.UpdateContactRequest(contact=zoe), token=client.token
    )
    assert changed.contact.phones[0].value == "+49 30 1234"
    assert changed.contact.note == "two\nlines"
    assert changed.contact.etag != zoe.etag

    ids = [zoe.contact_id]
    gone = await client.contacts.DeleteContacts(
        contact_pb.DeleteContactsRequest(contact_ids=ids), token=client.token
    )
    assert gone.deleted_count == 1
    assert await client.names() == ["Bob"]
    with pytest.raises(PosternError, match="NOT_FOUND"):
        await client.contacts.GetContact(contact_pb.GetContactRequest(contact_id=ids[0]), token=client.token)
    await client.contacts.UndeleteContacts(
        contact_pb.UndeleteContactsRequest(contact_ids=ids), token=client.token
    )
    assert await client.names("zoe") == ["Zoë Ångström"]


async def test_a_change_of_somebody_else_in_between_is_not_lost(client: Client) -> None:
    read = await client.create("Bob", "bob@example.org")
    mine, theirs = types.Contact(), types.Contact()
    mine.CopyFrom(read)
    theirs.CopyFrom(read)
    theirs.title = "Captain"
    mine.title = "Admiral"
    await client.contacts.UpdateContact(contact_pb.UpdateContactRequest(contact=theirs), token=client.token)
    with pytest.raises(PosternError) as caught:
        await client.contacts.UpdateContact(contact_pb.UpdateContactRequest(contact=mine), token=client.token)
    assert caught.value.reason == "CONFLICT"
    assert (await client.list()).contacts[0].title == "Captain"


async def test_the_same_request_twenty_times_at_once_is_one_contact(client: Client) -> None:
    made = await asyncio.gather(*(client.create("Bob", request_id="r-1") for _ in range(20)))
    assert len({contact.contact_id for contact in made}) == 1
    assert await client.names() == ["Bob"]


async def test_pages_neither_skip_nor_repeat_while_the_book_changes(client: Client) -> None:
    for index in range(25):
        await client.create(f"Person {index:02}")
    seen, token = [], ""
    while True:
        page = await client.list(page_size=10, page_token=token)
        seen += [contact.display_name for contact in page.contacts]
        if not token:
            await client.create("Aaron, who came later")
        token = page.next_page_token
        if not token:
            break
    assert seen == [f"Person {index:02}" for index in range(25)]
    assert page.total_count == 26


async def test_no_account_reaches_what_is_another_ones(client: Client) -> None:
    contact = await client.create("Secret", "secret@example.org")
    mallory = client.of("mallory@example.org")
    get = contact_pb.GetContactRequest(contact_id=contact.contact_id)
    for call in (
        mallory.contacts.GetContact(get, token=mallory.token),
        mallory.contacts.UpdateContact(contact_pb.UpdateContactRequest(contact=contact), token=mallory.token),
        mallory.list(address_book_id=contact.address_book_id),
        mallory.create("Planted", address_book_id=contact.address_book_id),
        mallory.books.ListShares(
            book_pb.ListSharesRequest(address_book_id=contact.address_book_id), token=mallory.token
        ),
    ):
        with pytest.raises(PosternError) as caught:
            await call
        assert caught.value.reason == "NOT_FOUND"
    deleted = await mallory.contacts.DeleteContacts(
        contact_pb.DeleteContactsRequest(contact_ids=[contact.contact_id]), token=mallory.token
    )
    assert deleted.deleted_count == 0
    assert await mallory.names() == []
    assert await mallory.suggested("secret") == []
    assert await client.names() == ["Secret"]


async def test_a_shared_book_gives_what_was_granted_and_no_more(client: Client) -> None:
    contact = await client.create("Shared", "shared@example.org")
    bob = client.of("bob@example.org")
    share = book_pb.SetShareRequest(
        address_book_id=contact.address_book_id,
        share=book_pb.Share(account="bob@example.org", access=types.ADDRESS_BOOK_ACCESS_READ),
    )
    await client.books.SetShare(share, token=client.token)
    assert await bob.names() == ["Shared"]
    with pytest.raises(PosternError, match="PERMISSION_DENIED"):
        await bob.contacts.UpdateContact(contact_pb.UpdateContactRequest(contact=contact), token=bob.token)
    share.share.access = types.ADDRESS_BOOK_ACCESS_UNSPECIFIED
    await client.books.SetShare(share, token=client.token)
    assert await bob.names() == []


async def test_the_default_book_is_made_once_and_stays(client: Client) -> None:
    request = book_pb.ListAddressBooksRequest()
    answers = await asyncio.gather(
        *(client.books.ListAddressBooks(request, token=client.token) for _ in range(10))
    )
    (only,) = {book.address_book_id for answer in answers for book in answer.address_books}
    with pytest.raises(PosternError, match="CONFLICT"):
        await client.books.DeleteAddressBook(
            book_pb.DeleteAddressBookRequest(address_book_id=only), token=client.token
        )


async def test_suggestions_put_people_written_to_first_and_collect_new_ones(client: Client) -> None:
    await client.create("Anna Adler", "anna@example.org")
    await client.create("Anton Berg", "anton@example.org", "a.berg@example.net")
    assert await client.suggested("an") == ["anna@example.org", "anton@example.org", "a.berg@example.net"]
    used = [
        suggest_pb.UsedAddress(address="Anton@example.org"),
        suggest_pb.UsedAddress(display_name="Andrea Neu", address="neu@example.com"),
        suggest_pb.UsedAddress(address="no address"),
    ]
    request = suggest_pb.RecordUseRequest(addresses=used, request_id="use-1")
    for _ in range(2):
        await client.suggest.RecordUse(request, token=client.token)
    assert (await client.suggested("an"))[:2] == ["neu@example.com", "anton@example.org"]
    assert "neu@example.com" not in await client.suggested("an", exclude_addresses=["neu@example.com"])
    assert await client.suggested("%") == []
    assert await client.suggested("berg") == ["anton@example.org", "a.berg@example.net"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"display_name": ""}, "display_name"),
        ({"display_name": "x" * 201}, "display_name"),
        ({"display_name": "a\r\nb"}, "display_name"),
        ({"display_name": "a", "emails": [types.LabelledValue(value="no address")]}, "emails"),
        ({"display_name": "a", "emails": [types.LabelledValue(value="a@b\r\nc")]}, "emails"),
        ({"display_name": "a", "birthday": "yesterday"}, "birthday"),
        ({"display_name": "a", "note": "x" * 20_001}, "note"),
        ({"display_name": "a", "phones": [types.LabelledValue(value="1")] * 51}, "phones"),
    ],
)
async def test_bad_input_names_the_field_and_writes_nothing(
    client: Client, fields: dict[str, object], field: str
) -> None:
    request = contact_pb.CreateContactRequest(contact=types.Contact(**fields))
    with pytest.raises(PosternError) as caught:
        await client.contacts.CreateContact(request, token=client.token)
    assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.metadata["field"] == field
    assert await client.names() == []


async def test_what_is_not_served_yet_says_so(client: Client) -> None:
    with pytest.raises(PosternError, match="UNSUPPORTED"):
        await client.contacts.MergeContacts(contact_pb.MergeContactsRequest(), token=client.token)


async def test_a_token_without_the_scope_writes_nothing(client: Client) -> None:
    reader = Client(
        client.server, client.books, client.contacts, client.suggest, client.server.token("contacts.read")
    )
    with pytest.raises(PosternError, match="SCOPE_MISSING"):
        await reader.create("Nobody")
    assert await reader.names() == []
