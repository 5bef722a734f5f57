"""What is written on a WebSocket connection outside any grammar, or in its odd corners, by name (`core.raw`). Pure.

Each takes the id of the stream that writes it. What is legal and no item speaks of a stream that nobody opened: a
target that bears it goes on as before. The masking key is fixed: whoever reads a history reads the same octets.
"""

from __future__ import annotations

from json import dumps
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.harness.core.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    CONTROL_BYTES,
    NORMAL,
    PING,
    RSV2,
    RSV3,
    TEXT,
    client_frame,
    close_payload,
    frame_head,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOBODY: Final = "nobody"  # a stream that was not opened
_KEY: Final = b"\x37\xfa\x21\x3d"  # that of the examples in RFC 6455 §5.7
_DEPTH: Final = 10_000  # lists in one another: more than any parser's stack is meant for
_HUGE: Final = 2**62
_RESERVED_OPCODE: Final = 0x3
_BAD_UTF8: Final = b'{"id":"\xc3\x28"}'  # C3 begins a character of two octets, and 28 ends none


def _text(text: str) -> bytes:
    return client_frame(TEXT, text.encode(), _KEY)


def _message(kind: str, stream: str, payload: object = None) -> str:
    told = {"id": stream, "type": kind} | ({} if payload is None else {"payload": payload})
    return dumps(told, separators=(",", ":"))


_CANCEL: Final = _message("stream:cancel", NOBODY).encode()


def _fragments() -> bytes:
    """One legal message in three frames, and a Ping between them (§5.4)."""
    return b"".join(
        (
            client_frame(TEXT, _CANCEL[:5], _KEY, final=False),
            client_frame(CONTINUATION, _CANCEL[5:12], _KEY, final=False),
            client_frame(PING, b"between", _KEY),
            client_frame(CONTINUATION, _CANCEL[12:], _KEY),
        )
    )


def _fragmented_item(stream: str) -> bytes:
    """An item of a client's, as most dialects have it, in two frames with a Ping between."""
    octets = _message("stream:data", stream, {"n": 2}).encode()
    return b"".join(
        (
            client_frame(TEXT, octets[:9], _KEY, final=False),
            client_frame(PING, b"between", _KEY),
            client_frame(CONTINUATION, octets[9:], _KEY),
        )
    )


def _nested(stream: str) -> bytes:
    deep = "[" * _DEPTH + "]" * _DEPTH
    return _text(f'{{"id":{dumps(stream)},"type":"stream:data","payload":{deep}}}')


WEBSOCKET: Final[Mapping[str, Callable[[str], bytes]]] = MappingProxyType(
    {
        # messages that are no envelopes
        "ws-not-json": lambda _: _text("{bad"),
        "ws-no-type": lambda stream: _text(dumps({"id": stream, "payload": {"n": 1}})),
        "ws-no-id": lambda _: _text(dumps({"type": "stream:data", "payload": {"n": 1}})),
        "ws-array": lambda _: _text("[1,2]"),
        "ws-nested": _nested,
        "ws-unknown-id": lambda _: _text(_message("stream:data", NOBODY, {"n": 1})),
        "ws-binary": lambda _: client_frame(BINARY, _CANCEL, _KEY),
        # frames in the odd corners of the grammar
        "ws-fragments": lambda _: _fragments(),
        "ws-fragmented-item": _fragmented_item,
        "ws-close": lambda _: client_frame(CLOSE, close_payload(NORMAL), _KEY),
        # and outside it
        "ws-bad-utf8": lambda _: client_frame(TEXT, _BAD_UTF8, _KEY),
        "ws-unmasked": lambda _: frame_head(TEXT, len(_CANCEL), mask=0) + _CANCEL,
        "ws-reserved-bits": lambda _: client_frame(TEXT, _CANCEL, _KEY, reserved=RSV2 | RSV3),
        "ws-reserved-opcode": lambda _: client_frame(_RESERVED_OPCODE, _CANCEL, _KEY),
        "ws-long-ping": lambda _: client_frame(PING, b"p" * (CONTROL_BYTES + 1), _KEY),
        "ws-fragmented-ping": lambda _: client_frame(PING, b"half", _KEY, final=False),
        "ws-continuation": lambda _: client_frame(CONTINUATION, _CANCEL, _KEY),
        "ws-huge": lambda _: frame_head(TEXT, _HUGE) + _KEY,
    }
)
