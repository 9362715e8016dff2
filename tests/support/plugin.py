"""pytest fixtures for the real servers; tests/conftest.py takes them all.

The session's servers are started when the first test asks for them and shared by all: a test makes itself
a fresh user (`mail_user`, `dovecot.add_user()`) or a fresh database. A test that stops, pauses or kills a
server takes one of its own (`own_dovecot`, `own_postfix`, `own_mariadb`).

Chromium lives on the session's event loop: tests that use it are `async def` in a module that says
`pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext

from deploy.local import packages
from tests.support import chromium as chromium_module
from tests.support import dovecot as dovecot_module
from tests.support import mariadb as mariadb_module
from tests.support import postfix as postfix_module
from tests.support import stack as stack_module
from tests.support.dovecot import Dovecot, DovecotOptions, MailUser
from tests.support.mariadb import MariaDB
from tests.support.postfix import Postfix, PostfixOptions, SmtpSink
from tests.support.stack import Stack


@pytest.fixture(scope="session")
def machine() -> None:
    """The Debian packages are there; fails, and never skips, where they cannot be had."""
    try:
        packages.ensure()
    except packages.PackagesMissing as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def dovecot_with(machine: None) -> Iterator[Callable[[DovecotOptions], Dovecot]]:
    """Dovecot with options: started once for each set of options and kept for the session."""
    started: dict[object, Dovecot] = {}
    with contextlib.ExitStack() as stack:

        def get(options: DovecotOptions) -> Dovecot:
            if options.key not in started:
                started[options.key] = stack.enter_context(dovecot_module.dovecot(options))
            return started[options.key]

        yield get


@pytest.fixture(scope="session")
def dovecot(dovecot_with: Callable[[DovecotOptions], Dovecot]) -> Dovecot:
    """The session's ordinary Dovecot: all capabilities, SPECIAL-USE declared, only INBOX exists."""
    return dovecot_with(DovecotOptions())


@pytest.fixture
def own_dovecot(machine: None) -> Iterator[Dovecot]:
    """A Dovecot for this test alone, to be stopped, paused and killed."""
    with dovecot_module.dovecot() as server:
        yield server


@pytest.fixture
def mail_user(dovecot: Dovecot) -> MailUser:
    """A fresh user with an empty mailbox on the session's Dovecot."""
    return dovecot.add_user()


@pytest.fixture(scope="session")
def smtp_sink(machine: None) -> Iterator[SmtpSink]:
    """Takes the mail that the session's Postfix sends to other domains."""
    with postfix_module.smtp_sink() as sink:
        yield sink


@pytest.fixture(scope="session")
def postfix(dovecot: Dovecot, smtp_sink: SmtpSink) -> Iterator[Postfix]:
    """The session's Postfix, beside the session's Dovecot; other domains go to smtp_sink."""
    with postfix_module.postfix(dovecot, PostfixOptions(relay_port=smtp_sink.port)) as server:
        yield server


@pytest.fixture
def own_postfix(dovecot: Dovecot) -> Iterator[Postfix]:
    """A Postfix for this test alone, beside the session's Dovecot; other domains are refused."""
    with postfix_module.postfix(dovecot) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb(machine: None) -> Iterator[MariaDB]:
    """The session's MariaDB."""
    with mariadb_module.mariadb() as server:
        yield server


@pytest.fixture
def own_mariadb(machine: None) -> Iterator[MariaDB]:
    """A MariaDB for this test alone, to be stopped, paused and killed."""
    with mariadb_module.mariadb() as server:
        yield server


@pytest.fixture
def mariadb_url(mariadb: MariaDB) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh, empty MariaDB database."""
    url = mariadb.create_database()
    yield url
    mariadb.drop_database(url)


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The SQLAlchemy URL of a fresh database; every test that takes it runs on SQLite and on MariaDB."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    url: str = request.getfixturevalue("mariadb_url")
    return url


@pytest.fixture(scope="session")
def embedded() -> Iterator[Stack]:
    """The session's Postern beside the embedded mail server, with the demo mailboxes and SQLite."""
    with stack_module.embedded_stack() as stack:
        yield stack


@pytest.fixture(scope="session")
def real(dovecot: Dovecot, postfix: Postfix, mariadb: MariaDB) -> Iterator[Stack]:
    """The session's Postern beside Dovecot, Postfix and MariaDB."""
    with stack_module.real_stack(dovecot, postfix, mariadb) as stack:
        yield stack


@pytest.fixture(scope="session", params=["embedded", "real"])
def stack(request: pytest.FixtureRequest) -> Stack:
    """A whole Postern; every test that takes it runs beside the embedded servers and beside the real ones."""
    running: Stack = request.getfixturevalue(request.param)
    return running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(machine: None) -> AsyncIterator[Browser]:
    """The session's browser."""
    async with chromium_module.chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def browser_context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    """A fresh browser profile: no cookies, no storage; English, 1280 × 800."""
    context = await chromium.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(chromium_module.PATIENCE)
    yield context
    await context.close()
