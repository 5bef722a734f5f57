"""URLs are read strictly, in the schemes and with the ports of whoever asks."""

from __future__ import annotations

import pytest

from streamspec.harness.core.errors import UsageError
from streamspec.harness.transports.address import HTTP_PORTS, WEBSOCKET_PORTS, Address, address_of


@pytest.mark.parametrize(
    ("url", "ports", "address"),
    [
        ("http://host", HTTP_PORTS, Address("http", "host", 80, "host", "/")),
        ("https://host:80/a?b=c", HTTP_PORTS, Address("https", "host", 80, "host:80", "/a?b=c")),
        ("ws://host/a", WEBSOCKET_PORTS, Address("ws", "host", 80, "host", "/a")),
        ("wss://[::1]:443", WEBSOCKET_PORTS, Address("wss", "::1", 443, "[::1]", "/")),
        ("WS://Host:8080/#part", WEBSOCKET_PORTS, Address("ws", "host", 8080, "host:8080", "/")),
        ("own://host:9", {"own": 0}, Address("own", "host", 9, "host:9", "/")),
    ],
)
def test_a_url_is_read(url: str, ports: dict[str, int], address: Address) -> None:
    assert address_of(url, ports) == address


@pytest.mark.parametrize(
    ("url", "ports", "words"),
    [
        ("http://host/", WEBSOCKET_PORTS, "the scheme ws or wss"),
        ("ws://host/", HTTP_PORTS, "the scheme http or https"),
        ("own://host/", {"own": 0}, "needs a port"),
        ("ws://host:0/", WEBSOCKET_PORTS, "port 0"),
        ("ws://host/a b", WEBSOCKET_PORTS, "a blank"),
        ("ws://host/ä", WEBSOCKET_PORTS, "percent-encoded"),
        ("ws:///a", WEBSOCKET_PORTS, "no usable host"),
    ],
)
def test_what_cannot_be_asked_for_is_a_usage_error(url: str, ports: dict[str, int], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        address_of(url, ports)


def test_credentials_are_never_repeated() -> None:
    with pytest.raises(UsageError, match="Authorization header") as raised:
        address_of("ws://user:hunter2@host/", WEBSOCKET_PORTS)
    assert "hunter2" not in str(raised.value)
