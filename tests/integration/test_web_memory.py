"""What is left of a password: nothing in the web process's memory after a sign-in, nothing in any
database."""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from pathlib import Path

import httpx
from sqlalchemy import create_engine

from tests.support.mariadb import MariaDB
from tests.support.stack import Stack


def readable(pid: int) -> list[tuple[str, bytes]]:
    """Every readable mapping of a process, as it is now."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            bounds, rights, *_rest = line.split()
            if "r" not in rights or line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            start, end = (int(number, 16) for number in bounds.split("-"))
            try:
                memory.seek(start)
                found.append((line, memory.read(end - start)))
            except (OSError, ValueError, OverflowError):
                continue
    return found


def places(pid: int, *needles: bytes) -> list[str]:
    """Where the needles are, with what stands around them."""
    hits = []
    for line, content in readable(pid):
        for needle in needles:
            hits += [
                f"{line}: {content[max(0, at.start() - 60) : at.end() + 40]!r}"
                for at in re.finditer(re.escape(needle), content)
            ]
    return hits


def sign_in(http: httpx.Client, address: str, password: str) -> httpx.Response:
    page = http.get("/sign-in")
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found
    return http.post("/sign-in", data={"csrf": found[1], "email": address, "password": password})


def forms(password: str) -> tuple[bytes, ...]:
    """How it may lie there: as text (one or four octets a character), as it came over the wire."""
    return (
        password.encode(),
        password.encode("utf-16-le"),
        password.encode("utf-32-le"),
        urllib.parse.quote_plus(password).encode(),
        json.dumps(password).encode(),
    )


def test_no_password_is_left_in_the_memory_of_web(real: Stack) -> None:
    people = real.people()
    pid = int(real.process("web")["pid"])
    for person in people:
        with httpx.Client(base_url=real.url, timeout=30) as http:
            answer = sign_in(http, person.address, f"{person.password}x")
            assert answer.status_code == 401
            answer = sign_in(http, person.address, person.password)
            assert answer.status_code == 303 and answer.headers["location"] == "/mail/INBOX"
            for _ in range(3):
                assert http.get("/mail/INBOX").status_code == 200
    # What the process does keep is found: the search would see a password as well.
    assert places(pid, people[0].address.encode()), "the search finds nothing at all"
    left = places(pid, *(form for person in people for form in forms(person.password)))
    assert not left, f"{len(left)} places:\n" + "\n".join(left[:12])


def test_a_dump_of_all_databases_yields_no_password(real: Stack, mariadb: MariaDB) -> None:
    """Every value of every table of every service, and mailstore's index, after signing in, reading and
    sending; as text, in base64 at each of its three places, in hex, backwards."""
    people = real.people()
    for person in people:
        with httpx.Client(base_url=real.url, timeout=30) as http:
            assert sign_in(http, person.address, person.password).status_code == 303
            assert http.get("/mail/INBOX").status_code == 200
            page = http.get("/compose")
            fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
            text = {"to": people[0].address, "subject": "dump", "text": "dump", "do": "send"}
            http.post("/compose", data={**fields, **text})
    dumped: dict[str, bytes] = {}
    for path in real.var.rglob("*"):
        if path.is_file() and "index" in path.parts:
            dumped[str(path)] = path.read_bytes()
    engine = create_engine(mariadb.url("mysql"))
    with engine.connect() as connection:
        names = connection.exec_driver_sql(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema LIKE 'postern%%'"
        ).all()
        for schema, table in names:
            rows = connection.exec_driver_sql(f"SELECT * FROM `{schema}`.`{table}`").all()
            values = [one if isinstance(one, bytes) else str(one).encode() for row in rows for one in row]
            dumped[f"{schema}.{table}"] = b"\0".join(values)
    engine.dispose()
    everything = b"\0".join(dumped.values())
    assert any(name.endswith(".auth_sessions") for name in dumped)
    assert any(".sender_" in name for name in dumped)
    assert people[0].address.encode() in everything, "the dump is not of this stack"
    for person in people:
        for needle in hidden(person.password.encode()):
            assert needle not in everything, [name for name, value in dumped.items() if needle in value]


def hidden(secret: bytes) -> set[bytes]:
    """How a secret may lie somewhere without having been sealed."""
    found = {secret, secret[::-1], secret.hex().encode(), secret.hex().upper().encode()}
    for shift in range(3):  # base64 goes by three octets: what stands before decides where it begins
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"x" * shift + secret)
            found.add(whole[4 if shift else 0 : len(whole) - 4])
    return found
