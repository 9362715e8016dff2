"""The front end's sources and what is built of them: small, complete, and from nowhere but the lock file."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[4] / "services/web"
FRONTEND = WEB / "frontend"
DIST = WEB / "static/dist"
KB = 1024


def bundle(name: str) -> bytes:
    manifest = DIST / "manifest.json"
    if not manifest.exists():
        # `make test` builds it; a run that decides over a change must not pass without it.
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no bundle: make assets")
    return (DIST / json.loads(manifest.read_text())[name]).read_bytes()


@pytest.mark.parametrize(
    ("name", "limit"), [("style.css", 12 * KB), ("app.js", 30 * KB), ("icons.svg", 4 * KB)]
)
def test_bundle_is_small(name: str, limit: int) -> None:
    assert len(gzip.compress(bundle(name), 9)) <= limit


def test_bundle_stands_ready_compressed() -> None:
    bundle("app.js")
    for file in json.loads((DIST / "manifest.json").read_text()).values():
        assert (DIST / f"{file}.gz").exists() and (DIST / f"{file}.br").exists()
        assert gzip.decompress((DIST / f"{file}.gz").read_bytes()) == (DIST / file).read_bytes()


def test_lock_file_names_no_host() -> None:
    assert "://" not in (FRONTEND / "package-lock.json").read_text()


def test_every_icon_that_a_template_names_is_in_the_sprite() -> None:
    known = set(json.loads((FRONTEND / "icons.json").read_text()))
    drawn = re.compile(r'\bicon\("([a-z0-9-]+)"')
    for template in (WEB / "templates").rglob("*.html"):
        text = template.read_text(encoding="utf-8")
        assert set(drawn.findall(text)) <= known, template.name


def test_templates_hold_neither_scripts_nor_styles() -> None:
    """So that the page's policy needs no exception."""
    inline = re.compile(
        r"<style|\sstyle=|\son[a-z]+=|hx-on|<script(?![^>]*\ssrc=)|javascript:", re.IGNORECASE
    )
    for template in (WEB / "templates").rglob("*.html"):
        text = re.sub(r"\{#.*?#\}", "", template.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not inline.search(text), template.name


def test_style_sheets_know_no_left_and_no_right() -> None:
    """Logical properties only: a right-to-left page is the mirror of the other."""
    physical = re.compile(
        r"(?:^|[;{\s])(?:(?:margin|padding|border)-(?:left|right|top|bottom)|left|right|top|bottom|width|height"
        r"|(?:min|max)-(?:width|height))\s*:",
        re.MULTILINE,
    )
    for sheet in (FRONTEND / "src/css").glob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
        assert not physical.search(text), (sheet.name, physical.search(text))
