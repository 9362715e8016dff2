"""What a card may be: bad input is refused with the field and the reason, before anything is written."""

import re
from dataclasses import fields, replace

from services.common.errors import PosternError, invalid_argument
from services.contacts.model import MAX_NAME, MAX_NOTE, MAX_VALUES, Card, Labelled

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BIRTHDAY = re.compile(r"(\d{4}|-)-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_SHORT = (
    "display_name",
    "given_name",
    "family_name",
    "nickname",
    "organisation",
    "title",
)


def refused(field: str, problem: str) -> PosternError:
    """INVALID_ARGUMENT for one field of a card or book."""
    return invalid_argument(field, problem)


def checked_name(text: str, field: str = "display_name") -> str:
    """A book's name: 1 to 200 characters on one line."""
    text = text.strip()
    if not text:
        raise refused(field, "missing")
    if len(text) > MAX_NAME:
        raise refused(field, "too_long")
    if _CONTROL.search(text) or "\n" in text:
        raise refused(field, "control_character")
    return text


def checked_address(text: str, field: str = "emails") -> str:
    """An e-mail address that could be one: one "@", something on both sides, no spaces. Whether it exists is
    known only by writing to it (RFC 5321 section 3.5.3)."""
    text = text.strip()
    local, at, domain = text.rpartition("@")
    if not (at and local and domain) or re.search(r"[\s<>,;\x00-\x1f\x7f]", text) or len(text) > 320:
        raise refused(field, "not_an_address")
    return text


def _values(values: tuple[Labelled, ...], field: str) -> tuple[Labelled, ...]:
    kept = tuple(replace(item, value=item.value.strip(), label=item.label.strip()) for item in values)
    kept = tuple(item for item in kept if item.value)
    if len(kept) > MAX_VALUES:
        raise refused(field, "too_many")
    for item in kept:
        if len(item.value) > 1000 or len(item.label) > 50:
            raise refused(field, "too_long")
        if _CONTROL.search(item.value + item.label) or "\n" in item.value + item.label:
            raise refused(field, "control_character")
    # The preferred one first; sorting is stable, so that the rest keeps its order.
    return tuple(sorted(kept, key=lambda item: not item.preferred))


def checked_card(card: Card) -> Card:
    """The card with spaces trimmed and empty values left out; raises INVALID_ARGUMENT naming the field."""
    changes: dict[str, object] = {}
    for name in _SHORT:
        text = getattr(card, name).strip()
        if len(text) > MAX_NAME:
            raise refused(name, "too_long")
        if _CONTROL.search(text) or "\n" in text:
            raise refused(name, "control_character")
        changes[name] = text
    for name in ("emails", "phones", "urls"):
        changes[name] = _values(getattr(card, name), name)
    emails = changes["emails"]
    assert isinstance(emails, tuple)
    changes["emails"] = tuple(replace(item, value=checked_address(item.value)) for item in emails)
    if len(card.note) > MAX_NOTE:
        raise refused("note", "too_long")
    if card.birthday and not _BIRTHDAY.fullmatch(card.birthday):
        raise refused("birthday", "not_a_date")
    if len(card.postal_addresses) > MAX_VALUES:
        raise refused("postal_addresses", "too_many")
    for postal in card.postal_addresses:
        if any(len(getattr(postal, item.name)) > MAX_NAME for item in fields(postal)):
            raise refused("postal_addresses", "too_long")
    if len(card.categories) > MAX_VALUES or any(len(word) > MAX_NAME for word in card.categories):
        raise refused("categories", "too_many")
    if len(card.member_ids) > 1000:
        raise refused("member_ids", "too_many")
    result = replace(card, **changes)  # type: ignore[arg-type]
    if not result.shown_name():
        raise refused("display_name", "missing")
    return result
