"""AccountService: preferences, identities, audit trail."""

from __future__ import annotations

from typing import Any

import grpc
from sqlalchemy.orm import Session

from services.auth import audit, preferences
from services.auth.convert import (
    audit_event_to_proto,
    identity_from_proto,
    identity_to_proto,
    preferences_from_proto,
    preferences_to_proto,
)
from services.auth.model import Client
from services.auth.rows import now_ms
from services.common.database import Database
from services.common.gen.postern.auth.v1 import account_service_pb2 as account_pb
from services.common.gen.postern.auth.v1 import account_service_pb2_grpc as account_grpc
from services.common.rpc.context import current_identity

Context = grpc.aio.ServicerContext


class AccountServicer(account_grpc.AccountServiceServicer):
    """Preferences, identities, audit trail."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetPreferences(
        self, request: account_pb.GetPreferencesRequest, context: Context
    ) -> account_pb.GetPreferencesResponse:
        account = current_identity().account
        found = await self._database.read(lambda session: preferences.get_preferences(session, account))
        return account_pb.GetPreferencesResponse(preferences=preferences_to_proto(found))

    async def UpdatePreferences(
        self, request: account_pb.UpdatePreferencesRequest, context: Context
    ) -> account_pb.UpdatePreferencesResponse:
        account, new = current_identity().account, preferences_from_proto(request.preferences)
        paths = list(request.update_mask.paths)
        now = await self._database.run(
            lambda session: preferences.update_preferences(session, account, new, paths)
        )
        return account_pb.UpdatePreferencesResponse(preferences=preferences_to_proto(now))

    async def ListIdentities(
        self, request: account_pb.ListIdentitiesRequest, context: Context
    ) -> account_pb.ListIdentitiesResponse:
        account = current_identity().account
        found, token = await self._database.read(
            lambda session: preferences.list_identities(
                session, account, request.page_size, request.page_token
            )
        )
        rows = [identity_to_proto(identity) for identity in found]
        return account_pb.ListIdentitiesResponse(identities=rows, next_page_token=token)

    async def CreateIdentity(
        self, request: account_pb.CreateIdentityRequest, context: Context
    ) -> account_pb.CreateIdentityResponse:
        account, new = current_identity().account, identity_from_proto(request.identity)

        def work(session: Session) -> Any:
            made, fresh = preferences.create_identity(session, account, new, request.request_id, now_ms())
            if fresh:
                details = {"address": made.address}
                audit.record(session, account, audit.IDENTITY_CREATED, Client(), now_ms(), details)
            return made

        made = await self._database.run(work)
        return account_pb.CreateIdentityResponse(identity=identity_to_proto(made))

    async def UpdateIdentity(
        self, request: account_pb.UpdateIdentityRequest, context: Context
    ) -> account_pb.UpdateIdentityResponse:
        account, new = current_identity().account, identity_from_proto(request.identity)
        changed = await self._database.run(
            lambda session: preferences.update_identity(session, account, new, request.request_id)
        )
        return account_pb.UpdateIdentityResponse(identity=identity_to_proto(changed))

    async def DeleteIdentity(
        self, request: account_pb.DeleteIdentityRequest, context: Context
    ) -> account_pb.DeleteIdentityResponse:
        account = current_identity().account

        def work(session: Session) -> Any:
            gone = preferences.delete_identity(session, account, request.identity_id)
            if gone is not None:
                details = {"address": gone.address}
                audit.record(session, account, audit.IDENTITY_DELETED, Client(), now_ms(), details)

        await self._database.run(work)
        return account_pb.DeleteIdentityResponse()

    async def ListAuditEvents(
        self, request: account_pb.ListAuditEventsRequest, context: Context
    ) -> account_pb.ListAuditEventsResponse:
        account = current_identity().account
        events, token = await self._database.read(
            lambda session: audit.list_events(session, account, request.page_size, request.page_token)
        )
        rows = [audit_event_to_proto(event) for event in events]
        return account_pb.ListAuditEventsResponse(events=rows, next_page_token=token)
