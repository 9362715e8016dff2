"""MessageService, import and export: RPC in, domain call, RPC out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from services.common.errors import invalid_argument
from services.common.gen.postern.mailstore.v1 import message_service_pb2 as pb
from services.common.gen.postern.mailstore.v1 import types_pb2 as types_pb
from services.mailstore import convert
from services.mailstore.transfer.exporting import Format, export
from services.mailstore.transfer.importing import Importer, ImportRequest

if TYPE_CHECKING:
    from services.mailstore.service import Service

Context = Any
_FORMATS: dict[int, Format] = {
    pb.ARCHIVE_FORMAT_UNSPECIFIED: Format.GUESS,
    pb.ARCHIVE_FORMAT_EML: Format.EML,
    pb.ARCHIVE_FORMAT_MBOX: Format.MBOX,
    pb.ARCHIVE_FORMAT_ZIP: Format.ZIP,
}


class TransferMethods:
    """ImportMessages, ExportMessages."""

    _service: Service

    async def ImportMessages(
        self, requests: AsyncIterator[pb.ImportMessagesRequest], context: Context
    ) -> AsyncIterator[pb.ImportMessagesResponse]:
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("step") != "target":
            raise invalid_argument("target", "missing")
        target = first.target
        wanted = ImportRequest(target.mailbox, _format(target.format), target.skip_duplicates)
        service, account = self._service, self._service.accounts.current()
        importer = Importer(service.pool, account, wanted, service.settings.max_message_bytes)

        async def work() -> AsyncIterator[pb.ImportMessagesResponse]:
            async for step in importer.run(_data(requests)):
                yield pb.ImportMessagesResponse(
                    progress=types_pb.Progress(done_units=step.done),
                    imported=[
                        types_pb.MessageRange(
                            mailbox=name.mailbox, uid_validity=name.uid_validity, uids=[name.uid]
                        )
                        for name in step.imported
                        if name.uid
                    ],
                    skipped_count=step.skipped,
                    refused=step.refused,
                )

        steps = service.requests.stream(account.id, "ImportMessages", target.request_id, work)
        async with aclosing(steps) as responses:  # type: ignore[type-var]
            async for response in responses:
                yield response

    async def ExportMessages(
        self, request: pb.ExportMessagesRequest, context: Context
    ) -> AsyncIterator[pb.ExportMessagesResponse]:
        target = convert.target_from(request.messages)
        account = self._service.accounts.current()
        await self._service.marking.settle(account.id)
        steps = export(self._service.pool, account, target, _format(request.format))
        async with aclosing(steps):  # type: ignore[type-var]
            async for step in steps:
                yield pb.ExportMessagesResponse(
                    progress=types_pb.Progress(done_units=step.done, total_units=step.total), data=step.data
                )


def _format(number: int) -> Format:
    if number not in _FORMATS:
        raise invalid_argument("format", "unknown")
    return _FORMATS[number]


async def _data(requests: AsyncIterator[pb.ImportMessagesRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if request.WhichOneof("step") != "data":
            raise invalid_argument("data", "missing")
        yield request.data
