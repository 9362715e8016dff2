"""What a benchmark is and what it says."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One measured number.

    value, p95: in UNIT; value is the median where several were taken. against: what it was compared with, and
    ratio: value divided by that one's value. n: how many measurements stand behind it.
    """

    name: str
    value: float
    unit: str
    p95: float | None = None
    against: str | None = None
    ratio: float | None = None
    n: int = 1

    def line(self) -> dict[str, object]:
        return {
            key: round(found, 4) if isinstance(found, float) else found
            for key, found in asdict(self).items()
            if found is not None
        }


def summary(
    name: str,
    values: Sequence[float],
    unit: str,
    *,
    against: str | None = None,
    reference: Sequence[float] | None = None,
) -> Figure:
    """The median and 95th percentile of VALUES, with the ratio to the median of REFERENCE."""
    median = statistics.median(values)
    ratio = median / statistics.median(reference) if reference else None
    return Figure(name, median, unit, percentile(values, 0.95), against, ratio, len(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least SHARE of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * share // 1) - 1)]


Benchmark = Callable[[], Iterable[Figure]]
_registered: dict[str, Benchmark] = {}


def benchmark(name: str) -> Callable[[Benchmark], Benchmark]:
    """Registers a function that yields figures. ONLY=NAME runs all whose name begins with NAME."""

    def register(function: Benchmark) -> Benchmark:
        _registered[name] = function
        return function

    return register


def registered(only: str = "") -> Iterator[tuple[str, Benchmark]]:
    for name in sorted(_registered):
        if name.startswith(only) or only.startswith(name + "."):
            yield name, _registered[name]


def full() -> bool:
    """Whether FULL=1 asks for the sizes that the issues state, not the short form."""
    return os.environ.get("FULL", "") not in ("", "0")
