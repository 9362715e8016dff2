"""Bringing mail from the maildrop into the file, in slices, newest first."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from services.mailstore.decoding.pool import NotDecoded, decoders
from services.mailstore.pop3 import drop as maildrops
from services.mailstore.pop3.client import Listed, Maildrop
from services.mailstore.pop3.described import Described, opaque
from services.mailstore.pop3.store import Store

if TYPE_CHECKING:
    from services.mailstore.pop3.account import PopAccount

# Octets and messages that are brought in at a time, and seconds before other sessions get their turn.
BATCH_OCTETS, BATCH_MESSAGES, SLICE = 8 * 1024 * 1024, 50, 4.0
# Seconds that one slice may take with all it waits for.
LONGEST = 300.0


async def bring_in(account: PopAccount, headers: set[int], wholes: set[int]) -> set[int]:
    """Bring in the headers, or all octets, of these messages (ids). Those that the server does not give."""
    whole = {**dict.fromkeys(headers, False), **dict.fromkeys(wholes, True)}
    left = set(whole)
    failed: set[int] = set()
    while left:
        until = time.monotonic() + SLICE
        async with account.session(LONGEST) as (store, drop, listing):
            names = await account.run(maildrops.uidls, store, list(left))
            there = {each.uidl: each for each in listing}
            listed = {id_: there[name] for id_, name in names.items() if name in there}
            failed |= {id_ for id_ in left if id_ not in listed}
            left &= set(listed)
            # What a person looks at is mostly new.
            order = sorted(left, reverse=True)
            while order and time.monotonic() < until:
                batch = _batch(order, whole, listed)
                del order[: len(batch)]
                left -= set(batch)
                failed |= await _headers(account, store, drop, {i: listed[i] for i in batch if not whole[i]})
                failed |= await _wholes(account, store, drop, {i: listed[i] for i in batch if whole[i]})
        if left:
            # Time for another process to get at the maildrop.
            await asyncio.sleep(0.2)
    return failed


def _batch(order: list[int], whole: dict[int, bool], listed: dict[int, Listed]) -> list[int]:
    """The first of them that fit together."""
    batch: list[int] = []
    octets = 0
    for id_ in order:
        octets += listed[id_].size if whole[id_] else 1024
        if batch and (octets > BATCH_OCTETS or len(batch) >= BATCH_MESSAGES):
            break
        batch.append(id_)
    return batch


async def _headers(account: PopAccount, store: Store, drop: Maildrop, wanted: dict[int, Listed]) -> set[int]:
    """Bring in headers; those that the server did not give."""
    if not wanted:
        return set()
    ids = {each.number: id_ for id_, each in wanted.items()}
    found = [
        (ids[number], header) for number, header in await account.run(lambda: list(drop.tops(list(ids))))
    ]
    await account.run(maildrops.keep_headers, store, found)
    return {id_ for id_, header in found if header is None}


async def _wholes(account: PopAccount, store: Store, drop: Maildrop, wanted: dict[int, Listed]) -> set[int]:
    """Bring in messages; those that the server did not give."""
    if not wanted:
        return set()
    most = account.settings.max_message_bytes
    found = await account.run(maildrops.retrieve, drop, wanted, most)
    kept = [(id_, raw, await described(raw), held) for id_, raw, held in found]
    await account.run(maildrops.keep_messages, store, kept)
    await account.run(maildrops.make_room, store, account.settings.account_bytes)
    return set(wanted) - {id_ for id_, _, _ in found}


async def described(raw: bytes) -> Described:
    """The message taken apart, where a decoder that fails harms nobody else."""
    try:
        found: Described = await decoders().run("describe", len(raw), raw)
    except NotDecoded:
        return opaque(raw)
    return found
