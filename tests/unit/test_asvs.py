"""docs/asvs.md: every requirement is there, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/asvs.md").read_text(encoding="utf-8")
# Levels 1 and 2 of OWASP ASVS 5.0: section to how many requirements, those of level 3 left out.
SECTIONS = {
    "6.1": 3,
    "6.2": 12,
    "6.3": 4,
    "6.4": 4,
    "6.5": 5,
    "6.6": 3,
    "6.8": 4,
    "7.1": 3,
    "7.2": 4,
    "7.3": 2,
    "7.4": 5,
    "7.5": 2,
    "7.6": 2,
    "9.1": 3,
    "9.2": 4,
    "10.1": 2,
    "10.2": 2,
    "10.3": 4,
    "10.4": 11,
    "10.5": 5,
    "10.6": 2,
    "10.7": 3,
}


def rows() -> dict[str, list[str]]:
    cells = [line.split("|")[1:-1] for line in TEXT.splitlines() if re.match(r"\| \d+\.\d+\.\d+ \|", line)]
    return {found[0].strip(): [cell.strip() for cell in found[1:]] for found in cells}


def test_every_requirement_of_levels_1_and_2_is_answered() -> None:
    wanted = [f"{section}.{number}" for section, most in SECTIONS.items() for number in range(1, most + 1)]
    found = rows()
    assert list(found) == wanted
    for number, (level, asked, answer) in found.items():
        assert level in ("1", "2") and asked and answer, number


def test_every_named_test_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT))
    assert len(named) > 40 and len(named) == len(set(re.findall(r"`(tests/[^`]+::[^`]+)`", TEXT)))
    for path, name in sorted(named):
        file = ROOT / path
        assert file.is_file(), path
        tree = ast.parse(file.read_text(encoding="utf-8"))
        functions = {
            node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert name in functions, f"{path}::{name}"


def test_every_other_named_file_exists() -> None:
    for path in set(re.findall(r"`((?:docs|services)/[\w/.-]+\.md)`", TEXT)):
        assert (ROOT / path).is_file(), path
