"""Language, direction, time zone: the reader's, for the time of one request.

Messages are looked up when a page is drawn, through a context variable, so that templates and macros need not
pass a language along. Catalogues are read from .po files at start; English is the source language and has
none.
"""

from __future__ import annotations

import gettext as _gettext
import io
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale as BabelLocale
from babel import UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE_DIR = Path(__file__).parent / "locale"
DOMAIN = "postern"


@dataclass(frozen=True)
class Locale:
    """One reader's way of reading. `tag` is BCP 47; `direction` "ltr" or "rtl"."""

    tag: str
    babel: BabelLocale
    messages: _gettext.NullTranslations
    zone: ZoneInfo

    @cached_property
    def direction(self) -> str:
        return self.babel.text_direction

    @cached_property
    def name(self) -> str:
        """Babel's name of it ("pt_BR"), which it puts together anew each time; every line of a list asks."""
        return str(self.babel)

    @property
    def zone_name(self) -> str:
        return self.zone.key


@cache
def load(path: Path, tag: str) -> _gettext.GNUTranslations:
    """The catalogue of a .po file, read once for the process; fuzzy messages are left out, as msgfmt does."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale=tag.replace("-", "_"), domain=DOMAIN)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return _gettext.GNUTranslations(compiled)


class Languages:
    """The languages there are catalogues for, and the choice among them."""

    def __init__(self, directory: Path = LOCALE_DIR, default_zone: str = "UTC") -> None:
        self._messages: dict[str, _gettext.NullTranslations] = {"en": _gettext.NullTranslations()}
        for path in sorted(directory.glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
            tag = path.parts[-3].replace("_", "-")
            self._messages[tag] = load(path, tag)
        self._default_zone = default_zone
        self._cache: dict[tuple[str, str], Locale] = {}

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self._messages)

    def names(self) -> list[tuple[str, str]]:
        """(tag, name in its own language), by name."""
        named = [(tag, BabelLocale.parse(tag, sep="-").get_display_name() or tag) for tag in self._messages]
        return sorted(((tag, name[:1].upper() + name[1:]) for tag, name in named), key=lambda pair: pair[1])

    def choose(self, preferred: str, accept: str) -> str:
        """The tag for a preference and an Accept-Language header (RFC 9110 section 12.5.4)."""
        for wanted in (preferred, *_accepted(accept)):
            while wanted:
                match = next((tag for tag in self._messages if tag.lower() == wanted.lower()), None)
                if match:
                    return match
                wanted = wanted.rpartition("-")[0]
        return "en"

    def locale(self, preferred: str = "", accept: str = "", zone: str = "") -> Locale:
        tag = self.choose(preferred, accept)
        # "en-GB" has no catalogue of its own, but its dates differ from those of "en".
        regional = next(
            (one for one in (preferred, *_accepted(accept)) if one.lower().startswith(tag.lower())), tag
        )
        zone = zone if valid_zone(zone) else self._default_zone
        key = (regional[:35], zone)
        found = self._cache.get(key)
        if found is None:
            found = Locale(tag, _babel(regional, tag), self._messages[tag], ZoneInfo(zone))
            if len(self._cache) < 1000:
                self._cache[key] = found
        return found


@lru_cache(maxsize=2000)
def _accepted(header: str) -> tuple[str, ...]:
    weighted: list[tuple[float, str]] = []
    for item in header[:500].split(","):
        tag, _, parameters = item.strip().partition(";")
        quality = 1.0
        if parameters.strip().startswith("q="):
            try:
                quality = float(parameters.strip()[2:])
            except ValueError:
                quality = 0.0
        if tag and tag != "*" and quality > 0:
            weighted.append((-quality, tag.strip()))
    return tuple(tag for _, tag in sorted(weighted, key=lambda pair: pair[0]))


def _babel(regional: str, tag: str) -> BabelLocale:
    for one in (regional, tag):
        try:
            return BabelLocale.parse(one, sep="-")
        except (ValueError, UnknownLocaleError):
            continue
    return BabelLocale("en")


_WRITTEN = (
    "ar bg ca cs da de el en-GB en-US es et fa fi fr ga he hi hr hu id is it ja ko lt lv nb nl pl pt-BR "
    "pt-PT ro ru sk sl sr sv th tr uk vi zh-CN zh-TW"
).split()


@lru_cache(maxsize=1)
def language_names() -> tuple[tuple[str, str], ...]:
    """Languages to write in: (tag, name in its own language), by name."""
    named = [(tag, BabelLocale.parse(tag, sep="-").get_display_name() or tag) for tag in _WRITTEN]
    return tuple(
        sorted(((tag, name[:1].upper() + name[1:]) for tag, name in named), key=lambda pair: pair[1])
    )


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """The time zones to choose from: places, and UTC."""
    return tuple(
        sorted(
            name
            for name in available_timezones()
            if name == "UTC" or ("/" in name and not name.startswith(("Etc/", "posix", "right", "SystemV")))
        )
    )


@lru_cache(maxsize=1)
def _known_zones() -> frozenset[str]:
    return frozenset(zones())


def valid_zone(name: str) -> bool:
    return name in _known_zones()


_current: ContextVar[Locale] = ContextVar("postern_locale")
_fallback = Locale("en", BabelLocale("en"), _gettext.NullTranslations(), ZoneInfo("UTC"))


def use(locale: Locale) -> None:
    _current.set(locale)


def current() -> Locale:
    return _current.get(_fallback)


def gettext(message: str) -> str:
    return current().messages.gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    return current().messages.ngettext(singular, plural, n)


def pgettext(context: str, message: str) -> str:
    return current().messages.pgettext(context, message)


def npgettext(context: str, singular: str, plural: str, n: int) -> str:
    return current().messages.npgettext(context, singular, plural, n)


def mark(message: str) -> str:
    """Marks a message for extraction that is translated later, where it is shown."""
    return message
