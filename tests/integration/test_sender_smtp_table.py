"""Every way in which an SMTP server can say no at every step, over the wire: the state, and the words on the
outbox page, are right, and nothing is taken for sent that was not."""

from __future__ import annotations

import asyncio
import html
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.common.endpoint import Endpoint, TlsMode
from services.sender import convert
from services.sender.model import EmailAddress, Fate, State, Submission
from services.sender.outbox.states import Retry
from services.sender.smtp.attempt import Timeouts
from services.web.app import build, build_edge
from services.web.convert.send import submission as shown
from tests.unit.sender.fakes import sender_on, state_of
from tests.unit.sender.smtp_peer import Peer, Reply, smtp_peer
from tests.unit.web.conftest import RENDERER, STATIC, Browser, settings
from tests.unit.web.fakes import Fakes

D, R, U, F = State.DEFERRED, State.REFUSED, State.UNKNOWN, State.FILED
FOUR = (421, 430, 432, 450, 451, 452, 454, 455)
FIVE = (500, 501, 502, 503, 504, 530, 534, 535, 538, 550, 551, 552, 553, 554, 555, 599)
SHORT = Timeouts(connect=0.25, command=0.25, data=0.25, dot=0.25)
STALL = 0.6

LATER = "Not taken yet; it will be tried again"
LOST = "Not known whether it was sent: the connection was lost at the last moment"
REFUSED = "Refused"
BROKE_OFF = "The mail server could not be reached, or broke off."
SILENT = "The mail server did not answer in time."
NO_SESSION = "The mail server refused to speak with Postern."
NO_TLS = "No secure connection to the mail server came about, so nothing was sent."
PASSWORD = "The mail server did not take the password. Sign in again."


@dataclass(frozen=True)
class Case:
    """What the server says at `step`, and what must come of it. `words` stand on the outbox page, `person`
    beside the recipient."""

    step: str
    says: Reply
    state: State
    problem: str
    words: tuple[str, ...]
    person: str = ""
    code: int = 0
    ehlo: tuple[str, ...] = field(default=("PIPELINING", "SIZE 50000000", "8BITMIME", "AUTH PLAIN"))


def cases() -> dict[str, Case]:
    found = [case for code in (*FOUR, *FIVE) for case in _coded(code)]
    for step in ("greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"):
        found.append(Case(step, STALL, D, "MAIL_SERVER_TIMEOUT", (LATER, SILENT), "not taken yet"))
        found.append(Case(step, None, D, "MAIL_SERVER_UNREACHABLE", (LATER, BROKE_OFF), "not taken yet"))
        good = {"greeting": "220 at last", "STARTTLS": "", "AUTH": "235 in", "DATA": "354 go", "EHLO": ""}
        if said := good.get(step, "250 ok"):
            found.append(Case(step, (0.1, said), F, "", (), "taken", 250))
    found.append(Case("dot", STALL, U, "MAIL_SERVER_TIMEOUT", (LOST, SILENT), "not known"))
    found.append(Case("dot", None, U, "MAIL_SERVER_UNREACHABLE", (LOST, BROKE_OFF), "not known"))
    found.append(Case("dot", (0.1, "250 2.0.0 taken"), F, "", (), "taken", 250))
    # A reply that belongs elsewhere is never taken for more than it says.
    found += [
        Case("MAIL", "251 fine", F, "", (), "taken", 250),
        Case("RCPT", "252 fine", F, "", (), "taken", 250),
        Case("MAIL", "354 go", D, "MAIL_SERVER_REFUSED", (LATER,), "not taken yet: go", 354),
        Case("RCPT", "354 go", D, "MAIL_SERVER_REFUSED", (LATER,), "not taken yet: go", 354),
        Case("DATA", "250 ok", D, "MAIL_SERVER_REFUSED", (LATER,), "not taken yet: ok", 250),
        Case("DATA", "220 ok", D, "MAIL_SERVER_REFUSED", (LATER,), "not taken yet: ok", 220),
        Case("dot", "354 go", D, "MAIL_SERVER_REFUSED", (LATER,), "not taken yet: go", 354),
        Case("RSET", None, R, "MAIL_SERVER_REFUSED", (REFUSED,), "refused: no such user", 550),
        Case("RSET", STALL, R, "MAIL_SERVER_REFUSED", (REFUSED,), "refused: no such user", 550),
    ]
    return {f"{case.step} {case.says}": case for case in found}


def _coded(code: int) -> list[Case]:
    four, text = code < 500, f"{code} {code // 100}.7.0 not so"
    later = Case("", text, D, "MAIL_SERVER_REFUSED", (LATER, NO_SESSION), "not taken yet")
    wrong = "AUTHENTICATION_FAILED"
    made = [
        _at(later, "greeting"),
        _at(later, "EHLO"),
        _at(later, "STARTTLS"),
        _at(later, "AUTH") if four else Case("AUTH", text, D, wrong, (LATER, PASSWORD), "not taken yet"),
    ]
    for step in ("MAIL", "RCPT", "DATA", "dot"):
        if four:
            broke = code == 421 and step in ("MAIL", "RCPT")
            problem = "MAIL_SERVER_UNREACHABLE" if broke else "MAIL_SERVER_REFUSED"
            words = (LATER, BROKE_OFF) if broke else (LATER,)
            made.append(Case(step, text, D, problem, words, "not taken yet: not so", code))
        else:
            made.append(Case(step, text, R, "MAIL_SERVER_REFUSED", (REFUSED,), "refused: not so", code))
    # What the server says after it refused, or at the end, changes nothing.
    if code in (421, 451, 500, 554):
        made.append(Case("QUIT", text, F, "", (), "taken", 250))
        made.append(Case("RSET", text, R, "MAIL_SERVER_REFUSED", (REFUSED,), "refused: no such user", 550))
    return made


def _at(case: Case, step: str) -> Case:
    return Case(step, case.says, case.state, case.problem, case.words, case.person, case.code)


CASES = cases()


async def page_of(submission: Submission) -> str:
    """What the outbox page says of it, tags aside."""
    fakes = Fakes()
    browser = Browser(build(build_edge(settings(), fakes.services(), STATIC, RENDERER)))
    await browser.sign_in()
    fakes.send.submissions = (shown(convert.submission(submission)),)
    page = await browser.get("/outbox")
    section = re.search(r"<section.*?</section>", page.text, re.S)
    assert section, page.text
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", section[0])).split())


# RFC 2920, 3.1: what leaves together. All before it is one command at a time in any case.
GROUPED = ("MAIL", "RCPT", "DATA", "dot", "RSET", "QUIT")


@pytest.mark.parametrize(
    ("step", "pipelining"),
    [(step, False) for step in ("greeting", "EHLO", "STARTTLS", "AUTH", *GROUPED)]
    + [(step, True) for step in GROUPED],
)
async def test_the_table(tmp_path: Path, step: str, pipelining: bool) -> None:
    offered = [*(["STARTTLS"] if step == "STARTTLS" else []), *(["PIPELINING"] if pipelining else [])]
    peer = Peer(ehlo=["SIZE 50000000", "8BITMIME", "AUTH PLAIN", *offered])
    mode = TlsMode.STARTTLS if step == "STARTTLS" else TlsMode.PLAIN
    never = Retry(first=10**9, longest=10**9)
    pages: dict[tuple[object, ...], str] = {}
    async with smtp_peer() as running:
        running.ehlo = peer.ehlo
        endpoint = Endpoint(
            "smtp", "localhost" if mode is TlsMode.STARTTLS else "127.0.0.1", running.port, mode
        )
        url = f"sqlite:///{tmp_path / 's.db'}"
        async with sender_on(url, smtp=endpoint, timeouts=SHORT, retry=never) as it:
            for name, case in CASES.items():
                if case.step != step:
                    continue
                await it.sender.outbox._connections.close()
                running.taken.clear()
                running.replies = {"." if step == "dot" else step: case.says}
                if step == "RSET":
                    running.replies["RCPT"] = "550 5.1.1 no such user"
                running.greeting = case.says if step == "greeting" else "220 peer ESMTP"
                accepted = await it.send(name)
                await it.settle(3)
                after = await state_of(it, accepted.id)
                (person,) = after.recipients
                assert (after.state, after.problem) == (case.state, case.problem), name
                assert person.smtp_code == case.code, name
                assert (after.next_attempt_at > 0) == (case.state is D), name
                assert (accepted.message_id in it.mailstore.sent) == (case.state is F), name
                assert len(running.taken) == (case.state is F), name
                if case.state is not F:
                    key = (case.state, case.problem, person.fate, person.server_text)
                    said = pages.get(key) or await page_of(after)
                    pages[key] = said
                    for words in (*case.words, f"bob@example.org {case.person}"):
                        assert words in said, (name, said)


async def outcome(tmp_path: Path, peer: Peer, rounds: int = 3, **changes: object) -> tuple[Submission, str]:
    async with sender_on(f"sqlite:///{tmp_path / 's.db'}", peer.port, timeouts=SHORT) as it:
        accepted = await it.send(**changes)
        await it.settle(rounds)
        after = await state_of(it, accepted.id)
        return after, await page_of(after)


async def test_one_recipient_is_refused_and_one_is_late(tmp_path: Path) -> None:
    """The copy is filed once; only who was late is tried again."""
    people = tuple(EmailAddress("", f"{name}@example.org") for name in ("bob", "nobody", "late"))
    replies: dict[str, Reply | list[Reply]] = {
        "RCPT nobody@example.org": "550 5.1.1 no such user",
        "RCPT late@example.org": ["450 4.2.0 greylisted, come back", "451 4.3.2 still"],
    }
    async with smtp_peer(replies=replies) as peer:  # noqa: SIM117
        async with sender_on(f"sqlite:///{tmp_path / 's.db'}", peer.port, timeouts=SHORT) as it:
            accepted = await it.send(to=people)
            await it.settle(1)
            between = await state_of(it, accepted.id)
            said = await page_of(between)
            assert "bob@example.org taken" in said and "nobody@example.org refused: no such user" in said
            assert "late@example.org not taken yet: greylisted, come back" in said and LATER in said
            await it.settle()
            after = await state_of(it, accepted.id)
            assert [person.fate for person in after.recipients] == [
                Fate.ACCEPTED,
                Fate.REFUSED,
                Fate.ACCEPTED,
            ]
            assert after.state is F and it.mailstore.appended == 1
            assert [message.recipients for message in peer.taken] == [
                ["bob@example.org"],
                ["late@example.org"],
            ]


async def test_a_reply_too_many_is_not_the_reply_to_the_dot(tmp_path: Path) -> None:
    """The server says more than it was asked: its next reply would be read as an answer to the dot."""
    replies: dict[str, Reply | list[Reply]] = {"DATA": ["354 go\r\n250 2.0.0 taken"], ".": ["550 5.7.1 spam"]}
    async with smtp_peer(replies=replies) as peer:
        after, said = await outcome(tmp_path, peer, rounds=1)
        assert (after.state, after.problem) == (D, "MAIL_SERVER_UNREACHABLE") and BROKE_OFF in said
        assert peer.seen == [] and peer.taken == []


async def test_larger_than_the_server_takes(tmp_path: Path) -> None:
    async with smtp_peer(ehlo=["SIZE 1000", "AUTH PLAIN"]) as peer:
        after, said = await outcome(tmp_path, peer, text="x\n" * 1000)
        assert (after.state, after.problem) == (R, "TOO_LARGE")
        assert "It is larger than the mail server takes." in said and "bob@example.org refused" in said


async def test_addresses_that_the_server_cannot_take(tmp_path: Path) -> None:
    async with smtp_peer() as peer:
        after, said = await outcome(tmp_path, peer, to=(EmailAddress("", "почта@example.org"),))
        assert (after.state, after.problem) == (R, "UNSUPPORTED")
        assert "The mail server cannot send to such an address" in said


async def test_tls_that_is_none(tmp_path: Path) -> None:
    """STARTTLS is answered, and what follows is not TLS."""
    heard = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 peer ESMTP\r\n")
        heard.append(await reader.readuntil(b"\r\n"))
        writer.write(b"250-peer\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n")
        heard.append(await reader.readuntil(b"\r\n"))
        writer.write(b"220 go\r\n")
        await reader.read(10)
        writer.write(b"500 this is not TLS at all\r\n")
        heard.append(await reader.read(1_000_000))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    endpoint = Endpoint("smtp", "localhost", server.sockets[0].getsockname()[1], TlsMode.STARTTLS)
    async with sender_on(f"sqlite:///{tmp_path / 's.db'}", smtp=endpoint, timeouts=SHORT) as it:
        accepted = await it.send()
        await it.settle(1)
        after = await state_of(it, accepted.id)
        assert (after.state, after.problem) == (D, "MAIL_SERVER_TLS_FAILED")
        assert NO_TLS in await page_of(after)
    assert not any(said.startswith((b"AUTH", b"MAIL")) for said in heard)
    server.close()
