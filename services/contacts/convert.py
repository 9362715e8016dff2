"""All translation between protobuf and the domain of contacts."""

import base64
import json
from datetime import UTC

from services.common.errors import invalid_argument
from services.common.gen.postern.contacts.v1 import suggest_service_pb2, types_pb2
from services.contacts.model import Access, Book, Card, Contact, Labelled, Postal, Suggestion

_TEXT = (
    "display_name",
    "given_name",
    "family_name",
    "nickname",
    "organisation",
    "title",
    "birthday",
    "note",
    "is_group",
)
_POSTAL = ("label", "street", "locality", "region", "postal_code", "country")


def book_to_proto(book: Book) -> types_pb2.AddressBook:
    """An address book for the wire."""
    return types_pb2.AddressBook(
        address_book_id=book.id,
        display_name=book.name,
        owner=book.owner,
        access=access_to_proto(book.access),
        is_default=book.is_default,
        is_collected=book.is_collected,
        contact_count=book.contact_count,
        sync_token=str(book.revision),
    )


_ACCESS = {
    Access.NONE: types_pb2.ADDRESS_BOOK_ACCESS_UNSPECIFIED,
    Access.READ: types_pb2.ADDRESS_BOOK_ACCESS_READ,
    Access.WRITE: types_pb2.ADDRESS_BOOK_ACCESS_WRITE,
    Access.OWN: types_pb2.ADDRESS_BOOK_ACCESS_OWN,
}


def access_to_proto(access: Access) -> types_pb2.AddressBookAccess:
    """What an account may do, for the wire."""
    return _ACCESS[access]


def access_from_proto(value: int) -> Access:
    """INVALID_ARGUMENT for a number that this version does not know."""
    for access, number in _ACCESS.items():
        if number == value:
            return access
    raise invalid_argument("access", "unknown_value")


def contact_to_proto(contact: Contact) -> types_pb2.Contact:
    """A contact for the wire; the display name is filled in, so that no client has to make one."""
    card = contact.card
    message = types_pb2.Contact(
        contact_id=contact.id,
        address_book_id=contact.book_id,
        uid=contact.uid,
        etag=contact.etag,
        categories=card.categories,
        member_ids=card.member_ids,
        **{name: getattr(card, name) for name in _TEXT},
    )
    message.display_name = card.shown_name()
    message.update_time.FromDatetime(contact.updated.replace(tzinfo=UTC))
    for name in ("emails", "phones", "urls"):
        getattr(message, name).extend(
            types_pb2.LabelledValue(label=item.label, value=item.value, preferred=item.preferred)
            for item in getattr(card, name)
        )
    message.postal_addresses.extend(
        types_pb2.PostalAddress(**{name: getattr(postal, name) for name in _POSTAL})
        for postal in card.postal_addresses
    )
    return message


def _labelled(items: object) -> tuple[Labelled, ...]:
    return tuple(Labelled(item.value, item.label, item.preferred) for item in items)  # type: ignore[attr-defined]


def card_from_proto(message: types_pb2.Contact) -> Card:
    """What a writer may change of a contact."""
    return Card(
        emails=_labelled(message.emails),
        phones=_labelled(message.phones),
        urls=_labelled(message.urls),
        postal_addresses=tuple(
            Postal(**{name: getattr(postal, name) for name in _POSTAL}) for postal in message.postal_addresses
        ),
        categories=tuple(message.categories),
        member_ids=tuple(message.member_ids),
        **{name: getattr(message, name) for name in _TEXT},
    )


def suggestion_to_proto(item: Suggestion) -> suggest_service_pb2.Suggestion:
    """One row of suggestions."""
    source = suggest_service_pb2.Suggestion.Source
    return suggest_service_pb2.Suggestion(
        display_name=item.name,
        address=item.address,
        contact_id=item.contact_id,
        group_members=item.group_members,
        source=source.SOURCE_COLLECTED if item.collected else source.SOURCE_ADDRESS_BOOK,
    )


def page_size(asked: int, default: int, most: int) -> int:
    """How many rows to answer: 0 means the default, more than the most means the most (AIP-158)."""
    if asked < 0:
        raise invalid_argument("page_size", "negative")
    return min(asked or default, most)


def page_token(key: str, last: str) -> str:
    """Opaque token for the page after the row with this sort key and id."""
    return base64.urlsafe_b64encode(json.dumps([key, last]).encode()).decode()


def parse_page_token(token: str) -> tuple[str, str] | None:
    """The sort key and id again; None for the first page."""
    if not token:
        return None
    try:
        key, last = json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError as err:
        raise invalid_argument("page_token", "malformed") from err
    if not isinstance(key, str) or not isinstance(last, str):
        raise invalid_argument("page_token", "malformed")
    return key, last
