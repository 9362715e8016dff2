"""What an operator sees of mailstore beside its calls. No label holds an account or a host."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

CONNECTIONS = Gauge("postern_mailstore_connections", "Connections to the mail server.", ["state"])
WAITING = Gauge("postern_mailstore_waiting", "Calls that wait for a connection.")
CONNECTED = Counter("postern_mailstore_connects", "Connections opened, by what came of it.", ["outcome"])
RETRIES = Counter("postern_mailstore_retries", "Reads asked again since a kept connection was dead.")
WATCHED = Gauge("postern_mailstore_watched_accounts", "Accounts that are watched.")
