"""How long the mail server may take, from the deadline of the call at hand."""

from __future__ import annotations

from services.common.rpc.context import remaining


def time_left(at_most: float) -> float:
    """Seconds that an answer may take: `at_most`, or what the call has left less a little to report in.

    The little is what makes a hanging mail server come out as MAIL_SERVER_TIMEOUT and not as our own
    deadline.
    """
    left = remaining()
    if left is None:
        return at_most
    return min(at_most, max(0.001, left - min(0.5, left * 0.1)))
