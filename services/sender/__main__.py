"""settings → dependencies → serve."""

from __future__ import annotations

import contextlib
import ctypes
import sys

from services.common.main import run
from services.common.rpc.client import connect
from services.common.rpc.keyset import key_set_of
from services.common.rpc.server import serve
from services.common.settings import Env
from services.sender import service
from services.sender.clients import GrpcMailstore, GrpcTokens
from services.sender.operator import operate
from services.sender.servicer import LONG_LIVED, METHOD_SCOPES
from services.sender.settings import SenderSettings

# A thread that comes back from the database takes its turn after 1 ms at most, not after Python's 5 ms: an
# acceptance makes several such trips.
SWITCH_SECONDS = 0.001


# Allocation arenas for all threads together: glibc's default, eight for each core, keeps tens of MB of freed
# buffers apart while an attachment passes through.
ARENAS = 2
_M_ARENA_MAX = -8


def _few_arenas() -> None:
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)


async def main() -> None:
    if sys.argv[1:2] == ["operator"]:
        sys.exit(await operate(sys.argv[2:]))
    _few_arenas()
    sys.setswitchinterval(SWITCH_SECONDS)
    settings = SenderSettings.from_env(Env.current())
    tls = settings.server.tls
    auth = connect(settings.auth_address, tls=tls, service="auth")
    mailstore = connect(settings.mailstore_address, tls=tls, service="mailstore")
    sender = await service.build(settings, GrpcMailstore(mailstore), GrpcTokens(auth))
    sender.outbox.start()
    try:
        await serve(
            "sender",
            settings.server,
            sender.register,
            METHOD_SCOPES,
            keys=key_set_of(auth),
            ready=sender.db.ping,
            long_lived=LONG_LIVED,
        )
    finally:
        await sender.close()
        await auth.close()
        await mailstore.close()


if __name__ == "__main__":
    run("sender", main)
