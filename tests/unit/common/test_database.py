"""How a database is connected to."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from services.common.database import create_engine


class Asked(Exception):
    """Instead of a connection."""


def arguments(url: str) -> dict[str, Any]:
    """What the driver is given."""
    engine, seen = create_engine(url), {}

    @event.listens_for(engine, "do_connect")
    def connects(_dialect: Any, _record: Any, _positional: Any, named: dict[str, Any]) -> None:
        seen.update(named)
        raise Asked

    with pytest.raises(Asked):
        engine.connect()
    return seen


@pytest.mark.parametrize(
    ("url", "without"),
    [
        ("mysql+pymysql://u:p@localhost/x", True),
        ("mysql+pymysql://u:p@127.0.0.1:3307/x", True),
        ("mysql+pymysql://u:p@localhost/x?ssl_ca=/ca.pem", False),
        ("mysql+pymysql://u:p@localhost/x?ssl_verify_cert=true", False),
        ("mysql+pymysql://u:p@db.example.org/x", False),
        ("mysql+pymysql://u:p@db.example.org/x?ssl_ca=/ca.pem", False),
    ],
)
def test_without_tls_on_this_machine_alone_and_where_nobody_asks_for_it(url: str, without: bool) -> None:
    assert arguments(url).get("ssl_disabled", False) is without
