"""WatchService: RPC in, domain call, RPC out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from services.common.errors import invalid_argument
from services.common.gen.postern.mailstore.v1 import watch_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import watch_service_pb2_grpc
from services.mailstore import convert
from services.mailstore.names import MessageRange
from services.mailstore.reading import marks
from services.mailstore.reading.marking import Marked
from services.mailstore.watching.events import Event

if TYPE_CHECKING:
    from services.mailstore.service import Service

Context = Any


class WatchServicer(watch_service_pb2_grpc.WatchServiceServicer):
    """What changes, as it changes."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def WatchAccount(
        self, request: pb.WatchAccountRequest, context: Context
    ) -> AsyncIterator[pb.WatchAccountResponse]:
        if len(request.resume_token) > 100:
            raise invalid_argument("resume_token", "malformed")
        account = self._service.accounts.current()
        events = self._service.watchers.follow(account, request.resume_token)
        async with aclosing(events):  # type: ignore[type-var]
            async for event in events:
                marking = self._service.marking
                yield _event_to(event, marking.marked(account.id), marking.gathered(account.id))


def _event_to(event: Event, marked: Marked, gathered: Marked) -> pb.WatchAccountResponse:
    if event.change is not None:
        change = pb.WatchAccountResponse.MailboxChange(
            mailbox=convert.mailbox_to(marks.mailbox(event.change.mailbox, gathered)),
            added=[convert.row_to(row) for row in event.change.added],
            modified=[convert.row_to(row) for row in marks.rows(event.change.modified, marked)],
            removed=convert.ranges_to(
                MessageRange(
                    event.change.mailbox.name, event.change.mailbox.uid_validity, event.change.removed
                )
            ),
            incomplete=event.change.incomplete,
        )
        return pb.WatchAccountResponse(mailbox_change=change, resume_token=event.token)
    if event.server_lost is not None:
        return pb.WatchAccountResponse(server_lost=event.server_lost, resume_token=event.token)
    if event.tree_changed:
        return pb.WatchAccountResponse(tree_changed=True, resume_token=event.token)
    if event.restarted:
        return pb.WatchAccountResponse(restarted=True, resume_token=event.token)
    return pb.WatchAccountResponse(heartbeat=True, resume_token=event.token)
