"""Who may call which method, and the servicers put together."""

from __future__ import annotations

import grpc

from services.common.gen.postern.mailstore.v1 import (
    mailbox_service_pb2_grpc,
    message_service_pb2_grpc,
    watch_service_pb2_grpc,
)
from services.common.rpc.access import SCOPE, Rule
from services.mailstore.acting.servicer import ActingMethods
from services.mailstore.mailboxes.servicer import MailboxServicer
from services.mailstore.reading.servicer import ReadingMethods
from services.mailstore.searching.servicer import SearchingMethods
from services.mailstore.service import Service
from services.mailstore.threads.servicer import ThreadMethods
from services.mailstore.transfer.servicer import TransferMethods
from services.mailstore.watching.servicer import WatchServicer

_MAILBOXES = "/postern.mailstore.v1.MailboxService/"
_MESSAGES = "/postern.mailstore.v1.MessageService/"
_WATCH = "/postern.mailstore.v1.WatchService/"

METHOD_SCOPES: dict[str, Rule | str] = {
    _MAILBOXES + "ListMailboxes": "mail.read",
    _MAILBOXES + "CreateMailbox": "mail.modify",
    _MAILBOXES + "RenameMailbox": "mail.modify",
    _MAILBOXES + "DeleteMailbox": "mail.modify",
    _MAILBOXES + "SubscribeMailbox": "mail.modify",
    _MAILBOXES + "EnsureSpecialMailbox": "mail.modify",
    _MAILBOXES + "GetMailboxRights": "mail.read",
    _MAILBOXES + "SetMailboxRights": "mail.modify",
    _MAILBOXES + "GetQuota": "mail.read",
    _MESSAGES + "ListMessages": "mail.read",
    _MESSAGES + "ListConversations": "mail.read",
    _MESSAGES + "GetConversation": "mail.read",
    _MESSAGES + "GetMessage": "mail.read",
    _MESSAGES + "SearchMessages": "mail.read",
    _MESSAGES + "ReadPart": "mail.read",
    _MESSAGES + "ReadSource": "mail.read",
    _MESSAGES + "ModifyMessages": "mail.modify",
    _MESSAGES + "MoveMessages": "mail.modify",
    _MESSAGES + "CopyMessages": "mail.modify",
    _MESSAGES + "DeleteMessages": "mail.modify",
    _MESSAGES + "AppendMessage": SCOPE("mail.file", "mail.modify"),
    _MESSAGES + "SaveDraft": "mail.modify",
    _MESSAGES + "ImportMessages": "mail.modify",
    _MESSAGES + "ExportMessages": "mail.read",
    _MESSAGES + "StopAction": "mail.modify",
    _WATCH + "WatchAccount": "mail.read",
}
# A drain ends these at once; their callers open them again elsewhere.
LONG_LIVED = (_WATCH + "WatchAccount",)


class MessageServicer(
    ReadingMethods,
    ThreadMethods,
    SearchingMethods,
    ActingMethods,
    TransferMethods,
    message_service_pb2_grpc.MessageServiceServicer,
):
    """MessageService, its methods grouped by what they are about."""


def register(service: Service, server: grpc.aio.Server) -> None:
    """Put all servicers on the server."""
    mailbox_service_pb2_grpc.add_MailboxServiceServicer_to_server(MailboxServicer(service), server)
    message_service_pb2_grpc.add_MessageServiceServicer_to_server(MessageServicer(service), server)
    watch_service_pb2_grpc.add_WatchServiceServicer_to_server(WatchServicer(service), server)
