"""Dates in mail, in the form of RFC 5322 3.3 and in all the others."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar janvier enero gennaio janeiro januari",
            "feb february februar fev fevr fevrier febrero febbraio fevereiro",
            "mar march marz maerz mrz mars marzo marco maart mrt",
            "apr april avr avril abr abril aprile",
            "may mai mayo maggio maio mei maj",
            "jun june juni juin junio giugno junho giu",
            "jul july juli juil juillet julio luglio julho lug",
            "aug august aout agosto ago augustus",
            "sep sept september septembre septiembre settembre setembro set",
            "oct october okt oktober octobre octubre ottobre outubro ott out",
            "nov november novembre noviembre novembro",
            "dec december dez dezember decembre diciembre dicembre dezembro dic",
        ),
        start=1,
    )
    for name in names.split()
}
# Minutes east of Greenwich. RFC 5322 4.3 for the first nine, common usage for the rest.
_ZONES = {
    name: minutes
    for minutes, names in (
        (0, "ut utc gmt z wet"),
        (-300, "est cdt"),
        (-240, "edt ast"),
        (-360, "cst mdt"),
        (-420, "mst pdt"),
        (-480, "pst"),
        (60, "cet met mez bst west"),
        (120, "cest mest mesz eet sast"),
        (180, "eest msk"),
        (330, "ist"),
        (480, "sgt hkt awst"),
        (540, "jst kst"),
        (600, "aest"),
        (660, "aedt"),
        (720, "nzst"),
        (780, "nzdt"),
    )
    for name in names.split()
}
_ISO = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2}))?(?:[.,]\d{1,9})?)?\s*(Z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"\([^()]{0,200}\)?")
_TIME = re.compile(r"^(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2}))?(?:[.,]\d{1,9})?(am|pm)?$")
_OFFSET = re.compile(r"^(?:gmt|utc)?([+-])(\d{1,2}):?(\d{2})?$")
_WORDS = re.compile(r"[^\s,]+")
_TRANSLATE = str.maketrans("äéûôãçü", "aeuoacu")


def parse_date(raw: bytes) -> datetime | None:
    """The date, aware; None when none can be read. No zone or an unknown one counts as UTC."""
    text = re.sub(r"\s*:\s*", ":", _COMMENT.sub(" ", raw[:500].decode("latin-1"))).strip()
    try:
        return _iso(text) or _loose(text.lower())
    except (ValueError, OverflowError):
        return None


def _iso(text: str) -> datetime | None:
    match = _ISO.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(group or 0) for group in match.groups()[:6])
    return _build(year, month, day, (hour, minute, second), _offset((match.group(7) or "z").lower()))


def _offset(word: str) -> int | None:
    """Minutes east, or None when the word is no zone."""
    if word in _ZONES:
        return _ZONES[word]
    match = _OFFSET.match(word)
    if match is None:
        return None
    minutes = int(match.group(2)) * 60 + int(match.group(3) or 0)
    if minutes >= 24 * 60:
        return 0
    return -minutes if match.group(1) == "-" else minutes


def _loose(text: str) -> datetime | None:
    """Words in any order: a month's name, a time, a zone, and of the numbers the day before the year."""
    month = zone = None
    time: tuple[int, int, int] | None = None
    numbers: list[str] = []
    tokens = _WORDS.findall(text.replace("-", " -") if _dashed(text) else text)
    for token in tokens[:30]:
        word = token.strip(".").translate(_TRANSLATE)
        match = _TIME.match(word)
        if match is not None and time is None and (":" in word or len(numbers) >= 2):
            hour = int(match.group(1))
            if match.group(4):
                hour = hour % 12 + (12 if match.group(4) == "pm" else 0)
            time = (hour, int(match.group(2)), int(match.group(3) or 0))
        elif word in ("am", "pm") and time is not None:
            time = (time[0] % 12 + (12 if word == "pm" else 0), time[1], time[2])
        elif month is None and word.lstrip("-") in _MONTHS:
            month = _MONTHS[word.lstrip("-")]
        elif time is not None and zone is None and _offset(word) is not None:
            zone = _offset(word)
        elif word.lstrip("-").isdecimal() and len(word.lstrip("-")) <= 4:
            numbers.append(word.lstrip("-"))
    if month is None or len(numbers) < 2:
        return None
    day, year = numbers[0], numbers[1]
    if len(day) > 2:
        day, year = year, day
    return _build(_year(year), month, int(day), time or (0, 0, 0), zone)


def _dashed(text: str) -> bool:
    return re.search(r"\d-[a-z]{3,9}-\d", text) is not None


def _year(digits: str) -> int:
    """RFC 5322 4.3: two digits up to 49 are this century, other short years count from 1900."""
    year = int(digits)
    if len(digits) >= 4:
        return year
    return year + 2000 if len(digits) <= 2 and year < 50 else year + 1900


def _build(year: int, month: int, day: int, time: tuple[int, int, int], zone: int | None) -> datetime | None:
    hour, minute, second = time
    if not 1900 <= year <= 9998 or minute > 59 or hour > 24:
        return None
    # A leap second, or a clock that counts wrong: the minute's last second.
    moment = datetime(year, month, day, hour % 24, minute, min(second, 59), tzinfo=UTC)
    if hour == 24:
        moment += timedelta(days=1)
    if zone:
        moment = moment.replace(tzinfo=timezone(timedelta(minutes=zone)))
    return moment
