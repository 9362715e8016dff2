"""`{% keep a, b %}…{% endkeep %}`: a piece of a page that depends on a, b and the language alone, drawn once
for each.

The body may name nothing else that changes; in particular no form token. Values must be hashable.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from markupsafe import Markup

from services.web import i18n

MOST = 2_000


class Keep(Extension):
    """At most MOST pieces, the one used longest ago dropped first."""

    tags = {"keep"}

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._kept: OrderedDict[tuple[Any, ...], Markup] = OrderedDict()

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        values = []
        while parser.stream.current.type != "block_end":
            values.append(parser.parse_expression())
            parser.stream.skip_if("comma")
        body = parser.parse_statements(("name:endkeep",), drop_needle=True)
        call = self.call_method("_keep", [nodes.Const(f"{parser.name}:{line}"), nodes.List(values)])
        return nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _keep(self, place: str, values: list[Any], caller: Callable[[], str]) -> Markup:
        key = (place, i18n.current().tag, *values)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = Markup(caller())  # noqa: S704 drawn under autoescape
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return found
