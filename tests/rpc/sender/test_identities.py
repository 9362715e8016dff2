"""IdentityService over the wire: a code that comes back from an address, and nothing else, opens it."""

from __future__ import annotations

import contextlib
import email
import email.policy
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from services.common.errors import PosternError
from services.common.gen.postern.sender.v1 import compose_service_pb2
from services.common.gen.postern.sender.v1 import identity_service_pb2 as pb
from services.common.gen.postern.sender.v1 import submission_service_pb2 as sub
from services.common.gen.postern.sender.v1.identity_service_pb2_grpc import IdentityServiceStub
from services.sender import clock
from services.sender.model import EmailAddress
from services.sender.servicer import LONG_LIVED, METHOD_SCOPES
from services.sender.storage import upkeep, usage
from services.sender.storage.tables import verified as table
from services.sender.verifying import codes
from services.sender.verifying.verifying import VerifySettings
from tests.rpc.sender.conftest import Remote
from tests.rpc.sender.test_sending import letter, send
from tests.support import rpc
from tests.unit.sender.fakes import sender_on
from tests.unit.sender.smtp_peer import smtp_peer

OTHER = "press@elsewhere.example"
MINUTE, HOUR = 60_000, 3_600_000


@dataclass
class Verified:
    """A sender with codes, the SMTP server it speaks to, and its clock."""

    remote: Remote
    stub: Any
    token: str
    ahead: list[int] = field(default_factory=lambda: [0])

    async def start(self, address: str = OTHER, **fields: Any) -> Any:
        return await self.stub.StartVerification(
            pb.StartVerificationRequest(address=address, **fields), token=self.token
        )

    async def complete(self, code: str, address: str = OTHER) -> None:
        await self.stub.CompleteVerification(
            pb.CompleteVerificationRequest(address=address, code=code), token=self.token
        )

    async def standing(self, address: str = OTHER) -> str:
        request = pb.CheckAddressesRequest(addresses=[address])
        (found,) = (await self.stub.CheckAddresses(request, token=self.token)).addresses
        return pb.AddressStanding.Name(found.standing).removeprefix("ADDRESS_STANDING_")

    def code(self) -> str:
        """What stands in the latest message at the SMTP server."""
        text = self.letter().get_content()
        (found,) = re.findall(r"\b[2-9A-Z]{4}-[2-9A-Z]{4}\b", text)
        return found

    def letter(self) -> Any:
        return email.message_from_bytes(self.remote.peer.taken[-1].data, policy=email.policy.default)

    async def may_send(self, address: str = OTHER, id: str = "r1") -> bool:
        content = letter()
        getattr(content, "from").address = address
        try:
            await send(self.remote, id, content=content)
        except PosternError as err:
            assert (err.reason, err.metadata["problem"]) == ("PERMISSION_DENIED", "not_an_identity")
            return False
        return True


@contextlib.asynccontextmanager
async def verified_on(database_url: str) -> AsyncIterator[Verified]:
    ahead = [0]
    async with (
        smtp_peer() as peer,
        sender_on(
            database_url,
            peer.port,
            verify=VerifySettings(on=True),
            now=lambda: clock.now() + ahead[0],
        ) as inner,
        rpc.running("sender", inner.sender.register, METHOD_SCOPES, long_lived=LONG_LIVED) as server,
    ):
        token = server.token(scopes="mail.send mail.identities", password="alice")
        yield Verified(Remote(inner, peer, server), IdentityServiceStub(server.channel()), token, ahead)


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Verified]:
    async with verified_on(f"sqlite:///{tmp_path / 's.db'}") as found:
        yield found


async def refusal(call: Any) -> PosternError:
    with pytest.raises(PosternError) as caught:
        await call
    return caught.value


async def test_a_code_that_comes_back_opens_the_address(database_url: str) -> None:
    async with verified_on(database_url) as it:
        await _opens(it)


async def _opens(it: Verified) -> None:
    assert (await it.standing(), await it.may_send(id="a")) == ("REFUSED", False)
    answer = await it.start()
    assert getattr(answer, "from") == rpc.ACCOUNT
    assert (await it.standing(), await it.may_send(id="b")) == ("CODE_SENT", False)
    await it.complete(it.code().lower().replace("-", " "))
    assert (await it.standing(), await it.may_send(id="c")) == ("VERIFIED", True)
    assert await it.may_send("Press@ELSEWHERE.example", "d")
    assert not await it.may_send("other@elsewhere.example", "e")
    # It opened once.
    assert (await refusal(it.complete(it.code()))).reason == "NOT_FOUND"
    again = await refusal(it.start())
    assert (again.reason, again.metadata["problem"]) == ("INVALID_ARGUMENT", "already_allowed")
    request = pb.RemoveVerifiedAddressRequest(address=OTHER)
    await it.stub.RemoveVerifiedAddress(request, token=it.token)
    assert (await it.standing(), await it.may_send(id="f")) == ("REFUSED", False)


async def test_every_way_of_writing_asks(it: Verified) -> None:
    """Send, send many, save a draft, build: each refuses before the code, and takes it after."""
    content = letter(request_read_receipt=True)
    getattr(content, "from").address = OTHER
    token, metadata = it.remote.token, it.remote.metadata

    async def many(id: str) -> Any:
        steps = iter(
            [sub.SendMessagesRequest(request=sub.SendMessageRequest(request_id=id, content=content))]
        )
        call = it.remote.submission.SendMessages(steps, token=token, metadata=metadata)
        (answer,) = [answer async for answer in call]
        return answer

    async def save(id: str) -> Any:
        request = compose_service_pb2.SaveDraftRequest(request_id=id, content=content)
        return await it.remote.compose.SaveDraft(request, token=token, metadata=metadata)

    async def build() -> bytes:
        request = compose_service_pb2.BuildMessageRequest(content=content)
        call = it.remote.compose.BuildMessage(request, token=token, metadata=metadata)
        return b"".join([step.data async for step in call])

    assert not await it.may_send(id="one")
    assert (await many("m1")).failure.reason == "PERMISSION_DENIED"
    for call in (save("s1"), build()):
        assert (await refusal(call)).metadata["problem"] == "not_an_identity"
    await it.start()
    await it.complete(it.code())
    assert await it.may_send(id="two")
    assert (await many("m2")).submission.submission_id
    assert (await save("s2")).draft_id
    # Receipts for what it writes go to the address that wrote.
    assert f"Disposition-Notification-To: {OTHER}".encode() in await build()


async def test_the_code_reaches_the_address_alone(it: Verified) -> None:
    await it.start()
    sent = it.remote.peer.taken[-1]
    # No sender in the envelope: a bounce would bring the code to whoever asked for it.
    assert (sent.sender, sent.recipients) == ("", [OTHER])
    letter = it.letter()
    assert (letter["from"], letter["to"], letter["auto-submitted"]) == (rpc.ACCOUNT, OTHER, "auto-generated")
    await it.remote.inner.settle()
    assert not it.remote.inner.mailstore.sent
    listed = await it.remote.submission.ListSubmissions(sub.ListSubmissionsRequest(), token=it.remote.token)
    assert not listed.submissions

    def everything(session: Any) -> str:
        return " ".join(str(tuple(row)) for row in session.execute(sqlalchemy.select(table)))

    kept = await it.remote.inner.sender.db.read(everything)
    assert it.code() not in kept and codes.typed(it.code()) not in kept


async def test_five_tries_then_the_code_is_dead(it: Verified) -> None:
    await it.start()
    left = []
    for _ in range(5):
        err = await refusal(it.complete("2222-2222"))
        assert (err.reason, err.metadata["problem"]) == ("INVALID_ARGUMENT", "wrong_code")
        left.append(err.metadata["tries_left"])
    assert left == ["4", "3", "2", "1", "0"]
    assert (await refusal(it.complete(it.code()))).reason == "NOT_FOUND"
    assert await it.standing() == "REFUSED"


async def test_a_code_ends(it: Verified) -> None:
    await it.start()
    it.ahead[0] = 30 * MINUTE + 1
    assert (await refusal(it.complete(it.code()))).reason == "NOT_FOUND"
    assert not await it.may_send()


async def test_a_second_code_takes_the_place_of_the_first(it: Verified) -> None:
    await it.start()
    first = it.code()
    it.ahead[0] += MINUTE + 1
    await it.start()
    assert first != it.code()
    assert (await refusal(it.complete(first))).metadata["problem"] == "wrong_code"
    await it.complete(it.code())


async def test_a_code_is_the_address_s_and_the_account_s(it: Verified) -> None:
    await it.start()
    code = it.code()
    await it.start("second@elsewhere.example")
    assert (await refusal(it.complete(code, "second@elsewhere.example"))).metadata["problem"] == "wrong_code"
    bob = it.remote.server.token(
        scopes="mail.send mail.identities", account="bob@example.org", password="bob"
    )
    alice, it.token = it.token, bob
    assert (await refusal(it.complete(code))).reason == "NOT_FOUND"
    it.token = alice
    await it.complete(code)
    it.token = bob
    assert await it.standing() == "REFUSED"


async def test_nobody_s_mailbox_is_filled_with_codes(it: Verified) -> None:
    await it.start()
    soon = await refusal(it.start("PRESS@elsewhere.example"))
    assert (soon.reason, soon.metadata["limit"]) == ("RATE_LIMITED", "codes")
    assert 0 < int(soon.metadata["retry_seconds"]) <= 60
    for _ in range(4):
        it.ahead[0] += MINUTE + 1
        await it.start()
    it.ahead[0] += MINUTE + 1
    hour = await refusal(it.start())
    assert hour.reason == "RATE_LIMITED" and 60 < int(hour.metadata["retry_seconds"]) <= 3600
    # Whoever asks: the address has had enough. And the account may ask for five others, then it has too.
    it.token, alice = it.remote.server.token(scopes="mail.identities", account="bob@example.org"), it.token
    assert (await refusal(it.start())).metadata["limit"] == "codes"
    it.token = alice
    for number in range(5):
        await it.start(f"n{number}@elsewhere.example")
    assert (await refusal(it.start("n5@elsewhere.example"))).metadata["limit"] == "codes"
    # To remove it does not begin the count anew, nor does the upkeep; an hour does.
    await it.stub.RemoveVerifiedAddress(pb.RemoveVerifiedAddressRequest(address=OTHER), token=it.token)
    later = clock.now() + it.ahead[0]
    await it.remote.inner.sender.db.run(lambda s: upkeep.purge(s, now=later, keep=0))
    assert (await refusal(it.start())).metadata["limit"] == "codes"
    it.ahead[0] += HOUR
    await it.start()


async def test_a_code_is_a_message_of_the_account_s(tmp_path: Path) -> None:
    async with (
        smtp_peer() as peer,
        sender_on(
            f"sqlite:///{tmp_path / 's.db'}",
            peer.port,
            verify=VerifySettings(on=True),
            limits=usage.Limits(messages=1),
        ) as inner,
    ):
        verifying = inner.sender.verifying
        token = rpc.mint("sender", "mail.send", password="alice")
        await verifying.start(rpc.ACCOUNT, token, OTHER)
        err = await refusal(verifying.start(rpc.ACCOUNT, token, "second@elsewhere.example"))
        assert (err.reason, err.metadata["limit"]) == ("RATE_LIMITED", "messages")
        assert len(peer.taken) == 1


async def test_what_the_server_refused_opens_nothing(it: Verified) -> None:
    it.remote.peer.replies["RCPT"] = "550 5.1.1 nobody here"
    assert (await refusal(it.start())).reason == "MAIL_SERVER_REFUSED"
    assert await it.standing() == "REFUSED"


async def test_the_words_are_the_page_s(it: Verified) -> None:
    await it.start(subject="Ihr Kürzel", text="Hier ist es:\n\n    {code}\n")
    assert it.letter()["subject"] == "Ihr Kürzel" and it.code()
    for fields in (
        {"text": "no place"},
        {"text": "{code} {code}"},
        {"subject": "{code}", "text": "{code}"},
        {"subject": "a\r\nBcc: eve@example.net", "text": "{code}"},
        {"text": "{code}" + "x" * 4000},
    ):
        assert (await refusal(it.start("second@elsewhere.example", **fields))).reason == "INVALID_ARGUMENT"


async def test_off_unless_the_operator_turned_it_on(it: Verified, tmp_path: Path) -> None:
    """And where it is turned off again, what was verified before grants nothing."""
    await it.start()
    await it.complete(it.code())
    database = str(it.remote.inner.sender.db.engine.url)
    async with sender_on(database) as off:
        verifying = off.sender.verifying
        for call in (
            verifying.start(rpc.ACCOUNT, "", "x@elsewhere.example"),
            verifying.complete("", OTHER, ""),
        ):
            assert (await refusal(call)).reason == "UNSUPPORTED"
        (found,) = await verifying.check(rpc.ACCOUNT, [OTHER])
        assert found.standing == "refused"
        err = await refusal(off.send(sender=EmailAddress("", OTHER)))
        assert err.metadata["problem"] == "not_an_identity"


async def test_a_system_cannot_open_an_address(it: Verified) -> None:
    it.token = it.remote.server.token(scopes="mail.send", password="alice")
    assert (await refusal(it.start())).reason == "SCOPE_MISSING"
    assert (await refusal(it.complete("2222-2222"))).reason == "SCOPE_MISSING"
