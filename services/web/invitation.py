"""A calendar invitation (RFC 5545, RFC 5546) as a person reads it: what, when, where, from whom.

Only the first event; nothing of it is acted upon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.web import formats

MAX_BYTES = 256 * 1024
_LINE = re.compile(r"^([A-Z-]+)((?:;[^:\"]*(?:\"[^\"]*\"[^:\"]*)*)?):(.*)$", re.IGNORECASE | re.DOTALL)
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


def read(content: bytes) -> Invitation | None:
    """None where there is no event to be read."""
    text = content[:MAX_BYTES].decode("utf-8", "replace")
    method, event, inside = "", dict[str, tuple[str, str]](), 0
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
        elif inside == 1:
            event.setdefault(name, (parameters, value))
    if "DTSTART" not in event:
        return None
    _, organizer = event.get("ORGANIZER", ("", ""))
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
        re.sub(r"^mailto:", "", organizer, flags=re.IGNORECASE)[:300],
    )


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
