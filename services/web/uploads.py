"""Files of a form on their way to sender: from the browser's socket to the gRPC stream, a few chunks at a
time.

The two ends are decoupled by a short queue: gRPC drops its stream of requests when a call ends early (a file
too large), and the form must still be read to its end, so that the browser reads the answer and nothing typed
is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from services.common.errors import PosternError, Reason, too_large
from services.web.edge import Edge
from services.web.errors import sentence
from services.web.i18n import gettext as _
from services.web.model.outgoing import Attachment
from services.web.session import Me

QUEUED_CHUNKS = 8
T = TypeVar("T")


async def relay(
    content: AsyncIterator[bytes], limit: int, take: Callable[[AsyncIterator[bytes]], Awaitable[T]]
) -> T:
    """What `take` makes of the chunks. TOO_LARGE beyond `limit` octets; what it raises otherwise. Chunks that
    nobody takes any more stay in `content`."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED_CHUNKS)

    async def chunks() -> AsyncIterator[bytes]:
        while (chunk := await queue.get()) is not None:
            yield chunk

    task = asyncio.ensure_future(take(chunks()))
    try:
        total = 0
        async for chunk in content:
            total += len(chunk)
            if total > limit:
                raise too_large(limit)
            await put(queue, chunk, task)
            if task.done():
                break
        else:
            await put(queue, None, task)
        return await task
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError, PosternError):
                await task


async def put(queue: asyncio.Queue[Any], chunk: Any, task: asyncio.Future) -> None:
    """Put, unless the other end is gone."""
    if not queue.full():
        queue.put_nowait(chunk)
        return
    putting = asyncio.ensure_future(queue.put(chunk))
    await asyncio.wait({putting, task}, return_when=asyncio.FIRST_COMPLETED)
    putting.cancel()


class Uploads:
    """Takes the files of a form; what could not be taken is told, not raised, so that nothing else is
    lost."""

    def __init__(self, edge: Edge, me: Me) -> None:
        self._edge, self._me = edge, me
        self.taken: list[Attachment] = []
        self.problems: list[tuple[str, str]] = []

    async def __call__(self, filename: str, media_type: str, content: AsyncIterator[bytes]) -> None:
        token = self._me.token("sender")

        def take(chunks: AsyncIterator[bytes]) -> Awaitable[Attachment]:
            return self._edge.services.send.upload(token, filename, media_type, chunks)

        try:
            self.taken.append(await relay(content, self._edge.settings.max_upload_bytes, take))
        except PosternError as err:
            if err.reason == Reason.SESSION_ENDED or err.metadata.get("field") == "form":
                raise
            values = {"file": filename, "problem": sentence(err)}
            self.problems.append(("error", _("“%(file)s” was not attached. %(problem)s") % values))
