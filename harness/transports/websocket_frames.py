"""The observer of what a WebSocket server sends (RFC 6455 §5): octets in, messages, control frames and deviations out.

It must never raise, wait, or hold more than one message within the limits. Any cut of the same octets gives the same.

1. Offsets count from the first octet behind the handshake: of the frame that deviates, or of a message's first frame.
2. What deviates is read on as it was most likely meant; only behind a length with its highest bit set nothing can be.
3. A message beyond the limit, or that cannot be inflated, is said once and dropped. UTF-8 is looked at in whole ones.
4. Nothing counts behind a Close but that it came. EOF inside a frame or a message cuts it; an RST ends none, so nothing
   is asked of this observer then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from streamspec.harness.core.event import Deviation, Ended, Event, Farewell, Pong
from streamspec.harness.core.inert import octets, printable
from streamspec.harness.core.ports import Body
from streamspec.harness.core.websocket import (
    CLOSE,
    CONTINUATION,
    CONTROL,
    CONTROL_BYTES,
    DATA,
    FIN,
    MASK,
    NORMAL,
    PING,
    PONG,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    masked,
)
from streamspec.harness.transports.websocket_deflate import MessageInflater, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.harness.core.limits import Limits

_EXTENDED: Final = {126: 2, 127: 8}  # octets of a length that the second octet only announces (§5.2)
_SHORTER: Final = {126: 126, 127: 65_536}  # what is less than that has a shorter form
_RESERVED: Final = ((RSV1, "RSV1"), (RSV2, "RSV2"), (RSV3, "RSV3"))
# §7.4.1: "MUST NOT be set as a status code in a Close control frame". The rest is assigned by a registry that grows.
_NEVER_SENT: Final = frozenset({1005, 1006, 1015})
_LEAST_CODE: Final = 1000  # §7.4.2: smaller ones "are not used"

_State = Literal["head", "payload", "after-close", "lost"]


@dataclass(frozen=True, slots=True)
class Pinged:
    """A Ping of the server, and what its Pong has to carry (§5.5.3). No event: only the exchange sees it."""

    data: bytes


@dataclass(slots=True)
class _Message:
    """A message that is not whole yet; `offset` is that of its first frame."""

    text: bool
    offset: int
    compressed: bool
    plain: bool = True  # no reserved bit says that its payload is something else
    dropped: bool = False  # beyond the limit
    frames: int = 0
    data: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class _Frame:
    """The frame that is being read: `left` octets of its payload are yet to come, `into` takes what is kept of them."""

    offset: int
    opcode: int
    final: bool
    length: int
    left: int
    key: bytes
    into: bytearray | None = None


class FrameObserver:
    """Reads all that comes behind a 101. `inflater` is there where compression was agreed on (RFC 7692)."""

    def __init__(self, limits: Limits, inflater: MessageInflater | None = None) -> None:
        self._limits = limits
        self._inflater = inflater
        self._state: _State = "head"
        self._base = 0  # offset of the first octet of the present feed
        self._held = bytearray()  # the head of a frame that is not whole yet
        self._frame = _Frame(0, 0, final=True, length=0, left=0, key=b"")
        self._message: _Message | None = None
        self._size = 0  # octets of whole messages so far
        self._out: list[Event | Body | Pinged] = []
        self._steps: dict[_State, Callable[[bytes, int], int]] = {
            "head": self._head,
            "payload": self._payload,
            "after-close": self._excess,
            "lost": self._discard,
        }

    @property
    def buffered_bytes(self) -> int:
        return len(self._held) + (len(self._message.data) if self._message else 0)

    @property
    def between_messages(self) -> bool:
        """Whether all that came was whole messages, and no Close."""
        return self._state == "head" and not self._held and self._message is None

    @property
    def size(self) -> int:
        """Octets of whole messages so far."""
        return self._size

    def feed(self, data: bytes) -> list[Event | Body | Pinged]:
        position = 0
        while position < len(data):
            position = self._steps[self._state](data, position)
        self._base += len(data)
        return self._taken()

    def end(self) -> list[Event | Body | Pinged]:
        """The peer closed (FIN): says what that leaves unfinished."""
        match self._state:
            case "payload":
                self._deviate("ws.cut", self._base, f"{self._frame.left} octets of a frame missing")
            case "head" if self._held:
                self._deviate("ws.cut", self._base, f"inside the head of a frame, behind {octets(bytes(self._held))}")
            case "head" if self._message is not None:
                self._deviate("ws.cut", self._base, "between two frames of a message")
        self._lose()
        return self._taken()

    # -- steps: each reads from `position` and answers how far it came -----------------------------------

    def _head(self, data: bytes, position: int) -> int:
        need = _head_size(self._held) - len(self._held)
        piece = data[position : position + need]
        self._held += piece
        if len(piece) == need and len(self._held) == _head_size(self._held):
            self._begin_frame(self._base + position + need - len(self._held))
        return position + len(piece)

    def _payload(self, data: bytes, position: int) -> int:
        frame = self._frame
        piece = data[position : position + frame.left]
        if frame.into is not None:
            frame.into += masked(piece, frame.key, frame.length - frame.left) if frame.key else piece
            if frame.opcode in CONTROL:  # of a longer one that much is kept, as of any
                del frame.into[CONTROL_BYTES:]
        frame.left -= len(piece)
        if not frame.left:
            self._end_frame()
        return position + len(piece)

    def _excess(self, data: bytes, position: int) -> int:
        # Said at its first octet, for nobody may wait for a second one; so only that octet can be shown.
        self._deviate("ws.after-close", self._base + position, f"begins with {octets(data[position : position + 1])}")
        self._lose()
        return len(data)

    def _discard(self, data: bytes, position: int) -> int:  # noqa: ARG002 -- a step like the others
        return len(data)

    # -- one frame -----------------------------------------------------------------------------------------

    def _begin_frame(self, offset: int) -> None:
        first, second = self._held[0], self._held[1]
        coded = second & ~MASK
        extended = _EXTENDED.get(coded, 0)
        length = int.from_bytes(self._held[2 : 2 + extended]) if extended else coded
        key = bytes(self._held[2 + extended :])
        self._held.clear()
        frame = self._frame = _Frame(offset, first & 0x0F, bool(first & FIN), length, length, key)
        if key:
            self._deviate("ws.masked", offset)
        if length >> 63:
            self._deviate("ws.length", offset, "its highest bit is set")
            self._lose()
            return
        if extended and length < _SHORTER[coded]:
            self._deviate("ws.length", offset, f"{length} in {extended} octets")
        if strange := self._strange_bits(first):
            self._deviate("ws.reserved-bit", offset, " ".join(strange))
        if frame.opcode in CONTROL:
            self._begin_control(frame)
        elif frame.opcode in DATA:
            self._begin_data(frame, compressed=self._compresses(first), plain=not strange)
        else:
            self._deviate("ws.opcode", offset, f"0x{frame.opcode:x}")
        self._state = "payload"
        if not length:
            self._end_frame()

    def _compresses(self, first: int) -> bool:
        """Only the first frame of a message says so (RFC 7692 §6)."""
        return self._inflater is not None and bool(first & RSV1) and first & 0x0F in DATA - {CONTINUATION}

    def _strange_bits(self, first: int) -> list[str]:
        known = RSV1 if self._compresses(first) else 0
        return [name for bit, name in _RESERVED if first & bit & ~known]

    def _begin_control(self, frame: _Frame) -> None:
        if frame.length > CONTROL_BYTES:
            self._deviate("ws.control-long", frame.offset, f"{frame.length} octets")
        if not frame.final:
            self._deviate("ws.control-fragmented", frame.offset)
        frame.into = bytearray()

    def _begin_data(self, frame: _Frame, *, compressed: bool, plain: bool) -> None:
        message = self._message
        if frame.opcode == CONTINUATION and message is None:
            self._deviate("ws.continuation", frame.offset)
            return
        if message is None or frame.opcode != CONTINUATION:
            if message is not None:
                self._deviate("ws.interrupted", frame.offset, f"of {len(message.data)} octets so far")
                self._drop(message, "ws.inflate", "its window was in an interrupted message")
            message = self._message = _Message(frame.opcode == TEXT, frame.offset, compressed)
        message.plain = message.plain and plain
        message.frames += 1
        if not message.dropped:
            self._bound(message, frame.length)
        frame.into = None if message.dropped else message.data

    def _bound(self, message: _Message, more: int) -> None:
        limits = self._limits
        if len(message.data) + more > limits.message_bytes:
            limit = f"{limits.message_bytes} octets"
        elif message.frames > limits.message_frames:
            limit = f"{limits.message_frames} frames"
        else:
            return
        self._deviate("ws.message-too-long", message.offset, f"limit {limit}")
        self._drop(message, "ws.message-too-long", "its window was in an earlier message beyond the limit")

    def _drop(self, message: _Message, code: str, why: str) -> None:
        message.dropped = True
        message.data.clear()
        if message.compressed and self._inflater:
            self._inflater.lose(code, why)

    def _end_frame(self) -> None:
        frame, self._state = self._frame, "head"
        if frame.opcode in CONTROL:
            assert frame.into is not None
            self._control(frame, bytes(frame.into))
        elif frame.opcode in DATA and frame.final and self._message is not None:
            message, self._message = self._message, None
            self._whole(message)

    def _whole(self, message: _Message) -> None:
        if message.dropped:
            return
        data: bytes | Unreadable = bytes(message.data)
        if message.compressed and self._inflater:
            data = self._inflater.inflate(bytes(message.data))
        if isinstance(data, Unreadable):
            self._deviate(data.code, message.offset, data.detail)
            return
        if message.text and message.plain:
            try:
                data.decode()
            except UnicodeDecodeError as error:
                self._deviate("ws.utf8", message.offset, f"octet {error.start} of the message")
        self._size += len(data)
        self._out.append(Body(data, message.text))

    def _control(self, frame: _Frame, payload: bytes) -> None:
        if frame.opcode == PONG:
            self._out.append(Pong(_text(payload), frame.offset))
        elif frame.opcode == PING:
            self._out.append(Pinged(payload))
        elif frame.opcode == CLOSE:
            self._close(frame, payload)

    def _close(self, frame: _Frame, payload: bytes) -> None:
        code = int.from_bytes(payload[:2]) if len(payload) >= 2 else -1
        if len(payload) == 1:
            self._deviate("ws.close-length", frame.offset)
        elif code >= 0 and (code < _LEAST_CODE or code in _NEVER_SENT):
            self._deviate("ws.close-code", frame.offset, str(code))
        if frame.length <= CONTROL_BYTES and not _is_utf8(payload[2:]):
            self._deviate("ws.close-utf8", frame.offset, octets(payload[2:]))
        if self._message is not None:
            self._deviate("ws.cut", frame.offset, "a Close frame stands inside a message")
        self._out.append(Farewell(code, _text(payload[2:]), frame.offset))
        if self._message is None and (code == NORMAL or not payload):
            self._out.append(Ended("close-frame", self._size))
        self._message = None
        self._state = "after-close"

    # -- what the steps share ------------------------------------------------------------------------------

    def _deviate(self, code: str, offset: int, detail: str = "") -> None:
        self._out.append(Deviation(code, offset, detail))

    def _lose(self) -> None:
        self._state = "lost"
        self._held.clear()
        self._message = None

    def _taken(self) -> list[Event | Body | Pinged]:
        out, self._out = self._out, []
        return out


def _head_size(held: bytearray) -> int:
    """Of the frame that begins with these octets, as far as they tell."""
    if len(held) < 2:
        return 2
    return 2 + _EXTENDED.get(held[1] & ~MASK, 0) + (4 if held[1] & MASK else 0)


def _text(payload: bytes) -> str:
    return printable(payload.decode(errors="replace"))


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
