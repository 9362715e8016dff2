"""Auth in memory, as services.web.ports.AuthPort. Codes are accepted once, states bear few attempts, as in
the real one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.common.errors import PosternError, Reason, invalid_argument, not_found
from services.web.model.account import Challenge, Client, Device, Grant, Identity, Preferences, SignedIn
from services.web.model.security import (
    Activity,
    Changed,
    Enrolment,
    Event,
    Factor,
    Factors,
    Proof,
    Question,
)
from services.web.model.systems import AppToken

AUDIENCES = ("auth", "mailstore", "sender", "contacts")
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
URI = "otpauth://totp/Postern:alice%40example.org?secret=ABCDEFGHIJKLMNOP&issuer=Postern&digits=6&period=30"
HOTP_URI = URI.replace("totp", "hotp")
MAX_ATTEMPTS = 5
OPTIONS, ANSWER = '{"challenge": "<&AAAA"}', '{"answer": 1}'


@dataclass
class FakeAuth:
    """`codes`: what the app shows, one after the other; `required`: the operator demands a factor."""

    passwords: dict[str, str] = field(default_factory=lambda: {"alice@example.org": "alice"})
    sessions: dict[str, str] = field(default_factory=dict)
    preferences: Preferences = field(default_factory=lambda: Preferences(greeted="1"))
    identities: tuple[Identity, ...] = (
        Identity("i1", "alice@example.org", "Alice Example", is_default=True),
    )
    grants: int = 0
    seconds: float = 300
    fail: PosternError | None = None
    required: bool = False
    offered: tuple[str, ...] = ("passkey", "totp", "hotp")
    by_sign_in: bool = False  # the account has no password here
    signed_in_long_ago: bool = False
    carries_password: bool = True
    rotated: int = 0
    factor_list: list[Factor] = field(default_factory=list)
    codes: list[str] = field(default_factory=lambda: ["123456", "234567", "345678", "456789"])
    recovery: list[str] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    batches: int = 0
    revoked: list[str] = field(default_factory=list)
    openid: str | None = None
    tokens: list[AppToken] = field(default_factory=list)

    # Signing in

    async def sign_in(self, address: str, password: str, client: Client) -> SignedIn | Challenge:
        self._up()
        if self.passwords.get(address.lower()) != password:
            raise PosternError(Reason.AUTHENTICATION_FAILED)
        if self.factor_list:
            kinds = tuple(dict.fromkeys(one.kind for one in self.factor_list))
            options = OPTIONS if "passkey" in kinds else ""
            return Challenge(self._state(), (*kinds, *(("recovery",) if self.recovery else ())), options)
        return self._begin(address)

    def _begin(self, address: str) -> SignedIn:
        secret = f"secret-{len(self.sessions)}-" + "x" * 30
        self.sessions[secret] = address.lower()
        self._note("sign-in")
        return SignedIn(secret, address.lower(), must_enrol=self._must_enrol)

    async def continue_sign_in(
        self, state: str, code: str, kind: str, client: Client, *, passkey: str = "", password: str = ""
    ) -> SignedIn | Challenge:
        self._up()
        self._attempt(state)
        if passkey == ANSWER and not self.carries_password:
            del self.states[state]
            return Challenge(self._state(), password=True)
        good = passkey == ANSWER if passkey else password == "alice" if password else self._use_up(code)
        if not good:
            raise PosternError(Reason.AUTHENTICATION_FAILED)
        del self.states[state]
        return self._begin("alice@example.org")

    async def passkeys_offered(self) -> bool:
        self._up()
        return "passkey" in self.offered

    async def openid_offered(self) -> str | None:
        self._up()
        return self.openid

    async def start_openid(self, address: str, redirect: str, client: Client) -> Challenge:
        self._up()
        if address and not address.endswith("@example.org"):
            raise PosternError(Reason.UNSUPPORTED)
        return Challenge(self._state(), redirect="https://id.example.org/auth?x=1&y=2")

    async def finish_openid(self, state: str, query: str, client: Client) -> SignedIn | Challenge:
        self._up()
        if self.states.pop(state, None) is None:
            raise PosternError(Reason.SESSION_ENDED)
        if "error" in query:
            raise PosternError(Reason.AUTHENTICATION_FAILED, metadata={"problem": "denied"})
        return self._begin("alice@example.org")

    async def app_tokens(self, token: str) -> tuple[AppToken, ...]:
        self._up()
        return tuple(self.tokens)

    async def create_app_token(
        self,
        token: str,
        secret: str,
        name: str,
        scopes: Sequence[str],
        expires: datetime,
        proof: Proof,
    ) -> str:
        self._up()
        if secret not in self.sessions or (proof.password != "alice" and not self.by_sign_in):
            raise PosternError(Reason.AUTHENTICATION_FAILED, metadata={"problem": "proof"})
        self.tokens.insert(0, AppToken(f"t{len(self.tokens)}", name, tuple(scopes), NOON, expires))
        return "postern-app-secret"

    async def revoke_app_token(self, token: str, token_id: str) -> None:
        self.tokens = [one for one in self.tokens if one.token_id != token_id]

    async def ask_passkey(self, client: Client) -> Challenge:
        self._up()
        return Challenge(self._state(), ("passkey",), OPTIONS)

    async def grant(self, secret: str, client: Client) -> Grant:
        if secret not in self.sessions:
            raise PosternError(Reason.SESSION_ENDED)
        self.grants += 1
        audiences = ("auth",) if self._must_enrol else AUDIENCES
        tokens = {audience: f"{audience}-token" for audience in audiences}
        expires = datetime.now(UTC) + timedelta(seconds=self.seconds)
        return Grant(
            self.sessions[secret],
            tokens,
            expires,
            "s1",
            self.preferences,
            self.identities,
            self._must_enrol,
        )

    async def end_session(self, secret: str) -> None:
        self.sessions.pop(secret, None)

    # Devices, preferences, identities

    async def devices(self, token: str) -> tuple[Device, ...]:
        here = Device("s1", NOON, NOON, "127.0.0.1", "Browser", True)
        phone = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
        return here, Device("s2", NOON, NOON, "192.0.2.7", phone, False, ("totp",))

    async def revoke(self, token: str, session_id: str) -> int:
        self.revoked.append(session_id)
        return 1

    async def revoke_others(self, token: str) -> int:
        return 2

    async def update_preferences(
        self, token: str, preferences: Preferences, fields: Sequence[str]
    ) -> Preferences:
        # Saved searches change one by one, everything else together.
        plain = [name for name in fields if not name.startswith("extra.search.")]
        kept = self.preferences if plain else preferences
        self.preferences = replace(preferences, searches=kept.searches)
        return self.preferences

    async def update_identity(self, token: str, identity: Identity, request_id: str) -> Identity:
        kept = tuple(one for one in self.identities if one.identity_id != identity.identity_id)
        self.identities = (identity, *kept)
        return identity

    async def create_identity(self, token: str, identity: Identity, request_id: str) -> Identity:
        made = replace(identity, identity_id=f"i{len(self.identities) + 1}")
        self.identities = (*self.identities, made)
        return made

    async def delete_identity(self, token: str, identity_id: str) -> None:
        self.identities = tuple(one for one in self.identities if one.identity_id != identity_id)

    async def activity(self, token: str, *, rows: int, page: str) -> Activity:
        newest = self.events[::-1]
        start = int(page or 0)
        more = start + rows < len(newest)
        return Activity(tuple(newest[start : start + rows]), str(start + rows) if more else "")

    # Second factors

    async def factors(self, token: str) -> Factors:
        self._up()
        listed = list(self.factor_list)
        if listed:
            listed.append(Factor("recovery-codes", "recovery", created=NOON, codes_left=len(self.recovery)))
        return Factors(tuple(listed), self.required, self.offered, self.by_sign_in)

    async def begin_enrolment(
        self, token: str, name: str, proof: Proof, kind: str = "totp", secret: str = ""
    ) -> Enrolment:
        self._prove(proof)
        if secret == "junk":
            raise invalid_argument("otp_secret", "malformed")
        state = self._state()
        self.names[state] = f"{kind} {name}"
        if kind == "passkey":
            return Enrolment(state, options=OPTIONS)
        return Enrolment(state, URI if kind == "totp" else HOTP_URI)

    async def finish_enrolment(
        self, token: str, state: str, code: str, *, passkey: str = "", secret: str = ""
    ) -> Changed:
        self._up()
        self._attempt(state)
        kind, _, name = self.names[state].partition(" ")
        if kind == "passkey":
            good = passkey == ANSWER
        else:
            good = len(code.split()) == (2 if kind == "hotp" else 1) and self._use_up(code.split()[0])
        if not good:
            raise PosternError(Reason.AUTHENTICATION_FAILED)
        del self.states[state]
        return Changed(self.enrol(name, kind), self._rotate(secret))

    async def ask_proof(self, token: str) -> Question:
        return Question(self._state(), OPTIONS)

    def _rotate(self, secret: str) -> str:
        account = self.sessions.pop(secret, None)
        if account is None:
            return ""
        self.rotated += 1
        fresh = f"secret-r{self.rotated}-" + "y" * 30
        self.sessions[fresh] = account
        return fresh

    def enrol(self, name: str = "Phone", kind: str = "totp") -> tuple[str, ...]:
        """A factor more, and recovery codes with the first."""
        first = not self.factor_list
        self.factor_list.append(Factor(f"f{len(self.factor_list) + 1}", kind, name, NOON, NOON))
        self._note("factor-enrolled", factor=name)
        if first:
            self._new_codes()
        return tuple(self.recovery) if first else ()

    async def remove_factor(self, token: str, factor_id: str, proof: Proof, secret: str = "") -> Changed:
        self._prove(proof)
        wanted = next((one for one in self.factor_list if one.factor_id == factor_id), None)
        if wanted is None:
            raise not_found("factor")
        self.factor_list.remove(wanted)
        if not self.factor_list:
            self.recovery.clear()
        self._note("factor-removed", factor_id=factor_id)
        return Changed(secret=self._rotate(secret))

    async def recovery_codes(self, token: str, proof: Proof, secret: str = "") -> Changed:
        self._prove(proof)
        if not self.factor_list:
            raise not_found("factor")
        self._new_codes()
        return Changed(tuple(self.recovery), self._rotate(secret))

    # Beneath

    @property
    def _must_enrol(self) -> bool:
        return self.required and not self.factor_list

    def _up(self) -> None:
        if self.fail:
            raise self.fail

    def _note(self, action: str, **details: str) -> None:
        self.events.append(Event(NOON, action, "127.0.0.1", "Browser", details))

    def _state(self) -> str:
        state = f"state-{len(self.states)}-{len(self.events)}"
        self.states[state] = 0
        return state

    def _attempt(self, state: str) -> None:
        if self.states.get(state, MAX_ATTEMPTS) >= MAX_ATTEMPTS:
            raise PosternError(Reason.SESSION_ENDED)
        self.states[state] += 1

    def _use_up(self, code: str) -> bool:
        for known in (self.codes, self.recovery):
            if code in known:
                known.remove(code)
                return True
        return False

    def _prove(self, proof: Proof) -> None:
        self._up()
        if self.factor_list and not (proof.code or proof.passkey):
            raise invalid_argument("proof", "code_expected")
        if not self.factor_list and self.by_sign_in:
            if self.signed_in_long_ago:
                raise PosternError(Reason.AUTHENTICATION_FAILED, metadata={"problem": "sign_in_again"})
            return
        if not self.factor_list and not proof.password:
            raise invalid_argument("proof", "password_expected")
        if proof.passkey:
            self._attempt(proof.state)
            good = proof.passkey == ANSWER
        else:
            good = self._use_up(proof.code) if self.factor_list else proof.password in self.passwords.values()
        if not good:
            raise PosternError(Reason.AUTHENTICATION_FAILED, metadata={"problem": "proof"})

    def _new_codes(self) -> None:
        self.batches += 1
        self.recovery = [f"aaaa-bbbb-cccc-{self.batches:02}{number:02}" for number in range(10)]
