"""`postern-auth`, which is `python -m services.auth COMMAND`: what an operator does by hand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from services.auth.certificates import cli as certificates
from services.auth.systems import cli as systems


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="postern-auth", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    systems.add_arguments(commands.add_parser("api-clients", help="systems that may call Postern"))
    certificates.add_arguments(commands.add_parser("certificates", help="client certificates for the edge"))
    options = parser.parse_args(arguments)
    return {"certificates": certificates, "api-clients": systems}[options.command].run(options)


if __name__ == "__main__":
    sys.exit(main())
