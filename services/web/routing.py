"""Which routes may be meant, by the first word of the path: a router alone tries one pattern after another,
and there are near a hundred."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send


class ByFirstWord:
    """An application of `routes`, whose patterns must all begin with a fixed word; else `default` answers."""

    def __init__(self, routes: Sequence[Route], default: ASGIApp) -> None:
        words: dict[str, list[Route]] = {}
        for route in routes:
            word = _word(route.path)
            if "{" in word:
                raise ValueError(f"{route.path} begins with a parameter")
            words.setdefault(word, []).append(route)
        self._routers = {word: Router(group, default=default) for word, group in words.items()}
        self._default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._routers.get(_word(scope["path"]), self._default)(scope, receive, send)


def _word(path: str) -> str:
    return path[1:].partition("/")[0]
