"""What a reader types to see the same by hand: for each kind of URL a program that is not ours."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
import threading

import pytest

from streamspec.harness.core.by_hand import by_hand
from streamspec.harness.core.frame import FRAME, Frame
from streamspec.harness.core.ports import Request


def test_a_websocket_is_asked_by_websocat_with_what_opens_the_stream() -> None:
    message = '{"id":"a b","payload":"it\'s"}'
    line = by_hand(Request("ws://127.0.0.1:1/ws", headers=(("X-One", "1"),), body=message.encode()))
    said, _, asked = line.rpartition(" | ")
    assert shlex.split(said) == ["printf", "%s\\n", message]
    assert shlex.split(asked) == ["websocat", "-n", "-H", "X-One: 1", "ws://127.0.0.1:1/ws"]


def test_a_websocket_that_streams_by_itself_is_only_opened() -> None:
    assert by_hand(Request("wss://example.test/")) == "websocat -n wss://example.test/"


@pytest.mark.parametrize("frame", [FRAME, Frame(2, "little")])
def test_the_line_for_framed_tcp_sends_the_frame_and_shows_what_comes(frame: Frame) -> None:
    got: list[bytes] = []

    def answer(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            got.append(peer.recv(100))
            peer.sendall(b"\0\0\0\2{}")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=answer, args=(listener,))
        serving.start()
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        words = shlex.split(by_hand(Request(url, body='{"é":1}'.encode(), frame=frame)))
        assert words[0] == "python3"
        shown = subprocess.run([sys.executable, *words[1:]], capture_output=True, timeout=20, check=True)
        serving.join()
    item = '{"é":1}'.encode()
    assert got == [len(item).to_bytes(frame.width, frame.order) + item]
    assert shown.stdout == b"b'\\x00\\x00\\x00\\x02{}'\n"


def test_grpc_is_asked_by_grpcurl_whose_message_holds_the_text() -> None:
    words = shlex.split(by_hand(Request("grpc://127.0.0.1:1/a.B/Server", "POST", body=b'{"run":"r"}')))
    assert words[:2] == ["grpcurl", "-plaintext"]
    assert words[-4:] == ["-d", '{"json": "{\\"run\\":\\"r\\"}"}', "127.0.0.1:1", "a.B/Server"]
    assert "-plaintext" not in shlex.split(by_hand(Request("grpcs://example.test:1/a.B/Server", "POST")))


def test_http2_is_asked_as_curl_asks_for_it() -> None:
    assert "--http2-prior-knowledge" in by_hand(Request("http://x/", version="2"))
    assert " --http2 " in by_hand(Request("https://x/", version="2"))
