"""The supervisor with small processes of its own: readiness, crashes, the end."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local import children
from deploy.local.children import HOST, CannotStart, Child, Layout, free_ports, lay_out, time_zone
from deploy.local.supervisor import Supervisor

SERVE = """
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404); self.end_headers()
    def log_message(self, *a): pass
print("up", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
"""
REFUSE = "import sys; print('POSTERN_X is not set', file=sys.stderr); sys.exit(2)"
HANG = "import time; time.sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVE


def child(tmp_path: Path, name: str, program: str, stage: int = 1) -> Child:
    (port,) = free_ports(1)
    argv = (sys.executable, "-c", program, str(port))
    address = f"{HOST}:{port}"
    log = tmp_path / f"{name}.log"
    return Child(name, argv, dict(os.environ), log, (address, "/readyz"), {"metrics": address}, stage)


class Run:
    def __init__(self, tmp_path: Path, *children: Child) -> None:
        self.lines: list[str] = []
        self.file = tmp_path / "run.json"
        self.supervisor = Supervisor(Layout(children, "http://x", False), self.file, self.lines.append)

    def pid(self, name: str) -> int:
        return int(json.loads(self.file.read_text())["processes"][name]["pid"])

    def alive(self, pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True


@pytest.fixture
async def runs(tmp_path: Path) -> AsyncIterator[list[Run]]:
    made: list[Run] = []
    yield made
    for run in made:
        run.supervisor.kill()
        await run.supervisor.stop()


async def test_ready_when_all_answer_and_gone_after_stop(tmp_path: Path, runs: list[Run]) -> None:
    run = Run(tmp_path, child(tmp_path, "one", SERVE), child(tmp_path, "two", SERVE, stage=2))
    runs.append(run)
    await run.supervisor.start(20)
    state = json.loads(run.file.read_text())
    assert state["ready"] and state["pid"] == os.getpid()
    pids = [run.pid("one"), run.pid("two")]
    await run.supervisor.stop()
    assert not any(run.alive(pid) for pid in pids)
    assert not run.file.exists()


async def test_a_crashed_process_is_named_and_started_again(tmp_path: Path, runs: list[Run]) -> None:
    run = Run(tmp_path, child(tmp_path, "one", SERVE))
    runs.append(run)
    await run.supervisor.start(20)
    before = run.pid("one")
    os.kill(before, 9)
    async with asyncio.timeout(10):
        while run.pid("one") == before:
            await asyncio.sleep(0.05)
    assert run.lines == [f"one ended with signal 9; see {tmp_path / 'one.log'}. It starts again in 0.5 s."]


async def test_a_process_that_refuses_its_settings_ends_the_start(tmp_path: Path, runs: list[Run]) -> None:
    run = Run(tmp_path, child(tmp_path, "good", SERVE), child(tmp_path, "bad", REFUSE))
    runs.append(run)
    with pytest.raises(CannotStart, match=r"bad ended with status 2.*POSTERN_X is not set"):
        await run.supervisor.start(20)
    assert not run.file.exists()


async def test_the_causes_in_a_structured_log_are_shown(tmp_path: Path, runs: list[Run]) -> None:
    entry = (
        '{"event": "service.failed", "exception": "A.Error x at a.py:1 f | caused by B.Refused at b.py:2 g"}'
    )
    bad = child(tmp_path, "bad", f"print({entry!r}, flush=True); raise SystemExit(1)")
    run = Run(tmp_path, bad)
    runs.append(run)
    with pytest.raises(CannotStart, match=r"service.failed: A.Error x, because of B.Refused$"):
        await run.supervisor.start(20)


async def test_a_process_that_never_answers_is_named(tmp_path: Path, runs: list[Run]) -> None:
    run = Run(tmp_path, child(tmp_path, "good", SERVE), child(tmp_path, "slow", HANG))
    runs.append(run)
    with pytest.raises(CannotStart, match="Not ready after 1 s: slow"):
        await run.supervisor.start(1)


async def test_a_process_that_does_not_end_is_killed(
    tmp_path: Path, runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.supervisor.GRACE", 0.3)
    run = Run(tmp_path, child(tmp_path, "deaf", DEAF))
    runs.append(run)
    await run.supervisor.start(20)
    pid = run.pid("deaf")
    await run.supervisor.stop()
    assert not run.alive(pid)
    assert "deaf did not end" in run.lines[0]


def test_each_service_gets_its_own_secrets_and_no_others(tmp_path: Path) -> None:
    children = {c.name: c.environment for c in lay_out(tmp_path, {"PORT": "0"}).children}
    assert "POSTERN_SIGNING_KEY_FILE" in children["auth"]
    for name in ("mailstore", "sender", "contacts", "web"):
        assert "POSTERN_SIGNING_KEY_FILE" not in children[name]
        assert children[name]["POSTERN_TLS_KEY_FILE"].endswith(f"/{name}.key")
    assert not any("SEALING" in key or "DATABASE" in key for key in children["web"])
    assert children["sender"]["POSTERN_SEALING_KEY_FILE"].endswith("/sender.key")


def test_real_servers_in_place_of_the_embedded_ones(tmp_path: Path) -> None:
    urls = {"POSTERN_IMAP_URL": "imaps://mail.example", "POSTERN_SMTP_URL": "smtps://mail.example"}
    database = {"POSTERN_DATABASE_URL": "mysql+pymysql://u@h/d"}
    layout = lay_out(tmp_path, {"PORT": "0", **urls, **database})
    assert not layout.embedded and "mailserver" not in [c.name for c in layout.children]
    for each in layout.children:
        assert each.environment["POSTERN_IMAP_URL"] == "imaps://mail.example"
        assert each.environment["POSTERN_DATABASE_URL"] == "mysql+pymysql://u@h/d"
    with pytest.raises(CannotStart, match="both"):
        lay_out(tmp_path, {"PORT": "0", "POSTERN_IMAP_URL": "imaps://mail.example"})


def test_the_machine_s_time_zone(tmp_path: Path) -> None:
    (tmp_path / "localtime").symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    assert time_zone({}, tmp_path / "localtime") == "Europe/Berlin"
    assert time_zone({"TZ": "Asia/Tokyo"}, tmp_path / "localtime") == "Asia/Tokyo"
    assert time_zone({"TZ": ":No/Such"}) is None
    assert time_zone({}, tmp_path / "nothing") is None


def test_no_client_s_port_is_given_to_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outgoing = tmp_path / "ip_local_port_range"
    outgoing.write_text("15000\t15100\n")
    monkeypatch.setattr(children, "OUTGOING_PORTS", outgoing)
    ports = free_ports(200)
    assert len(set(ports)) == 200
    assert all(10000 <= port < 15000 for port in ports)


def test_a_busy_port_is_one_clear_line(tmp_path: Path) -> None:
    import socket

    with socket.socket() as busy:
        busy.bind((HOST, 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} .*PORT={port + 1}"):
            lay_out(tmp_path, {"PORT": str(port)})
    with pytest.raises(CannotStart, match="PORT must be a number"):
        lay_out(tmp_path, {"PORT": "http"})
