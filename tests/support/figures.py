"""Counts that a test reports beside its verdict: printed after the run, also when several processes share it.

`record_property("figure:auth.access_matrix_cases", 126)` in a test becomes one JSON line, in the form of
`make bench`, in the summary at the end.
"""

from __future__ import annotations

import json

import pytest

PREFIX = "figure:"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    figures = {
        name.removeprefix(PREFIX): value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name.startswith(PREFIX)
    }
    if figures:
        terminalreporter.section("figures")
    for name, value in sorted(figures.items()):
        terminalreporter.write_line(json.dumps({"name": name, "value": value, "unit": "count"}))
