"""wsproto and websockets as second opinions: legal traffic all read the same, of violations each misses some."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pytest
from cuts import cut_into
from hypothesis import given
from hypothesis import strategies as st
from websocket_octets import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Deflater, close, frame, text
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.protocol import CLIENT, OPEN, Protocol
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage
from wsproto.events import Pong as TheirPong

from streamspec.harness.core.event import Deviation, Event, Farewell, Pong
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.ports import Body
from streamspec.harness.transports.websocket_deflate import MessageInflater
from streamspec.harness.transports.websocket_frames import FrameObserver, Pinged

Said = tuple[str, bytes | str]  # one message or control frame: what it is, and what it carries


def observed(pieces: list[bytes], *, deflate: bool = False, takeover: bool = True) -> list[Event | Body | Pinged]:
    observer = FrameObserver(LIMITS, MessageInflater(LIMITS.message_bytes, takeover=takeover) if deflate else None)
    return [seen for piece in pieces for seen in observer.feed(piece)]


def ours(pieces: list[bytes], *, deflate: bool = False, takeover: bool = True) -> list[Said]:
    out: list[Said] = []
    for seen in observed(pieces, deflate=deflate, takeover=takeover):
        match seen:
            case Body(data, is_text):
                out.append(("text" if is_text else "binary", data))
            case Pinged(data):
                out.append(("ping", data))
            case Pong(data):
                out.append(("pong", data.encode()))
            case Farewell(code):
                out.append(("close", str(code)))
            case Deviation():
                out.append(("deviation", seen.code))
            case _:
                pass
    return out


def of_wsproto(pieces: list[bytes]) -> list[Said]:
    connection = Connection(ConnectionType.CLIENT)
    out: list[Said] = []
    held = b""
    for piece in pieces:
        connection.receive_data(piece)
        for event in connection.events():
            match event:
                case Message():
                    held += event.data.encode() if isinstance(event, TextMessage) else bytes(event.data)
                    if event.message_finished:
                        out.append(("binary" if isinstance(event, BytesMessage) else "text", held))
                        held = b""
                case Ping():
                    out.append(("ping", bytes(event.payload)))
                case TheirPong():
                    out.append(("pong", bytes(event.payload)))
                case CloseConnection():
                    out.append(("close", str(-1 if event.code == 1005 else int(event.code))))
                case _:
                    pass
    return out


def of_websockets(pieces: list[bytes], *, deflate: bool = False, takeover: bool = True) -> list[Said]:
    protocol = Protocol(CLIENT, state=OPEN, max_size=None)
    if deflate:
        protocol.extensions = [
            PerMessageDeflate(
                remote_no_context_takeover=not takeover,
                local_no_context_takeover=False,
                remote_max_window_bits=15,
                local_max_window_bits=15,
            )
        ]
    for piece in pieces:
        protocol.receive_data(piece)
    out: list[Said] = []
    held, kind = b"", ""
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        if event.opcode in DATA_OPCODES:
            kind = kind if event.opcode is Opcode.CONT else event.opcode.name.lower()
            held += bytes(event.data)
            if event.fin:
                out.append((kind, held))
                held = b""
        elif event.opcode is Opcode.CLOSE:
            code = int.from_bytes(bytes(event.data[:2])) if event.data else -1
            out.append(("close", str(code)))
        else:
            out.append((event.opcode.name.lower(), bytes(event.data)))
    if protocol.parser_exc is not None and protocol.close_sent is not None:
        out.append(("fails", str(int(protocol.close_sent.code))))
    return out


# -- legal traffic -----------------------------------------------------------------------------------------------------

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20).map(str.encode)
CONTROL = st.builds(frame, st.sampled_from([PING, PONG]), PRINTABLE)


@st.composite
def legal(draw: st.DrawFn, pack: Deflater | None = None) -> bytes:
    """What a server may send: messages in any fragments, control frames between them, perhaps a Close."""
    out = b""
    for _ in range(draw(st.integers(0, 5))):
        opcode = draw(st.sampled_from([TEXT, BINARY]))
        message = draw(st.text(max_size=300)).encode() if opcode == TEXT else draw(st.binary(max_size=300))
        rsv = 4 if pack and draw(st.booleans()) else 0
        pieces = cut_into(pack(message) if pack and rsv else message, draw(st.lists(st.integers(0, 99), max_size=3)))
        for n, piece in enumerate(pieces):
            out += b"".join(draw(st.lists(CONTROL, max_size=2)))
            first, last = n == 0, n == len(pieces) - 1
            out += frame(opcode if first else CONTINUATION, piece, fin=last, rsv=rsv if first else 0)
    codes = st.sampled_from([1000, 1001, 1011, 3000, 4999])
    return out + draw(st.one_of(st.just(b""), st.just(frame(CLOSE)), st.builds(close, codes)))


SIZES = st.lists(st.integers(0, 200), max_size=20)


@given(legal(), SIZES)
def test_legal_traffic_is_read_as_wsproto_and_websockets_read_it(octets: bytes, sizes: list[int]) -> None:
    told = ours(cut_into(octets, sizes))
    assert "deviation" not in dict(told)
    assert told == of_wsproto([octets]) == of_websockets([octets])


@given(data=st.data(), takeover=st.booleans(), sizes=SIZES)
def test_compressed_traffic_is_read_as_websockets_reads_it(
    *, data: st.DataObject, takeover: bool, sizes: list[int]
) -> None:
    octets = data.draw(legal(Deflater(takeover=takeover)))
    told = ours(cut_into(octets, sizes), deflate=True, takeover=takeover)
    assert "deviation" not in dict(told)
    assert told == of_websockets([octets], deflate=True, takeover=takeover)


# -- violations ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Violation:
    """What is said of these octets: by us as codes; by wsproto and websockets as the code with which they fail the
    connection, or `accepts`. websockets looks at UTF-8 only when a message is read."""

    octets: bytes
    ours: tuple[str, ...]
    wsproto: str
    websockets: str


# The rows in which a library accepts what we record, or fails what we do not, are why we parse frames ourselves.
TABLE: dict[str, Violation] = {
    "masked": Violation(frame(TEXT, b"hi", key=b"abcd"), ("ws.masked",), "1002", "1002"),
    "16 bits for 2 octets": Violation(frame(TEXT, b"ab", form=126), ("ws.length",), "1002", "accepts"),
    "64 bits for 2 octets": Violation(frame(TEXT, b"ab", form=127), ("ws.length",), "1002", "accepts"),
    "highest bit of a length": Violation(b"\x81\x7f" + struct.pack(">Q", 2**63), ("ws.length",), "1002", "accepts"),
    "bad UTF-8": Violation(frame(TEXT, b"\xc3\x28"), ("ws.utf8",), "1007", "accepts"),
    "bad UTF-8, and a Close": Violation(frame(TEXT, b"\xc3\x28") + close(), ("ws.utf8",), "1007", "accepts"),
    "RSV1": Violation(frame(TEXT, b"a", rsv=4), ("ws.reserved-bit",), "1002", "1002"),
    "RSV3 on a Ping": Violation(frame(PING, b"a", rsv=1), ("ws.reserved-bit",), "1002", "1002"),
    "reserved opcode": Violation(frame(3, b"a"), ("ws.opcode",), "1002", "1002"),
    "reserved control opcode": Violation(frame(11, b"a"), ("ws.opcode",), "1002", "1002"),
    "stray continuation": Violation(frame(CONTINUATION, b"a"), ("ws.continuation",), "1002", "1002"),
    "new message inside one": Violation(frame(TEXT, b"a", fin=False) + text("b"), ("ws.interrupted",), "1002", "1002"),
    "fragmented Ping": Violation(frame(PING, b"a", fin=False), ("ws.control-fragmented",), "1002", "1002"),
    "Ping of 126": Violation(frame(PING, b"a" * 126), ("ws.control-long",), "1002", "1002"),
    "Close of one octet": Violation(frame(CLOSE, b"\x03"), ("ws.close-length",), "1002", "1002"),
    "Close 999": Violation(close(999), ("ws.close-code",), "1002", "1002"),
    "Close 1005": Violation(close(1005), ("ws.close-code",), "1002", "1002"),
    "Close 1006": Violation(close(1006), ("ws.close-code",), "1002", "1002"),
    "Close 1015": Violation(close(1015), ("ws.close-code",), "1002", "1002"),
    # reserved or unassigned, and forbidden by no sentence of RFC 6455 §7.4
    "Close 1004": Violation(close(1004), (), "1002", "1002"),
    "Close 1016": Violation(close(1016), (), "1002", "1002"),
    "Close 5000": Violation(close(5000), (), "1002", "1002"),
    "bad UTF-8 in a reason": Violation(close(1000, b"\xff"), ("ws.close-utf8",), "1007", "1007"),
    "data behind a Close": Violation(close() + text("a"), ("ws.after-close",), "accepts", "accepts"),
    "a Close inside a message": Violation(frame(TEXT, b"a", fin=False) + close(), ("ws.cut",), "accepts", "1002"),
}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "octet by octet"])
def test_a_violation_and_what_three_parsers_make_of_it(*, name: str, cut: bool) -> None:
    row = TABLE[name]
    pieces = [row.octets[n : n + 1] for n in range(len(row.octets))] if cut else [row.octets]
    codes = tuple(code for what, code in ours(pieces) if what == "deviation")
    failed = {str(code) for what, code in of_wsproto(pieces) if what == "close"} & {"1002", "1007"}
    assert codes == row.ours
    assert "".join(sorted(failed)) == row.wsproto.replace("accepts", "")
    assert dict(of_websockets(pieces)).get("fails", "accepts") == row.websockets


def test_where_a_library_and_we_disagree_is_a_list_that_is_known() -> None:
    fails = {"1002", "1007"}
    assert {name for name, row in TABLE.items() if bool(row.ours) != (row.wsproto in fails)} == {
        "Close 1004",
        "Close 1016",
        "Close 5000",
        "data behind a Close",
        "a Close inside a message",
    }
    assert {name for name, row in TABLE.items() if bool(row.ours) != (row.websockets in fails)} == {
        "16 bits for 2 octets",
        "64 bits for 2 octets",
        "highest bit of a length",  # without a limit of its own
        "bad UTF-8",
        "bad UTF-8, and a Close",
        "Close 1004",
        "Close 1016",
        "Close 5000",
        "data behind a Close",
    }
