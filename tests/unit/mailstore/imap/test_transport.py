import asyncio
import itertools
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.mailstore.imap import transport as module
from services.mailstore.imap.failure import ConnectionLost, ProtocolError, ServerTimeout
from services.mailstore.imap.transport import ImapTransport

WIRE = (
    b"* OK hi\r\n* 1 FETCH (UID 1 BODY[] {5}\r\nab\r\nc FLAGS ())\r\n"
    b"* 2 FETCH (X {0}\r\n Y {3+}\r\n}\r\n)\r\n* LIST () NIL a\np1 OK\r\n"
)


@settings(max_examples=60)
@given(st.lists(st.integers(1, len(WIRE) - 1), max_size=8))
def test_however_it_is_cut(cuts: list[int]) -> None:
    async def run() -> list[str]:
        transport = ImapTransport()
        bounds = [0, *sorted(set(cuts)), len(WIRE)]
        for start, end in itertools.pairwise(bounds):
            transport.data_received(WIRE[start:end])
        found = [await transport.receive(1) for _ in range(5)]
        assert found[1].values[0] == (b"UID", 1, b"BODY[]", b"ab\r\nc", b"FLAGS", ())
        assert found[2].values[0] == (b"X", b"", b"Y", b"}\r\n")
        return [response.name for response in found]

    assert asyncio.run(run()) == ["OK", "FETCH", "FETCH", "LIST", "OK"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 400), max_size=8))
def test_compressed_however_it_is_cut(cuts: list[int]) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(WIRE) + packer.flush(zlib.Z_SYNC_FLUSH)

    async def run() -> list[str]:
        transport = ImapTransport()
        transport.start_deflate()
        bounds = [0, *sorted({cut for cut in cuts if cut < len(packed)}), len(packed)]
        for start, end in itertools.pairwise(bounds):
            transport.data_received(packed[start:end])
        return [(await transport.receive(1)).name for _ in range(5)]

    assert asyncio.run(run()) == ["OK", "FETCH", "FETCH", "LIST", "OK"]


async def test_what_was_packed_tightly_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Megabytes of responses from some kilobytes: unpacked as they are taken."""
    monkeypatch.setattr(module, "HIGH_WATER", 200_000)
    monkeypatch.setattr(module, "LOW_WATER", 50_000)

    class Socket:
        reading = True

        def pause_reading(self) -> None:
            self.reading = False

        def resume_reading(self) -> None:
            self.reading = True

        def is_closing(self) -> bool:
            return False

    transport, socket = ImapTransport(), Socket()
    transport.connection_made(socket)  # type: ignore[arg-type]
    transport.start_deflate()
    line = b"* LIST () NIL " + b"a" * 900 + b"\r\n"
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    transport.data_received(packer.compress(line * 5000) + packer.flush(zlib.Z_SYNC_FLUSH))
    assert not socket.reading and transport._ready_size < 300_000
    for _ in range(5000):
        assert (await transport.receive(1)).name == "LIST"
        assert transport._ready_size < 300_000
    assert socket.reading and not transport.has_response


async def test_what_is_not_packed_ends_it() -> None:
    transport = ImapTransport()
    transport.start_deflate()
    transport.data_received(b"* OK plain\r\n")
    assert transport.lost
    with pytest.raises(ProtocolError):
        await transport.receive(1)


async def test_silence_and_end() -> None:
    transport = ImapTransport()
    with pytest.raises(ServerTimeout):
        await transport.receive(0.01)
    transport.data_received(b"* OK last words\r\n")
    transport.connection_lost(None)
    assert (await transport.receive(1)).text == b"last words"
    with pytest.raises(ConnectionLost):
        await transport.receive(1)
    with pytest.raises(ConnectionLost):
        transport.write(b"x")


@pytest.mark.parametrize("data", [b"* 1 FETCH (X {999999999999}\r\n", b"nonsense\r\n", b"\r\n"])
async def test_what_is_no_imap_ends_it(data: bytes) -> None:
    transport = ImapTransport()
    transport.data_received(data)
    assert transport.lost
    with pytest.raises(ProtocolError):
        await transport.receive(1)


async def test_endless_line_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RESPONSE", 1000)
    transport = ImapTransport()
    for _ in range(20):
        transport.data_received(b"x" * 100)
    assert transport.lost
