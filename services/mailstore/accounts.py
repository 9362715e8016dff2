"""Whose mail a call is about: the credential that its token carries, sealed to this service."""

from __future__ import annotations

from services.common.errors import Reason, error
from services.common.rpc.context import current_identity
from services.common.sealing import PrivateKey, SealingError, open_credential
from services.mailstore.imap.connect import Account


class Accounts:
    """Opens credentials. They live as long as the call."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    def current(self) -> Account:
        """The caller's account. TOKEN_INVALID where the token carries no credential that opens."""
        identity = current_identity()
        if identity.sealed_credential is None:
            raise error(Reason.TOKEN_INVALID, "no credential in the token")
        try:
            credential = open_credential(
                self._key, identity.sealed_credential, account=identity.account, audience=identity.audience
            )
        except SealingError as err:
            raise error(Reason.TOKEN_INVALID, err) from None
        if credential.kind != "password":
            raise error(Reason.UNSUPPORTED, feature=credential.kind)
        return Account(identity.account, credential.username, credential.password)
