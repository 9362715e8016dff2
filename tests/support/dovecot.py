"""A real Dovecot of its own: `with dovecot(DovecotOptions(...)) as server:`."""

from __future__ import annotations

import contextlib
import getpass
import grp
import os
import pwd
import secrets
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from imapclient import IMAPClient

from tests.support.ca import Certificates, make_certificates
from tests.support.process import HOST, Daemon, answers, free_port

DOMAIN = "example.org"

# What Debian 12's Dovecot 2.3 announces after login; `without` takes names out of it.
CAPABILITIES = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS "
    "THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS "
    "LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS "
    "BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE"
)

STANDARD_SPECIAL: Mapping[str, str] = MappingProxyType(
    {"Drafts": r"\Drafts", "Sent": r"\Sent", "Trash": r"\Trash", "Junk": r"\Junk", "Archive": r"\Archive"}
)


@dataclass(frozen=True)
class DovecotOptions:
    """How this Dovecot differs from the ordinary one.

    storage: "maildir", "mdbox" or "sdbox".
    separator: the hierarchy delimiter of the inbox namespace.
    layout: of Maildir: "fs" (folders nest, names may hold dots) or "++" (Maildir++, dots separate).
    special: SPECIAL-USE names (RFC 6154); {} for a server that does not say what its mailboxes are for.
    auto: "no" (only the use is declared: a mailbox made later gets it), "create", "subscribe".
    without: capabilities not announced, like ("CONDSTORE", "QRESYNC"). Dovecot would still obey the commands.
    quota_mb: a limit per user in MiB; the QUOTA commands (RFC 9208) work then.
    plaintext_login: whether LOGIN is allowed without TLS.
    failure_delay: seconds that a refused login is held back.
    namespaces, extra: lines of configuration that are added as they are.
    """

    storage: str = "maildir"
    separator: str = "/"
    layout: str = "fs"
    special: Mapping[str, str] = field(default_factory=lambda: STANDARD_SPECIAL)
    auto: str = "no"
    without: tuple[str, ...] = ()
    quota_mb: int | None = None
    plaintext_login: bool = True
    failure_delay: int = 0
    namespaces: str = ""
    extra: str = ""

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for options that mean the same server."""
        return tuple(
            tuple(sorted(v.items())) if isinstance(v, Mapping) else v
            for v in (vars(self)[f] for f in vars(self))
        )


@dataclass(frozen=True)
class MailUser:
    """Somebody with a mailbox: the login name is the e-mail address."""

    address: str
    password: str

    @property
    def name(self) -> str:
        return self.address.partition("@")[0]


class Dovecot:
    """A Dovecot that runs in DIRECTORY. Its ports and paths stay, so it may be stopped and started."""

    def __init__(self, directory: Path, options: DovecotOptions | None = None) -> None:
        self.directory = directory
        self.options = options or DovecotOptions()
        self.imap_port, self.imaps_port, self.pop3_port, self.pop3s_port = (free_port() for _ in range(4))
        self.lmtp_port, self.auth_port = free_port(), free_port()
        self.log = directory / "dovecot.log"
        self.users = directory / "users"  # one file per person: Dovecot looks at a changed file once a second
        self.certificates: Certificates = make_certificates(directory)
        if os.geteuid() == 0:
            self._user, self._group = "nobody", "nogroup"
        else:
            self._user, self._group = getpass.getuser(), grp.getgrgid(os.getegid()).gr_name
        self._uid, self._gid = pwd.getpwnam(self._user).pw_uid, grp.getgrnam(self._group).gr_gid
        (directory / "mail").mkdir()
        self.users.mkdir()
        if os.geteuid() == 0:
            os.chown(directory / "mail", self._uid, self._gid)
        config = directory / "dovecot.conf"
        config.write_text(self.configuration())
        self.daemon = Daemon(
            "dovecot",
            ["/usr/sbin/dovecot", "-F", "-c", str(config)],
            directory / "dovecot.out",
            lambda: answers(self.imap_port, b"* OK"),
            logs=[self.log],
        )

    # Addresses

    @property
    def url(self) -> str:
        """imap:// without TLS, which loopback allows."""
        return f"imap://{HOST}:{self.imap_port}"

    @property
    def starttls_url(self) -> str:
        return f"imap+starttls://localhost:{self.imap_port}"

    @property
    def tls_url(self) -> str:
        """imaps://; trust it with ca_file."""
        return f"imaps://localhost:{self.imaps_port}"

    @property
    def pop3_url(self) -> str:
        return f"pop3://{HOST}:{self.pop3_port}"

    @property
    def tls_pop3_url(self) -> str:
        """pop3s://; trust it with ca_file."""
        return f"pop3s://localhost:{self.pop3s_port}"

    @property
    def ca_file(self) -> Path:
        return self.certificates.ca

    # People

    def add_user(self, name: str | None = None, password: str | None = None) -> MailUser:
        """A new user with an empty mailbox; NAME is the part before the @, random unless given."""
        user = MailUser(
            f"{name or 'user-' + secrets.token_hex(6)}@{DOMAIN}",
            password or "pw-" + secrets.token_urlsafe(12),
        )
        address = user.address.lower()
        home = self.directory / "mail" / address
        line = f"{address}:{{PLAIN}}{user.password}:{self._uid}:{self._gid}::{home}\n"
        (self.users / address).write_text(line)
        return user

    def connect(self, user: MailUser, *, tls: bool = False, timeout: float = 20.0) -> IMAPClient:
        """A logged-in client, for looking at the mailbox behind Postern's back."""
        if tls:
            context = ssl.create_default_context(cafile=str(self.ca_file))
            client = IMAPClient("localhost", self.imaps_port, ssl_context=context, timeout=timeout)
        else:
            client = IMAPClient(HOST, self.imap_port, ssl=False, timeout=timeout)
        client.login(user.address, user.password)
        return client

    # Taking it away and giving it back

    def start(self) -> None:
        self.daemon.start()

    def stop(self) -> None:
        self.daemon.stop()

    def pause(self) -> None:
        """Connections are accepted by the kernel and nothing answers: a server that hangs."""
        self.daemon.pause()

    def resume(self) -> None:
        self.daemon.resume()

    # Configuration

    def configuration(self) -> str:
        d, o = self.directory, self.options
        root = os.geteuid() == 0
        internal = "dovecot" if root else self._user
        login = "dovenull" if root else self._user
        location = {"maildir": "maildir:~/Maildir", "mdbox": "mdbox:~/mdbox", "sdbox": "sdbox:~/sdbox"}[
            o.storage
        ]
        if o.storage == "maildir" and o.layout == "fs":
            location += ":LAYOUT=fs"
        special = "\n".join(
            f'  mailbox "{name}" {{\n    special_use = {use}\n    auto = {o.auto}\n  }}'
            for name, use in o.special.items()
        )
        no_chroot = (
            ""
            if root
            else "".join(
                f"service {s} {{\n  chroot =\n}}\n"
                for s in ("imap-login", "pop3-login", "anvil", "stats", "dict", "ipc")
            )
        )
        plugins, quota = "$mail_plugins", ""
        if o.quota_mb is not None:
            plugins += " quota"
            quota = (
                "mail_plugins = quota\nprotocol imap {\n  mail_plugins = quota imap_quota\n}\n"
                f"plugin {{\n  quota = count:User quota\n  quota_vsizes = yes\n"
                f"  quota_rule = *:storage={o.quota_mb}M\n  quota_grace = 0\n}}\n"
            )
        capability = ""
        if o.without:
            left = " ".join(c for c in CAPABILITIES.split() if c not in o.without)
            capability = f"protocol imap {{\n  imap_capability = {left}\n}}\n"
        return f"""
base_dir = {d}/run
state_dir = {d}/state
listen = {HOST}
log_path = {self.log}
protocols = imap pop3 lmtp
default_internal_user = {internal}
default_internal_group = {"dovecot" if root else self._group}
default_login_user = {login}
instance_name = postern-test-{d.name}
disable_plaintext_auth = {"no" if o.plaintext_login else "yes"}
auth_mechanisms = plain login
auth_failure_delay = {o.failure_delay} secs
mail_max_userip_connections = 500
mail_fsync = never
ssl = yes
ssl_cert = <{self.certificates.cert}
ssl_key = <{self.certificates.key}
mail_uid = {self._user}
mail_gid = {self._group}
first_valid_uid = 1
first_valid_gid = 0
mail_location = {location}
mailbox_list_index = yes
recipient_delimiter = +
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%Lu {self.users}/%Lu
}}
userdb {{
  driver = passwd-file
  args = username_format=%Lu {self.users}/%Lu
}}
namespace inbox {{
  inbox = yes
  separator = {o.separator}
{special}
}}
{o.namespaces}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {self.imap_port}
  }}
  inet_listener imaps {{
    port = {self.imaps_port}
    ssl = yes
  }}
}}
service pop3-login {{
  service_count = 0
  inet_listener pop3 {{
    port = {self.pop3_port}
  }}
  inet_listener pop3s {{
    port = {self.pop3s_port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 1000
}}
service lmtp {{
  inet_listener lmtp {{
    port = {self.lmtp_port}
  }}
}}
service auth {{
  inet_listener sasl {{
    port = {self.auth_port}
  }}
}}
service stats {{
  client_limit = 2000
}}
{no_chroot}{capability}{quota}{o.extra}
"""


@contextlib.contextmanager
def dovecot(options: DovecotOptions | None = None) -> Iterator[Dovecot]:
    """A running Dovecot whose data goes with it."""
    with tempfile.TemporaryDirectory(prefix="postern-dovecot-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o755)  # the mail and login processes run as other users
        server = Dovecot(directory, options)
        try:
            server.start()
            yield server
        finally:
            server.daemon.kill()
