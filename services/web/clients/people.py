"""Calls to contacts."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from services.common.gen.postern.contacts.v1 import contact_service_pb2 as c
from services.common.gen.postern.contacts.v1 import suggest_service_pb2 as sg
from services.common.gen.postern.contacts.v1 import types_pb2 as t
from services.common.gen.postern.contacts.v1.contact_service_pb2_grpc import ContactServiceStub
from services.common.gen.postern.contacts.v1.suggest_service_pb2_grpc import SuggestServiceStub
from services.web.convert import people as convert
from services.web.model.people import Contact, ContactPage, Suggestion

SECONDS = 5.0
# Typing goes on meanwhile: a late suggestion is worth nothing.
SUGGEST_SECONDS = 1.5


class PeopleClient:
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._contacts = ContactServiceStub(channel)
        self._suggest = SuggestServiceStub(channel)

    async def contacts(self, token: str, query: str, *, page: str, rows: int) -> ContactPage:
        request = c.ListContactsRequest(query=query, page_size=rows, page_token=page)
        reply = await self._contacts.ListContacts(request, token=token, timeout=SECONDS)
        return ContactPage(
            tuple(convert.contact(one) for one in reply.contacts), reply.next_page_token, reply.total_count
        )

    async def contact(self, token: str, contact_id: str) -> Contact:
        return convert.contact(await self._read(token, contact_id))

    async def _read(self, token: str, contact_id: str) -> t.Contact:
        request = c.GetContactRequest(contact_id=contact_id)
        return (await self._contacts.GetContact(request, token=token, timeout=SECONDS)).contact

    async def create(self, token: str, contact: Contact, request_id: str) -> Contact:
        message = t.Contact(address_book_id=contact.address_book_id)
        convert.write_into(message, contact)
        request = c.CreateContactRequest(contact=message, request_id=request_id)
        reply = await self._contacts.CreateContact(request, token=token, timeout=SECONDS)
        return convert.contact(reply.contact)

    async def update(self, token: str, contact: Contact, request_id: str) -> Contact:
        """Replace what the form holds; the rest (birthday, photo, …) stays. The form's etag guards both
        steps."""
        message = await self._read(token, contact.contact_id)
        convert.write_into(message, contact)
        message.etag = contact.etag
        request = c.UpdateContactRequest(contact=message, request_id=request_id)
        reply = await self._contacts.UpdateContact(request, token=token, timeout=SECONDS)
        return convert.contact(reply.contact)

    async def delete(self, token: str, ids: Sequence[str], request_id: str) -> int:
        request = c.DeleteContactsRequest(contact_ids=ids, request_id=request_id)
        return (await self._contacts.DeleteContacts(request, token=token, timeout=SECONDS)).deleted_count

    async def undelete(self, token: str, ids: Sequence[str], request_id: str) -> int:
        request = c.UndeleteContactsRequest(contact_ids=ids, request_id=request_id)
        return (await self._contacts.UndeleteContacts(request, token=token, timeout=SECONDS)).restored_count

    async def suggest(
        self, token: str, prefix: str, exclude: Sequence[str], rows: int
    ) -> tuple[Suggestion, ...]:
        request = sg.SuggestContactsRequest(prefix=prefix, page_size=rows, exclude_addresses=exclude)
        reply = await self._suggest.SuggestContacts(request, token=token, timeout=SUGGEST_SECONDS)
        return tuple(convert.suggestion(one) for one in reply.suggestions)

    async def record_use(self, token: str, people: Sequence[tuple[str, str]], request_id: str) -> None:
        request = sg.RecordUseRequest(
            addresses=[sg.UsedAddress(display_name=name, address=address) for name, address in people],
            request_id=request_id,
        )
        await self._suggest.RecordUse(request, token=token, timeout=SUGGEST_SECONDS)
