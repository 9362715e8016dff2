"""RPC in, domain call, RPC out."""

from collections.abc import Callable
from typing import Any, TypeVar

import grpc.aio
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.common.database import Database
from services.common.errors import Reason, error, invalid_argument
from services.common.gen.postern.contacts.v1 import (
    address_book_service_pb2 as book_pb,
)
from services.common.gen.postern.contacts.v1 import (
    address_book_service_pb2_grpc as book_grpc,
)
from services.common.gen.postern.contacts.v1 import (
    contact_service_pb2 as contact_pb,
)
from services.common.gen.postern.contacts.v1 import (
    contact_service_pb2_grpc as contact_grpc,
)
from services.common.gen.postern.contacts.v1 import (
    directory_service_pb2 as directory_pb,
)
from services.common.gen.postern.contacts.v1 import (
    directory_service_pb2_grpc as directory_grpc,
)
from services.common.gen.postern.contacts.v1 import (
    suggest_service_pb2 as suggest_pb,
)
from services.common.gen.postern.contacts.v1 import (
    suggest_service_pb2_grpc as suggest_grpc,
)
from services.common.rpc.access import Rule
from services.common.rpc.context import current_identity
from services.contacts import books, store, suggest
from services.contacts.convert import (
    access_from_proto,
    access_to_proto,
    book_to_proto,
    card_from_proto,
    contact_to_proto,
    page_size,
    page_token,
    parse_page_token,
    suggestion_to_proto,
)
from services.contacts.model import Share

T = TypeVar("T")
Context = grpc.aio.ServicerContext

_PACKAGE = "/postern.contacts.v1"
METHOD_SCOPES: dict[str, Rule | str] = {
    f"{_PACKAGE}.AddressBookService/ListAddressBooks": "contacts.read",
    f"{_PACKAGE}.AddressBookService/CreateAddressBook": "contacts.write",
    f"{_PACKAGE}.AddressBookService/UpdateAddressBook": "contacts.write",
    f"{_PACKAGE}.AddressBookService/DeleteAddressBook": "contacts.write",
    f"{_PACKAGE}.AddressBookService/ListShares": "contacts.read",
    f"{_PACKAGE}.AddressBookService/SetShare": "contacts.write",
    f"{_PACKAGE}.ContactService/ListContacts": "contacts.read",
    f"{_PACKAGE}.ContactService/GetContact": "contacts.read",
    f"{_PACKAGE}.ContactService/CreateContact": "contacts.write",
    f"{_PACKAGE}.ContactService/UpdateContact": "contacts.write",
    f"{_PACKAGE}.ContactService/DeleteContacts": "contacts.write",
    f"{_PACKAGE}.ContactService/UndeleteContacts": "contacts.write",
    f"{_PACKAGE}.ContactService/BatchUpdateContacts": "contacts.write",
    f"{_PACKAGE}.ContactService/MergeContacts": "contacts.write",
    f"{_PACKAGE}.ContactService/ListContactVersions": "contacts.read",
    f"{_PACKAGE}.ContactService/ListChanges": "contacts.read",
    f"{_PACKAGE}.SuggestService/SuggestContacts": "contacts.read",
    f"{_PACKAGE}.SuggestService/RecordUse": "contacts.write",
    f"{_PACKAGE}.DirectoryService/ListDirectories": "contacts.read",
    f"{_PACKAGE}.DirectoryService/SearchDirectory": "contacts.read",
}


async def _write(database: Database, work: Callable[[Session, str], T]) -> T:
    """One write for the calling account. Two requests with one id that race meet at a primary key; the loser
    runs again and finds what the winner made."""
    account = current_identity().account
    try:
        return await database.run(lambda session: work(session, account))
    except IntegrityError:
        return await database.run(lambda session: work(session, account))


def _bounded_ids(ids: Any) -> list[str]:
    if len(ids) > 1_000:
        raise invalid_argument("contact_ids", "too_many")
    return list(ids)


class AddressBooks(book_grpc.AddressBookServiceServicer):
    """postern.contacts.v1.AddressBookService."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def ListAddressBooks(
        self, request: book_pb.ListAddressBooksRequest, context: Context
    ) -> book_pb.ListAddressBooksResponse:
        size = page_size(request.page_size, 100, 200)
        found = await _write(self._db, books.list_books)
        after = parse_page_token(request.page_token)
        start = next((i + 1 for i, book in enumerate(found) if after and book.id == after[1]), 0)
        page = found[start : start + size]
        more = start + size < len(found)
        return book_pb.ListAddressBooksResponse(
            address_books=[book_to_proto(book) for book in page],
            next_page_token=page_token("", page[-1].id) if more else "",
        )

    async def CreateAddressBook(
        self, request: book_pb.CreateAddressBookRequest, context: Context
    ) -> book_pb.CreateAddressBookResponse:
        book = await _write(
            self._db,
            lambda s, account: books.create_book(s, account, request.display_name, request.request_id),
        )
        return book_pb.CreateAddressBookResponse(address_book=book_to_proto(book))

    async def UpdateAddressBook(
        self, request: book_pb.UpdateAddressBookRequest, context: Context
    ) -> book_pb.UpdateAddressBookResponse:
        book = await _write(
            self._db,
            lambda s, account: books.rename_book(s, account, request.address_book_id, request.display_name),
        )
        return book_pb.UpdateAddressBookResponse(address_book=book_to_proto(book))

    async def DeleteAddressBook(
        self, request: book_pb.DeleteAddressBookRequest, context: Context
    ) -> book_pb.DeleteAddressBookResponse:
        await _write(self._db, lambda s, account: books.delete_book(s, account, request.address_book_id))
        return book_pb.DeleteAddressBookResponse()

    async def ListShares(
        self, request: book_pb.ListSharesRequest, context: Context
    ) -> book_pb.ListSharesResponse:
        size = page_size(request.page_size, 100, 200)
        after = parse_page_token(request.page_token)
        found = await _write(self._db, lambda s, acc: books.list_shares(s, acc, request.address_book_id))
        rest = [share for share in found if not after or share.account > after[1]]
        return book_pb.ListSharesResponse(
            shares=[
                book_pb.Share(account=share.account, access=access_to_proto(share.access))
                for share in rest[:size]
            ],
            next_page_token=page_token("", rest[size - 1].account) if len(rest) > size else "",
        )

    async def SetShare(self, request: book_pb.SetShareRequest, context: Context) -> book_pb.SetShareResponse:
        share = Share(request.share.account, access_from_proto(request.share.access))
        await _write(self._db, lambda s, acc: books.set_share(s, acc, request.address_book_id, share))
        return book_pb.SetShareResponse()


class Contacts(contact_grpc.ContactServiceServicer):
    """postern.contacts.v1.ContactService."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def ListContacts(
        self, request: contact_pb.ListContactsRequest, context: Context
    ) -> contact_pb.ListContactsResponse:
        size = page_size(request.page_size, 100, 500)
        after = parse_page_token(request.page_token)
        found, total = await _write(
            self._db,
            lambda s, acc: store.list_contacts(
                s, acc, request.address_book_id, request.query, size + 1, after
            ),
        )
        page = found[:size]
        return contact_pb.ListContactsResponse(
            contacts=[contact_to_proto(contact) for contact in page],
            next_page_token=page_token(store.sort_key(page[-1].card), page[-1].id)
            if len(found) > size
            else "",
            total_count=total,
        )

    async def GetContact(
        self, request: contact_pb.GetContactRequest, context: Context
    ) -> contact_pb.GetContactResponse:
        account = current_identity().account
        contact = await self._db.read(lambda s: store.get_contact(s, account, request.contact_id))
        return contact_pb.GetContactResponse(contact=contact_to_proto(contact))

    async def CreateContact(
        self, request: contact_pb.CreateContactRequest, context: Context
    ) -> contact_pb.CreateContactResponse:
        card = card_from_proto(request.contact)
        contact = await _write(
            self._db,
            lambda s, acc: store.create_contact(
                s, acc, request.contact.address_book_id, card, request.request_id
            ),
        )
        return contact_pb.CreateContactResponse(contact=contact_to_proto(contact))

    async def UpdateContact(
        self, request: contact_pb.UpdateContactRequest, context: Context
    ) -> contact_pb.UpdateContactResponse:
        card = card_from_proto(request.contact)
        contact = await _write(
            self._db,
            lambda s, acc: store.update_contact(
                s, acc, request.contact.contact_id, request.contact.etag, card, request.request_id
            ),
        )
        return contact_pb.UpdateContactResponse(contact=contact_to_proto(contact))

    async def DeleteContacts(
        self, request: contact_pb.DeleteContactsRequest, context: Context
    ) -> contact_pb.DeleteContactsResponse:
        ids = _bounded_ids(request.contact_ids)
        count = await _write(self._db, lambda s, acc: store.set_deleted(s, acc, ids, True))
        return contact_pb.DeleteContactsResponse(deleted_count=count)

    async def UndeleteContacts(
        self, request: contact_pb.UndeleteContactsRequest, context: Context
    ) -> contact_pb.UndeleteContactsResponse:
        ids = _bounded_ids(request.contact_ids)
        count = await _write(self._db, lambda s, acc: store.set_deleted(s, acc, ids, False))
        return contact_pb.UndeleteContactsResponse(restored_count=count)


class Suggestions(suggest_grpc.SuggestServiceServicer):
    """postern.contacts.v1.SuggestService."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def SuggestContacts(
        self, request: suggest_pb.SuggestContactsRequest, context: Context
    ) -> suggest_pb.SuggestContactsResponse:
        size = page_size(request.page_size, 8, 50)
        found = await _write(
            self._db,
            lambda s, acc: suggest.suggest(
                s, acc, request.prefix[:200], size, request.exclude_addresses[:500]
            ),
        )
        return suggest_pb.SuggestContactsResponse(suggestions=[suggestion_to_proto(item) for item in found])

    async def RecordUse(
        self, request: suggest_pb.RecordUseRequest, context: Context
    ) -> suggest_pb.RecordUseResponse:
        if len(request.addresses) > 500:
            raise invalid_argument("addresses", "too_many")
        people = [(item.display_name, item.address) for item in request.addresses]
        await _write(self._db, lambda s, acc: suggest.record_use(s, acc, people, request.request_id))
        return suggest_pb.RecordUseResponse()


class Directories(directory_grpc.DirectoryServiceServicer):
    """postern.contacts.v1.DirectoryService: no directory can be set up yet, so none is listed."""

    async def ListDirectories(
        self, request: directory_pb.ListDirectoriesRequest, context: Context
    ) -> directory_pb.ListDirectoriesResponse:
        return directory_pb.ListDirectoriesResponse()

    async def SearchDirectory(
        self, request: directory_pb.SearchDirectoryRequest, context: Context
    ) -> directory_pb.SearchDirectoryResponse:
        raise error(Reason.UNSUPPORTED, what="directory")


def register(server: grpc.aio.Server, database: Database) -> None:
    """Put every service of this package on a server."""
    book_grpc.add_AddressBookServiceServicer_to_server(AddressBooks(database), server)
    contact_grpc.add_ContactServiceServicer_to_server(Contacts(database), server)
    suggest_grpc.add_SuggestServiceServicer_to_server(Suggestions(database), server)
    directory_grpc.add_DirectoryServiceServicer_to_server(Directories(), server)
