"""A real OpenID provider of its own (oidc-provider, in Node): `with openid_provider() as provider:`."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx

from tests.support.process import HOST, Daemon, StartFailed, answers, free_port

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests/oidc"
REDIRECT = "http://127.0.0.1:8080/sign-in/openid"


def _environment() -> dict[str, str]:
    """With a Node of version 20 or later on PATH: the machine's, else the virtual environment's."""
    environment = dict(os.environ)
    node = shutil.which("node")
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout if node else "v0"
    if int(version.strip().lstrip("v").partition(".")[0]) < 20 or not shutil.which("npm"):
        environment["PATH"] = f"{ROOT / '.venv/bin'}{os.pathsep}{environment['PATH']}"
    return environment


def install() -> None:
    """Install what tests/oidc/package-lock.json names, where it is not there yet."""
    stamp = FOLDER / "node_modules/.package-lock.json"
    lock = FOLDER / "package-lock.json"
    if stamp.exists() and stamp.stat().st_mtime >= lock.stat().st_mtime:
        return
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=FOLDER,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise StartFailed(f"npm ci in {FOLDER} failed:\n{done.stdout}")


class OpenIdServer:
    """A running provider. Its people sign in by their login_hint alone."""

    def __init__(self, directory: Path, access_seconds: int, redirects: tuple[str, ...]) -> None:
        self.port = free_port()
        self.daemon = Daemon(
            "openid provider",
            ["node", "provider.mjs", str(self.port), str(access_seconds)],
            directory / "provider.log",
            lambda: answers(self.port),
            environment={**_environment(), "REDIRECTS": " ".join(redirects)},
            cwd=FOLDER,
        )

    @property
    def issuer(self) -> str:
        return f"http://{HOST}:{self.port}"

    def dovecot(self, directory: Path) -> str:
        """Lines that make a Dovecot take this provider's access tokens; writes what they refer to."""
        file = directory / "oauth2.conf.ext"
        file.write_text(
            f"introspection_url = http://mail:mail-secret@{HOST}:{self.port}/token/introspection\n"
            "introspection_mode = post\nusername_attribute = sub\n"
            "active_attribute = active\nactive_value = true\n"
        )
        return (
            "auth_mechanisms = plain login oauthbearer xoauth2\n"
            f"passdb {{\n  driver = oauth2\n  mechanisms = oauthbearer xoauth2\n  args = {file}\n}}\n"
        )


async def follow(url: str) -> str:
    """As a browser: on through the provider's pages, to the query that it sends back."""
    async with httpx.AsyncClient(follow_redirects=False, timeout=10) as browser:
        for _ in range(10):
            if url.startswith(REDIRECT):
                return url.partition("?")[2]
            answer = await browser.get(url)
            assert answer.is_redirect, f"{url}: {answer.status_code} {answer.text[:300]}"
            url = urljoin(url, answer.headers["location"])
    raise AssertionError("too many redirects")


@contextlib.contextmanager
def openid_provider(access_seconds: int = 3600, *redirects: str) -> Iterator[OpenIdServer]:
    install()
    with tempfile.TemporaryDirectory(prefix="postern-openid-", ignore_cleanup_errors=True) as name:
        server = OpenIdServer(Path(name), access_seconds, redirects)
        try:
            server.daemon.start()
            yield server
        finally:
            server.daemon.stop()
