"""A calendar invitation (RFC 5545, RFC 5546) as a person reads it: what, when, how often, where, from whom,
with whom, and what they answered.

Only the first event; nothing of it is acted upon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import get_day_names

from services.web import formats, i18n
from services.web.i18n import gettext as _
from services.web.i18n import mark as N_
from services.web.i18n import ngettext

MAX_BYTES = 256 * 1024
_LINE = re.compile(r"^([A-Z-]+)((?:;[^:\"]*(?:\"[^\"]*\"[^:\"]*)*)?):(.*)$", re.IGNORECASE | re.DOTALL)
# Who is named before the rest are counted.
MOST_PEOPLE = 20
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# Translators: what somebody answered to an invitation; it stands in brackets after the name
_ANSWERS = {"ACCEPTED": N_("accepted"), "DECLINED": N_("declined"), "TENTATIVE": N_("perhaps")}
_ESCAPES = {"\\n": "\n", "\\N": "\n", "\\,": ",", "\\;": ";", "\\\\": "\\"}


@dataclass(frozen=True)
class Invitation:
    """`method`: "REQUEST", "CANCEL", "REPLY" or "". Times in words, in the reader's zone."""

    method: str
    summary: str
    starts: str = ""
    ends: str = ""
    location: str = ""
    organizer: str = ""
    repeats: str = ""
    people: tuple[tuple[str, str], ...] = ()  # name or address, and what they answered ("" for nothing yet)
    further: int = 0  # more people than are named


def read(content: bytes) -> Invitation | None:
    """None where there is no event to be read."""
    text = content[:MAX_BYTES].decode("utf-8", "replace")
    method, event, inside = "", dict[str, tuple[str, str]](), 0
    people: list[tuple[str, str]] = []
    for line in re.sub(r"\r?\n[ \t]", "", text).splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        name, parameters, value = found[1].upper(), found[2], found[3].strip()
        if name == "METHOD":
            method = value.upper()[:20]
        elif name == "BEGIN" and (value.upper() == "VEVENT" or inside):
            inside += 1
        elif name == "END" and inside:
            inside -= 1
            if not inside:
                break
        elif inside == 1 and name == "ATTENDEE":
            people.append(_person(parameters, value))
        elif inside == 1:
            event.setdefault(name, (parameters, value))
    if "DTSTART" not in event:
        return None
    starts = _when(*event["DTSTART"])
    ends = _when(*event["DTEND"]) if "DTEND" in event else ""
    if "T" in event["DTSTART"][1]:
        ends = ends.removeprefix(starts.rpartition(", ")[0] + ", ")  # the day is told once
    return Invitation(
        method,
        _text(event, "SUMMARY"),
        starts,
        ends,
        _text(event, "LOCATION"),
        _address(event.get("ORGANIZER", ("", ""))[1]),
        _repeats(event.get("RRULE", ("", ""))[1]),
        tuple(people[:MOST_PEOPLE]),
        max(0, len(people) - MOST_PEOPLE),
    )


def _address(value: str) -> str:
    return re.sub(r"^mailto:", "", value, flags=re.IGNORECASE)[:300]


def _person(parameters: str, value: str) -> tuple[str, str]:
    """Who is invited, and the answer (PARTSTAT, RFC 5545 section 3.2.12)."""
    name = re.search(r";CN=(?:\"([^\"]*)\"|([^;:\"]*))", parameters, re.IGNORECASE)
    answer = re.search(r";PARTSTAT=\"?([A-Z-]+)", parameters, re.IGNORECASE)
    word = _ANSWERS.get(answer[1].upper(), "") if answer else ""
    return (
        ((name[1] or name[2] or "").strip() if name else "")[:100] or _address(value),
        _(word) if word else "",
    )


def _repeats(rule: str) -> str:
    """A recurrence rule (RFC 5545 section 3.3.10) in words, as far as these reach: "every 2 weeks on Monday,
    10 times"; "" where there is none that can be read."""
    parts = dict(pair.split("=", 1) for pair in rule.upper().split(";") if "=" in pair)
    n = int(found) if (found := parts.get("INTERVAL", "1")).isdecimal() and len(found) < 4 else 1
    match parts.get("FREQ"):
        case "DAILY":
            words = ngettext("every day", "every %(n)s days", n) % {"n": n}
        case "WEEKLY":
            words = ngettext("every week", "every %(n)s weeks", n) % {"n": n}
        case "MONTHLY":
            words = ngettext("every month", "every %(n)s months", n) % {"n": n}
        case "YEARLY":
            words = ngettext("every year", "every %(n)s years", n) % {"n": n}
        case _:
            return ""
    names = get_day_names("abbreviated", locale=i18n.current().babel)
    days = [str(names[_DAYS.index(one)]) for one in parts.get("BYDAY", "").split(",") if one in _DAYS]
    if days and parts["FREQ"] == "WEEKLY":
        # Translators: "every week: Mon, Wed"
        words = _("%(often)s: %(days)s") % {"often": words, "days": formats.joined(days)}
    if (count := parts.get("COUNT", "")).isdecimal() and len(count) < 5:
        return _("%(often)s, %(count)s times") % {"often": words, "count": int(count)}
    if until := re.match(r"\d{8}", parts.get("UNTIL", "")):
        return _("%(often)s, until %(day)s") % {"often": words, "day": _when("", until[0])}
    return words


def _text(event: dict[str, tuple[str, str]], name: str) -> str:
    value = event.get(name, ("", ""))[1]
    return re.sub(r"\\[nN,;\\]", lambda found: _ESCAPES[found[0]], value)[:500]


def _when(parameters: str, value: str) -> str:
    """A date, or a moment in UTC, in a zone that is known, or (floating) as it stands."""
    if re.fullmatch(r"\d{8}", value):
        try:
            return formats.day(date(int(value[:4]), int(value[4:6]), int(value[6:])))
        except ValueError:
            return value
    found = re.fullmatch(r"(\d{8}T\d{6})(Z?)", value)
    try:
        moment = datetime.strptime(found[1], "%Y%m%dT%H%M%S") if found else None
    except ValueError:
        moment = None
    if found is None or moment is None:
        return value[:40]
    if found[2]:
        return formats.full_date(moment.replace(tzinfo=UTC))
    zone = re.search(r"TZID=\"?([^;:\"]+)", parameters, re.IGNORECASE)
    plain = f"{moment:%Y-%m-%d %H:%M}"
    if zone is None:
        return plain
    try:
        return formats.full_date(moment.replace(tzinfo=ZoneInfo(zone[1])))
    except (ValueError, OSError, ZoneInfoNotFoundError):  # Windows' names of zones are not known
        return f"{plain} ({zone[1][:60]})"
