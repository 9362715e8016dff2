"""Whose mail a call is about: the credential that its token carries, sealed to this service."""

from __future__ import annotations

from services.common.errors import Reason, error
from services.common.remembered import Remembered
from services.common.rpc.context import current_identity
from services.common.sealing import PrivateKey, SealingError, open_credential
from services.common.tokens import Identity
from services.mailstore.imap.connect import Account

# Opened credentials that are kept, as long as their token lives: to open one costs near a millisecond.
_MOST = 1_000


class Accounts:
    """Opens credentials. They live as long as the token that carried them, five minutes at most."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self._opened: Remembered[tuple[bytes, str, str], Account] = Remembered(_MOST)

    def current(self) -> Account:
        """The caller's account. TOKEN_INVALID where the token carries no credential that opens."""
        identity = current_identity()
        if identity.sealed_credential is None:
            raise error(Reason.TOKEN_INVALID, "no credential in the token")
        key = (identity.sealed_credential, identity.account, identity.audience)
        account = self._opened.get(key)
        if account is None:
            account = self._open(identity)
            self._opened.put(key, account, identity.expires_at)
        return account

    def _open(self, identity: Identity) -> Account:
        assert identity.sealed_credential is not None
        try:
            credential = open_credential(
                self._key, identity.sealed_credential, account=identity.account, audience=identity.audience
            )
        except SealingError as err:
            raise error(Reason.TOKEN_INVALID, err) from None
        if credential.kind not in ("password", "oauth"):
            raise error(Reason.UNSUPPORTED, feature=credential.kind)
        return Account(
            identity.account, credential.username, credential.password, credential.kind, credential.lasting
        )
