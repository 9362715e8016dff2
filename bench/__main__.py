"""`python -m bench`: imports every module of this package, runs what it registered, prints JSON lines.

Standard output holds the figures and nothing else; what a benchmark prints besides goes to standard error.
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

import bench
from bench.figures import registered


def main() -> int:
    only = os.environ.get("ONLY", "")
    for module in pkgutil.iter_modules(bench.__path__):
        if module.name not in ("__main__", "figures"):
            importlib.import_module(f"bench.{module.name}")
    chosen, failed = list(registered(only)), 0
    if not chosen:
        print(f"no benchmark is named {only!r}" if only else "there is no benchmark yet", file=sys.stderr)
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
    raise SystemExit(main())
