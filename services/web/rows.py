"""Lines of a list as HTML, drawn by the component's macro and remembered: the same line is asked for again
and again.

Nothing about it is secret to the cache: the key is all that the line shows, the account's own words included,
so two accounts share a line only where every letter of it is the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from jinja2 import Environment
from markupsafe import Markup

from services.web import formats, i18n
from services.web.listing import Line

MOST = 8_000


class Rows:
    """At most MOST lines of about 1 KB, the one used longest ago dropped first."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._kept: OrderedDict[tuple, str] = OrderedDict()

    def __call__(self, lines: Iterable[Line]) -> Markup:
        macro, tag = None, i18n.current().tag
        drawn: list[str] = []
        for line in lines:
            row = line.row
            key = (
                tag,
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
                (*row.flags.labels, line.place) if line.place else row.flags.labels,
                line.current,
            )
            html = self._kept.get(key)
            if html is None:
                if macro is None:
                    macro = self._env.get_template("components/message_list.html").module.row  # type: ignore[attr-defined]
                html = str(macro(*key[1:]))
                self._kept[key] = html
                if len(self._kept) > MOST:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(key)
            drawn.append(html)
        return Markup("\n".join(drawn))  # noqa: S704 the macro has escaped every piece
