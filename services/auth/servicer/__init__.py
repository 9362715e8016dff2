"""RPC in, domain call, RPC out; and who may call what. One module for each service of the contract."""

from __future__ import annotations

from services.auth.servicer.account import AccountServicer
from services.auth.servicer.factors import FactorServicer
from services.auth.servicer.sessions import SessionServicer
from services.auth.servicer.tokens import TokenServicer
from services.common.rpc.access import PEER, PUBLIC, SCOPE, Rule

__all__ = ["METHOD_SCOPES", "AccountServicer", "FactorServicer", "SessionServicer", "TokenServicer"]

_SESSION = "/postern.auth.v1.SessionService/"
_TOKEN = "/postern.auth.v1.TokenService/"  # noqa: S105 a path
_ACCOUNT = "/postern.auth.v1.AccountService/"
_FACTOR = "/postern.auth.v1.FactorService/"
METHOD_SCOPES: dict[str, Rule | str] = {
    # The person has no token yet: the edge vouches with its certificate, the browser's secret does the rest.
    _SESSION + "ListSignInMethods": PEER("web"),
    _SESSION + "StartSignIn": PEER("web"),
    _SESSION + "ContinueSignIn": PEER("web"),
    _SESSION + "CreateAccessTokens": PEER("web"),
    _SESSION + "EndSession": PEER("web"),
    _SESSION + "ListSessions": "account.read",
    _SESSION + "RevokeSessions": "account.write",
    _TOKEN + "GetKeySet": PUBLIC,
    _TOKEN + "ExchangeToken": PEER("sender"),
    # The secret in the request is the proof.
    _TOKEN + "CreateSystemToken": PUBLIC,
    _TOKEN + "CreateAppToken": "account.write",
    _TOKEN + "ListAppTokens": "account.read",
    _TOKEN + "RevokeAppToken": "account.write",
    _ACCOUNT + "GetPreferences": "account.read",
    _ACCOUNT + "UpdatePreferences": "account.write",
    # sender looks up whom a message is from, with the token that the person gave it.
    _ACCOUNT + "ListIdentities": SCOPE("account.read", delegates=("sender",)),
    _ACCOUNT + "CreateIdentity": "account.write",
    _ACCOUNT + "UpdateIdentity": "account.write",
    _ACCOUNT + "DeleteIdentity": "account.write",
    _ACCOUNT + "ListAuditEvents": "account.read",
    _FACTOR + "ListFactors": "account.read",
    _FACTOR + "BeginFactorEnrolment": "account.write",
    _FACTOR + "FinishFactorEnrolment": "account.write",
    _FACTOR + "RemoveFactor": "account.write",
    _FACTOR + "BeginFactorProof": "account.write",
    _FACTOR + "CreateRecoveryCodes": "account.write",
}
