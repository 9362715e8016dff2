"""auth as a process of its own: `with AuthProcess(directory, database_url, imap_url) as auth:`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from services.common.gen.postern.auth.v1.session_service_pb2_grpc import SessionServiceStub
from services.common.gen.postern.auth.v1.token_service_pb2_grpc import TokenServiceStub
from services.common.rpc.client import Channel, connect
from tests.support.process import HOST, Daemon, answers, free_port
from tests.support.rpc import keys_dir, tls

ROOT = Path(__file__).parents[3]


class AuthProcess:
    """One replica, on ports that stay the same when it is killed and started again."""

    def __init__(self, directory: Path, database_url: str, imap_url: str, **settings: str) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        self.log = directory / f"auth-{self.port}.log"
        keys = keys_dir()
        environment = {
            **os.environ,
            "POSTERN_LISTEN": f"{HOST}:{self.port}",
            "POSTERN_METRICS_LISTEN": f"{HOST}:{self.metrics_port}",
            "POSTERN_TLS_CERT_FILE": str(keys / "tls/auth.pem"),
            "POSTERN_TLS_KEY_FILE": str(keys / "tls/auth.key"),
            "POSTERN_TLS_CA_FILE": str(keys / "tls/ca.pem"),
            "POSTERN_DATABASE_URL": database_url,
            "POSTERN_IMAP_URL": imap_url,
            "POSTERN_SIGNING_KEY_FILE": str(keys / "signing.pem"),
            "POSTERN_SESSION_KEY_FILE": str(keys / "session.key"),
            "POSTERN_SEALING_PUBLIC_KEYS_DIR": str(keys / "sealing"),
            **{f"POSTERN_{name}": value for name, value in settings.items()},
        }
        self.daemon = Daemon(
            "auth",
            [sys.executable, "-m", "services.auth"],
            self.log,
            lambda: answers(self.port),
            environment=environment,
            cwd=ROOT,
        )

    def __enter__(self) -> AuthProcess:
        self.daemon.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.daemon.kill()

    def channel(self) -> Channel:
        """A channel as web's; it connects again by itself."""
        return connect(f"{HOST}:{self.port}", tls=tls("web"), service="auth")

    def cpu_seconds(self) -> float:
        """Processor time that the process has used."""
        assert self.daemon.process is not None
        fields = Path(f"/proc/{self.daemon.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def session_stub(channel: Channel) -> SessionServiceStub:
    return SessionServiceStub(channel)


def token_stub(channel: Channel) -> TokenServiceStub:
    return TokenServiceStub(channel)
