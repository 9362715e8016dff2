"""Preferences and identities over gRPC, on SQLite and MariaDB."""

from __future__ import annotations

import asyncio

import pytest

from services.auth.signin import SignInOptions
from services.common.errors import PosternError
from services.common.gen.postern.auth.v1 import account_service_pb2 as account_pb
from services.common.gen.postern.auth.v1 import session_service_pb2 as session_pb
from tests.rpc.auth.support import FakeChecker, running_auth

Identity, Preferences = session_pb.Identity, session_pb.Preferences


async def failure(awaitable) -> PosternError:
    with pytest.raises(PosternError) as caught:
        await awaitable
    return caught.value


class Person:
    """Somebody signed in, with short words for the calls."""

    def __init__(self, auth, token: str) -> None:
        self._account, self._token = auth.account, token

    async def set(self, *paths: str, **values) -> Preferences:
        request = account_pb.UpdatePreferencesRequest(preferences=Preferences(**values))
        request.update_mask.paths.extend(paths)
        return (await self._account.UpdatePreferences(request, token=self._token)).preferences

    async def get(self) -> Preferences:
        request = account_pb.GetPreferencesRequest()
        return (await self._account.GetPreferences(request, token=self._token)).preferences

    async def create(self, request_id: str = "", **values) -> Identity:
        request = account_pb.CreateIdentityRequest(identity=Identity(**values), request_id=request_id)
        return (await self._account.CreateIdentity(request, token=self._token)).identity

    async def update(self, identity: Identity, request_id: str = "") -> Identity:
        request = account_pb.UpdateIdentityRequest(identity=identity, request_id=request_id)
        return (await self._account.UpdateIdentity(request, token=self._token)).identity

    async def delete(self, identity_id: str) -> None:
        request = account_pb.DeleteIdentityRequest(identity_id=identity_id)
        await self._account.DeleteIdentity(request, token=self._token)

    async def list(self, page_size: int = 0) -> list[Identity]:
        found, token = [], ""
        while True:
            request = account_pb.ListIdentitiesRequest(page_size=page_size, page_token=token)
            page = await self._account.ListIdentities(request, token=self._token)
            found += page.identities
            token = page.next_page_token
            if not token:
                return found


async def person(auth) -> Person:
    return Person(auth, await auth.token((await auth.sign_in()).session_secret))


async def test_preferences_change_by_field(database_url: str) -> None:
    async with running_auth(database_url) as auth:
        me = await person(auth)
        assert await me.get() == Preferences()
        await me.set("language", "theme", language="de", theme="dark", page_rows=200)
        assert await me.get() == Preferences(language="de", theme="dark")
        await me.set("extra.a", extra={"a": "1", "b": "2"})
        await me.set("extra.c", "language", extra={"c": "✓"}, language="ar")
        assert await me.get() == Preferences(language="ar", theme="dark", extra={"a": "1", "c": "✓"})
        await me.set("extra.a")
        assert (await me.get()).extra == {"c": "✓"}
        await me.set(conversations=True, undo_send_seconds=30)
        assert await me.get() == Preferences(conversations=True, undo_send_seconds=30)


async def test_new_accounts_begin_with_time_to_undo_sending(database_url: str) -> None:
    """Those that were there keep what they have, and none is what somebody may choose."""
    options = SignInOptions(refusal_step=0.0, undo_send_seconds=10)
    async with running_auth(database_url) as auth:
        assert await (await person(auth)).get() == Preferences()
    people = FakeChecker({"alice@example.org": "alice", "bob@example.org": "bob"})
    async with running_auth(database_url, options=options, checker=people) as auth:
        assert (await (await person(auth)).get()).undo_send_seconds == 0
        token = await auth.token((await auth.sign_in("bob@example.org", "bob")).session_secret)
        bob = Person(auth, token)
        assert (await bob.get()).undo_send_seconds == 10
        await bob.set("undo_send_seconds", undo_send_seconds=0)
        again = await auth.token((await auth.sign_in("bob@example.org", "bob")).session_secret)
        assert (await Person(auth, again).get()).undo_send_seconds == 0


@pytest.mark.parametrize(
    "values",
    [
        {"language": "no language"},
        {"time_zone": "../../etc/passwd"},
        {"theme": "pink"},
        {"density": "none"},
        {"page_rows": 501},
        {"undo_send_seconds": 121},
        {"extra": {str(n): "" for n in range(101)}},
        {"extra": {"a": "x" * 2001}},
    ],
)
async def test_preferences_out_of_bounds_are_refused(tmp_path, values: dict) -> None:
    async with running_auth(f"sqlite:///{tmp_path}/a.db") as auth:
        me = await person(auth)
        err = await failure(me.set(**values))
        assert err.reason == "INVALID_ARGUMENT" and err.metadata["field"].startswith("preferences.")
        assert await me.get() == Preferences()
        assert (await failure(me.set("nonsense"))).metadata["field"] == "update_mask"


async def test_identities(database_url: str) -> None:
    async with running_auth(database_url) as auth:
        me = await person(auth)
        (own,) = await me.list()
        assert (own.address, own.is_default) == ("alice@example.org", True)
        assert (await failure(me.delete(own.identity_id))).reason == "CONFLICT"

        work = await me.create(
            display_name="Alice ✓ Work", address=" Alice.W@BÜCHER.example", signature_html="<b>x</b>" * 3000
        )
        assert work.address == "Alice.W@xn--bcher-kva.example" and not work.is_default
        changed = await me.update(Identity(**{**fields(work), "is_default": True, "display_name": "A"}))
        assert changed.etag != work.etag
        assert [(item.display_name, item.is_default) for item in await me.list(page_size=1)] == [
            ("A", True),
            ("", False),
        ]
        # Read before, changed meanwhile.
        assert (await failure(me.update(work))).reason == "CONFLICT"
        # The default one stays it until another is made it; deleted, the oldest one takes over.
        kept = await me.update(Identity(**{**fields(changed), "is_default": False}))
        assert kept.is_default
        await me.delete(work.identity_id)
        await me.delete(work.identity_id)
        assert [(item.address, item.is_default) for item in await me.list()] == [("alice@example.org", True)]


async def test_writes_may_be_sent_twice(database_url: str) -> None:
    async with running_auth(database_url) as auth:
        me = await person(auth)
        made = await asyncio.gather(*(me.create("request-1", address="b@example.org") for _ in range(5)))
        assert len({item.identity_id for item in made}) == 1 and len(await me.list()) == 2
        changes = Identity(**{**fields(made[0]), "display_name": "New"})
        first, second = await me.update(changes, "request-2"), await me.update(changes, "request-2")
        assert first == second
        assert (await failure(me.update(changes, "request-3"))).reason == "CONFLICT"


async def test_of_parallel_changes_one_wins_and_one_is_the_default(database_url: str) -> None:
    async with running_auth(database_url) as auth:
        me = await person(auth)
        made = [await me.create(address=f"b{n}@example.org") for n in range(4)]
        updates = [me.update(Identity(**{**fields(item), "is_default": True})) for item in made]
        await asyncio.gather(*updates)
        assert sum(item.is_default for item in await me.list()) == 1
        (top, *_) = await me.list()
        both = [me.update(Identity(**{**fields(top), "display_name": name})) for name in "xy"]
        results = await asyncio.gather(*both, return_exceptions=True)
        assert sum(isinstance(result, PosternError) for result in results) == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"address": ""}, "identity.address"),
        ({"address": "x\r\nBcc: y@example.org"}, "identity.address"),
        ({"address": "a@example.org", "reply_to": "nobody"}, "identity.reply_to"),
        ({"address": "a@example.org", "display_name": "x\r\nBcc: y"}, "identity.display_name"),
        ({"address": "a@example.org", "display_name": "x" * 201}, "identity.display_name"),
        ({"address": "a@example.org", "signature_text": "x" * 50_001}, "identity.signature_text"),
    ],
)
async def test_bad_identities_are_refused(tmp_path, values: dict[str, str], field: str) -> None:
    async with running_auth(f"sqlite:///{tmp_path}/a.db") as auth:
        err = await failure((await person(auth)).create(**values))
        assert (err.reason, err.metadata["field"]) == ("INVALID_ARGUMENT", field)


def fields(identity: Identity) -> dict:
    return {field.name: value for field, value in identity.ListFields()}
