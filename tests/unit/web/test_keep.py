"""Pieces of pages that are drawn once: what may differ, and what may not get in."""

from __future__ import annotations

import pytest
from jinja2 import Environment
from markupsafe import Markup

from services.web.keep import Keep


class Counted:
    """Says how often a body was drawn."""

    def __init__(self) -> None:
        self.drawn = 0

    def __call__(self) -> str:
        self.drawn += 1
        return ""


@pytest.fixture
def env() -> Environment:
    return Environment(autoescape=True, extensions=[Keep])


def test_drawn_once_for_each_value(env: Environment) -> None:
    count = Counted()
    template = env.from_string("{% keep a, b %}{{ count() }}<i>{{ a }}{{ b }}</i>{% endkeep %}")
    shown = [template.render(a=a, b="<", count=count) for a in (1, 2, 1)]
    assert shown == ["<i>1&lt;</i>", "<i>2&lt;</i>", "<i>1&lt;</i>"]
    assert count.drawn == 2


def test_gaps_are_filled_each_time_and_escaped(env: Environment) -> None:
    count = Counted()
    template = env.from_string(
        '{% keep a fill href=link, token=csrf %}{{ count() }}<a href="{{ href }}?x=1" data-t="{{ token }}">'
        "{{ href }}{% if a %}!{% endif %}</a>{% endkeep %}"
    )
    for link, shown in (
        ("/one", "/one"),
        ('"><script>', "&#34;&gt;&lt;script&gt;"),
        (Markup("/a&amp;b"), "/a&amp;b"),
    ):
        for token in ("t1", "t2"):
            drawn = template.render(a=True, link=link, csrf=token, count=count)
            assert drawn == f'<a href="{shown}?x=1" data-t="{token}">{shown}!</a>'
    assert count.drawn == 1


def test_a_gap_is_filled_by_its_own_value_alone(env: Environment) -> None:
    """Two pieces with the same gaps in another order, and a value that looks like a gap."""
    template = env.from_string(
        "{% keep fill one=a, two=b %}{{ one }}-{{ two }}{% endkeep %} "
        "{% keep fill one=b, two=a %}{{ one }}-{{ two }}{% endkeep %}"
    )
    assert template.render(a="x0z", b="x1z") == "x0z-x1z x1z-x0z"
