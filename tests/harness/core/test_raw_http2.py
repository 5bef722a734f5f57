"""What is written on HTTP/2 outside any grammar: whole frames, and those that a library refuses are the ones meant."""

from __future__ import annotations

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest

from streamspec.harness.core.raw import raw_octets
from streamspec.harness.core.raw_http2 import HTTP2
from streamspec.harness.transports.http2_frames import FrameReader

LEGAL = {
    "h2-ping-flood": "PING",
    "h2-settings-flood": "SETTINGS",
    "h2-unknown-frame": "of the type 238",
    "h2-flagged-message": "DATA",
}
ILLEGAL = {"h2-data-on-idle": "DATA", "h2-window-zero": "WINDOW_UPDATE", "h2-continuation-alone": "CONTINUATION"}


def told(octets: bytes) -> list[h2.events.Event]:
    """What a server on the library makes of it, behind a preface and a request."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    client.send_headers(1, [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/")])
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    server.receive_data(client.data_to_send())
    return server.receive_data(octets)


def test_each_name_is_among_the_tests() -> None:
    assert set(HTTP2) == set(LEGAL) | set(ILLEGAL)


@pytest.mark.parametrize(("name", "kind"), [*LEGAL.items(), *ILLEGAL.items()])
def test_each_is_whole_frames_of_its_kind(name: str, kind: str) -> None:
    reader = FrameReader()
    found = reader.feed(raw_octets(name, "a"))
    assert {frame.name for frame in found} == {kind}
    assert reader.buffered_bytes == 0
    assert len(found) == (100 if "flood" in name else 1)


@pytest.mark.parametrize("name", LEGAL)
def test_what_is_legal_a_library_takes(name: str) -> None:
    assert len(told(raw_octets(name, "a"))) in {1, 100}


@pytest.mark.parametrize("name", ILLEGAL)
def test_what_is_illegal_a_library_refuses(name: str) -> None:
    with pytest.raises(h2.exceptions.ProtocolError):
        told(raw_octets(name, "a"))


def test_no_ping_of_a_flood_is_one_that_we_number() -> None:
    payloads = [frame.payload for frame in FrameReader().feed(raw_octets("h2-ping-flood", "a"))]
    assert len(set(payloads)) == 100
    assert all(int.from_bytes(payload) >= 2**32 for payload in payloads)
