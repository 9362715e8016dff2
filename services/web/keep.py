"""`{% keep a, b %}…{% endkeep %}`: a piece of a page that depends on a, b and the language alone, drawn once
for each. `{% keep a fill key=…, url=… %}`: the same, with gaps that are filled each time it is shown.

The body may name nothing else that changes; in particular no form token, but for one that fills a gap. Values
must be hashable. In the body, a gap's name stands where text or a quoted attribute's value is written out, by
itself or with words around it: it is escaped as those are, and nothing can be asked of it there.
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from markupsafe import Markup, escape

from services.web import i18n

MOST = 2_000
# Letters and digits only, so that nothing on its way changes it; nobody can guess it.
_MARK = f"x{secrets.token_hex(12)}x"
_GAP = re.compile(f"{_MARK}([0-9]+)z")


class Keep(Extension):
    """At most MOST pieces, the one used longest ago dropped first."""

    tags = {"keep"}

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # Text, the number of a gap, text, and so on.
        self._kept: OrderedDict[tuple[Any, ...], list[Any]] = OrderedDict()

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        values: list[nodes.Expr] = []
        names: list[nodes.Name] = []
        fills: list[nodes.Expr] = []
        while parser.stream.current.type != "block_end":
            if parser.stream.skip_if("name:fill"):
                while parser.stream.current.type != "block_end":
                    name = parser.stream.expect("name").value
                    parser.stream.expect("assign")
                    names.append(nodes.Name(name, "param"))
                    fills.append(parser.parse_expression())
                    parser.stream.skip_if("comma")
                break
            values.append(parser.parse_expression())
            parser.stream.skip_if("comma")
        body = parser.parse_statements(("name:endkeep",), drop_needle=True)
        arguments: list[nodes.Expr] = [
            nodes.Const(f"{parser.name}:{line}"),
            nodes.List(values),
            nodes.List(fills),
        ]
        call = self.call_method("_keep", arguments)
        for one in names:
            one.set_lineno(line)
        return nodes.CallBlock(call, names, [], body).set_lineno(line)

    def _keep(self, place: str, values: list[Any], fills: list[Any], caller: Callable[..., str]) -> Markup:
        key = (place, i18n.current().tag, *values)
        found = self._kept.get(key)
        if found is None:
            drawn = caller(*(f"{_MARK}{number}z" for number in range(len(fills))))
            found = self._kept[key] = _GAP.split(drawn)
            found[1::2] = map(int, found[1::2])
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        if not fills:
            return Markup(found[0])  # noqa: S704 drawn under autoescape
        shown = [str(escape(value)) for value in fills]
        pieces = list(found)
        pieces[1::2] = [shown[number] for number in found[1::2]]
        return Markup("".join(pieces))  # noqa: S704 drawn under autoescape, its gaps filled with escaped text
