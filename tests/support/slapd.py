"""A real OpenLDAP of its own: `with slapd() as directory:`."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.ca import Certificates, make_certificates
from tests.support.process import HOST, Daemon, answers, free_port

SUFFIX = "dc=example,dc=org"
PEOPLE = f"ou=people,{SUFFIX}"
READER = f"cn=postern,{SUFFIX}"
READER_PASSWORD = "reads-only"

_LDIF = f"""dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: postern
userPassword: {READER_PASSWORD}
"""


class Slapd:
    """A slapd in DIRECTORY, on loopback, with StartTLS on one port and TLS on the other."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port, self.tls_port = free_port(), free_port()
        self.certificates: Certificates = make_certificates(directory)
        (directory / "data").mkdir()
        config = directory / "slapd.conf"
        config.write_text(self.configuration())
        self._add(_LDIF)
        self.daemon = Daemon(
            "slapd",
            [
                "/usr/sbin/slapd",
                "-d",
                "0",
                "-f",
                str(config),
                "-h",
                f"ldap://{HOST}:{self.port} ldaps://{HOST}:{self.tls_port}",
            ],
            directory / "slapd.log",
            lambda: answers(self.port) and answers(self.tls_port),
        )

    @property
    def url(self) -> str:
        return f"ldap://{HOST}:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"

    @property
    def starttls_url(self) -> str:
        return f"ldap+starttls://localhost:{self.port}"

    def add_person(self, uid: str, mail: str, password: str, *, name: str = "") -> str:
        """A new entry under PEOPLE while the server is stopped; its DN."""
        cn = name or uid
        self._add(
            f"dn: uid={uid},{PEOPLE}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {cn}\nsn: {cn}\n"
            f"mail: {mail}\nemployeeNumber: box-{uid}\nuserPassword: {password}\n"
        )
        return f"uid={uid},{PEOPLE}"

    def _add(self, ldif: str) -> None:
        done = subprocess.run(
            ["/usr/sbin/slapadd", "-f", str(self.directory / "slapd.conf")],
            input=ldif,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout

    def configuration(self) -> str:
        d = self.directory
        return f"""
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {d}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile {self.certificates.ca}
TLSCertificateFile {self.certificates.cert}
TLSCertificateKeyFile {self.certificates.key}
allow bind_anon_cred bind_anon_dn
database mdb
suffix "{SUFFIX}"
rootdn "cn=admin,{SUFFIX}"
directory {d}/data
maxsize 10485760
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{READER}" read by * none
"""


@contextlib.contextmanager
def slapd(*people: tuple[str, str, str]) -> Iterator[Slapd]:
    """`people`: uid, mail, password."""
    with tempfile.TemporaryDirectory(prefix="postern-slapd-", ignore_cleanup_errors=True) as name:
        server = Slapd(Path(name))
        for uid, mail, password in people:
            server.add_person(uid, mail, password)
        try:
            server.daemon.start()
            yield server
        finally:
            server.daemon.stop()
