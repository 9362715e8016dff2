"""Who may do what in a mailbox (RFC 4314), and how much room there is (RFC 9208)."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.errors import Reason, error, invalid_argument
from services.mailstore.imap.session import Session
from services.mailstore.imap.syntax import astring

_LETTERS = frozenset("lrswipkxteacd0123456789")


@dataclass(frozen=True, slots=True)
class Right:
    """What one identifier may do, as letters of RFC 4314 section 2.1."""

    identifier: str
    rights: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A bounded resource: octets for STORAGE, a count for the others."""

    name: str
    used: int
    limit: int


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


async def get_rights(session: Session, mailbox: str) -> tuple[tuple[Right, ...], str]:
    """Every entry (none where we may not see them) and our own letters. UNSUPPORTED without ACL."""
    if not session.has("ACL"):
        raise error(Reason.UNSUPPORTED, feature="acl")
    name = session.mailbox(mailbox)
    mine, everyone = await session.execute([b"MYRIGHTS", name], [b"GETACL", name])
    session.require(mine, [b"MYRIGHTS"])
    own = next((_text(r.values[1]) for r in mine.data("MYRIGHTS") if len(r.values) > 1), "")
    entries: list[Right] = []
    for response in everyone.data("ACL"):
        values = response.values[1:]
        entries.extend(
            Right(_text(values[index]), _text(values[index + 1])) for index in range(0, len(values) - 1, 2)
        )
    return tuple(entries), own


async def set_rights(session: Session, mailbox: str, right: Right) -> None:
    """Replace the rights of one identifier; empty letters take the entry away."""
    if not session.has("ACL"):
        raise error(Reason.UNSUPPORTED, feature="acl")
    if not right.identifier or not right.identifier.isprintable():
        raise invalid_argument("right.identifier", "malformed")
    if not set(right.rights) <= _LETTERS:
        raise invalid_argument("right.rights", "malformed")
    name, who = session.mailbox(mailbox), astring(right.identifier.encode("utf-8"))
    if right.rights:
        await session.command(b"SETACL", name, who, right.rights.encode("ascii"))
    else:
        await session.command(b"DELETEACL", name, who)


async def get_quota(session: Session, mailbox: str) -> tuple[Resource, ...]:
    """The bounded resources of a mailbox's quota roots; none where the server has no QUOTA."""
    if not session.has("QUOTA"):
        return ()
    result = await session.command(b"GETQUOTAROOT", session.mailbox(mailbox or "INBOX"))
    found: dict[str, Resource] = {}
    for response in result.data("QUOTA"):
        limits = response.values[1] if len(response.values) > 1 else ()
        if not isinstance(limits, tuple):
            continue
        for index in range(0, len(limits) - 2, 3):
            name, used, limit = limits[index : index + 3]
            if not (isinstance(name, bytes) and isinstance(used, int) and isinstance(limit, int)):
                continue
            # RFC 9208 section 5.1: STORAGE counts units of 1024 octets.
            unit = 1024 if name.upper() == b"STORAGE" else 1
            resource = Resource(name.decode("ascii", "replace").upper(), used * unit, limit * unit)
            # Several roots: the tightest one is what a person runs into.
            tightest = found.get(resource.name)
            if tightest is None or limit * unit - used * unit < tightest.limit - tightest.used:
                found[resource.name] = resource
    return tuple(found.values())
