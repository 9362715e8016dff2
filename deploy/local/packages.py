"""Installs the Debian packages that the tests need, where they are missing.

`python -m deploy.local.packages` as root installs them; as anybody else it prints one line that says what
to install and ends with status 1. Only the standard library is used: it runs before any virtual environment.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# One file (or pattern) that proves the package, and the package. mariadb-server-core holds the server alone:
# the full package would make a system account, a data directory and a daemon that nobody here needs.
NEEDED = {
    "/usr/sbin/dovecot": "dovecot-core",
    "/usr/lib/dovecot/imap": "dovecot-imapd",
    "/usr/lib/dovecot/lmtp": "dovecot-lmtpd",
    "/usr/lib/dovecot/pop3": "dovecot-pop3d",
    "/usr/sbin/postfix": "postfix",
    "/usr/sbin/mariadbd": "mariadb-server-core",
    "/usr/bin/my_print_defaults": "mariadb-client-core",  # mariadb-install-db calls it
    "/usr/sbin/slapd": "slapd",
    "/usr/sbin/nginx": "nginx-light",
    "/usr/share/perl5/Email/MIME.pm": "libemail-mime-perl",  # reads back what sender composes
    "/usr/bin/chromium": "chromium",
    "/usr/lib/*/libatomic.so.1": "libatomic1",  # the Node inside Playwright is linked to it
    "/usr/share/fonts/truetype/noto/NotoSansArabic-Regular.ttf": "fonts-noto-core",
    "/usr/share/fonts/opentype/ipafont-gothic/ipag.ttf": "fonts-ipafont-gothic",
    "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf": "fonts-noto-color-emoji",
}

POLICY = Path("/usr/sbin/policy-rc.d")


class PackagesMissing(Exception):
    """Something is missing and cannot be installed; the text is one line for a person."""


def missing() -> list[str]:
    """The packages of NEEDED that are not installed."""
    return [package for path, package in NEEDED.items() if not glob.glob(path)]


@contextlib.contextmanager
def no_daemons() -> Iterator[None]:
    """Forbid package scripts to start daemons (invoke-rc.d asks policy-rc.d; 101 is "not allowed")."""
    if POLICY.exists():  # the machine's own policy stands; containers usually bring one
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def _run(*argv: str, stdin: str | None = None) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        argv, env=environment, input=stdin, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        tail = " / ".join(done.stdout.strip().splitlines()[-3:])
        raise PackagesMissing(f"{' '.join(argv[:2])} failed with status {done.returncode}: {tail}")


def install(packages: list[str]) -> None:
    """Install PACKAGES with apt-get, as root. Raises PackagesMissing with the end of apt's own words."""
    wait = "DPkg::Lock::Timeout=300"
    with no_daemons():
        _run("apt-get", "update", "-q", "-o", wait)
        if "postfix" in packages and shutil.which("debconf-set-selections"):
            _run(
                "debconf-set-selections",
                stdin="postfix postfix/main_mailer_type select No configuration\n",
            )
        _run("apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", wait, *packages)


def ensure() -> list[str]:
    """Install what is missing and return its names. Raises PackagesMissing when that cannot be done."""
    absent = missing()
    if not absent:
        return []
    command = f"apt-get install --no-install-recommends {' '.join(absent)}"
    if not shutil.which("apt-get"):
        raise PackagesMissing(f"The tests need these Debian packages or their like: {' '.join(absent)}")
    if os.geteuid() != 0:
        raise PackagesMissing(f"The tests need Debian packages; as root: {command}")
    install(absent)
    still = missing()
    if still:
        raise PackagesMissing(f"Installed, and yet not there: {' '.join(still)}")
    return absent


def main() -> int:
    absent = missing()
    if absent and os.geteuid() == 0:
        print(f"Installing Debian packages for the tests: {' '.join(absent)}", file=sys.stderr)
    try:
        ensure()
    except PackagesMissing as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
