"""The web edge's process."""

from __future__ import annotations

import asyncio

import uvicorn

from services.common.logging import get_logger
from services.common.main import run
from services.common.metrics import MetricsServer
from services.common.settings import Env
from services.web import clients, forgetful
from services.web.app import build, build_edge
from services.web.packets import OnePacket
from services.web.settings import WebSettings
from services.web.tls import CertificateProtocol, context_factory

GRACE_SECONDS = 10
# An HTTP header section holds one cookie and little else.
MAX_HEADER_BYTES = 32 * 1024


async def main() -> None:
    settings = WebSettings.from_env(Env.current())
    log = get_logger("services.web")
    channels = clients.open_channels(settings.addresses, settings.tls)
    context = context_factory(settings)
    edge = build_edge(settings, clients.services(channels))
    server = uvicorn.Server(
        uvicorn.Config(
            build(edge),
            host=settings.listen.host or "0.0.0.0",  # noqa: S104 asked for by the setting ":port"
            port=settings.listen.port,
            http=CertificateProtocol if context else OnePacket,
            ssl_context_factory=context,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=GRACE_SECONDS,
            limit_concurrency=4000,
            backlog=1024,
        )
    )

    async def ready() -> bool:
        return server.started and not server.should_exit

    metrics = MetricsServer(ready)
    if settings.metrics_listen is not None:
        await metrics.start(settings.metrics_listen)
    log.info("web.starting", listen=str(settings.listen), public_url=settings.public_url)
    try:
        await server.serve()
    finally:
        metrics.draining = True
        await metrics.stop()
        await asyncio.gather(*(channel.close(None) for channel in channels.values()), return_exceptions=True)


if __name__ == "__main__":
    forgetful.ensure()
    run("web", main)
