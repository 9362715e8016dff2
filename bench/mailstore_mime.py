"""How far our reading of real messages agrees with the parse that stands beside them in the corpus.

Of five values for each message (subject, senders, recipients, shown texts, names of attachments) the share
that is equal, in percent. Where we differ on purpose is told, with the rule, in
tests/unit/mailstore/mime/test_corpus.py.

`mailstore.mime_agreement_seconded` counts as agreed also what a second reader, Python's `email`, reads
exactly as we do and not as the corpus has it.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.figures import Figure, benchmark
from tests.support.corpora import CORPORA
from tests.unit.mailstore.mime.agreement import FIELDS, compare


@benchmark("mailstore.mime_agreement")
def agreement() -> Iterator[Figure]:
    compared = list(compare(CORPORA / "mime"))
    if not compared:
        raise FileNotFoundError(f"the corpora are not beside this clone ({CORPORA})")
    values = len(compared) * len(FIELDS)
    differing = sum(len(one.differing) for one in compared)
    seconded = sum(len(one.seconded) for one in compared)
    yield Figure("mailstore.mime_agreement", 100 * (values - differing) / values, "%", n=values)
    backed = 100 * (values - differing + seconded) / values
    yield Figure("mailstore.mime_agreement_seconded", backed, "%", n=values)
