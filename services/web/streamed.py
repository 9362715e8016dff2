"""An answer that comes from a call which lasts as long as it does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send


class Streamed(StreamingResponse):
    """Chunks as they come; whatever happens to the browser, the call behind them ends."""

    def __init__(self, stack: AsyncExitStack, chunks: AsyncIterator[bytes], headers: dict[str, str]) -> None:
        super().__init__(chunks, headers=headers)
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stack:
            if scope["method"] == "HEAD":
                await Response(headers=_headers(self))(scope, receive, send)
                return
            await super().__call__(scope, receive, send)


def _headers(response: Response) -> dict[str, Any]:
    return dict(response.headers)
