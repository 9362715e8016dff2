"""An authenticator app: what a phone computes from the secret that a page shows (RFC 6238)."""

from __future__ import annotations

import asyncio
import base64
import hmac
import time

STEP_SECONDS = 30


class Authenticator:
    """Each code is shown once, as the server takes each once; where a new one is not yet due, it is waited
    for."""

    def __init__(self, secret: str) -> None:
        self.secret = "".join(secret.split())
        self._key = base64.b32decode(self.secret + "=" * (-len(self.secret) % 8))
        self._last = 0

    async def code(self) -> str:
        # The server takes the step before, the present one and the next (RFC 6238, 5.2).
        while self._last >= int(time.time()) // STEP_SECONDS + 1:
            await asyncio.sleep(0.5)
        step = max(self._last + 1, int(time.time()) // STEP_SECONDS - 1)
        # At the very end of a step the server would see the code too late.
        if step < int(time.time() + 3) // STEP_SECONDS - 1:
            step += 1
        self._last = step
        return self._at(step)

    def _at(self, step: int) -> str:
        """RFC 4226, 5.3, with the step as counter."""
        digest = hmac.digest(self._key, step.to_bytes(8, "big"), "sha1")
        offset = digest[-1] & 0x0F
        number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
        return f"{number % 10**6:06}"
