"""Where the stream of an account's changes is, as far as this process has told it (routes/events.py).

A page takes the place before anything that it shows is read, and its stream goes on from there: what changes
between the two is told, and nothing falls into the gap. Where none is known the page looks again once the
stream has begun.
"""

from __future__ import annotations

from collections import OrderedDict

MOST = 20_000


class Positions:
    """By account: "mailstore's token sender's token", of the latest event; the one used longest ago is
    dropped first."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()

    def of(self, account: str) -> str:
        """Empty where nothing is known."""
        return self._known.get(account, "")

    def put(self, account: str, mail: str, send: str) -> None:
        self._known[account] = f"{mail} {send}"
        self._known.move_to_end(account)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
