"""How far our reading of real messages agrees with the parse that stands beside them in the corpus.

Of five values for each message (subject, senders, recipients, shown texts, names of attachments) the share
that is equal, in percent. Where we differ on purpose is told, with the rule, in
tests/unit/mailstore/mime/test_corpus.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Figure, benchmark
from tests.support.corpora import CORPORA
from tests.unit.mailstore.mime.agreement import FIELDS, compare


@benchmark("mailstore.mime_agreement")
def agreement() -> Iterator[Figure]:
    differing = [len(fields) for _, fields, _, _ in compare(CORPORA / "mime")]
    if not differing:
        raise FileNotFoundError(f"the corpora are not beside this clone ({CORPORA})")
    values = len(differing) * len(FIELDS)
    yield Figure("mailstore.mime_agreement", 100 * (values - sum(differing)) / values, "%", n=values)
