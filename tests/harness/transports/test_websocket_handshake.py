"""The handshake as it goes out, and what its answer agrees on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Deviation, Opened
from streamspec.harness.core.ports import Request
from streamspec.harness.transports.websocket_handshake import Agreed, accept_of, agreed, handshake_of

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 §1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
NONCE = b"the sample nonce"
ASKED = Request("ws://host:8080/chat?a=b", headers=(("Authorization", "Bearer x"),), body=b"no content of a handshake")
PACKED = replace(ASKED, offers="permessage-deflate")


def opened(*headers: tuple[str, str], accept: str = ACCEPT) -> Opened:
    stock = (("Upgrade", "WebSocket"), ("Connection", "keep-alive, Upgrade"), ("Sec-WebSocket-Accept", accept))
    return Opened(101, "Switching Protocols", "HTTP/1.1", (*stock, *headers))


def answered(value: str, request: Request = PACKED) -> Agreed:
    return agreed(opened(("Sec-WebSocket-Extensions", value)), request, KEY)


def test_the_handshake_goes_out_as_the_specification_has_it() -> None:
    octets, key = handshake_of(ASKED, NONCE)
    assert key == KEY
    assert octets == (
        b"GET /chat?a=b HTTP/1.1\r\nHost: host:8080\r\nAuthorization: Bearer x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )


def test_an_extension_is_offered_only_where_the_request_says_so() -> None:
    assert b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n" in handshake_of(PACKED, NONCE)[0]
    assert b"Extensions" not in handshake_of(ASKED, NONCE)[0]


def test_headers_that_a_request_brings_itself_stand_once_and_as_they_are() -> None:
    request = replace(ASKED, headers=(("sec-websocket-version", "12"), ("Sec-WebSocket-Key", KEY)))
    octets, key = handshake_of(request, b"another nonce...")
    assert key == KEY
    assert octets.lower().count(b"sec-websocket-version") == 1
    assert b"sec-websocket-version: 12\r\n" in octets


@pytest.mark.parametrize("url", ["ws://host", "wss://host"])
def test_the_default_port_of_each_scheme_is_no_part_of_the_host(url: str) -> None:
    assert handshake_of(Request(url), NONCE)[0].startswith(b"GET / HTTP/1.1\r\nHost: host\r\n")


def test_what_would_break_out_of_its_line_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        handshake_of(replace(ASKED, offers="a\r\nb: c"), NONCE)


def test_an_answer_as_it_should_be_agrees_on_nothing_more() -> None:
    assert accept_of(KEY) == ACCEPT
    assert agreed(opened(), ASKED, KEY) == Agreed()


@pytest.mark.parametrize(
    ("accept", "detail"),
    [("c3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "'c3pPLMBiTxaQ9kYGzzhZRbK+xOo='"), ("", "''"), (ACCEPT.lower(), None)],
)
def test_an_accept_that_is_not_for_our_key_is_said(accept: str, detail: str | None) -> None:
    [fault] = agreed(opened(accept=accept), ASKED, KEY).faults
    assert fault.code == "ws.accept"
    assert detail in {None, fault.detail}


def test_a_missing_accept_is_said() -> None:
    bare = Opened(101, "", "HTTP/1.1", (("Upgrade", "websocket"), ("Connection", "upgrade")))
    assert agreed(bare, ASKED, KEY).faults == (Deviation("ws.accept", 0, "missing"),)


@pytest.mark.parametrize(("name", "value"), [("Upgrade", "h2c"), ("Upgrade", ""), ("Connection", "keep-alive")])
def test_an_answer_that_does_not_say_what_it_switches_to_is_said(name: str, value: str) -> None:
    headers = tuple((key, value if key == name else text) for key, text in opened().headers)
    [fault] = agreed(replace(opened(), headers=headers), ASKED, KEY).faults
    assert fault.code == "ws.upgrade"


@pytest.mark.parametrize(
    ("value", "takeover"),
    [
        ("permessage-deflate", True),
        ("permessage-deflate; server_no_context_takeover", False),
        ("permessage-deflate; client_no_context_takeover; server_max_window_bits=12", True),
        ('permessage-deflate; server_max_window_bits="10"', True),
    ],
)
def test_compression_that_was_offered_is_agreed_on(*, value: str, takeover: bool) -> None:
    assert answered(value) == Agreed((), deflate=True, takeover=takeover)


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("permessage-deflate; client_max_window_bits=10", "'permessage-deflate: client_max_window_bits=10'"),
        ("permessage-deflate; server_max_window_bits=7", "'permessage-deflate: server_max_window_bits=7'"),
        ("permessage-deflate; server_max_window_bits", "'permessage-deflate: server_max_window_bits'"),
        ("permessage-deflate; server_no_context_takeover=1", "'permessage-deflate: server_no_context_takeover=1'"),
        (
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            "'permessage-deflate: client_no_context_takeover'",
        ),
        ("permessage-deflate; what", "'permessage-deflate: what'"),
        ("permessage-deflate, permessage-deflate", "'permessage-deflate'"),
        ("permessage-deflate, x-more; a=1", "'x-more'"),
    ],
)
def test_what_was_not_offered_is_said_and_read_all_the_same(value: str, detail: str) -> None:
    told = answered(value)
    assert told.faults == (Deviation("ws.extension", 0, detail),)
    assert told.deflate


def test_client_max_window_bits_may_answer_an_offer_of_it() -> None:
    request = replace(ASKED, offers="permessage-deflate; client_max_window_bits")
    assert answered("permessage-deflate; client_max_window_bits=10", request).faults == ()


def test_compression_that_nobody_offered_is_said_and_taken_off_all_the_same() -> None:
    assert answered("permessage-deflate", ASKED) == Agreed(
        (Deviation("ws.extension", 0, "'permessage-deflate'"),), deflate=True
    )


@pytest.mark.parametrize(
    ("offered", "answer", "faults"),
    [
        ("", None, 0),
        ("a, b", None, 0),
        ("a, b", "b", 0),
        ("a, b", "c", 1),
        ("a, b", "a, b", 1),
        ("", "a", 1),
        ("a", "A", 1),
    ],
)
def test_a_subprotocol_is_one_of_those_that_we_offered(offered: str, answer: str | None, faults: int) -> None:
    request = replace(ASKED, headers=(("Sec-WebSocket-Protocol", offered),) if offered else ())
    answer_headers = (("sec-websocket-protocol", answer),) if answer is not None else ()
    told = agreed(opened(*answer_headers), request, KEY).faults
    assert [fault.code for fault in told] == ["ws.subprotocol"] * faults
