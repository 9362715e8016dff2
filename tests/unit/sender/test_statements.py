"""Statements as text write what SQLAlchemy's own would, also several in one trip, and none fails unheard."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from services.sender.storage import statements
from services.sender.storage.statements import Rows, Wanted
from services.sender.storage.tables import segments, usage
from tests.unit.sender.fakes import Fixture, sender_on

NAMES = ("account", "step", "messages")
AWKWARD = "o'brien\\%s?; DROP TABLE sender_usage; -- \N{SNOWMAN}"


def counted(account: str, step: int = 1, messages: int = 1) -> dict[str, Any]:
    return {"account": account, "step": step, "messages": messages, "recipients": 0, "octets": 2**40}


async def everything(it: Fixture) -> list[tuple[Any, ...]]:
    found = await it.sender.db.read(lambda s: statements.select(s, usage, NAMES, step=[1, 2, 3]))
    return sorted(map(tuple, found))


async def test_what_is_written_is_read(database_url: str) -> None:
    add = ("messages", "recipients")
    async with sender_on(database_url) as it:

        def work(session: Any) -> list[Any]:
            statements.insert(session, usage, [counted("a"), counted(AWKWARD, 2)])
            statements.insert(session, usage, [counted("a", messages=4)], adding=add)
            statements.insert(session, usage, [counted(AWKWARD, 2, 7)], replace=True)
            changed = statements.update(
                session, usage, [("messages", 9)], counted="recipients", account=[AWKWARD, "a"], step=[2, 3]
            )
            gone = statements.delete(session, usage, account=["nobody"])
            wanted = Wanted(usage, (*NAMES, "recipients"), {"account": [AWKWARD, "b", "c"]})
            both = [Rows(usage, [counted("b"), counted("c")]), Rows(usage, [counted("b")], adding=add)]
            return [changed, gone, *sorted(map(tuple, statements.insert_all(session, both, wanted)))]

        expected = [(AWKWARD, 2, 9, 1), ("b", 1, 2, 0), ("c", 1, 1, 0)]
        assert await it.sender.db.run(work) == [1, 0, *sorted(expected)]
        assert await everything(it) == sorted([("a", 1, 5), (AWKWARD, 2, 9), ("b", 1, 2), ("c", 1, 1)])


@pytest.mark.parametrize("last", [False, True])
async def test_whichever_fails_of_several_undoes_all(database_url: str, last: bool) -> None:
    async with sender_on(database_url) as it:
        await it.sender.db.run(lambda s: statements.insert(s, usage, [counted("a")]))
        many = [Rows(usage, [counted("b")]), Rows(usage, [counted("a")]), Rows(usage, [counted("c")])]
        with pytest.raises(IntegrityError) as failed:
            await it.sender.db.run(lambda s: statements.insert_all(s, many[: 2 if last else 3]))
        assert "(%s" in str(failed.value) or "(?" in str(failed.value), "values are no part of what is logged"
        assert await everything(it) == [("a", 1, 1)]


@pytest.mark.parametrize(("octets", "trips"), [(10, 1), (statements.ONE_TRIP, 2)])
async def test_several_are_one_trip_unless_they_are_large(database_url: str, octets: int, trips: int) -> None:
    async with sender_on(database_url) as it:
        sent: list[str] = []
        accepted = await it.send()
        event.listen(it.sender.db.engine, "before_cursor_execute", lambda c, u, s, *rest: sent.append(s))
        row = {
            "submission_id": accepted.id,
            "position": 9,
            "size": octets,
            "data": bytes(octets),
            "blob_id": None,
            "encoding": "",
            "sent_only": False,
        }
        many = [Rows(segments, [row]), Rows(usage, [counted("a")])]
        await it.sender.db.run(lambda s: statements.insert_all(s, many))
        inserts = [text for text in sent if "INSERT" in text]
        assert len(inserts) == (2 if database_url.startswith("sqlite") else trips)
