"""`postern-auth certificates`: the operator's hand on the authority."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from pathlib import Path

from services.auth.accounts import MalformedAddress, normalise
from services.auth.certificates.authority import Authority, AuthorityError, Issued

# Without what looks like something else when it is read out.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dir",
        type=Path,
        default=Path(os.environ.get("POSTERN_CERTIFICATES_DIR", "var/certificates")),
        help="the authority's directory (POSTERN_CERTIFICATES_DIR, var/certificates)",
    )
    commands = parser.add_subparsers(dest="what", required=True)
    create = commands.add_parser("create-authority", help="a new authority")
    create.add_argument("--name", default="Postern client certificates")
    create.add_argument("--days", type=int, default=3650)
    issue = commands.add_parser("issue", help="a certificate, as a .p12 to hand to a person")
    issue.add_argument("name", help="whose it is, or which machine's")
    issue.add_argument("--account", default="", help="the only e-mail address that it may sign in to")
    issue.add_argument("--days", type=int, default=365)
    issue.add_argument("--out", type=Path, required=True, help="the .p12 to write")
    issue.add_argument("--password-file", type=Path, help="its password; else one is made and printed")
    commands.add_parser("list", help="all certificates")
    revoke = commands.add_parser("revoke", help="end a certificate; the edge knows within seconds")
    revoke.add_argument("which", help="serial number, fingerprint or name")
    commands.add_parser("crl", help="sign the revocation list anew, which has to be done within a month")


def run(options: argparse.Namespace) -> int:
    try:
        _run(options, Authority(options.dir))
    except (AuthorityError, MalformedAddress) as err:
        print(f"postern-auth: {err}", file=sys.stderr)  # noqa: T201
        return 1
    except OSError as err:
        print(f"postern-auth: {err.filename}: {err.strerror}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _run(options: argparse.Namespace, authority: Authority) -> None:
    if options.what == "create-authority":
        authority.create(options.name, options.days)
        print(f"{authority.certificate_file}\n{authority.crl_file}")  # noqa: T201
    elif options.what == "issue":
        _issue(options, authority)
    elif options.what == "list":
        for row in authority.issued():
            print(_line(row))  # noqa: T201
    elif options.what == "revoke":
        for row in authority.revoke(options.which):
            print(_line(row))  # noqa: T201
    else:
        authority.sign_list()
        print(authority.crl_file)  # noqa: T201


def _issue(options: argparse.Namespace, authority: Authority) -> None:
    account = normalise(options.account) if options.account else ""
    if account and not account.isascii():
        raise AuthorityError("a certificate names addresses in US-ASCII alone (RFC 5280, 4.2.1.6)")
    if options.out.exists():
        raise AuthorityError(f"{options.out} is there already")
    if options.password_file:
        password = options.password_file.read_text(encoding="utf-8").rstrip("\n")
        if len(password) < 8:
            raise AuthorityError("the password has fewer than 8 characters")
    else:
        password = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(5))
    made, bundle = authority.issue(options.name, account, options.days, password)
    with os.fdopen(os.open(options.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(bundle)
    print(_line(made))  # noqa: T201
    if not options.password_file:
        print(f"password\t{password}")  # noqa: T201


def _line(row: Issued) -> str:
    return "\t".join([row.serial, row.state, row.expires[:10], row.name, row.account or "any account"])
