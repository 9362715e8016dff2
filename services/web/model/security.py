"""Second factors, and what was done to the account."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Factor:
    """`kind` as in Challenge.kinds; `codes_left` for recovery codes, which are listed as one factor."""

    factor_id: str
    kind: str
    name: str = ""
    created: datetime | None = None
    last_used: datetime | None = None
    codes_left: int = 0
    can_sign_in: bool = False


@dataclass(frozen=True, slots=True)
class Factors:
    """The account's factors; `required`: the operator demands one; `offered`: kinds that may be enrolled;
    `by_sign_in`: without factors, a sign-in just now is the proof, and not a password."""

    all: tuple[Factor, ...] = ()
    required: bool = False
    offered: tuple[str, ...] = ()
    by_sign_in: bool = False

    @property
    def no_proof(self) -> bool:
        """Whether there is nothing to type or to touch."""
        return self.by_sign_in and not self.proper

    @property
    def proper(self) -> tuple[Factor, ...]:
        """Those that are asked for by themselves: all but the recovery codes."""
        return tuple(one for one in self.all if one.kind != "recovery")

    @property
    def recovery(self) -> Factor | None:
        return next((one for one in self.all if one.kind == "recovery"), None)

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(one.kind for one in self.all)

    def find(self, factor_id: str) -> Factor | None:
        return next((one for one in self.proper if one.factor_id == factor_id), None)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a person shows again before a factor changes: a code, a passkey's answer with the state of the
    question, or the password where there is no factor."""

    code: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    passkey: str = field(default="", repr=False)
    state: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.code or self.password or self.passkey)


@dataclass(frozen=True, slots=True)
class Question:
    """What asks for a passkey: `options` is JSON for the browser; empty where there is none to ask for."""

    state: str = field(default="", repr=False)
    options: str = ""

    def __bool__(self) -> bool:
        return bool(self.options)


@dataclass(frozen=True, slots=True)
class Changed:
    """After a change of factors: recovery codes where some were made, the session's new secret."""

    codes: tuple[str, ...] = field(default=(), repr=False)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An enrolment that waits for its first proof. `uri` is the otpauth:// address with the secret, `options`
    JSON for the browser, which makes the passkey."""

    state: str = field(repr=False)
    uri: str = field(default="", repr=False)
    options: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """`action` is the trail's stable word."""

    time: datetime | None
    action: str
    address: str = ""
    user_agent: str = ""
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Activity:
    """A page of events, newest first."""

    events: tuple[Event, ...] = ()
    next_token: str = ""
