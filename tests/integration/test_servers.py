"""The real servers that other tests stand on do what those tests take for granted."""

import contextlib
import imaplib
import smtplib
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError
from playwright.async_api import BrowserContext

from tests.support.dovecot import Dovecot, DovecotOptions, MailUser
from tests.support.mariadb import MariaDB
from tests.support.postfix import Postfix, SmtpSink, smtp_sink
from tests.support.process import StartFailed, wait_until

Factory = Callable[[DovecotOptions], Dovecot]
HELLO = b"Subject: hello\r\n\r\ntext\r\n"


def count(client: IMAPClient) -> int:
    return int(client.folder_status("INBOX", ["MESSAGES"])[b"MESSAGES"])


def test_dovecot_users_are_fresh_and_apart(dovecot: Dovecot) -> None:
    one, two = dovecot.add_user(), dovecot.add_user()
    with dovecot.connect(one) as client:
        assert [name for _, _, name in client.list_folders()] == ["INBOX"]
        client.append("INBOX", HELLO)
    with dovecot.connect(two, tls=True) as client:
        assert count(client) == 0
    for nobody in (MailUser(one.address, "wrong"), MailUser("nobody@example.org", "x")):
        with pytest.raises(LoginError, match="AUTHENTICATIONFAILED"):
            dovecot.connect(nobody)


def test_dovecot_gives_a_declared_use_to_a_mailbox_made_later(dovecot: Dovecot, mail_user: MailUser) -> None:
    with dovecot.connect(mail_user) as client:
        client.create_folder("Trash")
        assert next(flags for flags, _, name in client.list_folders() if name == "Trash")[-1] == rb"\Trash"


@pytest.mark.parametrize(
    ("options", "separator"),
    [
        (DovecotOptions(separator=".", layout="++"), b"."),
        (DovecotOptions(storage="mdbox", separator="."), b"."),
        (DovecotOptions(storage="sdbox"), b"/"),
    ],
)
def test_dovecot_with_another_store_and_delimiter(
    dovecot_with: Factory, options: DovecotOptions, separator: bytes
) -> None:
    server = dovecot_with(options)
    with server.connect(server.add_user()) as client:
        client.create_folder(f"a{separator.decode()}b")
        assert {delimiter for _, delimiter, _ in client.list_folders()} == {separator}
        client.append("INBOX", HELLO)
        assert count(client) == 1


def test_dovecot_without_capabilities(dovecot_with: Factory) -> None:
    server = dovecot_with(DovecotOptions(without=("CONDSTORE", "QRESYNC"), special={}))
    with server.connect(server.add_user()) as client:
        assert not {b"CONDSTORE", b"QRESYNC"} & set(client.capabilities())
        assert b"MOVE" in client.capabilities()


def test_dovecot_makes_special_mailboxes_when_told(dovecot_with: Factory) -> None:
    server = dovecot_with(DovecotOptions(auto="subscribe", special={"Gesendet": r"\Sent"}))
    with server.connect(server.add_user()) as client:
        assert "Gesendet" in [name for flags, _, name in client.list_folders() if rb"\Sent" in flags]


def test_dovecot_quota(dovecot_with: Factory) -> None:
    server = dovecot_with(DovecotOptions(quota_mb=1))
    with server.connect(server.add_user()) as client, pytest.raises(IMAPClientError, match="OVERQUOTA"):
        client.append("INBOX", HELLO + b"x" * 1_500_000)


def test_dovecot_can_hang_and_come_back(own_dovecot: Dovecot) -> None:
    user = own_dovecot.add_user()
    own_dovecot.pause()
    with pytest.raises(TimeoutError):
        own_dovecot.connect(user, timeout=0.5)
    own_dovecot.resume()
    own_dovecot.connect(user).logout()
    own_dovecot.stop()
    with pytest.raises((ConnectionRefusedError, imaplib.IMAP4.error)):
        own_dovecot.connect(user)
    own_dovecot.start()
    own_dovecot.connect(user).logout()


def test_a_server_that_does_not_start_says_why(own_dovecot: Dovecot) -> None:
    own_dovecot.stop()
    config = own_dovecot.directory / "dovecot.conf"
    config.write_text(config.read_text() + "no_such_setting = 1\n")
    with pytest.raises(StartFailed, match="no_such_setting"):
        own_dovecot.start()


def test_postfix_delivers_to_dovecot(postfix: Postfix, dovecot: Dovecot) -> None:
    one, two = dovecot.add_user(), dovecot.add_user()
    with postfix.connect(one) as client:
        client.sendmail(one.address, [two.address], HELLO)
    postfix.deliver(HELLO, two.address)

    def delivered() -> bool:
        # The first delivery makes INBOX; asked in that moment, Dovecot says that it exists already.
        with contextlib.suppress(IMAPClientError), dovecot.connect(two) as box:
            return count(box) == 2
        return False

    assert wait_until(delivered, 10)


def test_users_made_one_after_the_other_can_sign_in_at_once(dovecot: Dovecot, postfix: Postfix) -> None:
    for _ in range(8):
        user = dovecot.add_user()
        dovecot.connect(user).logout()
        postfix.connect(user).quit()


def test_postfix_refuses(postfix: Postfix, dovecot: Dovecot, mail_user: MailUser) -> None:
    with postfix.connect(mail_user) as client, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        client.sendmail(mail_user.address, ["unknown@example.org"], HELLO)
    assert refused.value.recipients["unknown@example.org"][0] == 550
    with pytest.raises(smtplib.SMTPAuthenticationError):
        postfix.connect(MailUser(mail_user.address, "wrong"))
    with smtplib.SMTP("127.0.0.1", postfix.submission_port) as client, pytest.raises(smtplib.SMTPException):
        client.sendmail(mail_user.address, [mail_user.address], HELLO)


def test_postfix_returns_what_cannot_be_delivered(
    postfix: Postfix, dovecot: Dovecot, mail_user: MailUser
) -> None:
    with postfix.connect(mail_user) as client:
        client.sendmail(mail_user.address, ["gone@example.org"], HELLO)
    with dovecot.connect(mail_user) as box:
        assert wait_until(lambda: count(box) == 1, 10)
        box.select_folder("INBOX", readonly=True)
        assert b"multipart/report" in box.fetch([1], ["BODY[]"])[1][b"BODY[]"]


def test_postfix_sends_other_domains_to_the_sink(
    postfix: Postfix, smtp_sink: SmtpSink, mail_user: MailUser
) -> None:
    with postfix.connect(mail_user) as client:
        client.sendmail(mail_user.address, ["else@example.net"], b"Subject: to the sink\r\n\r\n")
    assert wait_until(lambda: any(b"to the sink" in m for m in smtp_sink.messages()), 10)


def test_smtp_sink_can_fail_on_purpose(machine: None) -> None:
    with smtp_sink("-r", "rcpt") as sink, smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.ehlo()
        client.mail("a@example.org")
        assert client.rcpt("b@example.org")[0] == 450


def test_mariadb_keeps_what_was_committed_through_a_crash(own_mariadb: MariaDB) -> None:
    url = own_mariadb.create_database()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (x INT) ENGINE=InnoDB"))
        connection.execute(sa.text("INSERT INTO t VALUES (7)"))
    engine.dispose()
    own_mariadb.kill()
    own_mariadb.start()
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT x FROM t")).scalar() == 7
    engine.dispose()


def test_a_fresh_database(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    assert sa.inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (x VARCHAR(20))"))
        connection.execute(sa.text("INSERT INTO t VALUES ('grüße 🎉')"))
        assert connection.execute(sa.text("SELECT x FROM t")).scalar() == "grüße 🎉"
    engine.dispose()


@pytest.mark.asyncio(loop_scope="session")
async def test_chromium_renders(browser_context: BrowserContext) -> None:
    page = await browser_context.new_page()
    await page.set_content("<h1>Postern</h1><script>document.title = 'script ran'</script>")
    assert await page.get_by_role("heading", name="Postern").is_visible()
    assert await page.title() == "script ran"
