"""postern.auth.v1 ↔ model.account."""

from __future__ import annotations

import json

from services.common.gen.postern.auth.v1 import session_service_pb2 as s
from services.web.convert import when
from services.web.model.account import (
    Challenge,
    Client,
    Device,
    Grant,
    Identity,
    Preferences,
    SavedSearch,
    SignedIn,
)

KINDS: dict[s.FactorKind, str] = {
    s.FACTOR_KIND_TOTP: "totp",
    s.FACTOR_KIND_HOTP: "hotp",
    s.FACTOR_KIND_PASSKEY: "passkey",
    s.FACTOR_KIND_RECOVERY_CODE: "recovery",
}
# Preferences that only the pages know; kept under their names in `extra`.
EXTRA = ("write", "spell", "labels", "greeted")
# Before the id of a saved search (ADR 22).
SEARCH = "search."
KIND_VALUES = {name: value for value, name in KINDS.items()}


def client(client: Client) -> s.Client:
    return s.Client(
        address=client.address,
        user_agent=client.user_agent[:300],
        certificate_fingerprint=client.certificate,
        certificate_subject=client.certificate_subject,
        certificate_accounts=client.certificate_accounts,
    )


def outcome(reply: s.StartSignInResponse | s.ContinueSignInResponse) -> SignedIn | Challenge:
    if reply.HasField("challenge"):
        kinds = tuple(KINDS[kind] for kind in reply.challenge.factor_kinds if kind in KINDS)
        asked = reply.challenge
        return Challenge(
            asked.sign_in_state, kinds, asked.webauthn_options_json, asked.password_needed, asked.redirect_uri
        )
    done = reply.signed_in
    expires = when(done.expire_time) if done.HasField("expire_time") else None
    return SignedIn(done.session_secret, done.account, expires, done.idle_seconds, done.must_enrol_factor)


def preferences(message: s.Preferences) -> Preferences:
    return Preferences(
        language=message.language,
        time_zone=message.time_zone,
        theme=message.theme,
        density=message.density,
        conversations=message.conversations,
        page_rows=message.page_rows,
        undo_send_seconds=message.undo_send_seconds,
        shortcuts_off=message.shortcuts_off,
        searches=searches(message),
        **{name: message.extra.get(name, "") for name in EXTRA},
    )


def preferences_message(preferences: Preferences) -> s.Preferences:
    return s.Preferences(
        language=preferences.language,
        time_zone=preferences.time_zone,
        theme=preferences.theme,
        density=preferences.density,
        conversations=preferences.conversations,
        page_rows=preferences.page_rows,
        undo_send_seconds=preferences.undo_send_seconds,
        shortcuts_off=preferences.shortcuts_off,
        extra={name: value for name in EXTRA if (value := getattr(preferences, name))}
        | {SEARCH + one.search_id: search_text(one) for one in preferences.searches},
    )


def searches(message: s.Preferences) -> tuple[SavedSearch, ...]:
    """The saved searches by name; what cannot be read is left alone."""
    found: list[SavedSearch] = []
    for key, value in message.extra.items():
        if not key.startswith(SEARCH):
            continue
        try:
            read = json.loads(value)
        except ValueError:
            continue
        match read:
            case {"name": str(name), "text": str(text)} if name:
                places = read.get("mailboxes") or []
                mailboxes = tuple(one for one in places if isinstance(one, str))
                found.append(SavedSearch(key.removeprefix(SEARCH), name, text, mailboxes))
    return tuple(sorted(found, key=lambda one: (one.name.casefold(), one.search_id)))


def search_text(search: SavedSearch) -> str:
    value: dict[str, object] = {"name": search.name, "text": search.text}
    if search.mailboxes:
        value["mailboxes"] = search.mailboxes
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def identity(message: s.Identity) -> Identity:
    return Identity(
        message.identity_id,
        message.address,
        message.display_name,
        message.reply_to,
        message.signature_text,
        message.is_default,
        message.etag,
        message.signature_html,
    )


def identity_message(identity: Identity) -> s.Identity:
    return s.Identity(
        identity_id=identity.identity_id,
        display_name=identity.name,
        address=identity.address,
        reply_to=identity.reply_to,
        signature_text=identity.signature,
        signature_html=identity.signature_html,
        is_default=identity.is_default,
        etag=identity.etag,
    )


def grant(reply: s.CreateAccessTokensResponse) -> Grant:
    return Grant(
        reply.account,
        {token.audience: token.token for token in reply.tokens},
        when(reply.expire_time),
        reply.session_id,
        preferences(reply.preferences),
        tuple(identity(one) for one in reply.identities),
        reply.must_enrol_factor,
    )


def device(message: s.Session) -> Device:
    return Device(
        message.session_id,
        when(message.create_time) if message.HasField("create_time") else None,
        when(message.last_used_time) if message.HasField("last_used_time") else None,
        message.client_address,
        message.user_agent,
        message.current,
        tuple(KINDS[kind] for kind in message.factor_kinds if kind in KINDS),
    )
