"""One POP3 session (RFC 1939; CAPA RFC 2449, STLS RFC 2595, AUTH RFC 5034). Blocking: call it in a thread.

Invariants: what was marked by DELE is gone only once QUIT was answered +OK (RFC 1939 section 6); a session
that failed in any way is closed without QUIT, so that nothing is deleted by it. Nothing that a person typed
stands in a command unless it is printable US-ASCII or in base64.
"""

from __future__ import annotations

import base64
import contextlib
import poplib
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.common.endpoint import TlsMode
from services.common.errors import Reason, error
from services.mailstore.imap.connect import ServerBusy
from services.mailstore.imap.failure import (
    CommandRefused,
    ConnectionLost,
    ImapError,
    LoginRefused,
    ProtocolError,
    ServerTimeout,
)
from services.mailstore.pop3.described import header_of

# RFC 3206 and RFC 2449 section 8.1: the password may be right, there is just no service now.
_NOT_NOW = ("SYS/TEMP", "IN-USE", "LOGIN-DELAY")
# Octets of one line of an answer; poplib's own bound (2048) is shorter than lines of real mail.
_LONGEST_LINE = 64 * 1024
# Messages that a maildrop may hold; more are cut off at the new end.
MOST_MESSAGES = 500_000
# Commands in flight where the server has PIPELINING (RFC 2449 section 6.8).
_TOGETHER = 20


@dataclass(frozen=True)
class PopEndpoint:
    """Where the maildrop is. Times in seconds."""

    host: str
    port: int
    tls: TlsMode
    context: ssl.SSLContext | None
    connect_timeout: float = 10.0
    io_timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Listed:
    """A message as the server lists it. `number` holds for this session alone; size in octets."""

    number: int
    uidl: str
    size: int


class _Lines:
    """poplib with a bound of ours on lines."""

    def _getline(self) -> tuple[bytes, int]:
        line = self.file.readline(_LONGEST_LINE + 1)  # type: ignore[attr-defined]
        if len(line) > _LONGEST_LINE:
            raise poplib.error_proto("line too long")
        if not line:
            raise EOFError
        return line.rstrip(b"\r\n"), len(line)


class _Plain(_Lines, poplib.POP3):
    pass


class _Tls(_Lines, poplib.POP3_SSL):
    pass


@contextlib.contextmanager
def _translated(command: str) -> Iterator[None]:
    """poplib's failures as those that the rest of the service knows."""
    try:
        yield
    except TimeoutError as err:
        raise ServerTimeout(command) from err
    except ssl.SSLError as err:
        raise ConnectionLost(f"TLS: {err.reason or type(err).__name__}") from err
    except (OSError, EOFError) as err:
        raise ConnectionLost(f"{command}: {type(err).__name__}") from err
    except poplib.error_proto as err:
        if _answer(err).upper().startswith("-ERR"):
            raise CommandRefused(command, "NO", _code(err), "") from err
        raise ProtocolError(f"{command}: not POP3") from err


def _answer(err: poplib.error_proto) -> str:
    value = err.args[0] if err.args else b""
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)


def _code(err: poplib.error_proto) -> str:
    """The extended response code (RFC 2449 section 8)."""
    return _answer(err).partition("[")[2].partition("]")[0].upper()


class Maildrop:
    """An open session in TRANSACTION state. `seconds`: all of it must be over by then."""

    def __init__(self, endpoint: PopEndpoint, username: str, password: str, seconds: float) -> None:
        """Connect and log in. ConnectionLost, ServerTimeout, ServerBusy, LoginRefused, ProtocolError."""
        self._deadline = time.monotonic() + seconds
        self._io_timeout = endpoint.io_timeout
        self._pop = self._connect(endpoint)
        try:
            with _translated("login"):
                self._capabilities = self._capa()
                self._login(username, password)
                self._capabilities = self._capa() or self._capabilities
        except CommandRefused as err:
            self.close()
            if err.code in _NOT_NOW:
                raise ServerBusy(f"login: {err.code}") from err
            raise LoginRefused(f"login: [{err.code}]") from err
        except BaseException:
            self.close()
            raise

    def _connect(self, endpoint: PopEndpoint) -> poplib.POP3:
        seconds = max(0.001, min(endpoint.connect_timeout, self._deadline - time.monotonic()))
        with _translated("connect"):
            if endpoint.tls is TlsMode.IMPLICIT:
                return _Tls(endpoint.host, endpoint.port, timeout=seconds, context=endpoint.context)
            pop = _Plain(endpoint.host, endpoint.port, timeout=seconds)
        if endpoint.tls is TlsMode.STARTTLS:
            try:
                with _translated("STLS"):
                    # poplib throws away what was read before: nothing injected is taken for encrypted.
                    pop.stls(endpoint.context)
            except BaseException as err:
                with contextlib.suppress(Exception):
                    pop.close()
                if isinstance(err, CommandRefused):
                    raise ConnectionLost("the server has no STLS") from err
                raise
        return pop

    def _capa(self) -> dict[str, list[str]]:
        self._time()
        try:
            return {name.upper(): words for name, words in self._pop.capa().items()}
        except poplib.error_proto as err:
            if not _answer(err).upper().startswith("-ERR"):
                raise
            return {}  # before RFC 2449

    def _login(self, username: str, password: str) -> None:
        if "\0" in username + password:
            raise LoginRefused("NUL in the credential")
        pop: poplib.POP3 = self._pop
        if "PLAIN" in [word.upper() for word in self._capabilities.get("SASL", [])]:
            token = base64.b64encode(b"\0" + username.encode() + b"\0" + password.encode()).decode()
            if len(token) < 240:  # RFC 2449 section 4: a command has 255 octets at most
                pop._shortcmd(f"AUTH PLAIN {token}")  # type: ignore[attr-defined]
            else:
                pop._shortcmd("AUTH PLAIN")  # type: ignore[attr-defined]
                pop._shortcmd(token)  # type: ignore[attr-defined]
            return
        if not (username + password).isascii() or not (username + password).isprintable():
            raise LoginRefused("USER and PASS cannot carry this user name or password")
        pop.user(username)
        pop.pass_(password)

    # what is there

    @property
    def login_delay(self) -> float:
        """Seconds that the server wants between two logins (RFC 2449 section 6.5); 0 where it says none."""
        words = self._capabilities.get("LOGIN-DELAY", [])
        return float(words[0]) if words and words[0].isdigit() else 0.0

    def listing(self) -> list[Listed]:
        """All messages, in the server's order. UNSUPPORTED where it has no UIDL.

        UIDLs that are not unique, though they must be (RFC 1939 section 7), get a number behind a space,
        which no UIDL has.
        """
        self._time()
        with _translated("LIST"):
            sizes = dict(_pairs(self._pop.list()[1]))
        try:
            with _translated("UIDL"):
                names = dict(_pairs(self._pop.uidl()[1]))
        except CommandRefused as err:
            raise error(Reason.UNSUPPORTED, err, feature="uidl") from err
        found: list[Listed] = []
        seen: dict[str, int] = {}
        for number, name in sorted(names.items())[:MOST_MESSAGES]:
            uidl, size = name.decode("latin-1"), sizes.get(number, b"")
            if not size.isdigit():
                continue
            count = seen[uidl] = seen.get(uidl, 0) + 1
            found.append(Listed(number, uidl if count == 1 else f"{uidl} {count}", int(size)))
        return found

    def tops(self, numbers: Sequence[int]) -> Iterator[tuple[int, bytes | None]]:
        """The header of each; None where the server would not give it. Without TOP, from RETR."""
        if "TOP" not in self._capabilities and self._capabilities:
            for number, raw in self.messages(numbers, _LONGEST_LINE * 1024):
                yield number, None if raw is None else header_of(raw)
            return
        for number, raw in self._bodies([(number, f"TOP {number} 0") for number in numbers], 1024 * 1024):
            yield number, None if raw is None else header_of(raw)

    def messages(self, numbers: Sequence[int], most: int) -> Iterator[tuple[int, bytes | None]]:
        """Each message; None where the server would not give it or it is longer than `most` octets."""
        yield from self._bodies([(number, f"RETR {number}") for number in numbers], most)

    def beginning(self, number: int, lines: int, most: int) -> bytes | None:
        """The header and the first lines, at most `most` octets."""
        ((_, raw),) = self._bodies([(number, f"TOP {number} {lines}")], most, cut=True)
        return raw

    def delete(self, numbers: Sequence[int]) -> list[int]:
        """Mark them as deleted; those that the server took. They go at `quit`."""
        taken = []
        with _translated("DELE"):
            for number in self._send([(number, f"DELE {number}") for number in numbers]):
                if self._status():
                    taken.append(number)
        return taken

    def quit(self) -> bool:
        """End the session, which deletes what was marked (RFC 1939 section 6). Whether the server said that
        it did; where it did not, or the connection broke, the next listing tells.
        """
        try:
            self._time()
            with _translated("QUIT"):
                self._pop.quit()
            return True
        except ImapError:
            return False
        finally:
            self.close()

    def close(self) -> None:
        """Drop the connection: nothing that was marked is deleted."""
        with contextlib.suppress(Exception):
            self._pop.close()

    # the wire

    def _time(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise ServerTimeout("out of time")
        if self._pop.sock is not None:
            self._pop.sock.settimeout(min(left, self._io_timeout))

    def _send(self, commands: Sequence[tuple[int, str]]) -> Iterator[int]:
        """Send the commands, and give the number of each when its answer is to be read."""
        together = _TOGETHER if "PIPELINING" in self._capabilities else 1
        for start in range(0, len(commands), together):
            batch = commands[start : start + together]
            self._time()
            self._pop.sock.sendall("".join(f"{line}\r\n" for _, line in batch).encode("ascii"))
            for number, _ in batch:
                yield number

    def _status(self) -> bool:
        """Whether the answer is +OK. An error of the protocol where it is neither that nor -ERR."""
        line, _ = self._pop._getline()  # type: ignore[attr-defined]
        if not line.startswith((b"+OK", b"-ERR")):
            raise poplib.error_proto(line)
        return line.startswith(b"+OK")

    def _bodies(
        self, commands: Sequence[tuple[int, str]], most: int, *, cut: bool = False
    ) -> Iterator[tuple[int, bytes | None]]:
        with _translated("RETR"):
            for number in self._send(commands):
                yield number, self._body(most, cut) if self._status() else None

    def _body(self, most: int, cut: bool) -> bytes | None:
        """A multi-line answer (RFC 1939 section 3), byte-stuffing undone. One that is longer than `most` is
        read to its end; what of it fits where it may be `cut`, else None.
        """
        out = bytearray()
        begins, count, size = True, 0, 0
        while True:
            piece = self._pop.file.readline(_LONGEST_LINE)
            if not piece:
                raise EOFError
            ends = piece.endswith(b"\n")
            if begins and piece.startswith(b"."):
                if piece in (b".\r\n", b".\n"):
                    return bytes(out) if size <= most or cut else None
                piece = piece[1:]
            size += len(piece)
            if size <= most:
                out += piece
            begins = ends
            count += 1
            if count % 2000 == 0:
                self._time()


def _pairs(lines: list[bytes]) -> Iterator[tuple[int, bytes]]:
    for line in lines[:MOST_MESSAGES]:
        number, _, rest = line.strip().partition(b" ")
        if number.isdigit() and rest.strip():
            yield int(number), rest.split()[0]
