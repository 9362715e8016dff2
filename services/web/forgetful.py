"""Memory that forgets: what the process has freed is overwritten, so that a password which passed through is
not found there later, by a core dump or a neighbour who reads the machine's memory.

glibc's allocator fills what is freed where `glibc.malloc.perturb` says so, but not what its per-thread caches
hold, which are therefore off. Both are read at the start of a process alone, so web starts itself anew once,
under the same process id. Other C libraries ignore it.
"""

from __future__ import annotations

import os
import sys

_WANTED = "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0"
_VARIABLE = "GLIBC_TUNABLES"


def ensure() -> None:
    """Start the process anew with such an allocator, where it does not have it yet."""
    present = os.environ.get(_VARIABLE, "")
    if "glibc.malloc.perturb" in present or not sys.platform.startswith("linux"):
        return
    os.environ[_VARIABLE] = f"{present}:{_WANTED}" if present else _WANTED
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 this very program
