"""SMTP's faults one by one over the wire: the state, and the words shown, are right."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from services.common.endpoint import Endpoint, TlsMode
from services.sender.model import Attachment, EmailAddress, Fate, State, StoredName
from services.sender.ports import PartHead
from services.sender.smtp.attempt import Timeouts
from services.sender.smtp.wire import END, Stuffing
from tests.support.ca import make_certificates
from tests.unit.sender.fakes import octets_of, sender_on, state_of
from tests.unit.sender.smtp_peer import Peer, smtp_peer

D, R, U, F = State.DEFERRED, State.REFUSED, State.UNKNOWN, State.FILED
STALL = 1.0
SHORT = Timeouts(connect=0.3, command=0.3, data=0.3, dot=0.3)

# name: (greeting, replies, state, problem, recipient's code, its words)
CASES: dict[str, tuple] = {
    "greeting 421": ("421 4.3.2 full", {}, D, "MAIL_SERVER_REFUSED", 0, ""),
    "greeting 554": ("554 5.3.2 no service", {}, D, "MAIL_SERVER_REFUSED", 0, ""),
    "greeting hangs up": (None, {}, D, "MAIL_SERVER_UNREACHABLE", 0, ""),
    "greeting stalls": (STALL, {}, D, "MAIL_SERVER_TIMEOUT", 0, ""),
    "EHLO 502": ("220 x", {"EHLO": "502 5.5.1 what"}, D, "MAIL_SERVER_REFUSED", 0, ""),
    "EHLO stalls": ("220 x", {"EHLO": STALL}, D, "MAIL_SERVER_TIMEOUT", 0, ""),
    "EHLO hangs up": ("220 x", {"EHLO": None}, D, "MAIL_SERVER_UNREACHABLE", 0, ""),
    "AUTH 535": ("220 x", {"AUTH": "535 5.7.8 wrong"}, D, "AUTHENTICATION_FAILED", 0, ""),
    "AUTH 454": ("220 x", {"AUTH": "454 4.7.0 later"}, D, "MAIL_SERVER_REFUSED", 0, ""),
    "AUTH hangs up": ("220 x", {"AUTH": None}, D, "MAIL_SERVER_UNREACHABLE", 0, ""),
    "MAIL 451": ("220 x", {"MAIL": "451 4.3.0 try later"}, D, "MAIL_SERVER_REFUSED", 451, "try later"),
    "MAIL 421": ("220 x", {"MAIL": "421 4.3.2 bye"}, D, "MAIL_SERVER_UNREACHABLE", 421, "bye"),
    "MAIL 550": ("220 x", {"MAIL": "550 5.7.1 not you"}, R, "MAIL_SERVER_REFUSED", 550, "not you"),
    "MAIL 552": ("220 x", {"MAIL": "552 5.3.4 too big"}, R, "MAIL_SERVER_REFUSED", 552, "too big"),
    "MAIL stalls": ("220 x", {"MAIL": STALL}, D, "MAIL_SERVER_TIMEOUT", 0, ""),
    "MAIL hangs up": ("220 x", {"MAIL": None}, D, "MAIL_SERVER_UNREACHABLE", 0, ""),
    "RCPT 450 greylisted": ("220 x", {"RCPT": "450 4.2.0 grey"}, D, "MAIL_SERVER_REFUSED", 450, "grey"),
    "RCPT 452": ("220 x", {"RCPT": "452 4.2.2 full"}, D, "MAIL_SERVER_REFUSED", 452, "full"),
    "RCPT 550": (
        "220 x",
        {"RCPT": "550-5.1.1 no\r\n550 5.1.1 user"},
        R,
        "MAIL_SERVER_REFUSED",
        550,
        "no user",
    ),
    "RCPT 553": ("220 x", {"RCPT": "553 5.1.3 bad"}, R, "MAIL_SERVER_REFUSED", 553, "bad"),
    "RCPT 251": ("220 x", {"RCPT": "251 will forward"}, F, "", 250, "taken"),
    "RCPT stalls": ("220 x", {"RCPT": STALL}, D, "MAIL_SERVER_TIMEOUT", 0, ""),
    "RCPT hangs up": ("220 x", {"RCPT": None}, D, "MAIL_SERVER_UNREACHABLE", 0, ""),
    "DATA 451": ("220 x", {"DATA": "451 4.3.0 no disk"}, D, "MAIL_SERVER_REFUSED", 451, "no disk"),
    "DATA 554": ("220 x", {"DATA": "554 5.5.1 no"}, R, "MAIL_SERVER_REFUSED", 554, "no"),
    "DATA stalls": ("220 x", {"DATA": STALL}, D, "MAIL_SERVER_TIMEOUT", 0, ""),
    "DATA hangs up": ("220 x", {"DATA": None}, D, "MAIL_SERVER_UNREACHABLE", 0, ""),
    "dot 451": ("220 x", {".": "451 4.3.0 no"}, D, "MAIL_SERVER_REFUSED", 451, "no"),
    "dot 421": ("220 x", {".": "421 4.3.2 closing"}, D, "MAIL_SERVER_REFUSED", 421, "closing"),
    "dot 550 spam": ("220 x", {".": "550 5.7.1 spam"}, R, "MAIL_SERVER_REFUSED", 550, "spam"),
    "dot 552": ("220 x", {".": "552 5.2.2 quota"}, R, "MAIL_SERVER_REFUSED", 552, "quota"),
    "dot stalls": ("220 x", {".": STALL}, U, "MAIL_SERVER_TIMEOUT", 0, ""),
    "dot hangs up": ("220 x", {".": None}, U, "MAIL_SERVER_UNREACHABLE", 0, ""),
    "dot answered with nonsense": ("220 x", {".": "yes"}, U, "MAIL_SERVER_UNREACHABLE", 0, ""),
    "control characters in the reply": (
        "220 x",
        {"RCPT": "550 5.1.1 a\x1b[31mb\x00c\udcff" + "x" * 900},
        R,
        "MAIL_SERVER_REFUSED",
        550,
        "a [31mb c " + "x" * 490,
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_fault(tmp_path: Path, name: str) -> None:
    greeting, replies, state, problem, code, words = CASES[name]
    url = f"sqlite:///{tmp_path / 's.db'}"
    async with smtp_peer(greeting=greeting, replies=dict(replies)) as peer:  # noqa: SIM117
        async with sender_on(url, peer.port, timeouts=SHORT) as it:
            accepted = await it.send()
            await it.settle(1)
            after = await state_of(it, accepted.id)
            (person,) = after.recipients
            assert after.state is state
            assert after.problem == problem
            assert (person.smtp_code, person.server_text[:500]) == (code, words[:500])
            expected = {D: Fate.PENDING, R: Fate.REFUSED, U: Fate.UNKNOWN, F: Fate.ACCEPTED}
            assert person.fate is expected[state]
            assert (after.next_attempt_at > 0) == (state is D)
            # Whatever happened, no more than one message can have been taken.
            assert len(peer.seen) <= 1


async def test_nobody_listens(tmp_path: Path) -> None:
    async with sender_on(f"sqlite:///{tmp_path / 's.db'}", 1) as it:
        accepted = await it.send()
        await it.settle(1)
        after = await state_of(it, accepted.id)
        assert (after.state, after.problem) == (State.DEFERRED, "MAIL_SERVER_UNREACHABLE")


async def one(tmp_path: Path, peer: Peer, **changes):
    async with sender_on(f"sqlite:///{tmp_path / 's.db'}", peer.port, timeouts=SHORT) as it:
        accepted = await it.send(**changes)
        await it.settle(1)
        return await state_of(it, accepted.id)


async def test_larger_than_the_servers_size_is_not_even_begun(tmp_path: Path) -> None:
    async with smtp_peer(ehlo=["SIZE 1000", "AUTH PLAIN"]) as peer:
        after = await one(tmp_path, peer, text="x\n" * 1000)
        assert (after.state, after.problem) == (State.REFUSED, "TOO_LARGE")
        assert after.recipients[0].enhanced_status == "5.3.4"
        assert not any(command.startswith("MAIL") for command in peer.commands)


async def test_an_internationalised_mailbox_needs_smtputf8(tmp_path: Path) -> None:
    to = (EmailAddress("", "почта@пример.example"),)
    async with smtp_peer() as peer:
        after = await one(tmp_path, peer, to=to)
        assert (after.state, after.problem) == (State.REFUSED, "UNSUPPORTED")
        assert after.recipients[0].enhanced_status == "5.6.7"
    (tmp_path / "s.db").unlink()
    async with smtp_peer(ehlo=["SMTPUTF8", "8BITMIME", "AUTH PLAIN"]) as peer:
        after = await one(tmp_path, peer, to=to)
        assert after.state is State.FILED
        assert peer.taken[0].recipients == ["почта@xn--e1afmkfd.example"]
        assert any("SMTPUTF8" in command for command in peer.commands)


async def test_an_internationalised_domain_needs_nothing(tmp_path: Path) -> None:
    async with smtp_peer(ehlo=["AUTH PLAIN"]) as peer:
        after = await one(tmp_path, peer, to=(EmailAddress("Jürgen", "j@straße.example"),))
        assert after.state is State.FILED
        assert peer.taken[0].recipients == ["j@xn--strae-oqa.example"]
        assert peer.taken[0].data.isascii()


async def test_delivery_reports_are_asked_for_where_offered(tmp_path: Path) -> None:
    async with smtp_peer(ehlo=["DSN", "AUTH PLAIN"]) as peer:
        after = await one(tmp_path, peer, order={"delivery_report": True})
        assert f"MAIL FROM:<alice@example.org> RET=HDRS ENVID={after.id}" in peer.commands
        assert "RCPT TO:<bob@example.org> NOTIFY=SUCCESS,FAILURE,DELAY" in peer.commands


async def test_a_session_is_used_again_and_a_broken_one_never(tmp_path: Path) -> None:
    async with smtp_peer() as peer:  # noqa: SIM117
        async with sender_on(f"sqlite:///{tmp_path / 's.db'}", peer.port, timeouts=SHORT) as it:
            for number in range(3):
                await it.send(f"a{number}")
                await it.settle()
            assert peer.connections == 1 and len(peer.taken) == 3
            peer.replies["RCPT"] = [STALL]
            await it.send("b")
            await it.settle(1)
            assert len(peer.taken) == 3
            await it.send("c")
            await it.settle()
            assert peer.connections in (2, 3) and len(peer.taken) >= 4
            # The server gave up the idle session: found at MAIL, and made good at once.
            peer.replies["MAIL"] = ["421 4.4.2 idle"]
            accepted = await it.send("d")
            await it.settle(1)
            assert (await state_of(it, accepted.id)).state is State.FILED


async def test_ehlo_tells_nothing_of_the_inside(tmp_path: Path) -> None:
    async with smtp_peer() as peer:
        await one(tmp_path, peer)
        assert peer.commands[0] == "EHLO [127.0.0.1]"


async def test_starttls_is_never_done_without(tmp_path: Path) -> None:
    async with smtp_peer() as peer:
        endpoint = Endpoint("smtp+starttls", "localhost", peer.port, TlsMode.STARTTLS)
        async with sender_on(f"sqlite:///{tmp_path / 's.db'}", smtp=endpoint, timeouts=SHORT) as it:
            accepted = await it.send()
            await it.settle(1)
            after = await state_of(it, accepted.id)
            assert (after.state, after.problem) == (State.DEFERRED, "MAIL_SERVER_TLS_FAILED")
        assert not any(command.startswith(("AUTH", "MAIL")) for command in peer.commands)


@pytest.mark.parametrize("trusted", [False, True])
async def test_a_certificate_must_be_right(tmp_path: Path, trusted: bool) -> None:
    certificates = make_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.cert, certificates.key)
    peer = Peer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0, ssl=context)
    endpoint = Endpoint("smtps", "localhost", server.sockets[0].getsockname()[1], TlsMode.IMPLICIT)
    ca = certificates.ca if trusted else None
    url = f"sqlite:///{tmp_path / 's.db'}"
    async with sender_on(url, smtp=endpoint, mail_ca_file=ca) as it:
        accepted = await it.send()
        await it.settle(1)
        after = await state_of(it, accepted.id)
        if trusted:
            assert after.state is State.FILED
        else:
            assert (after.state, after.problem) == (State.DEFERRED, "MAIL_SERVER_TLS_FAILED")
            assert peer.commands == []
    server.close()


ENDS = (
    "\n.\n",
    "\n.\r\n",
    "\r.\r\n",
    "\r.\r",
    "\r\n.\n",
    "\r\n.\r",
    "\r\n\x00.\r\n",
    "\n\n.\n\n",
    "\r\n.\r\n",
)
SMUGGLED = [end.encode() for end in ENDS]


@pytest.mark.parametrize("end", SMUGGLED)
async def test_no_end_of_data_can_be_smuggled(tmp_path: Path, end: bytes) -> None:
    """In the text, and in a forwarded message that somebody else made."""
    commands = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nb"
    evil = b"a" + end + commands + end + b"QUIT\r\n"
    async with smtp_peer() as peer, sender_on(f"sqlite:///{tmp_path / 's.db'}", peer.port) as it:
        name = StoredName("INBOX", 1, 1)
        it.mailstore.parts[name, ""] = PartHead("", "message/rfc822", len(evil)), b"Subject: x\r\n\r\n" + evil
        text = evil.replace(b"\x00", b"").decode()
        accepted = await it.send(text=text, attachments=(Attachment(message=name),))
        await it.settle()
        assert (await state_of(it, accepted.id)).state is State.FILED
        (message,) = peer.taken
        assert message.recipients == ["bob@example.org"]
        assert [c.split(" ")[0] for c in peer.commands].count("MAIL") == 1
        assert [c for c in peer.commands if c.startswith("RCPT")] == ["RCPT TO:<bob@example.org>"]
        assert message.data.count(b"\n") == message.data.count(b"\r") == message.data.count(b"\r\n")
        assert b"\x00" not in message.data


async def test_the_writer_stuffs_dots_whatever_the_chunks() -> None:
    text = b".a\n.b\r.c\r\n.\r\n..\r\n\r\n.d"
    expected = b"..a\r\n..b\r\n..c\r\n..\r\n...\r\n\r\n..d\r\n"
    for step in range(1, len(text) + 1):
        stuffing = Stuffing()
        out = b""
        async for chunk in octets_of(text, step):
            out += stuffing.feed(chunk)
        assert out + stuffing.finish() == expected and END == b".\r\n"
