"""Write ``docs/api.md`` from the contract, or with ``--check`` fail where it differs.

What each RPC is for comes from its comment in ``protos/``; whether it is served, and who may call it, from
the services themselves, so that the page cannot say more than the code does.
"""

import importlib
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from google.protobuf import descriptor_pb2

from services.common.rpc.access import Rule

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
PAGE = ROOT / "docs" / "api.md"
PACKAGES = ("auth", "mailstore", "sender", "contacts")
SERVICE_FIELD, METHOD_FIELD = 6, 2  # field numbers in FileDescriptorProto and ServiceDescriptorProto

HEAD = """# The gRPC contract

Made from `protos/` and from the services by `make protos`. Fields and methods are added within `v1` and
never changed or removed; `buf breaking` holds the build to that. What is not served yet answers
`UNIMPLEMENTED` with reason `UNSUPPORTED`.

Calls carry `authorization: Bearer <access token>`, a deadline, and may carry `traceparent`. Failures are
`google.rpc.Status` with a `google.rpc.ErrorInfo` whose `reason` is stable and whose `domain` is `postern`.
"""


def descriptors() -> Iterator[descriptor_pb2.FileDescriptorProto]:
    """Every file of the contract with its comments, in the order of the packages."""
    with tempfile.NamedTemporaryFile() as out:
        sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
        subprocess.run(
            [
                sys.executable,
                "-m",
                "grpc_tools.protoc",
                f"-I{PROTOS}",
                "--include_source_info",
                f"--descriptor_set_out={out.name}",
                *sources,
            ],
            check=True,
        )
        files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(out.name).read_bytes())
    yield from sorted(files.file, key=lambda file: PACKAGES.index(file.package.split(".")[1]))


def comments(file: descriptor_pb2.FileDescriptorProto) -> dict[tuple[int, ...], str]:
    """Leading comments by path, on one line each."""
    return {
        tuple(place.path): " ".join(place.leading_comments.split())
        for place in file.source_code_info.location
        if place.leading_comments
    }


def rules(package: str) -> dict[str, Rule | str]:
    """Who may call what, as the service's interceptor enforces it."""
    for module in (f"services.{package}.servicer", f"services.{package}.scopes"):
        try:
            table: dict[str, Rule | str] = importlib.import_module(module).METHOD_SCOPES
        except (ImportError, AttributeError):
            continue
        return table
    raise LookupError(f"services.{package} has no METHOD_SCOPES")


def served(package: str) -> set[str]:
    """Names "Service/Method" that a servicer of this package implements."""
    folder = ROOT / "services" / package
    for path in sorted(folder.rglob("*.py")):
        if path.name != "__main__.py" and "migrations" not in path.parts:
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    found = set()
    for file in sorted((ROOT / "services/common/gen/postern" / package / "v1").glob("*_pb2_grpc.py")):
        module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
        for name in dir(module):
            if name.endswith("Servicer"):
                base = getattr(module, name)
                for child in _descendants(base):
                    found |= {
                        f"{name.removesuffix('Servicer')}/{method}"
                        for method in dir(base)
                        if method[0].isupper() and getattr(child, method) is not getattr(base, method)
                    }
    return found


def _descendants(base: type) -> Iterator[type]:
    for child in base.__subclasses__():
        yield child
        yield from _descendants(child)


def who(rule: Rule | str | None) -> str:
    """A rule in words."""
    if rule is None:
        return "–"
    if isinstance(rule, str):
        return f"`{rule}`"
    parts = []
    if rule.peers:
        parts.append("service " + ", ".join(sorted(rule.peers)))
    if rule.scopes:
        parts.append(" or ".join(f"`{scope}`" for scope in sorted(rule.scopes)))
    if rule.signed_in and not rule.scopes:
        parts.append("any token for it")
    return ", ".join(parts) or "any service"


def page() -> str:
    """The whole page."""
    lines = [HEAD]
    known = {package: (rules(package), served(package)) for package in PACKAGES}
    for file in descriptors():
        package = file.package.split(".")[1]
        table, live = known[package]
        said = comments(file)
        for s, service in enumerate(file.service):
            lines += [f"\n## {file.package}.{service.name}\n", said.get((SERVICE_FIELD, s), ""), ""]
            lines += ["| RPC | what it does | who may call | served |", "|---|---|---|---|"]
            for m, method in enumerate(service.method):
                text = said.get((SERVICE_FIELD, s, METHOD_FIELD, m), "").replace("|", "\\|")
                kind = {(True, False): " ⇡", (False, True): " ⇣", (True, True): " ⇅"}.get(
                    (method.client_streaming, method.server_streaming), ""
                )
                rule = table.get(f"/{file.package}.{service.name}/{method.name}")
                mark = "yes" if f"{service.name}/{method.name}" in live else "not yet"
                lines.append(f"| {method.name}{kind} | {text} | {who(rule)} | {mark} |")
    lines.append("\n⇡ streams requests, ⇣ streams responses, ⇅ streams both.\n")
    return "\n".join(lines)


def main() -> int:
    """Entry point; returns the exit status."""
    text = page()
    if "--check" in sys.argv:
        if PAGE.exists() and PAGE.read_text() == text:
            return 0
        print("docs/api.md differs from protos/ and the services: run `make protos`", file=sys.stderr)
        return 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
