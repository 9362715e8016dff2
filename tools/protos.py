"""Generate ``services/common/gen`` from ``protos/``, or with ``--check`` fail where it differs.

protoc writes absolute imports from the root of the proto tree; they are rewritten to the package
in which the generated code lives, so that no search path needs changing at run time.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.resources import files

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
GEN = ROOT / "services" / "common" / "gen"
PACKAGE = "services.common.gen"


def generate(target: pathlib.Path) -> None:
    """Write the generated package under ``target``."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"-I{PROTOS}",
            f"-I{files('grpc_tools') / '_proto'}",
            f"--python_out={target}",
            f"--pyi_out={target}",
            f"--grpc_python_out={target}",
            *sources,
        ],
        check=True,
    )
    for path in target.rglob("*.py*"):
        text = path.read_text()
        path.write_text(re.sub(r"^from postern\.", f"from {PACKAGE}.postern.", text, flags=re.M))
    for folder in {path.parent for path in target.rglob("*_pb2.py")}:
        while folder != target.parent:
            (folder / "__init__.py").touch()
            folder = folder.parent


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    """Every generated file below ``folder`` by its relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.py*") if p.suffix != ".pyc"}


def main() -> int:
    """Entry point; returns the exit status."""
    with tempfile.TemporaryDirectory() as scratch:
        target = pathlib.Path(scratch) / "gen"
        target.mkdir()
        generate(target)
        if "--check" in sys.argv:
            if contents(target) == contents(GEN):
                return 0
            print("services/common/gen differs from protos/: run `make protos`", file=sys.stderr)
            return 1
        shutil.rmtree(GEN, ignore_errors=True)
        shutil.copytree(target, GEN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
