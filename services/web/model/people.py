"""Contacts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Labelled:
    value: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """A person, an organisation or a group."""

    contact_id: str = ""
    name: str = ""
    given_name: str = ""
    family_name: str = ""
    emails: tuple[Labelled, ...] = ()
    phones: tuple[Labelled, ...] = ()
    organisation: str = ""
    title: str = ""
    note: str = ""
    is_group: bool = False
    etag: str = ""
    address_book_id: str = ""


@dataclass(frozen=True, slots=True)
class ContactPage:
    contacts: tuple[Contact, ...] = ()
    next_token: str = ""
    total: int = 0


@dataclass(frozen=True, slots=True)
class Suggestion:
    name: str
    address: str
    source: str = ""
    members: tuple[str, ...] = ()
