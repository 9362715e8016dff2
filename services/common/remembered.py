"""What was worked out once and holds until a known moment; the least recently used is forgotten first."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_SWEEP_SECONDS = 30.0


class Remembered(Generic[K, V]):
    """At most `most` values, each given until its moment (seconds since 1970) and dropped half a minute
    later, as far as anything is put in.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.time) -> None:
        self._most, self._clock = most, clock
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._swept = clock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """The value, None where there is none or its moment has passed."""
        found = self._values.get(key)
        if found is None:
            return None
        if found[0] <= self._clock():
            del self._values[key]
            return None
        self._values.move_to_end(key)
        return found[1]

    def put(self, key: K, value: V, until: float) -> None:
        """Keep `value` until that moment."""
        now = self._clock()
        if now - self._swept > _SWEEP_SECONDS:
            self._swept = now
            for old in [each for each, (end, _) in self._values.items() if end <= now]:
                del self._values[old]
        self._values[key] = (until, value)
        self._values.move_to_end(key)
        while len(self._values) > self._most:
            self._values.popitem(last=False)
