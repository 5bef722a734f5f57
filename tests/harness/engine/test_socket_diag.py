"""What the kernel says of TCP sockets: byte by byte, and the same as its own table."""

from __future__ import annotations

import os
import socket
import struct

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.engine import socket_diag, sockets

pytestmark = pytest.mark.skipif(not psutil.LINUX, reason="sock_diag is Linux's")

LISTEN, CLOSE_WAIT, TIME_WAIT = 10, 8, 6
DONE = struct.pack("=IHHIIi", 20, 3, 2, 1, 0, 0)


def message(state: int, port: int, inode: int, *, more: bytes = b"", flags: int = 2) -> bytes:
    """One inet_diag_msg, written field by field as linux/inet_diag.h has it."""
    ports = struct.pack("!HH", port, 0)
    addresses = bytes(32)
    body = bytes([2, state, 0, 0]) + ports + addresses + bytes(4 + 8) + struct.pack("=IIIII", 0, 1, 2, 3, inode) + more
    assert len(body) - len(more) == 72
    whole = struct.pack("=IHHII", 16 + len(body), 20, flags, 1, 0) + body
    return whole + bytes(-len(whole) % 4)


def test_a_message_is_read_and_what_follows_its_fields_is_passed_over() -> None:
    data = message(LISTEN, 8080, 77, more=b"abcde") + message(CLOSE_WAIT, 1, 4_000_000_000)
    assert socket_diag.read(data) == ([(LISTEN, 8080, 77), (CLOSE_WAIT, 1, 4_000_000_000)], True)


def test_the_last_message_ends_it() -> None:
    assert socket_diag.read(DONE) == ([], False)
    assert socket_diag.read(message(LISTEN, 1, 2) + DONE) == ([(LISTEN, 1, 2)], False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -1),  # an error
        struct.pack("=IHHII", 3, 20, 2, 1, 0),  # shorter than its own head
        message(LISTEN, 1, 2, flags=0x12),  # it changed while it was read
        struct.pack("=IHHII", 20, 20, 2, 1, 0) + bytes(4),  # no room for a socket
    ],
)
def test_what_is_no_answer_is_an_error_of_the_system(data: bytes) -> None:
    with pytest.raises(OSError, match="sock_diag"):
        socket_diag.read(data)


@given(cut=st.integers(min_value=1, max_value=2 * 88 - 1))
def test_a_datagram_that_was_cut_is_never_read_as_a_whole(cut: int) -> None:
    data = message(LISTEN, 8080, 77) + message(LISTEN, 8081, 78)
    if cut == 88:
        assert socket_diag.read(data[:cut]) == ([(LISTEN, 8080, 77)], True)
        return
    with pytest.raises(OSError, match="sock_diag"):
        socket_diag.read(data[:cut])


@given(data=st.binary(max_size=200))
def test_any_octets_are_an_answer_or_an_error_of_the_system(data: bytes) -> None:
    try:
        found, _ = socket_diag.read(data)
    except OSError:
        return
    assert all(len(one) == 3 for one in found)


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_the_kernel_says_the_same_as_its_table(
    monkeypatch: pytest.MonkeyPatch, family: socket.AddressFamily, host: str
) -> None:
    with (
        socket.create_server((host, 0), family=family) as listener,
        socket.create_connection(listener.getsockname()[:2]) as client,
    ):
        served, _ = listener.accept()
        with served:
            client.close()
            asked = sockets.tcp_sockets([os.getpid()])
            mine = {(s.state, s.port) for s in asked[0].values()}
            assert mine >= {("listen", listener.getsockname()[1]), ("close-wait", listener.getsockname()[1])}
            monkeypatch.setattr(socket_diag, "sockets", unanswered)
            assert sockets.tcp_sockets([os.getpid()]) == asked


def test_what_is_in_time_wait_is_not_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        served, _ = listener.accept()
        port = client.getsockname()[1]
        client.close()
        assert served.recv(1) == b""
        served.close()
    told = list(socket_diag.sockets())
    assert told
    assert not [state for state, own, _ in told if state == TIME_WAIT or own == port]


def unanswered() -> list[tuple[int, int, int]]:
    raise OSError("as in a sandbox")
