"""What the contacts service knows: address books, contacts and the people written to.

Plain values; nothing here knows protobuf or SQL.
"""

import enum
import unicodedata
from dataclasses import dataclass
from datetime import datetime

MAX_NAME = 200
"""Most characters of a book's or a contact's name."""
MAX_NOTE = 20_000
"""Most characters of a note."""
MAX_VALUES = 50
"""Most e-mail addresses, telephone numbers or links of one contact."""


class Access(enum.IntEnum):
    """What an account may do in a book; ordered, so that more includes less."""

    NONE = 0
    READ = 1
    WRITE = 2
    OWN = 3


@dataclass(frozen=True)
class Labelled:
    """An e-mail address, telephone number or link with its kind."""

    value: str
    label: str = ""
    preferred: bool = False


@dataclass(frozen=True)
class Postal:
    """A postal address (RFC 6350 section 6.3.1)."""

    label: str = ""
    street: str = ""
    locality: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""


@dataclass(frozen=True)
class Card:
    """What is known of a person, an organisation or a group: everything that its writer may change."""

    display_name: str = ""
    given_name: str = ""
    family_name: str = ""
    nickname: str = ""
    emails: tuple[Labelled, ...] = ()
    phones: tuple[Labelled, ...] = ()
    urls: tuple[Labelled, ...] = ()
    postal_addresses: tuple[Postal, ...] = ()
    organisation: str = ""
    title: str = ""
    birthday: str = ""
    note: str = ""
    categories: tuple[str, ...] = ()
    is_group: bool = False
    member_ids: tuple[str, ...] = ()

    def shown_name(self) -> str:
        """The name to show: the given one, else made from its parts, else the first address."""
        made = " ".join(part for part in (self.given_name, self.family_name) if part)
        first = self.emails[0].value if self.emails else ""
        return self.display_name or made or self.nickname or self.organisation or first


@dataclass(frozen=True)
class Contact:
    """A card in a book."""

    id: str
    book_id: str
    uid: str
    card: Card
    revision: int
    updated: datetime

    @property
    def etag(self) -> str:
        """Opaque word that changes with every change."""
        return str(self.revision)


@dataclass(frozen=True)
class Book:
    """An address book as one account sees it."""

    id: str
    owner: str
    name: str
    access: Access
    is_default: bool
    is_collected: bool
    contact_count: int
    revision: int


@dataclass(frozen=True)
class Share:
    """One account's access to a book of another."""

    account: str
    access: Access


@dataclass(frozen=True)
class Suggestion:
    """One row while somebody types."""

    name: str
    address: str
    contact_id: str = ""
    collected: bool = False
    group_members: tuple[str, ...] = ()


def fold(text: str) -> str:
    """The form in which words are compared: without case, accents or width, so that both databases agree."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def words(text: str) -> list[str]:
    """The folded words of a text, each at most 64 characters, in order and once."""
    cleaned = "".join(char if char.isalnum() else " " for char in fold(text))
    return list(dict.fromkeys(word[:64] for word in cleaned.split()))


def card_words(card: Card) -> list[str]:
    """The words by which a card is found; whole addresses as well as their words."""
    texts = [
        card.display_name,
        card.given_name,
        card.family_name,
        card.nickname,
        card.organisation,
        *(email.value for email in card.emails),
    ]
    found = dict.fromkeys(word for text in texts for word in words(text))
    found.update(dict.fromkeys(fold(email.value)[:64] for email in card.emails))
    return list(found)[:100]
