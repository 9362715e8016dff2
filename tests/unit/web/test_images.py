"""Pictures from elsewhere: only on request, only pictures, and never from within."""

import asyncio

import httpx
import pytest

from services.common.errors import PosternError, Reason
from services.web.images import ImageProxy, public
from services.web.model.mail import TextPart
from tests.unit.web.fakes import VALIDITY, StoredMessage, envelope

PNG = b"\x89PNG picture"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "2001:0:1::1", "ff02::1",
        "192.0.2.1", "not an address", "",
    ],
)  # fmt: skip
def test_addresses_within_are_not_public(address):
    assert not public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111"])
def test_addresses_on_the_internet_are(address):
    assert public(address)


class Server:
    """A picture server on loopback: `answers` by path."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.requests: list[bytes] = []

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        writer.write(
            self.answers.get(head.split(b" ")[1].decode(), b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n")
        )
        await writer.drain()
        writer.close()

    def url(self, path: str) -> str:
        return f"http://localhost:{self.port}{path}"


def answer(content: bytes, media_type: str = "image/png", status: str = "200 OK", extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {len(content)}\r\n{extra}\r\n"
    return head.encode() + content


async def refused(proxy: ImageProxy, url: str) -> str:
    with pytest.raises(PosternError) as caught:
        await proxy.fetch(url)
    return caught.value.reason


async def test_a_picture_comes_through_and_tells_nothing():
    async with Server() as server:
        server.answers["/p.png?id=7"] = answer(PNG)
        picture = await ImageProxy(allow_private=True).fetch(server.url("/p.png?id=7"))
        assert picture.content == PNG and picture.media_type == "image/png"
        head = server.requests[0].lower()
        assert f"host: localhost:{server.port}".encode() in head
        assert b"cookie" not in head and b"referer" not in head and b"x-forwarded" not in head


async def test_private_hosts_are_refused_also_by_name_and_after_a_redirect():
    async with Server() as server:
        server.answers["/p.png"] = answer(PNG)
        proxy = ImageProxy()
        port = f":{server.port}"
        for host in ("localhost", "127.0.0.1", "[::1]", "2130706433", "0x7f000001", "127.1"):
            assert await refused(proxy, f"http://{host}{port}/p.png") in (
                Reason.PERMISSION_DENIED,
                Reason.NOT_FOUND,
            )
            assert await refused(proxy, f"http://{host}/p.png") in (
                Reason.PERMISSION_DENIED,
                Reason.NOT_FOUND,
            )
        assert server.requests == []


async def test_redirects_are_checked_again():
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"location": "http://169.254.169.254/latest/"})

    proxy = ImageProxy(transport=httpx.MockTransport(handle))
    assert await refused(proxy, "http://1.1.1.1/p.png") == Reason.PERMISSION_DENIED


@pytest.mark.parametrize(
    "url",
    ["ftp://x/p", "file:///etc/passwd", "http://u:p@1.1.1.1/", "http://1.1.1.1:25/", "http:///x", "x", "//x"],
)
async def test_other_addresses_are_refused(url):
    assert await refused(ImageProxy(), url) == Reason.PERMISSION_DENIED


async def test_only_plain_pictures_of_a_bounded_size():
    async with Server() as server:
        server.answers |= {
            "/svg": answer(b"<svg/>", "image/svg+xml"),
            "/html": answer(b"<html>", "text/html"),
            "/gone": answer(PNG, status="404 Not Found"),
            "/big": answer(b"x" * (9 * 1024 * 1024)),
            "/loop": answer(b"", status="302 Found", extra="location: /loop\r\n"),
        }
        proxy = ImageProxy(allow_private=True)
        for path in ("/svg", "/html", "/gone", "/loop"):
            assert await refused(proxy, server.url(path)) == Reason.NOT_FOUND, path
        assert await refused(proxy, server.url("/big")) == Reason.TOO_LARGE


async def test_images_are_loaded_when_the_reader_asks(alice, edge, fakes):
    async with Server() as server:
        server.answers["/p.png"] = answer(PNG)
        edge.images = ImageProxy(allow_private=True)
        html = f'<p>Hi</p><img src="{server.url("/p.png")}">'
        fakes.mail.add(StoredMessage(1, envelope("Pictures"), texts=(TextPart("1", "text/html", html),)))
        where = f"/mail/INBOX/{VALIDITY}.1"
        page = await alice.get(where)
        assert "Load images" in page.text and f'{where}?images=1"' in page.text
        assert "/image/" not in (await alice.get(f"{where}/html/1")).text and not server.requests
        page = await alice.get(f"{where}?images=1")
        assert "Load images" not in page.text and f"{where}/html/1?images=1" in page.text
        frame = await alice.get(f"{where}/html/1?images=1")
        sealed = frame.text.partition('src="/image/')[2].partition('"')[0]
        picture = await alice.get(f"/image/{sealed}", sec_fetch_site="cross-site", sec_fetch_mode="no-cors")
        assert picture.content == PNG and picture.headers["cross-origin-resource-policy"] == "cross-origin"
        assert len(server.requests) == 1
        frame = await alice.get(
            f"{where}/html/1?images=1", sec_fetch_site="cross-site", sec_fetch_mode="navigate"
        )
        assert "/image/" not in frame.text


async def test_nobody_else_can_use_the_proxy(alice):
    assert (await alice.get("/image/http%3A%2F%2Fexample.org%2F")).status_code == 404


async def test_switched_off_nothing_is_offered(alice, edge, fakes):
    edge.images = None
    html = '<img src="https://example.org/p.png">'
    fakes.mail.add(StoredMessage(1, envelope("Pictures"), texts=(TextPart("1", "text/html", html),)))
    page = await alice.get(f"/mail/INBOX/{VALIDITY}.1?images=1")
    assert "Load images" not in page.text and "Images from elsewhere are not loaded" in page.text
