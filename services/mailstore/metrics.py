"""What an operator sees of mailstore beside its calls. No label holds an account or a host."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

CONNECTIONS = Gauge("postern_mailstore_connections", "Connections to the mail server.", ["state"])
WAITING = Gauge("postern_mailstore_waiting", "Calls that wait for a connection.")
CONNECTED = Counter("postern_mailstore_connects", "Connections opened, by what came of it.", ["outcome"])
RETRIES = Counter("postern_mailstore_retries", "Reads asked again since a kept connection was dead.")
MARKS = Counter(
    "postern_mailstore_marks",
    "Opened messages marked as read, by what came of it.",
    ["outcome"],
)
INDEX_ANSWERS = Counter(
    "postern_mailstore_index_answers",
    "Lists, conversations and searches, by what answered: the index, or the server.",
    ["what", "by"],
)
INDEX_BUILDS = Counter(
    "postern_mailstore_index_builds", "Workers that ended, by what came of it.", ["outcome"]
)
DECODED = Counter(
    "postern_mailstore_decoded",
    "Contents decoded in a process apart, by what came of it.",
    ["work", "outcome"],
)
WATCHED = Gauge("postern_mailstore_watched_accounts", "Accounts that are watched.")
