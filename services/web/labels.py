"""Labels: keywords of messages (RFC 9051 section 2.3.2) as a person sees them, with a name and a colour.

The keyword is at the mail server, for every client; name and colour are a preference of the account: changing
them touches no message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from services.common.errors import invalid_argument
from services.web.forms import Form
from services.web.i18n import gettext as _
from services.web.i18n import mark as N_
from services.web.session import Me

# Names of the classes in css/labels.css; "" is plain.
COLOURS = ("", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink")
COLOUR_NAMES = {
    "": N_("None"),
    "red": N_("Red"),
    "orange": N_("Orange"),
    "yellow": N_("Yellow"),
    "green": N_("Green"),
    "teal": N_("Teal"),
    "blue": N_("Blue"),
    "purple": N_("Purple"),
    "pink": N_("Pink"),
}
# What Thunderbird and others give the five that it comes with.
_COMMON = {
    "$label1": (N_("Important"), "red"),
    "$label2": (N_("Work"), "orange"),
    "$label3": (N_("Personal"), "green"),
    "$label4": (N_("To do"), "blue"),
    "$label5": (N_("Later"), "purple"),
}
MOST = 50
MOST_TEXT = 100
# One entry of the preferences (auth bounds its value); further ones take what does not fit.
ENTRY_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Label:
    """`keyword` as the mail server has it, decoded; `name` and `colour` as the person chose."""

    keyword: str
    name: str
    colour: str = ""


class Labels:
    """An account's labels, by keyword without regard to case (RFC 9051 section 2.3.2)."""

    def __init__(self, known: tuple[Label, ...]) -> None:
        self.known = known
        self._by_keyword = {one.keyword.casefold(): one for one in known}

    def get(self, keyword: str) -> Label:
        """The label of a keyword; one that the person has not named is called as it is."""
        known = self._by_keyword.get(keyword.casefold())
        if known is not None:
            return known
        common = _COMMON.get(keyword.casefold())
        return Label(keyword, _(common[0]), common[1]) if common else Label(keyword, keyword)

    def name(self, keyword: str) -> str:
        return self.get(keyword).name

    def find(self, name: str) -> Label | None:
        """The label of that name."""
        wanted = name.casefold()
        return next(
            (one for one in self.known if wanted in (one.name.casefold(), one.keyword.casefold())), None
        )

    def __contains__(self, keyword: str) -> bool:
        return keyword.casefold() in self._by_keyword

    def with_(self, label: Label) -> Labels:
        """The same with this one in the place of that of its keyword, or at the end."""
        if label.keyword in self:
            same = label.keyword.casefold()
            return Labels(tuple(label if one.keyword.casefold() == same else one for one in self.known))
        return Labels((*self.known, label))

    def without(self, keyword: str) -> Labels:
        return Labels(tuple(one for one in self.known if one.keyword.casefold() != keyword.casefold()))

    def text(self) -> str:
        """For the preferences. INVALID_ARGUMENT where there is more than they hold."""
        rows = [[one.keyword, one.name if one.name != one.keyword else "", one.colour] for one in self.known]
        text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
        if len(rows) > MOST or len(text) > ENTRY_CHARACTERS:
            raise invalid_argument("label", "too_many")
        return text


@lru_cache(maxsize=2_000)
def parse(text: str) -> Labels:
    """From the preferences; what is malformed there counts as none."""
    try:
        rows = json.loads(text) if text else []
        known = [
            Label(str(keyword), str(name or keyword), colour if colour in COLOURS else "")
            for keyword, name, colour in rows
        ]
    except (ValueError, TypeError):
        known = []
    return Labels(tuple(known[:MOST]))


def of(me: Me) -> Labels:
    return parse(me.preferences.labels)


def check(text: str) -> str:
    """A name as somebody typed it. INVALID_ARGUMENT where it can be no label."""
    name = " ".join(text.split())
    if not name or len(name) > MOST_TEXT or not name.isprintable() or name.startswith("\\"):
        raise invalid_argument("label", "missing" if not name else "malformed")
    return name


def chosen(form: Form, *, new: bool) -> str:
    """The keyword of the label that a form names: one that is there, or (`new`) one that was typed."""
    return check((form.get("new_label") if new else "") or form.get("label"))


def for_scripts(me: Me) -> str:
    """The labels that are offered, as JSON: [keyword, name] each."""
    return _for_scripts(me.preferences.labels)


@lru_cache(maxsize=2_000)
def _for_scripts(text: str) -> str:
    known = [[one.keyword, one.name] for one in parse(text).known]
    return json.dumps(known, ensure_ascii=False, separators=(",", ":"))
