"""The second port for probes without certificates."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.common.endpoint import HostPort
from services.common.rpc.server import LIVE, ServerSettings, start
from tests.support.rpc import tls

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def test_probes_without_a_certificate_read_health_and_reach_nothing_else() -> None:
    async def not_ready() -> bool:
        return False

    settings = ServerSettings(
        listen=HostPort("127.0.0.1", 0), tls=tls("contacts"), health_listen=HostPort("127.0.0.1", 0)
    )
    server = await start("contacts", settings, lambda server: None, {}, ready=not_ready)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.health_port}") as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            ready = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
            live = await stub.Check(health_pb2.HealthCheckRequest(service=LIVE), timeout=5)
            assert (ready.status, live.status) == (NOT_SERVING, SERVING)
            other = channel.unary_unary("/postern.contacts.v1.ContactService/ListContacts")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await other(b"", timeout=5)
            assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    finally:
        await server.stop(0)
