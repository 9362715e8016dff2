"""Keys for the compose file, once: a throw-away authority, and for each container a folder with what it needs
and nothing of the others'.

    /keys/all        everything, seen by this container alone
    /keys/<name>/    what <name> sees, mounted there as /keys

Run again, it keeps what is there. An organisation with an authority of its own fills the folders itself.
"""

import os
import secrets
import shutil
from pathlib import Path

from services.common.keys import SERVICES, make_keys

ALL = Path("/keys/all")
SERVERS = ("mariadb", "dovecot", "postfix")
WITH_DATABASE = ("auth", "sender", "contacts")
# Who the container runs as: ours, mysql in MariaDB's own image, root in the demo mail servers.
OWNER = {**dict.fromkeys(SERVICES, 10001), "mariadb": 999, "dovecot": 0, "postfix": 0}


def give(name: str, files: dict[str, Path]) -> None:
    """Copy files into a container's folder, readable by its user alone."""
    folder = Path("/keys") / name
    for target, source in files.items():
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
        path.chmod(0o400)
        os.chown(path, OWNER[name], OWNER[name])
    folder.chmod(0o755)


def once(name: str) -> Path:
    """A file with a secret of 256 bits, made once."""
    path = ALL / name
    if not path.exists():
        path.write_text(secrets.token_urlsafe(32))
    return path


def database_password(service: str) -> str:
    """The password of a service's database user, made once."""
    return once(f"{service}.database-password").read_text()


def main() -> None:
    """Make what is missing and hand it out."""
    make_keys(ALL, services=(*SERVICES, *SERVERS))
    tls, sealing = ALL / "tls", ALL / "sealing"
    for name in (*SERVICES, *SERVERS):
        files = {"ca.pem": tls / "ca.pem", "tls.pem": tls / f"{name}.pem", "tls.key": tls / f"{name}.key"}
        if name in ("mailstore", "sender"):
            files["sealing.key"] = sealing / f"{name}.key"
        if name == "mailstore":
            files["local-mail.key"] = sealing / "local-mail.key"
        if name == "auth":
            files |= {"signing.pem": ALL / "signing.pem", "session.key": ALL / "session.key"}
            files |= {f"sealing/{other}.pub": sealing / f"{other}.pub" for other in ("mailstore", "sender")}
        if name == "web":
            files["web.key"] = once("web.key")
        give(name, files)
    for service in WITH_DATABASE:
        password = database_password(service)
        url = ALL / f"{service}.database-url"
        url.write_text(
            f"mysql+pymysql://postern_{service}:{password}@mariadb/postern_{service}?ssl_ca=/keys/ca.pem"
        )
        give(service, {"database-url": url})
        give("mariadb", {f"{service}.password": ALL / f"{service}.database-password"})
    database_password("root")
    give("mariadb", {"root.password": ALL / "root.database-password"})


if __name__ == "__main__":
    main()
