"""A real Postfix of its own, and smtp-sink: `with postfix(dovecot) as server:`."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import smtplib
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.ca import Certificates, make_certificates
from tests.support.dovecot import DOMAIN, Dovecot, MailUser
from tests.support.process import HOST, Daemon, StartFailed, answers, free_port

_QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming")
_QUEUES += ("pid", "private", "saved", "trace")


@dataclass(frozen=True)
class PostfixOptions:
    """How this Postfix differs from the ordinary one.

    message_size_limit: bytes; announced as SIZE (RFC 1870).
    relay_port: loopback port that takes mail for all other domains (smtp-sink); without it they are refused.
    own_address_only: MAIL FROM must be the login name, else 553 (as many providers have it).
    discard_ehlo: EHLO keywords not announced, like "chunking, dsn, smtputf8".
    extra: lines for main.cf that are added as they are and win.
    """

    message_size_limit: int = 10_240_000
    relay_port: int | None = None
    own_address_only: bool = False
    discard_ehlo: str = ""
    extra: str = ""


class Postfix:
    """A Postfix that runs in DIRECTORY, asks DOVECOT for passwords and delivers example.org to it over LMTP.

    A recipient whose name begins with "unknown" is refused with 550 at RCPT; any other that Dovecot does not
    know comes back as a delivery report.
    """

    def __init__(self, directory: Path, dovecot: Dovecot, options: PostfixOptions | None = None) -> None:
        if os.geteuid() != 0:
            raise StartFailed("Postfix starts only as root: its master process refuses anybody else")
        self.directory = directory
        self.dovecot = dovecot
        self.options = options or PostfixOptions()
        self.smtp_port, self.submission_port, self.submissions_port = (free_port() for _ in range(3))
        self.log = directory / "postfix.log"
        self.certificates: Certificates = make_certificates(directory)
        self._lay_out()
        self.daemon = Daemon(
            "postfix",
            ["/usr/lib/postfix/sbin/master", "-c", str(directory / "etc"), "-s"],
            directory / "postfix.out",
            lambda: all(answers(port, b"220") for port in (self.smtp_port, self.submission_port)),
            logs=[self.log],
        )

    @property
    def url(self) -> str:
        """Submission with AUTH, without TLS, which loopback allows."""
        return f"smtp://{HOST}:{self.submission_port}"

    @property
    def starttls_url(self) -> str:
        return f"smtp+starttls://localhost:{self.submission_port}"

    @property
    def tls_url(self) -> str:
        return f"smtps://localhost:{self.submissions_port}"

    @property
    def ca_file(self) -> Path:
        return self.certificates.ca

    def connect(self, user: MailUser, *, tls: bool = True, timeout: float = 20.0) -> smtplib.SMTP:
        """A client that has authenticated on the submission port."""
        client = smtplib.SMTP("localhost" if tls else HOST, self.submission_port, timeout=timeout)
        if tls:
            client.starttls(context=ssl.create_default_context(cafile=str(self.ca_file)))
        client.login(user.address, user.password)
        return client

    def deliver(self, message: bytes, recipient: str, sender: str = "somebody@example.net") -> None:
        """Mail from outside: unauthenticated SMTP on the port for incoming mail."""
        with smtplib.SMTP(HOST, self.smtp_port, timeout=20) as client:
            client.sendmail(sender, [recipient], message)

    def queue(self) -> str:
        """What `postqueue -p` prints."""
        argv = ["/usr/sbin/postqueue", "-c", str(self.directory / "etc"), "-p"]
        return subprocess.run(argv, capture_output=True, text=True, timeout=20).stdout

    def flush(self) -> None:
        """Try all deferred mail again now."""
        subprocess.run(
            ["/usr/sbin/postqueue", "-c", str(self.directory / "etc"), "-f"], check=True, timeout=20
        )

    def start(self) -> None:
        self.daemon.start()

    def stop(self) -> None:
        self.daemon.stop()

    def pause(self) -> None:
        self.daemon.pause()

    def resume(self) -> None:
        self.daemon.resume()

    # Files

    def _lay_out(self) -> None:
        d = self.directory
        owner, drop = pwd.getpwnam("postfix"), grp.getgrnam("postdrop").gr_gid
        (d / "etc").mkdir()
        (d / "queue").mkdir(mode=0o755)
        for name in _QUEUES:
            path = d / "queue" / name
            path.mkdir(mode=0o700)
            if name != "pid":
                os.chown(path, owner.pw_uid, 0)
            else:
                path.chmod(0o755)
        for name, mode in (("maildrop", 0o1730), ("public", 0o2710)):
            path = d / "queue" / name
            path.mkdir()
            os.chown(path, owner.pw_uid, drop)
            path.chmod(mode)
        (d / "data").mkdir(mode=0o700)
        os.chown(d / "data", owner.pw_uid, owner.pw_gid)
        (d / "etc" / "main.cf").write_text(self._main())
        (d / "etc" / "master.cf").write_text(self._master())
        (d / "etc" / "recipients").write_text("!/^unknown/ ok\n")
        (d / "etc" / "owners").write_text("/^(.*)$/ ${1}\n")

    def _main(self) -> str:
        d, o = self.directory, self.options
        transport = (
            f"smtp:[{HOST}]:{o.relay_port}" if o.relay_port else "error:5.1.2 no mail leaves this test system"
        )
        return f"""
compatibility_level = 3.6
queue_directory = {d}/queue
data_directory = {d}/data
maillog_file = {self.log}
maillog_file_prefixes = {d}
inet_interfaces = {HOST}
inet_protocols = ipv4
myhostname = mail.{DOMAIN}
mydestination =
mynetworks = {HOST}/32
local_recipient_maps =
alias_maps =
alias_database =
biff = no
append_dot_mydomain = no
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_maps = regexp:{d}/etc/recipients
virtual_transport = lmtp:inet:{HOST}:{self.dovecot.lmtp_port}
lmtp_host_lookup = native
smtp_host_lookup = native
lmtp_destination_recipient_limit = 50
recipient_delimiter = +
default_transport = {transport}
relay_transport = {transport}
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sender_login_maps = regexp:{d}/etc/owners
smtpd_recipient_restrictions = reject_unauth_pipelining
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:{HOST}:{self.dovecot.auth_port}
smtpd_sasl_security_options = noanonymous
smtpd_tls_cert_file = {self.certificates.cert}
smtpd_tls_key_file = {self.certificates.key}
smtpd_tls_security_level = may
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
smtpd_discard_ehlo_keywords = {o.discard_ehlo}
message_size_limit = {o.message_size_limit}
mailbox_size_limit = 0
virtual_mailbox_limit = 0
in_flow_delay = 0
queue_run_delay = 5s
minimal_backoff_time = 5s
maximal_backoff_time = 30s
smtputf8_enable = yes
{o.extra}
"""

    def _master(self) -> str:
        auth = "-o smtpd_sasl_auth_enable=yes -o smtpd_client_restrictions=permit_sasl_authenticated,reject"
        if self.options.own_address_only:
            auth += " -o smtpd_sender_restrictions=reject_authenticated_sender_login_mismatch"
        return f"""
{self.smtp_port} inet n - n - - smtpd
{self.submission_port} inet n - n - - smtpd {auth}
{self.submissions_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes {auth}
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@contextlib.contextmanager
def postfix(dovecot: Dovecot, options: PostfixOptions | None = None) -> Iterator[Postfix]:
    """A running Postfix whose data goes with it."""
    with tempfile.TemporaryDirectory(prefix="postern-postfix-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o755)  # its daemons run as the user postfix
        server = Postfix(directory, dovecot, options)
        try:
            server.start()
            yield server
        finally:
            server.daemon.kill()


class SmtpSink:
    """Postfix's smtp-sink: takes everything it is sent, or fails as its arguments say."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        self.port = free_port()
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        sink = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin") or "/usr/sbin/smtp-sink"
        argv = [sink, *user, "-d", "message.", *arguments, f"{HOST}:{self.port}", "100"]
        self.daemon = Daemon(
            "smtp-sink", argv, directory / "sink.out", lambda: answers(self.port), cwd=directory
        )

    @property
    def url(self) -> str:
        return f"smtp://{HOST}:{self.port}"

    def messages(self) -> list[bytes]:
        """What was taken, one file each with X- lines for the envelope (smtp-sink(1), -d), oldest first."""
        files = sorted(self.directory.glob("message.*"), key=lambda path: path.stat().st_mtime_ns)
        return [path.read_bytes() for path in files]


@contextlib.contextmanager
def smtp_sink(*arguments: str) -> Iterator[SmtpSink]:
    """A running smtp-sink; ARGUMENTS as in smtp-sink(1), like "-r", "data" to fail after the final dot."""
    with tempfile.TemporaryDirectory(prefix="postern-sink-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o777)
        sink = SmtpSink(directory, *arguments)
        try:
            sink.daemon.start()
            yield sink
        finally:
            sink.daemon.kill()
