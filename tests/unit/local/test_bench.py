"""What `make bench` prints."""

import pytest

from bench.figures import Figure, percentile, summary


def test_a_figure_leaves_out_what_it_does_not_have() -> None:
    assert Figure("a.b", 1.23456, "ms").line() == {"name": "a.b", "value": 1.2346, "unit": "ms", "n": 1}


def test_a_summary_compares_medians() -> None:
    figure = summary("a", [1.0, 2.0, 30.0], "ms", against="bare IMAP", reference=[4.0, 4.0])
    assert (figure.value, figure.p95, figure.ratio, figure.n) == (2.0, 30.0, 0.5, 3)


@pytest.mark.parametrize(("n", "expected"), [(1, 1), (19, 19), (20, 19), (100, 95), (200, 190)])
def test_percentile(n: int, expected: int) -> None:
    assert percentile([float(x) for x in range(1, n + 1)], 0.95) == expected
