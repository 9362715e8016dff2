"""`make run` as a person meets it: what it says, what happens to what crashes, how it ends."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.children import SERVICES
from tests.support.process import wait_until
from tests.support.stack import ROOT, Stack, embedded_stack

# 127.0.0.1, ::1 and ::ffff:127.0.0.1 as /proc/net has them.
LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """A stack of this module's own, for tests that kill parts of it."""
    with embedded_stack() as stack:
        yield stack


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def gone(pid: int) -> bool:
    """Whether the process has ended (or is a zombie that nobody has waited for)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_it_says_where_it_is_and_how_to_sign_in(own: Stack) -> None:
    assert status(own.url) == 200
    # The page may answer a moment before the words are there.
    said = own.daemon.log
    assert wait_until(lambda: "bob@example.org / bob" in said.read_text(), 10), said.read_text()
    assert own.url in said.read_text() and "alice@example.org / alice" in said.read_text()


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_metrics_and_health_on_a_port_of_its_own(own: Stack, service: str) -> None:
    base = f"http://{own.process(service)['metrics']}"
    assert [status(f"{base}/{path}") for path in ("metrics", "healthz", "readyz")] == [200, 200, 200]


def test_nothing_listens_beyond_loopback(own: Stack) -> None:
    pids = {int(p["pid"]) for p in own.state()["processes"].values()}
    inodes = {
        os.readlink(link)[8:-1]
        for pid in pids
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if os.path.lexists(link) and os.readlink(link).startswith("socket:[")
    }
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:  # listening, and one of ours
                address = fields[1].partition(":")[0]
                assert address in LOOPBACK, line


@pytest.mark.parametrize("service", ["contacts", "web"])
def test_what_crashes_is_named_and_comes_back(own: Stack, service: str) -> None:
    before = int(own.process(service)["pid"])
    own.kill(service)
    assert wait_until(lambda: int(own.process(service)["pid"]) != before, 10)
    assert wait_until(lambda: status(f"http://{own.process(service)['metrics']}/readyz") == 200, 20)
    assert f"{service} ended with signal 9" in own.daemon.log.read_text()
    assert status(own.url) == 200


def test_a_second_one_in_the_same_place_is_refused_in_one_line(own: Stack) -> None:
    done = start(own.var, PORT="0")
    assert done.returncode == 1
    assert done.stdout == "" and done.stderr.count("\n") == 1 and "already runs here" in done.stderr


def test_a_busy_port_is_refused_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        done = start(tmp_path, PORT=str(port))
    assert done.returncode == 1
    assert done.stdout == "" and done.stderr.count("\n") == 1
    assert f"Port {port} " in done.stderr and f"PORT={port + 1}" in done.stderr


def test_sigterm_ends_all_of_it_within_seconds_and_leaves_its_data() -> None:
    with embedded_stack() as stack:
        pids = [int(p["pid"]) for p in stack.state()["processes"].values()]
        assert stack.daemon.process is not None
        stack.daemon.process.send_signal(signal.SIGTERM)
        assert stack.daemon.process.wait(25) == 0
        assert all(gone(pid) for pid in pids)
        assert not (stack.var / "run.json").exists()
        assert (stack.var / "auth.db").exists() and (stack.var / "keys").is_dir()
        assert "was killed" not in stack.daemon.log.read_text()


def test_when_the_supervisor_is_killed_nothing_stays_behind() -> None:
    with embedded_stack() as stack:
        pids = [int(p["pid"]) for p in stack.state()["processes"].values()]
        assert stack.daemon.process is not None
        stack.daemon.process.kill()
        assert wait_until(lambda: all(gone(pid) for pid in pids), 15)


def start(var: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("POSTERN_")}
    return subprocess.run(
        [sys.executable, "-m", "deploy.local", "--var", str(var)],
        env={**clean, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
