"""The worker that builds an index: killed at any moment, the file is sound, and the next one goes on."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from bench.mailboxes import fill
from services.mailstore.index.store import Store
from services.mailstore.index.worker import Job
from services.mailstore.index.writing import read_state
from tests.integration.test_index_sync import check_sound, in_index, on_server
from tests.support.dovecot import Dovecot

ROOT = Path(__file__).parents[2]
COUNT = 3000


def start(job: Job) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "services.mailstore.index.worker"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin
    process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
    process.stdin.close()
    process.stdin = None
    return process


def job_for(server: Dovecot, path: Path, **other: object) -> tuple[Job, object]:
    user = server.add_user()
    fields: dict[str, object] = {
        "account": user.address,
        "username": user.address,
        "password": user.password,
        "path": str(path),
        "key": "22" * 32,
        "host": "127.0.0.1",
        "port": server.imap_port,
        "tls": "plain",
        "ca_file": "",
        "most_bytes": 1 << 40,
        **other,
    }
    return Job(**fields), user  # type: ignore[arg-type]


def test_killed_and_started_again(dovecot: Dovecot, tmp_path: Path) -> None:
    rng = random.Random(1)
    path = tmp_path / "index.db"
    job, user = job_for(dovecot, path)
    fill(dovecot, user, COUNT)  # type: ignore[arg-type]
    process = start(job)
    # The first one is killed once it has begun, whatever the machine's speed.
    assert process.stdout
    process.stdout.readline()
    for _ in range(4):
        time.sleep(rng.random() * 0.4)
        process.kill()
        process.wait()
        if path.exists():
            store = Store(path, bytes.fromhex(job.key))
            check_sound(store)
            store.close()
        process = start(job)
    _, problem = process.communicate(timeout=120)
    assert (process.returncode, problem) == (0, b"")
    store = Store(path, bytes.fromhex(job.key))
    check_sound(store)
    state = read_state(store, "INBOX")
    assert state is not None and state.searchable and state.total == COUNT
    with dovecot.connect(user) as other:  # type: ignore[arg-type]
        assert in_index(store, "INBOX") == on_server(other, "INBOX")
    (words,) = store.db.execute("SELECT count(*) FROM words WHERE words MATCH 'example'").fetchone()
    (rows,) = store.db.execute("SELECT count(*) FROM message").fetchone()
    assert words == rows


def test_stops_at_its_bound(dovecot: Dovecot, tmp_path: Path) -> None:
    job, user = job_for(dovecot, tmp_path / "index.db", most_bytes=1_000_000)
    fill(dovecot, user, 1500)  # type: ignore[arg-type]
    process = start(job)
    process.communicate(timeout=60)
    assert process.returncode == 3


def test_a_wrong_password_is_told_by_its_kind_alone(dovecot: Dovecot, tmp_path: Path) -> None:
    job, _ = job_for(dovecot, tmp_path / "index.db", password="wrong-one")
    process = start(job)
    out, problem = process.communicate(timeout=60)
    assert (process.returncode, out, problem) == (1, b"", b"LoginRefused\n")
