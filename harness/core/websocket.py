"""WebSocket frames as octets (RFC 6455 §5.2): opcodes, the mask, and a frame as a client sends it. Pure.

Never here: reading what a target sent (`transports.websocket_frames`), or what may be sent when.
"""

from __future__ import annotations

from typing import Final

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
DATA: Final = frozenset({CONTINUATION, TEXT, BINARY})
CONTROL: Final = frozenset({CLOSE, PING, PONG})
FIN: Final = 0x80
RSV1: Final = 0x40
RSV2: Final = 0x20
RSV3: Final = 0x10
MASK: Final = 0x80  # of the second octet
CONTROL_BYTES: Final = 125  # that a control frame may carry (§5.5)
NORMAL: Final = 1000  # the code of a Close frame: the purpose is fulfilled (§7.4.1)


def masked(data: bytes, key: bytes, at: int = 0) -> bytes:
    """The octets of a payload under the mask, `at` being how many came before them (§5.3). Masked twice is
    as before."""
    if not data:
        return b""
    turned = key[at % 4 :] + key[: at % 4]
    pad = (turned * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(pad)).to_bytes(len(data))


def frame_head(opcode: int, length: int, *, final: bool = True, reserved: int = 0, mask: int = MASK) -> bytes:
    """The octets before the masking key, the length in its shortest form; `reserved` are bits such as `RSV1`."""
    first = (FIN if final else 0) | reserved | opcode
    if length <= 125:
        return bytes((first, mask | length))
    if length <= 0xFFFF:
        return bytes((first, mask | 126)) + length.to_bytes(2)
    return bytes((first, mask | 127)) + length.to_bytes(8)


def client_frame(opcode: int, payload: bytes, key: bytes, *, final: bool = True, reserved: int = 0) -> bytes:
    """One whole frame as a client sends it, masked with these four octets (§5.3)."""
    return frame_head(opcode, len(payload), final=final, reserved=reserved) + key + masked(payload, key)


def close_payload(code: int, reason: str = "") -> bytes:
    """What a Close frame carries (§5.5.1)."""
    return code.to_bytes(2) + reason.encode()
