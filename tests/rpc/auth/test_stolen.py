"""Promise 3: a stolen database opens no mailbox, not even together with every key that auth holds."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import select

from services.auth.tables import metadata, passkeys, sessions, states
from services.auth.vault import Sealed, Vault, VaultError
from services.auth.webauthn import RelyingParty, encode
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from tests.rpc.auth.passkey import ORIGIN, Passkey
from tests.rpc.auth.support import FakeChecker, running_auth
from tests.rpc.auth.test_factors import MANY
from tests.rpc.auth.test_passkeys import Owner, answer, challenge
from tests.support.rpc import keys_dir, signing_key

HEX = re.compile(rb"[0-9a-f]{64}")
PASSWORD = "correct horse battery staple 4711"


def dump(session) -> list[bytes]:
    """Every value of every table, as bytes."""
    values = []
    for table in metadata.sorted_tables:
        for row in session.execute(select(table)):
            values += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return values


async def test_the_dump_and_all_keys_without_the_cookie(database_url: str) -> None:
    checker = FakeChecker({"alice@example.org": PASSWORD})
    async with running_auth(database_url, checker=checker) as auth:
        ended = await auth.sign_in(password=PASSWORD)
        await auth.sessions.EndSession(session_pb.EndSessionRequest(session_secret=ended.session_secret))
        signed = await auth.sign_in(password=PASSWORD)
        answer = await auth.access(signed.session_secret)
        values = await auth.service.database.read(dump)
        row = await auth.service.database.read(lambda session: session.execute(select(sessions)).one())
    everything = b"\0".join(values)

    # Neither the password nor the secret lies there in any plain form, nor a token that could be used.
    raw_secret = base64.urlsafe_b64decode(signed.session_secret + "=")
    for value in (PASSWORD.encode(), signed.session_secret.encode(), raw_secret):
        for form in (value, base64.b64encode(value)[:-4], value.hex().encode(), value[::-1]):
            assert form not in everything
    for item in answer.tokens:
        assert item.token.encode() not in everything

    # With the cookie it opens: the attack below fails for want of the secret and not for a slip of its own.
    vault = Vault.from_text((keys_dir() / "session.key").read_text())
    sealed, context = Sealed(row.server_key_id, row.sealed_credential), f"{row.session_id}|{row.account}"
    assert PASSWORD.encode() in vault.open(signed.session_secret, sealed, context)

    # Whatever 32 bytes there are in the dump and in the keys, as secret, as salt or as the key itself.
    server_key = base64.b64decode((keys_dir() / "session.key").read_text())
    signing = signing_key().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    pieces = {server_key, signing, bytes(32), bytes.fromhex(row.secret_hash)}
    for value in values:
        for candidate in (value, value.rstrip(b"=")):
            pieces |= {candidate[at : at + 32] for at in range(max(1, len(candidate) - 31))}
    pieces = {piece for piece in pieces if len(piece) == 32}
    nonce, ciphertext = row.sealed_credential[:12], row.sealed_credential[12:]
    aad, info = f"{row.server_key_id}|{context}".encode(), b"postern session credential v1"
    tries = 0
    for secret, salt in itertools.product(pieces, (server_key, signing, b"")):
        for key in (secret, HKDF(hashes.SHA256(), 32, salt=salt, info=info).derive(secret)):
            tries += 1
            try:
                AESGCM(key).decrypt(nonce, ciphertext, aad)
            except InvalidTag:
                continue
            raise AssertionError("the credential opened without the cookie")
    assert tries > 100


async def test_another_sessions_secret_opens_nothing(database_url: str) -> None:
    async with running_auth(database_url) as auth:
        first, second = await auth.sign_in(), await auth.sign_in()
        rows = await auth.service.database.read(lambda session: session.execute(select(sessions)).all())
        opened = 0
        for row, signed in itertools.product(rows, (first, second)):
            sealed, context = (
                Sealed(row.server_key_id, row.sealed_credential),
                f"{row.session_id}|{row.account}",
            )
            try:
                auth.service.settings.vault.open(signed.session_secret, sealed, context)
                opened += 1
            except VaultError:
                pass
        assert opened == 2


async def test_the_dump_and_all_keys_without_the_passkey(database_url: str) -> None:
    """The mail password that lies sealed for a passkey's PRF, the states of sign-ins that wait, and all else
    that is sealed: every row with every key, and every 32 bytes of the dump as secret."""
    checker, key = FakeChecker({"alice@example.org": PASSWORD}), Passkey()
    async with running_auth(
        database_url, checker=checker, limits=MANY, passkeys=RelyingParty(ORIGIN)
    ) as auth:
        secret = (await auth.sign_in(password=PASSWORD)).session_secret
        me = Owner(auth, secret, await auth.token(secret))
        begun = await me.begin(password=PASSWORD)
        await me.finish(begun.enrolment_state, key.create(begun.webauthn_options_json))
        await auth.start(password=PASSWORD)  # waits for its second step
        asked = await challenge(auth)
        used = key.get(asked.webauthn_options_json)
        prf = json.loads(used)["clientExtensionResults"]["prf"]["results"]["first"]
        await answer(auth, asked.sign_in_state, webauthn_response_json=used)
        values = await auth.service.database.read(dump)
        rows = await auth.service.database.read(sealed_rows)
        vault = auth.service.settings.vault
    everything = b"\0".join(values)
    for value in (PASSWORD.encode(), prf.encode(), base64.urlsafe_b64decode(prf + "=")):
        assert value not in everything

    # The right secret opens: what follows fails for want of it.
    kinds = {kind for kind, *_ in rows}
    assert kinds == {"session", "state", "passkey"}
    row = next(row for row in rows if row[0] == "passkey")
    assert PASSWORD.encode() in vault.open(prf, row[1], row[2])

    server_key = base64.b64decode((keys_dir() / "session.key").read_text())
    signing = signing_key().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    pieces = {server_key, signing, bytes(32)}
    for value in values:
        pieces |= {value[at : at + 32] for at in range(0, max(1, len(value) - 31), 8)}
        pieces |= {bytes.fromhex(value.decode())} if HEX.fullmatch(value) else set()
    tries = 0
    for kind, sealed, context in rows:
        for piece in (piece for piece in pieces if len(piece) == 32):
            for opened in (
                lambda: vault.open(encode(piece), sealed, context),  # noqa: B023 called at once
                lambda: vault.open_own(sealed, context),  # noqa: B023
                lambda: AESGCM(piece).decrypt(  # noqa: B023
                    sealed.data[:12],  # noqa: B023
                    sealed.data[12:],  # noqa: B023
                    f"{sealed.key_id}|{context}".encode(),  # noqa: B023
                ),
            ):
                tries += 1
                try:
                    found = opened()
                except (VaultError, InvalidTag):
                    continue
                assert PASSWORD.encode() not in found, kind
    assert tries > 1000


def sealed_rows(session) -> list[tuple[str, Sealed, str]]:
    """Everything sealed that may hold a credential, with the words that it was sealed beside."""
    found = []
    for row in session.execute(select(sessions)):
        sealed = Sealed(row.server_key_id, row.sealed_credential)
        found.append(("session", sealed, f"{row.session_id}|{row.account}"))
    for row in session.execute(select(states).where(states.c.sealed_content != b"")):
        binding = hashlib.sha256(b"Test/1").hexdigest()
        sealed = Sealed(row.server_key_id, row.sealed_content)
        found.append(("state", sealed, f"{row.purpose}|{row.account}|{binding}"))
    for row in session.execute(select(passkeys)):
        sealed = Sealed(row.server_key_id, row.sealed_credential)
        found.append(("passkey", sealed, f"passkey|{row.factor_id}|{row.account}"))
    return found
