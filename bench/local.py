"""How long `make run` takes from its start until the page can be opened, everything being installed."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.figures import Figure, benchmark, full, summary
from tests.support.stack import embedded_stack


@benchmark("local.ready")
def ready() -> Iterator[Figure]:
    seconds = []
    for _ in range(5 if full() else 2):
        start = time.perf_counter()
        with embedded_stack(POSTERN_LOG_LEVEL="INFO"):
            seconds.append(time.perf_counter() - start)
    yield summary("local.ready", seconds, "s")
