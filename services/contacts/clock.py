"""The moment now, in UTC without a zone, as both databases keep it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Now, to the microsecond."""
    return datetime.now(UTC).replace(tzinfo=None)
