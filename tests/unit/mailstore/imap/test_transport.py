import asyncio
import itertools

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
