"""`python -m bench [chaos|fuzz]`: imports every module of a package, runs what it registered, as JSON lines.

Without a word the benchmarks run, with `chaos` the fault runs of bench/chaos, with `fuzz` bench/fuzz.
Standard output holds the figures and nothing else; what a run prints besides goes to standard error.
Status 1 when one failed or none was chosen.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import sys
import traceback

from bench.figures import registered

KINDS = {"": "bench", "chaos": "bench.chaos", "fuzz": "bench.fuzz"}


def main(arguments: list[str]) -> int:
    kind = arguments[0] if arguments else ""
    if kind not in KINDS:
        print(f"no such kind of run: {kind!r}; chaos, fuzz, or no word for benchmarks", file=sys.stderr)
        return 2
    package = importlib.import_module(KINDS[kind])
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg and module.name not in ("__main__", "figures"):
            importlib.import_module(f"{KINDS[kind]}.{module.name}")
    only = os.environ.get("ONLY", "")
    chosen, failed = list(registered(only)), 0
    if not chosen:
        print(f"nothing is named {only!r}" if only else "there is nothing to run yet", file=sys.stderr)
        return 1
    out = sys.stdout
    for name, run in chosen:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            with contextlib.redirect_stdout(sys.stderr):
                for figure in run():
                    if not only or figure.name.startswith(only) or only == name:
                        print(json.dumps(figure.line()), file=out, flush=True)
        except Exception:
            traceback.print_exc()
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
