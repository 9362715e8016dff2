"""postern.contacts.v1 ↔ model.people."""

from __future__ import annotations

from services.common.gen.postern.contacts.v1 import suggest_service_pb2 as sg
from services.common.gen.postern.contacts.v1 import types_pb2 as t
from services.web import kinds
from services.web.model.people import Contact, Labelled, Suggestion

SOURCES: dict[int, str] = {
    sg.Suggestion.SOURCE_ADDRESS_BOOK: "book",
    sg.Suggestion.SOURCE_COLLECTED: "collected",
    sg.Suggestion.SOURCE_DIRECTORY: "directory",
}


def contact(message: t.Contact) -> Contact:
    return Contact(
        contact_id=message.contact_id,
        name=message.display_name,
        given_name=message.given_name,
        family_name=message.family_name,
        emails=tuple(Labelled(one.value, one.label) for one in message.emails),
        phones=tuple(Labelled(one.value, one.label) for one in message.phones),
        organisation=message.organisation,
        title=message.title,
        note=message.note,
        is_group=message.is_group,
        etag=message.etag,
        address_book_id=message.address_book_id,
    )


def write_into(message: t.Contact, contact: Contact) -> None:
    """Set in `message` what the form of the web holds and leave everything else of the contact as it is."""
    message.display_name = contact.name
    message.given_name = contact.given_name
    message.family_name = contact.family_name
    message.organisation = contact.organisation
    message.title = contact.title
    message.note = contact.note
    _write_values(message.emails, contact.emails)
    _write_values(message.phones, contact.phones)


def _write_values(field, values: tuple[Labelled, ...]) -> None:
    before = {one.value: one for one in field}
    kept = [before.get(one.value, t.LabelledValue(value=one.value)) for one in values]
    for message, one in zip(kept, values, strict=True):
        if not kinds.same(message.label, one.label):
            message.label = one.label
    copies = [t.LabelledValue.FromString(message.SerializeToString()) for message in kept]
    del field[:]
    field.extend(copies)


def suggestion(message: sg.Suggestion) -> Suggestion:
    return Suggestion(
        message.display_name,
        message.address,
        SOURCES.get(message.source, ""),
        tuple(message.group_members),
    )
