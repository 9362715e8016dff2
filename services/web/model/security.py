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


@dataclass(frozen=True, slots=True)
class Factors:
    """The account's factors; `required`: the operator demands one."""

    all: tuple[Factor, ...] = ()
    required: bool = False

    @property
    def proper(self) -> tuple[Factor, ...]:
        """Those that are asked for by themselves: all but the recovery codes."""
        return tuple(one for one in self.all if one.kind != "recovery")

    @property
    def recovery(self) -> Factor | None:
        return next((one for one in self.all if one.kind == "recovery"), None)

    def find(self, factor_id: str) -> Factor | None:
        return next((one for one in self.proper if one.factor_id == factor_id), None)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a person shows again before a factor changes: a code, or the password where there is no factor."""

    code: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.code or self.password)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An enrolment that waits for its first code. `uri` is the otpauth:// address with the secret."""

    state: str = field(repr=False)
    uri: str = field(repr=False)


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
