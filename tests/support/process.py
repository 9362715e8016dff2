"""Starting, watching and ending one server process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

HOST = "127.0.0.1"
SETPRIV = "/usr/bin/setpriv"
_given: set[int] = set()
_given_lock = threading.Lock()


class StartFailed(Exception):
    """A server did not start; the text ends with the last lines of its log."""


def free_port() -> int:
    """A free TCP port on loopback, not handed out before by this process.

    It is below the range from which the kernel takes the ports of outgoing connections, so that no client
    takes it before the server binds it.
    """
    with _given_lock:
        for offset in range(20000):
            port = 12000 + (os.getpid() * 97 + offset) % 20000
            if port in _given:
                continue
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with contextlib.suppress(OSError):
                    probe.bind((HOST, port))
                    _given.add(port)
                    return port
    raise StartFailed("No free TCP port on loopback")


def tail(path: Path, lines: int = 15) -> str:
    """The last LINES lines of a log."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


def answers(port: int, greeting: bytes = b"", timeout: float = 1.0) -> bool:
    """Whether something accepts connections on the loopback PORT and, if asked, greets with GREETING."""
    try:
        with socket.create_connection((HOST, port), timeout=timeout) as sock:
            return not greeting or sock.recv(512).startswith(greeting)
    except OSError:
        return False


def wait_until(check: Callable[[], bool], timeout: float, interval: float = 0.03) -> bool:
    """Call CHECK until it is true; false when TIMEOUT seconds went by."""
    end = time.monotonic() + timeout
    while True:
        if check():
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(interval)


class Daemon:
    """A server process in a session of its own, with its output in a log file.

    It can be started again after stop() or kill(), on the same ports, which is how tests take a server away.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        ready: Callable[[], bool],
        *,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 30.0,
        logs: Sequence[Path] = (),
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self.timeout = timeout
        self._ready = ready
        self._environment = dict(environment) if environment is not None else None
        self._cwd = cwd
        self._logs = [log, *logs]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers; raises StartFailed with the end of its logs."""
        argv = self.argv
        # The kernel ends the server when this process dies without cleaning up. The signal goes out when the
        # starting thread ends, so only the main thread may ask for it.
        if threading.current_thread() is threading.main_thread() and os.path.exists(SETPRIV):
            argv = [SETPRIV, "--pdeathsig", "TERM", *argv]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self._environment,
                cwd=self._cwd,
                start_new_session=True,
            )
        process = self.process
        if wait_until(lambda: process.poll() is not None or self._ready(), self.timeout):
            if process.poll() is None:
                return
            why = f"ended with status {process.returncode}"
        else:
            why = f"did not answer within {self.timeout:.0f} s"
        self.stop()
        logs = "\n".join(f"--- {path}\n{tail(path)}" for path in self._logs if path.exists())
        raise StartFailed(f"{self.name} {why}\n{logs}")

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout: float = 10.0) -> None:
        """SIGTERM to the server, then SIGKILL to what is left of its session."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self._signal_all(signal.SIGCONT)
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole session, as a crash would be."""
        if self.process is None:
            return
        self._signal_all(signal.SIGKILL)
        self.process.wait(10)
        self.process = None

    def pause(self) -> None:
        """Stop the processes without ending them: connections stay open and nothing answers."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        # Each process by its id, found by session: some servers put their children in groups of their own.
        if self.process is None:
            return
        for pid in session_members(self.process.pid):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


def session_members(session: int) -> list[int]:
    """The ids of the processes of a session, its leader first, read from /proc."""
    members = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        fields = stat.rpartition(")")[2].split()  # after the command's name: state ppid pgrp session …
        if int(fields[3]) == session:
            members.append(int(entry.name))
    return sorted(members, key=lambda pid: (pid != session, pid))
