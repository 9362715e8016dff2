"""Translation between protobuf and what the pages show; nothing else in the web touches protobuf but this and
clients."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def when(stamp: Timestamp) -> datetime:
    """A timestamp in UTC, seconds precise; far-off ones are pulled to the ends of what datetime can hold."""
    seconds = min(max(stamp.seconds, -62135596800 + 86400), 253402300799 - 86400)
    return datetime.fromtimestamp(seconds, UTC)


def stamp(moment: datetime) -> Timestamp:
    return Timestamp(seconds=int(moment.timestamp()))
