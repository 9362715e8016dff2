"""Programs from npm that look at pages: axe-core for the tests, Lighthouse for the benchmarks.

Installed by their lock file when first wanted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Page

FOLDER = Path(__file__).parents[1] / "audit"
# What WCAG 2.2 AA asks for, and what axe calls good practice.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def _environment() -> dict[str, str]:
    """With the virtual environment's Node first: Lighthouse wants a newer one than Debian's."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def install(*, everything: bool = False) -> None:
    """axe-core, and Lighthouse too where `everything`."""
    wanted = FOLDER / "node_modules" / ("lighthouse" if everything else "axe-core")
    if wanted.is_dir():
        return
    omit = [] if everything else ["--omit=optional"]
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *omit]
    subprocess.run(command, cwd=FOLDER, check=True, env=_environment(), stdout=sys.stderr, timeout=300)


@cache
def _axe() -> str:
    install()
    return (FOLDER / "node_modules/axe-core/axe.min.js").read_text()


async def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with the page, a line each: the rule and the first that break it."""
    await page.evaluate(_axe())
    found: list[dict[str, Any]] = await page.evaluate(
        "tags => axe.run({exclude: ['iframe']}, {runOnly: tags, resultTypes: ['violations'], iframes: false})"
        ".then(r => r.violations)",
        TAGS,
    )
    return [
        f"{one['id']} ({one['impact']}): " + "; ".join(node["html"][:160] for node in one["nodes"][:3])
        for one in found
    ]


def lighthouse(
    url: str, cookie: str, *, mobile: bool, chromium: str, flags: tuple[str, ...]
) -> dict[str, float]:
    """Lighthouse's scores (0 to 100) of a page, by category, and its "lcp" in milliseconds."""
    install(everything=True)
    command = [
        "node",
        str(FOLDER / "node_modules/lighthouse/cli/index.js"),
        url,
        "--quiet",
        "--output=json",
        "--output-path=stdout",
        "--only-categories=performance,accessibility,best-practices",
        f"--chrome-flags=--headless=new {' '.join(flags)}",
        "--extra-headers=" + json.dumps({"Cookie": cookie}),
        *([] if mobile else ["--preset=desktop"]),
    ]
    environment = {**_environment(), "CHROME_PATH": chromium}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=180, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace")[-2000:])
    report = json.loads(done.stdout)
    scores = {name: (one["score"] or 0) * 100 for name, one in report["categories"].items()}
    return scores | {"lcp": report["audits"]["largest-contentful-paint"].get("numericValue") or 0.0}
