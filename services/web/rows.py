"""Lines of a list as HTML, drawn by the component's macro and remembered: the same line is asked for again
and again.

A line depends on its message, on the list's terms (reader, language, day, address) and on whether it is the
one that is open. Messages are remembered by identity (convert/mail.py hands out the same object for the same
answer), so that a line that has not changed costs one look into a dict.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from services.web import formats
from services.web.listing import Drafts, Line

MOST = 8_000


class Rows:
    """At most MOST lines of about 1 KB, the one used longest ago dropped first."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._kept: OrderedDict[Hashable, tuple[Any, str]] = OrderedDict()
        self._terms: OrderedDict[Hashable, int] = OrderedDict()
        self._last = 0

    def __call__(self, lines: Drafts) -> Markup:
        kept, is_open = self._kept, lines.is_open
        drawn: list[str] = []
        number = self._number(lines.terms)
        for one in lines.of:
            current = is_open is not None and is_open(one)
            # The entry holds the message, so that its id is nobody else's while it is there.
            key = (id(one), number, current)
            found = kept.get(key)
            if found is None or found[0] is not one:
                found = kept[key] = (one, self._draw(lines.line(one, current)))
                if len(kept) > MOST:
                    kept.popitem(last=False)
            else:
                kept.move_to_end(key)
            drawn.append(found[1])
        return Markup("\n".join(drawn))  # noqa: S704 the macro has escaped every piece

    def _number(self, terms: Hashable) -> int:
        """Terms are long and the same for every line of a list: they are compared once and then have a
        number."""
        number = self._terms.get(terms)
        if number is None:
            self._last += 1
            number = self._terms[terms] = self._last
            if len(self._terms) > MOST:
                self._terms.popitem(last=False)
        return number

    def _draw(self, line: Line) -> str:
        row = line.row
        macro = self._env.get_template("components/message_list.html").module.row  # type: ignore[attr-defined]
        return str(
            macro(
                line.href,
                line.value,
                line.people,
                line.subject,
                row.snippet,
                formats.short_date(row.date),
                formats.full_date(row.date),
                formats.iso(row.date),
                line.unread,
                line.starred,
                row.flags.answered,
                row.flags.forwarded,
                line.attachments,
                line.count,
                (line.place,) if line.place else (),
                line.current,
                labels=line.labels,
            )
        )
