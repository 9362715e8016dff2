"""Which processes make a whole Postern on one machine, and with which settings."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("auth", "mailstore", "contacts", "sender", "web")
OUTGOING_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
WITH_DATABASE = ("auth", "contacts", "sender")


class CannotStart(Exception):
    """The text is one line for a person: what is wrong and what to do."""


@dataclass(frozen=True)
class Child:
    """One process. READY is an (address, path) to GET until it answers 200, or an address that must accept.

    STAGE: when it ends; the highest first, those of one stage together.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    ready: tuple[str, str]
    addresses: Mapping[str, str]
    stage: int


@dataclass(frozen=True)
class Layout:
    """A whole Postern: its processes, where the browser goes, and whether it brings its mail servers."""

    children: tuple[Child, ...]
    url: str
    embedded: bool


def free_ports(count: int) -> list[int]:
    """COUNT different free TCP ports on loopback. All are held until all are known. Raises CannotStart.

    They are below the range from which the kernel takes the ports of outgoing connections: a service that
    starts first would else take, as a client, the port that was meant for one that starts later.
    """
    end = _first_outgoing_port()
    candidates = range(10000, end if end > 12000 else 32768)
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        for port in random.sample(candidates, len(candidates)):
            sock = held.enter_context(socket.socket())
            try:
                sock.bind((HOST, port))
            except OSError:
                sock.close()
                continue
            ports.append(port)
            if len(ports) == count:
                return ports
    raise CannotStart(f"There are no {count} free ports on {HOST}: end some other servers.")


def _first_outgoing_port() -> int:
    try:
        return int(OUTGOING_PORTS.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32768  # Linux's default (ip-sysctl, ip_local_port_range)


def web_port(environment: Mapping[str, str]) -> int:
    """The port for the browser: PORT, else 8080; 0 means a free one. Raises CannotStart when it is taken."""
    text = environment.get("PORT") or "8080"
    if not text.isdigit() or int(text) > 65535:
        raise CannotStart(f"PORT must be a number from 0 to 65535, not {text!r}.")
    port = int(text) or free_ports(1)[0]
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CannotStart(
                f"Port {port} cannot be used ({error.strerror}). Choose another: PORT={port + 1} make run"
            ) from error
        return int(probe.getsockname()[1])


def lay_out(var: Path, environment: Mapping[str, str], *, empty: bool = False) -> Layout:
    """Settle ports and settings. VAR holds keys, databases and logs. Raises CannotStart."""
    port = web_port(environment)
    imap, smtp = environment.get("POSTERN_IMAP_URL"), environment.get("POSTERN_SMTP_URL")
    if bool(imap) != bool(smtp):
        raise CannotStart(
            "Set both POSTERN_IMAP_URL and POSTERN_SMTP_URL, or neither for the embedded demo servers."
        )
    ports = free_ports(2 + 2 * len(SERVICES))
    grpc = {name: f"{HOST}:{ports[2 + 2 * i]}" for i, name in enumerate(SERVICES)}
    metrics = {name: f"{HOST}:{ports[3 + 2 * i]}" for i, name in enumerate(SERVICES)}
    children = []
    if not imap:
        children.append(_mailserver(var, environment, ports[0], ports[1], empty=empty))
        imap, smtp = f"imap://{HOST}:{ports[0]}", f"smtp://{HOST}:{ports[1]}"
    common = {
        **environment,
        "POSTERN_IMAP_URL": imap,
        "POSTERN_SMTP_URL": str(smtp),
        "POSTERN_PUBLIC_URL": environment.get("POSTERN_PUBLIC_URL") or f"http://{HOST}:{port}",
        "POSTERN_TLS_CA_FILE": str(var / "keys/tls/ca.pem"),
        **{f"POSTERN_{name.upper()}_ADDRESS": grpc[name] for name in SERVICES if name != "web"},
    }
    for name in SERVICES:
        own = _settings(name, var, environment)
        own["POSTERN_METRICS_LISTEN"] = metrics[name]
        addresses = {"metrics": metrics[name]}
        if name == "web":
            if not environment.get("POSTERN_TIME_ZONE") and (zone := time_zone(environment)):
                own["POSTERN_TIME_ZONE"] = zone
            own["PORT"] = str(port)
            own["POSTERN_WEB_LISTEN"] = f"{HOST}:{port}"
            addresses["http"] = f"{HOST}:{port}"
        else:
            own["POSTERN_LISTEN"] = addresses["grpc"] = grpc[name]
        children.append(
            Child(
                name,
                (sys.executable, "-m", f"services.{name}"),
                {**common, **own},
                var / "log" / f"{name}.log",
                (metrics[name], "/readyz"),
                addresses,
                stage=2 if name == "web" else 1,
            )
        )
    return Layout(tuple(children), f"http://{HOST}:{port}", embedded=children[0].name == "mailserver")


def _mailserver(var: Path, environment: Mapping[str, str], imap: int, smtp: int, *, empty: bool) -> Child:
    argv = [
        sys.executable,
        "-m",
        "deploy.local.mailserver",
        "--imap-port",
        str(imap),
        "--smtp-port",
        str(smtp),
    ]
    return Child(
        "mailserver",
        (*argv, "--empty") if empty else tuple(argv),
        environment,
        var / "log/mailserver.log",
        (f"{HOST}:{smtp}", ""),
        {"imap": f"{HOST}:{imap}", "smtp": f"{HOST}:{smtp}"},
        stage=0,
    )


def _settings(name: str, var: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """What only this service gets: its certificate, its database, and no secret that it does not use."""
    keys = var / "keys"
    own = {
        "POSTERN_TLS_CERT_FILE": str(keys / f"tls/{name}.pem"),
        "POSTERN_TLS_KEY_FILE": str(keys / f"tls/{name}.key"),
    }
    given = any(environment.get(f"POSTERN_DATABASE_URL{suffix}") for suffix in ("", "_FILE"))
    if name in WITH_DATABASE and not given:
        own["POSTERN_DATABASE_URL"] = f"sqlite:///{var / f'{name}.db'}"
    if name == "auth":
        own["POSTERN_SIGNING_KEY_FILE"] = str(keys / "signing.pem")
        own["POSTERN_SESSION_KEY_FILE"] = str(keys / "session.key")
        own["POSTERN_SEALING_PUBLIC_KEYS_DIR"] = str(keys / "sealing")
    if name == "mailstore":
        own["POSTERN_INDEX_DIR"] = environment.get("POSTERN_INDEX_DIR") or str(var / "index")
        if environment.get("POSTERN_IMAP_URL", "").startswith("pop3"):
            own["POSTERN_LOCAL_MAIL_DIR"] = environment.get("POSTERN_LOCAL_MAIL_DIR") or str(
                var / "local-mail"
            )
            if not any(
                environment.get(f"POSTERN_LOCAL_MAIL_{which}{suffix}")
                for which in ("KEY", "PUBLIC_KEY")
                for suffix in ("", "_FILE")
            ):
                own["POSTERN_LOCAL_MAIL_KEY_FILE"] = str(keys / "sealing/local-mail.key")
    if name == "web" and not any(environment.get(f"POSTERN_WEB_KEY{suffix}") for suffix in ("", "_FILE")):
        own["POSTERN_WEB_KEY_FILE"] = str(keys / "web.key")
    if name in ("mailstore", "sender"):
        own["POSTERN_SEALING_KEY_FILE"] = str(keys / f"sealing/{name}.key")
    return own


def time_zone(environment: Mapping[str, str], localtime: Path = Path("/etc/localtime")) -> str | None:
    """This machine's time zone as the tz database names it, so that a first look shows the right hours."""
    name = environment.get("TZ", "").removeprefix(":") or str(localtime.resolve()).partition("/zoneinfo/")[2]
    try:
        return ZoneInfo(name).key if name else None
    except (KeyError, OSError, ValueError):  # unknown to this Python, or no name at all
        return None


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment for the children, without what would make Python behave otherwise."""
    return {**environment, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), "PWD": os.fspath(ROOT)}
