"""How often one place may ask for what is open to everybody."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from services.common.errors import Reason, error

MOST_PLACES = 20_000


class Limiter:
    """A bucket of `burst` requests for each network that refills by one in `seconds`; kept in memory, for
    this replica. What guards the thing itself is that nobody guesses its address: this bounds the noise."""

    def __init__(self, burst: int, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._seconds, self._now = burst, seconds, now
        # By network, the moment at which its bucket is full again; the one longest untouched first.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, address: str) -> None:
        """RATE_LIMITED with `retry_seconds` where the bucket of that address is empty."""
        place, now = _network(address), self._now()
        full_at = max(self._full_at.get(place, now), now) + self._seconds
        wait = full_at - now - self._burst * self._seconds
        if wait > 0:
            raise error(Reason.RATE_LIMITED, retry_seconds=str(int(wait) + 1))
        self._full_at[place] = full_at
        self._full_at.move_to_end(place)
        if len(self._full_at) > MOST_PLACES:
            self._full_at.popitem(last=False)


def _network(address: str) -> str:
    """An IPv6 host has as many addresses as it likes: its /64 counts as one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
