"""`postern-auth`, which is `python -m services.auth COMMAND`: what an operator does by hand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from services.auth import account_commands
from services.auth.certificates import cli as certificates
from services.auth.systems import cli as systems


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="postern-auth", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    account_commands.add_arguments(commands.add_parser("accounts", help="people who sign in"))
    systems.add_arguments(commands.add_parser("api-clients", help="systems that may call Postern"))
    certificates.add_arguments(commands.add_parser("certificates", help="client certificates for the edge"))
    options = parser.parse_args(arguments)
    known = {"accounts": account_commands, "certificates": certificates, "api-clients": systems}
    return known[options.command].run(options)


if __name__ == "__main__":
    sys.exit(main())
