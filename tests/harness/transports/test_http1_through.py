"""HTTP that is led elsewhere: the connection goes there, and every word is meant for the target."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from raw_server import CHUNKED_HEAD, chunk, event, request, serving

from streamspec.harness.core.event import Opened
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.ports import Request
from streamspec.harness.transports.http1 import HTTP1

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


def asked(url: str, led_to: int, *, direct: bool = False) -> tuple[bool, list[tuple[str, int]]]:
    """Whether an answer came, and where from where we were led."""
    led: list[tuple[str, int]] = []

    def where(host: str, port: int) -> tuple[str, int]:
        led.append((host, port))
        return "127.0.0.1", led_to

    async def main() -> bool:
        assert HTTP1.through
        exchange = await HTTP1.through(where).open(Request(url, direct=direct), LIMITS, 5_000.0)
        seen = await exchange.receive()
        await exchange.close()
        return isinstance(seen[0], Opened)

    return asyncio.run(main()), led


def answering(heads: list[bytes]) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        heads.append(request(connection))
        connection.sendall(CHUNKED_HEAD + chunk(event(1)) + b"0\r\n\r\n")

    return answer


def test_the_connection_goes_there_and_the_request_names_the_target() -> None:
    heads: list[bytes] = []
    with serving(answering(heads)) as url:
        port = int(url.rstrip("/").rpartition(":")[2])
        assert asked("http://streams.example:8080/feed", port) == (True, [("streams.example", 8080)])
    assert heads[0].startswith(b"GET /feed HTTP/1.1\r\nHost: streams.example:8080\r\n")


def test_what_is_to_go_past_the_proxy_does() -> None:
    heads: list[bytes] = []
    with serving(answering(heads)) as url:
        assert asked(url, 1, direct=True) == (True, [])
