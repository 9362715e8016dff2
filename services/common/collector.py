"""How often Python looks for garbage that counting references does not free."""

from __future__ import annotations

import gc

# Objects made and not freed before the youngest are looked at (Python: 700), and of how many such times the
# older are.
_YOUNG, _OLDER = 20_000, 20


def collect_seldom() -> None:
    """For a service whose calls each make and free thousands of objects: look less often, and never again at
    what is there now (modules and classes). Call it once, before serving.

    Cycles live longer for it, by some MB at most.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _OLDER, _OLDER)
