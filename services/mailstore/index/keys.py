"""What an index file is called and encrypted under. See docs/adr/0001-index-encryption.md.

The key is never stored: it comes from the account's own secret, which is here only while a call of that
account is, mixed with a secret of the service. Whoever has the files alone, or the files and the service's
secret but not the account's, reads nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# A password is short and guessable: each guess must cost. 16 MiB and some 40 ms, once per sign-in and
# process.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}
_MOST_KEPT = 1000


def derive_key(account: str, secret: bytes, pepper: bytes) -> bytes:
    """32 octets for the account's file. Slow (some 40 ms) by intent: keep the result while it is in use.

    `secret`: what opens the account at the mail server. `pepper`: the service's own secret, the same on
    each replica.
    """
    salt = hashlib.sha256(b"postern index salt v1" + account.encode("utf-8")).digest()
    stretched = hashlib.scrypt(secret, salt=salt, **_SCRYPT)
    info = b"postern index v1|" + account.encode("utf-8")
    return HKDF(algorithm=SHA256(), length=32, salt=pepper, info=info).derive(stretched)


def file_name(account: str, pepper: bytes) -> str:
    """The name of the account's file, which tells nobody whose it is."""
    digest = hmac.new(pepper, b"postern index name v1|" + account.encode("utf-8"), "sha256")
    return digest.hexdigest()[:40] + ".db"


class Keys:
    """Derived keys lately used, found by a digest of what they came from, bounded."""

    def __init__(self, pepper: bytes) -> None:
        self.pepper = pepper
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()

    def key(self, account: str, secret: bytes) -> bytes:
        """As `derive_key`. Blocks; call it in a thread."""
        name = hmac.new(self.pepper, account.encode("utf-8") + b"\0" + secret, "sha256").digest()
        found = self._kept.get(name)
        if found is None:
            found = self._kept[name] = derive_key(account, secret, self.pepper)
        self._kept.move_to_end(name)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return found
