"""WatchService."""

from typing import Any

from services.common.gen.postern.mailstore.v1 import watch_service_pb2_grpc


class WatchServicer(watch_service_pb2_grpc.WatchServiceServicer):
    """Not served yet: the generated base answers UNSUPPORTED."""

    def __init__(self, service: Any) -> None:
        self.service = service
