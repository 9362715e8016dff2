"""When a letter might go that is not to go now: the times that people choose most, in the reader's zone."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.web import formats, i18n
from services.web.i18n import gettext as _

MORNING, EVENING = 8, 18


def choices(now: datetime) -> list[tuple[str, str]]:
    """(as a browser's date and time field has it, what it is called), soonest first; `now` with its zone."""
    here = now.astimezone(i18n.current().zone)

    def at(days: int, hour: int) -> datetime:
        # By the clock on the wall, also over the night that summer time begins.
        return datetime.combine(here.date() + timedelta(days=days), datetime.min.time(), here.tzinfo).replace(
            hour=hour
        )

    found = [(at(1, MORNING), _("Tomorrow morning"))]
    if here.hour < EVENING - 1:
        found.insert(0, (at(0, EVENING), _("This evening")))
    to_monday = 7 - here.weekday()
    if to_monday > 1:
        found.append((at(to_monday, MORNING), _("Monday morning")))
    return [(formats.to_local(when), f"{name} · {formats.medium_date(when)}") for when, name in found]
