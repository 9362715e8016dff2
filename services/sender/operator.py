"""`python -m services.sender operator list|release|refuse [ACCOUNT|ID]`: messages that a burst has stopped.

It works on the database alone (POSTERN_DATABASE_URL), beside running replicas or without any; these find what
was released at their next look, within a second.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from services.common.database import Database, database_url
from services.common.settings import Env
from services.sender import clock
from services.sender.model import Submission
from services.sender.storage import held

USAGE = """usage: python -m services.sender operator list [ACCOUNT|ID]
       python -m services.sender operator release ACCOUNT|ID
       python -m services.sender operator refuse ACCOUNT|ID"""


async def operate(arguments: list[str]) -> int:
    """The exit status: 0 done, 1 nothing matched, 2 not understood."""
    word, which = [*arguments, "", ""][:2]
    if word not in ("list", "release", "refuse") or len(arguments) > 2 or (word != "list" and not which):
        print(USAGE, file=sys.stderr)  # noqa: T201 for the operator's eyes
        return 2
    db = Database(database_url(Env.current()), pool_size=2)
    try:
        if word == "list":
            for item in await db.read(lambda s: held.suspended(s, which)):
                print(_line(item))  # noqa: T201
            return 0
        act = held.release if word == "release" else held.refuse
        count = await db.run(lambda s: act(s, which, clock.now()))
        print(f"{count} {word}d")  # noqa: T201
        return 0 if count else 1
    finally:
        await db.close()


def _line(item: Submission) -> str:
    """Who, when, how large and to how many: nothing of what it says."""
    accepted = datetime.fromtimestamp(item.accepted_at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f"{item.id}  {accepted}  {item.account}  {len(item.recipients)} recipients  {item.size_bytes} octets"
    )
