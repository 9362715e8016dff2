"""The web process's memory holds no password after a sign-in: a real process, all of its memory, searched."""

from __future__ import annotations

import json
import re
import urllib.parse
from pathlib import Path

import httpx

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
