"""MailboxService: RPC in, domain call, RPC out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.common.errors import invalid_argument
from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import mailbox_service_pb2_grpc
from services.mailstore import convert
from services.mailstore.imap.session import Session
from services.mailstore.mailboxes import listing, manage, rights
from services.mailstore.mailboxes.model import Capabilities, Mailbox, Tree
from services.mailstore.mailboxes.special_use import sort_key
from services.mailstore.names import check_mailbox
from services.mailstore.reading import marks, tokens
from services.mailstore.reading.marking import Marked

if TYPE_CHECKING:
    from services.mailstore.service import Service

Context = Any
_MOST = 1000


class MailboxServicer(mailbox_service_pb2_grpc.MailboxServiceServicer):
    """Mailboxes as a whole."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def ListMailboxes(
        self, request: pb.ListMailboxesRequest, context: Context
    ) -> pb.ListMailboxesResponse:
        size = tokens.page_size(request.page_size, _MOST, _MOST)
        start = _start(request.page_token)
        account = self._service.accounts.current()

        async def work(session: Session) -> tuple[Tree, Capabilities]:
            tree = await listing.list_mailboxes(session, counts=not request.without_counts)
            return tree, Capabilities(session.has("ACL"), session.has("QUOTA"), session.local)

        async def read() -> tuple[Tree, Capabilities]:
            # Largest as a rule, and counted at once where it is open.
            return await self._service.pool.run(account, work, mailbox="INBOX")

        def put(found: tuple[Tree, Capabilities], marked: Marked) -> tuple[Tree, Capabilities]:
            return marks.tree(found[0], marked), found[1]

        if request.without_counts:
            tree, able = await read()
        else:
            tree, able = await self._service.marking.shown(account.id, read, put)
        boxes = sorted(tree.mailboxes, key=sort_key)
        if request.subscribed_only:
            # A missing subscription hides neither INBOX nor what has a use.
            boxes = [box for box in boxes if box.subscribed or box.use]
        page = boxes[start : start + size]
        following = tokens.encode(["mailboxes", start + size]) if start + size < len(boxes) else ""
        return pb.ListMailboxesResponse(
            mailboxes=[convert.mailbox_to(box) for box in page],
            next_page_token=following,
            capabilities=pb.AccountCapabilities(
                rights=able.rights, quota=able.quota, local_mailboxes=able.local_mailboxes
            ),
        )

    async def CreateMailbox(
        self, request: pb.CreateMailboxRequest, context: Context
    ) -> pb.CreateMailboxResponse:
        use = convert.use_from(request.special_use)

        async def work(session: Session) -> Mailbox:
            return await manage.create(session, request.mailbox, use)

        box = await self._once("CreateMailbox", request.request_id, work)
        return pb.CreateMailboxResponse(mailbox=convert.mailbox_to(box))

    async def RenameMailbox(
        self, request: pb.RenameMailboxRequest, context: Context
    ) -> pb.RenameMailboxResponse:
        name = check_mailbox(request.mailbox)

        async def work(session: Session) -> Mailbox:
            return await manage.rename(session, name, request.new_mailbox)

        box = await self._once("RenameMailbox", request.request_id, work)
        return pb.RenameMailboxResponse(mailbox=convert.mailbox_to(box))

    async def DeleteMailbox(
        self, request: pb.DeleteMailboxRequest, context: Context
    ) -> pb.DeleteMailboxResponse:
        name = check_mailbox(request.mailbox)

        async def work(session: Session) -> None:
            await manage.delete(session, name, with_messages=request.with_messages)

        await self._once("DeleteMailbox", request.request_id, work)
        return pb.DeleteMailboxResponse()

    async def SubscribeMailbox(
        self, request: pb.SubscribeMailboxRequest, context: Context
    ) -> pb.SubscribeMailboxResponse:
        name = check_mailbox(request.mailbox)

        async def work(session: Session) -> None:
            await manage.subscribe(session, name, subscribed=request.subscribed)

        await self._once("SubscribeMailbox", request.request_id, work)
        return pb.SubscribeMailboxResponse()

    async def EnsureSpecialMailbox(
        self, request: pb.EnsureSpecialMailboxRequest, context: Context
    ) -> pb.EnsureSpecialMailboxResponse:
        use = convert.use_from(request.special_use)
        if not use:
            raise invalid_argument("special_use", "missing")

        async def work(session: Session) -> tuple[Mailbox, bool]:
            return await manage.ensure_special(
                session, use, create_missing=request.create_missing, preferred_name=request.preferred_name
            )

        box, created = await self._once("EnsureSpecialMailbox", request.request_id, work)
        return pb.EnsureSpecialMailboxResponse(mailbox=convert.mailbox_to(box), created=created)

    async def GetMailboxRights(
        self, request: pb.GetMailboxRightsRequest, context: Context
    ) -> pb.GetMailboxRightsResponse:
        name = check_mailbox(request.mailbox)
        account = self._service.accounts.current()

        async def work(session: Session) -> tuple[tuple[rights.Right, ...], str]:
            return await rights.get_rights(session, name)

        entries, own = await self._service.pool.run(account, work)
        return pb.GetMailboxRightsResponse(
            rights=[pb.MailboxRight(identifier=entry.identifier, rights=entry.rights) for entry in entries],
            my_rights=own,
        )

    async def SetMailboxRights(
        self, request: pb.SetMailboxRightsRequest, context: Context
    ) -> pb.SetMailboxRightsResponse:
        name = check_mailbox(request.mailbox)
        right = rights.Right(request.right.identifier, request.right.rights)

        async def work(session: Session) -> None:
            await rights.set_rights(session, name, right)

        await self._once("SetMailboxRights", request.request_id, work)
        return pb.SetMailboxRightsResponse()

    async def GetQuota(self, request: pb.GetQuotaRequest, context: Context) -> pb.GetQuotaResponse:
        name = check_mailbox(request.mailbox or "INBOX")
        account = self._service.accounts.current()

        async def work(session: Session) -> tuple[rights.Resource, ...]:
            return await rights.get_quota(session, name)

        resources = await self._service.pool.run(account, work)
        return pb.GetQuotaResponse(
            resources=[
                pb.QuotaResource(resource=item.name, used=item.used, limit=item.limit) for item in resources
            ]
        )

    async def _once(self, method: str, request_id: str, work: Any) -> Any:
        """A write on a connection, once for its request id."""
        account = self._service.accounts.current()

        async def on_connection() -> Any:
            await self._service.marking.settle(account.id)
            async with self._service.pool.lease(account) as session:
                try:
                    return await work(session)
                finally:
                    session.selected_at = 0.0
                    self._service.pool.reopen(account)

        return await self._service.requests.once(account.id, method, request_id, on_connection)


def _start(page_token: str) -> int:
    if not page_token:
        return 0
    match tokens.decode(page_token):
        case ["mailboxes", int(start)] if start >= 0:
            return start
    raise invalid_argument("page_token", "malformed")
