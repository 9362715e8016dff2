"""`python -m services.mailstore.pop3.unlock ACCOUNT`: let in an account whose password has changed, where
mailstore has the public half of the key for local mail alone.

Reads POSTERN_LOCAL_MAIL_DIR, POSTERN_LOCAL_MAIL_KEY_FILE (the private half, which need not be on the machine
otherwise) and POSTERN_SEALING_PUBLIC_KEY_FILE (mailstore's sealing/mailstore.pub). The account's mail opens
at its next sign-in.
"""

from __future__ import annotations

import argparse
import sys

from services.common.sealing import PrivateKey, PublicKey, SealingError
from services.common.settings import Env, SettingsError
from services.mailstore.pop3.keys import file_name, unlock


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m services.mailstore.pop3.unlock")
    parser.add_argument("account", help="the e-mail address that the account signs in with")
    account = parser.parse_args().account.strip()
    env = Env.current()
    try:
        recovery = PrivateKey.from_text(env.secret("LOCAL_MAIL_KEY").reveal())
        service = PublicKey.from_text(env.text("SEALING_PUBLIC_KEY"))
        directory = env.required_path("LOCAL_MAIL_DIR")
        name = file_name(account, recovery.public_key())
        unlock(directory / f"{name}.key", account, recovery, service)
    except (SettingsError, SealingError) as err:
        sys.stderr.write(f"{err}\n")
        return 1
    except FileNotFoundError:
        sys.stderr.write("there is no local mail of this account\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
