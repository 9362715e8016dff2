"""Dates, sizes and numbers in the reader's own forms and zone. What is costly in Babel is remembered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal

from babel import Locale as BabelLocale
from babel.dates import (
    format_date,
    format_skeleton,
    format_time,
    format_timedelta,
    get_datetime_format,
)
from babel.lists import format_list
from babel.numbers import format_decimal
from babel.units import format_unit

from services.web import i18n


def now() -> datetime:
    return datetime.now(UTC)


def short_date(moment: datetime | None, today: datetime | None = None) -> str:
    """As a list shows it: "14:05" today, "Tue" within a week, "3 Nov" this year, else "2023"."""
    if moment is None:
        return ""
    locale = i18n.current()
    here = moment.astimezone(locale.zone).replace(second=0, microsecond=0, tzinfo=None)
    day = (today or now()).astimezone(locale.zone).replace(tzinfo=None)
    if here.date() == day.date():
        kind = "time"
    elif timedelta(0) < day.date() - here.date() < timedelta(days=7):
        kind, here = "weekday", here.replace(hour=0, minute=0)
    elif here.year == day.year:
        kind, here = "day", here.replace(hour=0, minute=0)
    else:
        kind, here = "year", here.replace(hour=0, minute=0)
    return _short(here, kind, locale.name)


@lru_cache(maxsize=20_000)
def _short(here: datetime, kind: str, name: str) -> str:
    locale = BabelLocale.parse(name)
    if kind == "time":
        return format_time(here, "short", locale=locale)
    if kind == "weekday":
        return format_date(here, "EEE", locale=locale)
    if kind == "day":
        return format_skeleton("MMMd", here, locale=locale)
    return format_skeleton("yMMM", here, locale=locale)


def full_date(moment: datetime | None) -> str:
    if moment is None:
        return ""
    locale = i18n.current()
    return _full(moment.astimezone(locale.zone).replace(second=0, microsecond=0, tzinfo=None), locale.name)


@lru_cache(maxsize=20_000)
def _full(here: datetime, name: str) -> str:
    locale = BabelLocale.parse(name)
    return f"{format_date(here, 'full', locale=locale)}, {format_time(here, 'short', locale=locale)}"


def medium_date(moment: datetime | None) -> str:
    if moment is None:
        return ""
    locale = i18n.current()
    local = moment.astimezone(locale.zone).replace(tzinfo=None)
    # Babel's medium form has seconds, which nobody asks of a letter.
    day = format_date(local, "medium", locale=locale.babel)
    time = format_time(local, "short", locale=locale.babel)
    return str(get_datetime_format("medium", locale=locale.babel)).replace("{1}", day).replace("{0}", time)


def day(when: date) -> str:
    return format_date(when, "full", locale=i18n.current().babel)


def parse_local(text: str) -> datetime | None:
    """A moment from what a browser's date and time field sends, in the reader's zone."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=i18n.current().zone)
    except ValueError:
        return None


def to_local(moment: datetime) -> str:
    """The same for such a field."""
    return moment.astimezone(i18n.current().zone).strftime("%Y-%m-%dT%H:%M")


def ago(seconds: int) -> str:
    """ "3 minutes ago"."""
    return format_timedelta(-timedelta(seconds=seconds), add_direction=True, locale=i18n.current().babel)


def span(seconds: int) -> str:
    """ "40 seconds", "3 minutes": rounded up, so that who waits so long has waited long enough."""
    whole = seconds if seconds < 60 else -(-seconds // 60) * 60
    return format_timedelta(timedelta(seconds=whole), threshold=1, locale=i18n.current().babel)


def joined(words: Iterable[str]) -> str:
    """ "read, mark, and add"."""
    return format_list(list(words), locale=i18n.current().babel)


def iso(moment: datetime | None) -> str:
    """RFC 3339 in UTC, for machines."""
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def number(value: int) -> str:
    return str(value) if -1000 < value < 1000 else format_decimal(value, locale=i18n.current().babel)


_UNITS = ("byte", "kilobyte", "megabyte", "gigabyte")


def size(octets: int, estimated: bool = False) -> str:
    """ "1.2 MB": decimal units, as people are used to from their systems."""
    value, unit = float(octets), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    text = _size(round(value, 1) if unit and value < 10 else round(value), unit, i18n.current().name)
    return f"≈ {text}" if estimated else text


@lru_cache(maxsize=5_000)
def _size(value: float, unit: int, name: str) -> str:
    # In short a byte has no plural: "852 byte".
    length: Literal["short", "long"] = "short" if unit else "long"
    return format_unit(value, "digital-" + _UNITS[unit], length=length, locale=BabelLocale.parse(name))
