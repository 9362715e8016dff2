"""One way to run a gRPC server: mTLS, the guard, health, reflection, metrics, and a graceful drain."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services.common.endpoint import HostPort
from services.common.logging import get_logger
from services.common.metrics import MetricsServer, Ready, always_ready
from services.common.rpc.access import Rules, normalise
from services.common.rpc.guard import Deadlines, Guard
from services.common.rpc.tls import TlsSettings
from services.common.settings import Env, SettingsError
from services.common.tokens import KeySet

log = get_logger(__name__)
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
READ_AHEAD_BYTES = 512 * 1024
GRACE_SECONDS = 10.0
_HEALTH_INTERVAL_SECONDS = 5.0
_HEALTH_WATCH = "/grpc.health.v1.Health/Watch"

Register = Callable[[grpc.aio.Server], None]


@dataclass(frozen=True)
class ServerSettings:
    """Where and how a service listens."""

    listen: HostPort
    metrics_listen: HostPort | None = None
    tls: TlsSettings | None = None
    reflection: bool = False
    log_level: str = "INFO"
    max_concurrent_rpcs: int = 1000
    drain_delay: float = 0.0
    health_listen: HostPort | None = None

    @classmethod
    def from_env(
        cls, env: Env, *, listen: str, metrics: str, max_concurrent_rpcs: int = 1000
    ) -> ServerSettings:
        """From POSTERN_LISTEN, _METRICS_LISTEN, _TLS_*, _REFLECTION, _LOG_LEVEL, _MAX_CONCURRENT_RPCS and
        _DRAIN_DELAY (how long to go on answering after saying NOT_SERVING).

        _HEALTH_LISTEN opens a second port for probes that cannot speak mutual TLS, such as the kubelet's: it
        knows grpc.health.v1 and nothing else."""
        health = env.optional("HEALTH_LISTEN")
        return cls(
            listen=env.host_port("LISTEN", listen),
            metrics_listen=env.host_port("METRICS_LISTEN", metrics),
            tls=TlsSettings.from_env(env),
            reflection=env.boolean("REFLECTION"),
            log_level=env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
            max_concurrent_rpcs=env.integer(
                "MAX_CONCURRENT_RPCS", max_concurrent_rpcs, minimum=1, maximum=100_000
            ),
            drain_delay=env.duration("DRAIN_DELAY", 0.0),
            health_listen=env.host_port("HEALTH_LISTEN", health) if health else None,
        )


LIVE = "live"
"""Health service name that says SERVING as long as the process runs, whether it is ready or not."""


class RunningServer:
    """A started server. `port` and `metrics_port` are the bound ones."""

    def __init__(
        self,
        name: str,
        server: grpc.aio.Server,
        guard: Guard,
        health_servicer: Any,
        metrics: MetricsServer,
        services: Iterable[str],
        drain_delay: float,
    ) -> None:
        self.name = name
        self.port = self.metrics_port = self.health_port = 0
        self._probes: grpc.aio.Server | None = None
        self._server, self._guard = server, guard
        self._health, self._metrics = health_servicer, metrics
        self._services = ["", *services]
        self._drain_delay = drain_delay
        self._watch: asyncio.Task[None] | None = None

    async def _begin(self, settings: ServerSettings) -> None:
        if settings.metrics_listen is not None:
            try:
                self.metrics_port = await self._metrics.start(settings.metrics_listen)
            except OSError as err:
                raise SettingsError(
                    f"POSTERN_METRICS_LISTEN: cannot listen on {settings.metrics_listen}: {err.strerror}"
                ) from None
        await self._publish()
        await self._health.set(LIVE, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()
        if settings.health_listen is not None:
            await self._answer_probes(settings.health_listen)
        self._watch = asyncio.create_task(self._follow_readiness())
        log.info("server.listening", name=self.name, port=self.port, metrics_port=self.metrics_port)

    async def _answer_probes(self, listen: HostPort) -> None:
        self._probes = grpc.aio.server(maximum_concurrent_rpcs=50)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._probes)
        try:
            self.health_port = self._probes.add_insecure_port(str(listen))
        except RuntimeError:
            raise SettingsError(f"POSTERN_HEALTH_LISTEN: cannot listen on {listen}") from None
        await self._probes.start()

    async def _publish(self) -> None:
        status = health_pb2.HealthCheckResponse
        value = status.SERVING if await self._metrics.is_ready() else status.NOT_SERVING
        for service in self._services:
            await self._health.set(service, value)

    async def _follow_readiness(self) -> None:
        while True:
            await asyncio.sleep(_HEALTH_INTERVAL_SECONDS)
            await self._publish()

    async def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Drain: NOT_SERVING, end the long-lived calls, give the others `grace` seconds, then cancel them."""
        log.info("server.draining", name=self.name)
        self._metrics.draining = True
        if self._watch is not None:
            self._watch.cancel()
        await self._health.enter_graceful_shutdown()
        # A moment at least, so that those who watch the health read NOT_SERVING before their stream ends.
        await asyncio.sleep(max(self._drain_delay, 0.05))
        self._guard.drain()
        await self._server.stop(grace)
        if self._probes is not None:
            await self._probes.stop(0)
        await self._metrics.stop()
        log.info("server.stopped", name=self.name)


async def start(
    name: str,
    settings: ServerSettings,
    register: Register,
    rules: Rules,
    *,
    keys: KeySet | None = None,
    ready: Ready = always_ready,
    deadlines: Deadlines = Deadlines(),
    long_lived: Iterable[str] = (),
) -> RunningServer:
    """Start service `name` (the audience of its tokens) and return once it listens.

    `long_lived` names the methods (watches) that a drain ends at once. SettingsError when the address is not
    usable; ValueError when `rules` and the registered methods do not match.
    """
    if settings.tls is None and not settings.listen.loopback:
        raise SettingsError(
            f"POSTERN_LISTEN is {settings.listen}, beyond loopback, without TLS: expected"
            " POSTERN_TLS_CERT_FILE, POSTERN_TLS_KEY_FILE and POSTERN_TLS_CA_FILE"
        )
    guard = Guard(
        rules,
        audience=name,
        keys=keys,
        deadlines=deadlines,
        long_lived=frozenset([*long_lived, _HEALTH_WATCH]),
    )
    server = grpc.aio.server(
        interceptors=[guard],
        maximum_concurrent_rpcs=settings.max_concurrent_rpcs,
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            # What a caller may send ahead of us on one stream. By default gRPC lets it grow with the line, to
            # many MB for an upload that is written down more slowly than it comes.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", READ_AHEAD_BYTES),
            # A sender token carries two sealed credentials: some 5 KB of gRPC's usual 8 KB.
            ("grpc.max_metadata_size", 16 * 1024),
            ("grpc.absolute_max_metadata_size", 32 * 1024),
            # Else a second process on the same port would share it silently instead of failing.
            ("grpc.so_reuseport", 0),
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
        ],
    )
    recorder = _Recorder(server)
    register(recorder)  # type: ignore[arg-type]
    _check_rules(recorder.methods, rules)
    health_servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    services = sorted({method.split("/")[1] for method in recorder.methods})
    if settings.reflection:
        from grpc_reflection.v1alpha import reflection

        reflection.enable_server_reflection([*services, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    running = RunningServer(
        name, server, guard, health_servicer, MetricsServer(ready), services, settings.drain_delay
    )
    running.port = _bind(server, settings)
    await running._begin(settings)
    return running


async def serve(
    name: str, settings: ServerSettings, register: Register, rules: Rules, **options: Any
) -> None:
    """`start`, then run until SIGTERM or SIGINT, then drain. A second signal cuts the grace short."""
    loop = asyncio.get_running_loop()
    stopping, hurry = asyncio.Event(), asyncio.Event()

    def signalled() -> None:
        (hurry if stopping.is_set() else stopping).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled)
    try:
        running = await start(name, settings, register, rules, **options)
        await stopping.wait()
        stop, wait = asyncio.create_task(running.stop()), asyncio.create_task(hurry.wait())
        await asyncio.wait({stop, wait}, return_when=asyncio.FIRST_COMPLETED)
        wait.cancel()
        if not stop.done():
            await running._server.stop(None)
        await stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(ValueError):
                loop.remove_signal_handler(number)


class _Recorder:
    """Stands for the server while servicers register, to learn the names of the methods."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.methods: set[str] = set()

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        self.methods.update(f"/{service}/{method}" for method in handlers)
        self._server.add_registered_method_handlers(service, handlers)


def _check_rules(methods: set[str], rules: Rules) -> None:
    table = set(normalise(rules))
    if methods - table:
        raise ValueError(f"methods without an access rule: {sorted(methods - table)}")
    if table - methods:
        raise ValueError(f"access rules for methods that are not registered: {sorted(table - methods)}")


def _bind(server: grpc.aio.Server, settings: ServerSettings) -> int:
    try:
        if settings.tls is not None:
            port = server.add_secure_port(str(settings.listen), settings.tls.server_credentials())
        else:
            port = server.add_insecure_port(str(settings.listen))
    except RuntimeError:
        port = 0
    if not port:
        raise SettingsError(
            f"POSTERN_LISTEN: cannot listen on {settings.listen}: is the port in use, the certificate usable?"
        )
    return port
