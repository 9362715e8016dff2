"""What sender composes, read back by Dovecot, Python and Perl's Email::MIME: how often one of them reads a
recipient, the subject, a part or a name otherwise than it was written."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from bench.agreement.compare import disagreements
from bench.figures import Figure, benchmark, full
from tests.support.dovecot import dovecot


@benchmark("sender.parser_disagreements")
def parser_disagreements() -> Iterator[Figure]:
    count = 1000 if full() else 150
    with dovecot() as server:
        found = list(disagreements(server, count))
    for sentence in found[:20]:
        print(f"  {sentence}", file=sys.stderr)
    yield Figure("sender.parser_disagreements", len(found), "fields", n=count)
