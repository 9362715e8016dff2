"""Opened messages kept for a moment, for the frame that asks for their HTML right after the page."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable

from services.web.model.mail import OpenMessage

MAX_CHARS = 16_000_000
SECONDS = 30.0


class Warm:
    """At most MAX_CHARS characters of text for at most SECONDS; each is handed out once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[float, int, OpenMessage]] = OrderedDict()
        self._chars = 0

    def put(self, key: Hashable, message: OpenMessage) -> None:
        self.take(key)
        size = sum(len(part.text) for part in message.texts)
        if size > MAX_CHARS // 4:
            return
        self._kept[key] = (time.monotonic(), size, message)
        self._chars += size
        while self._kept and (self._chars > MAX_CHARS or self._oldest() > SECONDS):
            self._chars -= self._kept.popitem(last=False)[1][1]

    def take(self, key: Hashable) -> OpenMessage | None:
        found = self._kept.pop(key, None)
        if found is None:
            return None
        self._chars -= found[1]
        return found[2] if time.monotonic() - found[0] <= SECONDS else None

    def _oldest(self) -> float:
        return time.monotonic() - next(iter(self._kept.values()))[0]
