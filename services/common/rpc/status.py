"""PosternError to and from google.rpc.Status with an ErrorInfo (AIP-193)."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.common.errors import DOMAIN, PosternError, Reason, reason_for_code

_DETAILS_KEY = "grpc-status-details-bin"
_MAX_METADATA = 4096


def encode(err: PosternError) -> grpc.Status:
    """What goes over the wire: code, reason and metadata; the cause stays here."""
    info = error_details_pb2.ErrorInfo(reason=err.reason, domain=DOMAIN, metadata=err.metadata)
    if info.ByteSize() > _MAX_METADATA:
        info = error_details_pb2.ErrorInfo(reason=err.reason, domain=DOMAIN)
    detail = any_pb2.Any()
    detail.Pack(info)
    code = code_pb2.Code.Value(err.code.name)
    return rpc_status.to_status(status_pb2.Status(code=code, message=err.reason, details=[detail]))


def decode(err: grpc.aio.AioRpcError) -> PosternError:
    """The error a server raised; without details, the reason that the code alone allows."""
    trailing: Any = err.trailing_metadata() or ()
    for key, value in trailing:
        if key != _DETAILS_KEY or not isinstance(value, bytes):
            continue
        try:
            status = status_pb2.Status.FromString(value)
            for detail in status.details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info) and info.domain == DOMAIN:
                    return PosternError(info.reason, code=err.code(), metadata=dict(info.metadata), cause=err)
        except DecodeError:
            break
    if err.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in (err.details() or ""):
        # gRPC's own refusal of a message over the limit looks like any exhausted resource.
        return PosternError(Reason.TOO_LARGE, code=err.code(), cause=err)
    return PosternError(reason_for_code(err.code()), code=err.code(), cause=err)
