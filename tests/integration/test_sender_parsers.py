"""Three parsers that are not ours agree on what sender composes; `make bench` has 1,000 drafts of it."""

from __future__ import annotations

from bench.agreement.compare import disagreements
from tests.support.dovecot import Dovecot


def test_three_parsers_read_what_was_written(dovecot: Dovecot) -> None:
    assert list(disagreements(dovecot, 150)) == []
