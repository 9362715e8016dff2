"""The embedded mail server of `make run`, over the wire."""

import smtplib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from deploy.local.demo import MAILBOXES
from tests.support.process import HOST, Daemon, answers, free_port, wait_until

ALICE, BOB = "alice@example.org", "bob@example.org"
HELLO = b"Subject: hello\r\n\r\ntext\r\n"


class Ports:
    def __init__(self) -> None:
        self.imap, self.smtp = free_port(), free_port()

    def box(self, name: str) -> IMAPClient:
        client = IMAPClient(HOST, self.imap, ssl=False, timeout=10)
        client.login(f"{name}@example.org", name)
        return client


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    made = Ports()
    module = [sys.executable, "-m", "deploy.local.mailserver"]
    argv = [*module, "--imap-port", str(made.imap), "--smtp-port", str(made.smtp)]
    log: Path = tmp_path_factory.mktemp("mailserver") / "log"
    daemon = Daemon("mailserver", argv, log, lambda: answers(made.imap, b"* ") and answers(made.smtp, b"220"))
    daemon.start()
    yield made
    daemon.stop()
    assert "Traceback" not in log.read_text()


def test_every_demo_message_can_be_fetched_whole(ports: Ports) -> None:
    for name in ("alice", "bob"):
        with ports.box(name) as client:
            assert {folder for _, _, folder in client.list_folders()} == {"INBOX", *MAILBOXES}
            total = 0
            for folder in ("INBOX", *MAILBOXES):
                client.select_folder(folder, readonly=True)
                uids = client.search()
                data = ["ENVELOPE", "BODYSTRUCTURE", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODY.PEEK[]"]
                found = client.fetch(uids, data) if uids else {}
                assert sorted(found) == sorted(uids)
                total += len(found)
            assert total >= 18


def test_mail_among_the_demo_users_arrives_at_once(ports: Ports) -> None:
    with ports.box("alice") as alice, smtplib.SMTP(HOST, ports.smtp) as client:
        alice.select_folder("INBOX")
        alice.idle()
        client.login(BOB, "bob")
        client.sendmail(BOB, [ALICE, BOB], HELLO)
        assert any(kind == b"EXISTS" for _, kind in alice.idle_check(timeout=5))
        alice.idle_done()
        newest = max(alice.search())
        raw = alice.fetch([newest], ["BODY.PEEK[]"])[newest][b"BODY[]"]
        assert raw.startswith(b"Return-Path: <bob@example.org>\r\n") and raw.endswith(HELLO)


@pytest.mark.parametrize(
    ("recipient", "words"),
    [("nobody@example.org", b"No such user"), ("somebody@example.com", b"This is a demo")],
)
def test_other_recipients_are_refused(ports: Ports, recipient: str, words: bytes) -> None:
    with smtplib.SMTP(HOST, ports.smtp) as client:
        client.login(BOB, "bob")
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            client.sendmail(BOB, [recipient], HELLO)
    code, text = refused.value.recipients[recipient]
    assert code == 550 and words in text


def test_only_who_signs_in_may_send_and_only_as_themselves(ports: Ports) -> None:
    with smtplib.SMTP(HOST, ports.smtp) as client, pytest.raises(smtplib.SMTPException):
        client.sendmail(BOB, [ALICE], HELLO)
    with smtplib.SMTP(HOST, ports.smtp) as client, pytest.raises(smtplib.SMTPSenderRefused):
        client.login(BOB, "bob")
        client.sendmail(ALICE, [BOB], HELLO)
    with smtplib.SMTP(HOST, ports.smtp) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login(BOB, "alice")
    with pytest.raises(LoginError, match="AUTHENTICATIONFAILED"):
        client_ = IMAPClient(HOST, ports.imap, ssl=False, timeout=10)
        client_.login(BOB, "alice")


def test_a_message_with_a_date_that_is_none_does_not_end_the_connection(ports: Ports) -> None:
    with ports.box("bob") as client:
        client.append("Drafts", b"Date: yesterday\r\nSubject: x\r\n\r\n")
        client.select_folder("Drafts", readonly=True)
        (uid,) = client.search()
        assert client.fetch([uid], ["ENVELOPE"])[uid][b"ENVELOPE"].date is None


def test_big_messages_pass(ports: Ports) -> None:
    with smtplib.SMTP(HOST, ports.smtp) as client, ports.box("alice") as alice:
        client.login(BOB, "bob")
        client.sendmail(BOB, [ALICE], b"Subject: big\r\n\r\n" + (b"x" * 78 + b"\r\n") * 100_000)
        assert wait_until(lambda: bool(alice.folder_status("INBOX", ["MESSAGES"])), 1)
        alice.select_folder("INBOX", readonly=True)
        newest = max(alice.search())
        assert alice.fetch([newest], ["RFC822.SIZE"])[newest][b"RFC822.SIZE"] > 8_000_000
