"""A card as the text that one column keeps: JSON with the fields that are set, and back."""

import json
from dataclasses import asdict

from services.contacts.model import Card, Labelled, Postal

_LABELLED = ("emails", "phones", "urls")


def dump(card: Card) -> str:
    """The card as JSON without its empty fields."""
    return json.dumps(
        {key: value for key, value in asdict(card).items() if value},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def load(text: str) -> Card:
    """The card again. Fields that this version does not know are left out, so that an older replica reads
    what a newer one wrote."""
    data = json.loads(text)
    known = {key: value for key, value in data.items() if key in Card.__dataclass_fields__}
    for key in _LABELLED:
        if key in known:
            known[key] = tuple(Labelled(**item) for item in known[key])
    if "postal_addresses" in known:
        known["postal_addresses"] = tuple(Postal(**item) for item in known["postal_addresses"])
    for key in ("categories", "member_ids"):
        if key in known:
            known[key] = tuple(known[key])
    return Card(**known)
