"""The outer gate: certificates made by the operator's command, shown by openssl's and curl's own clients, to
the edge itself and to one behind nginx."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.auth import cli
from services.auth.certificates.authority import Authority
from services.common.settings import Env, SettingsError
from services.web.settings import WebSettings
from tests.support.ca import Certificates, make_certificates
from tests.support.process import HOST, Daemon, answers, free_port

ROOT = Path(__file__).parents[2]
PASSWORD = "correct-horse"
PROXY = "127.0.0.2"


class Pki:
    """An authority of the command, and certificates of every kind."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority, self.foreign = Authority(directory / "ca"), Authority(directory / "foreign")
        (directory / "password").write_text(PASSWORD + "\n")
        assert self.command("create-authority") == 0
        self.foreign.create("Somebody else's", 100)
        self.server: Certificates = make_certificates(directory)

    def command(self, *words: str) -> int:
        return cli.main(["certificates", "--dir", str(self.directory / "ca"), *words])

    def issue(self, name: str, *words: str) -> Path:
        """The .p12."""
        out = self.directory / f"{name}.p12"
        password = str(self.directory / "password")
        assert self.command("issue", name, "--out", str(out), "--password-file", password, *words) == 0
        assert oct(out.stat().st_mode & 0o777) == "0o600"
        return out

    def of_another(self, name: str) -> Path:
        out = self.directory / f"{name}.p12"
        out.write_bytes(self.foreign.issue(name, "", 30, PASSWORD)[1])
        return out

    def pem(self, p12: Path) -> Path:
        """Certificate and key in one file, taken out by openssl."""
        out = p12.with_suffix(".pem")
        words = ["openssl", "pkcs12", "-in", str(p12), "-nodes", "-passin", f"pass:{PASSWORD}"]
        out.write_bytes(subprocess.run(words, check=True, capture_output=True).stdout)
        return out


@pytest.fixture(scope="module")
def pki(tmp_path_factory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@contextlib.contextmanager
def edge(directory: Path, **settings: object) -> Iterator[int]:
    """web as a process of its own; the other services are not there, and the sign-in page needs none."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("POSTERN_")},
        "PORT": str(port),
        "POSTERN_METRICS_LISTEN": f"{HOST}:{free_port()}",
        **{f"POSTERN_{name}": str(value) for name, value in settings.items()},
    }
    daemon = Daemon(
        "web",
        [sys.executable, "-m", "services.web"],
        directory / f"web-{port}.log",
        lambda: answers(port),
        environment=environment,
        cwd=ROOT,
    )
    try:
        daemon.start()
        yield port
    finally:
        daemon.stop()


def curl(pki: Pki, port: int, *words: str, scheme: str = "https") -> str:
    """The status, or "refused" where TLS came to nothing."""
    done = subprocess.run(
        [
            "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10",
            "--cacert", str(pki.server.ca), *words, f"{scheme}://localhost:{port}/sign-in",
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else "refused"


def with_p12(p12: Path) -> list[str]:
    return ["--cert-type", "P12", "--cert", f"{p12}:{PASSWORD}"]


def s_client(pki: Pki, port: int, *words: str) -> str:
    done = subprocess.run(
        [
            "openssl", "s_client", "-connect", f"localhost:{port}", "-servername", "localhost", "-quiet",
            "-verify_return_error", "-CAfile", str(pki.server.ca), *words,
        ],
        input=b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        capture_output=True,
        timeout=20,
    )  # fmt: skip
    return done.stdout.decode(errors="replace")


def soon(check, expected: str) -> None:
    until = time.monotonic() + 10
    while (found := check()) != expected:
        assert time.monotonic() < until, found
        time.sleep(0.3)


def test_at_the_edge_itself(pki: Pki, tmp_path: Path, machine: None) -> None:
    good, expired = pki.issue("good"), pki.issue("expired", "--days", "0")
    foreign, lost = pki.of_another("foreign"), pki.issue("lost")
    settings = {
        "PUBLIC_URL": "https://localhost",
        "WEB_TLS_CERT_FILE": pki.server.cert,
        "WEB_TLS_KEY_FILE": pki.server.key,
        "CLIENT_CERTIFICATES": "tls",
        "CLIENT_CA_FILE": pki.authority.certificate_file,
        "CLIENT_CRL_FILE": pki.authority.crl_file,
    }
    time.sleep(1.1)  # the one of no days has ended
    with edge(tmp_path, **settings) as port:
        assert curl(pki, port, *with_p12(good)) == "200"
        assert curl(pki, port, *with_p12(lost)) == "200"
        for what in ([], with_p12(expired), with_p12(foreign)):
            assert curl(pki, port, *what) == "refused", what
        # Nobody's header opens it.
        assert curl(pki, port, "-H", "Client-Cert: :AAAA:") == "refused"
        assert s_client(pki, port, "-cert", str(pki.pem(good))).startswith("HTTP/1.1 200")
        assert "HTTP/1.1" not in s_client(pki, port)
        assert "HTTP/1.1" not in s_client(pki, port, "-cert", str(pki.pem(foreign)))
        assert pki.command("revoke", "lost") == 0
        soon(lambda: curl(pki, port, *with_p12(lost)), "403")
        assert curl(pki, port, *with_p12(good)) == "200"
        # A list that cannot be read lets nobody in.
        kept = pki.authority.crl_file.read_bytes()
        pki.authority.crl_file.write_bytes(b"rubbish")
        soon(lambda: curl(pki, port, *with_p12(good)), "403")
        pki.authority.crl_file.write_bytes(pki.foreign.crl_file.read_bytes())
        soon(lambda: curl(pki, port, *with_p12(good)), "403")
        pki.authority.crl_file.write_bytes(kept)
        soon(lambda: curl(pki, port, *with_p12(good)), "200")


NGINX = """
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/nginx-error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/f;
  uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    ssl_client_certificate {client_ca};
    ssl_verify_client optional;
    location / {{
      proxy_bind {proxy};
      proxy_pass http://127.0.0.1:{web};
      proxy_set_header Host $host;
      proxy_set_header X-Client-Cert $ssl_client_escaped_cert;
    }}
  }}
}}
"""


def test_behind_nginx(pki: Pki, tmp_path: Path, machine: None) -> None:
    good, lost = pki.issue("behind"), pki.issue("behind-lost")
    settings = {
        "PUBLIC_URL": "https://localhost",
        "TRUSTED_PROXIES": PROXY,
        "CLIENT_CERTIFICATES": "proxy",
        "CLIENT_CERTIFICATE_HEADER": "X-Client-Cert",
        "CLIENT_CA_FILE": pki.authority.certificate_file,
        "CLIENT_CRL_FILE": pki.authority.crl_file,
    }
    port = free_port()
    with edge(tmp_path, **settings) as web:
        config = tmp_path / "nginx.conf"
        config.write_text(
            NGINX.format(
                directory=tmp_path,
                port=port,
                web=web,
                proxy=PROXY,
                cert=pki.server.cert,
                key=pki.server.key,
                client_ca=pki.authority.certificate_file,
            )
        )
        log = tmp_path / "nginx.log"
        nginx = Daemon("nginx", ["/usr/sbin/nginx", "-c", str(config)], log, lambda: answers(port))
        try:
            nginx.start()
            assert curl(pki, port, *with_p12(good)) == "200"
            assert curl(pki, port) == "403"
            # A header of the browser's own is overwritten by the proxy …
            spoofed = "X-Client-Cert: " + escaped(pki.pem(good))
            assert curl(pki, port, "-H", spoofed) == "403"
            # … and not believed from anybody else.
            assert curl(pki, web, "-H", spoofed, scheme="http") == "403"
            assert pki.command("revoke", "behind-lost") == 0
            soon(lambda: curl(pki, port, *with_p12(lost)), "403")
            # From the proxy's address it is believed, once: the same request, with one header and with two.
            direct = ["--interface", PROXY]
            assert curl(pki, web, *direct, "-H", spoofed, scheme="http") == "200"
            assert curl(pki, web, *direct, "-H", spoofed, "-H", spoofed, scheme="http") == "403"
            stranger = "X-Client-Cert: " + escaped(pki.pem(pki.of_another("stranger")))
            assert curl(pki, web, *direct, "-H", stranger, scheme="http") == "403"
        finally:
            nginx.stop()


def test_rfc_9440(pki: Pki, tmp_path: Path) -> None:
    import base64

    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    pem = pki.pem(pki.issue("rfc9440"))
    der = x509.load_pem_x509_certificate(pem.read_bytes()).public_bytes(Encoding.DER)
    value = base64.b64encode(der).decode()
    settings = {
        "TRUSTED_PROXIES": PROXY,
        "CLIENT_CERTIFICATES": "proxy",
        "CLIENT_CA_FILE": pki.authority.certificate_file,
    }
    with edge(tmp_path, **settings) as web:
        for header, status in (
            (f":{value}:", "200"),
            (value, "403"),
            (f":{value[:-8]}:", "403"),
            ("::", "403"),
        ):
            found = curl(pki, web, "--interface", PROXY, "-H", f"Client-Cert: {header}", scheme="http")
            assert found == status, header[:10]


def escaped(pem: Path) -> str:
    from urllib.parse import quote

    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    return quote(x509.load_pem_x509_certificate(pem.read_bytes()).public_bytes(Encoding.PEM).decode())


def test_the_command(pki: Pki, capsys) -> None:
    pki.issue("listed", "--account", "Alice@Example.org")
    assert pki.command("list") == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "listed" in line)
    assert "good" in line and "alice@example.org" in line
    assert pki.command("create-authority") == 1
    assert pki.command("revoke", "nobody") == 1
    assert pki.command("issue", "x", "--out", str(pki.directory / "listed.p12")) == 1
    assert pki.command("issue", "long", "--days", "9999", "--out", str(pki.directory / "long.p12")) == 1
    capsys.readouterr()
    assert pki.command("issue", "made", "--out", str(pki.directory / "made.p12")) == 0
    assert "password\t" in capsys.readouterr().out
    words = ["-in", str(pki.authority.crl_file), "-CAfile", str(pki.authority.certificate_file)]
    done = subprocess.run(["openssl", "crl", *words, "-noout"], capture_output=True, text=True)
    assert "verify OK" in done.stderr


@pytest.mark.parametrize(
    "settings",
    [
        {"CLIENT_CERTIFICATES": "tls"},
        {"CLIENT_CERTIFICATES": "proxy", "CLIENT_CA_FILE": "/etc/hostname"},
        {"CLIENT_CERTIFICATES": "proxy", "TRUSTED_PROXIES": "127.0.0.1"},
        {"CLIENT_CERTIFICATES": "always"},
        {"WEB_TLS_CERT_FILE": "/etc/hostname"},
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        WebSettings.from_env(Env({f"POSTERN_{name}": value for name, value in settings.items()}))
