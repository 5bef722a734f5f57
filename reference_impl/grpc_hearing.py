"""What clients say over HTTP/2 as a server hears it that is not told all of it: frames left out or taken amiss, and
requests with other fields (`grpc_parts.Relay.hear`).

Sans-IO. Fields need the extra `grpc`, for `hpack`, when a connection begins. Never here: a defect, or what is answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import grpc_parts as parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.reference_impl.grpc_parts import Fields, Framed, Hear

    Change = Callable[[Framed], bytes]

RST_STREAM: Final = 3
TIMEOUT: Final = "grpc-timeout"
TABLE_BYTES: Final = 65_536  # of compressed fields that a server may let its client keep
_BLOCK: Final = (parts.HEADERS, parts.CONTINUATION)
_WRAPPED: Final = 0x8 | 0x20  # PADDED, PRIORITY: no client of ours says either


def of_frames(made: Callable[[], Change]) -> Callable[[], Hear]:
    """Every frame of a client's is heard as `made()` says, which may raise `OSError`: then its connection ends."""

    def connection() -> Hear:
        frames, ahead, change = parts.Frames(), len(parts.PREFACE), made()

        def hear(octets: bytes) -> bytes:
            nonlocal ahead
            preface, rest = octets[:ahead], octets[ahead:]
            ahead -= len(preface)
            return preface + b"".join(change(frame) for frame in frames.feed(rest))

        return hear

    return connection


def of_requests(change: Callable[[Fields], Fields]) -> Callable[[], Hear]:
    """The fields of every request, changed in this way."""

    def made() -> Change:
        from hpack import Decoder, Encoder, NeverIndexedHeaderTuple

        decoder, encoder = Decoder(), Encoder()
        decoder.max_allowed_table_size = TABLE_BYTES
        block, ends = b"", False

        def retold() -> bytes:
            fields = tuple((_text(name), _text(value)) for name, value, *_ in decoder.decode(block, raw=True))
            # What no table keeps can be said to every server, whatever table it allows.
            new = [NeverIndexedHeaderTuple(n.encode("latin-1"), v.encode("latin-1")) for n, v in change(fields)]
            return encoder.encode(new)

        def changed(frame: Framed) -> bytes:
            nonlocal block, ends
            if frame.kind not in _BLOCK:
                return frame.octets
            if frame.kind == parts.HEADERS:
                if frame.flags & _WRAPPED:
                    raise ConnectionResetError("a block of fields that is wrapped in something else")
                block, ends = b"", bool(frame.flags & parts.END_STREAM)
            block += frame.payload
            return parts.block(frame.stream, retold(), ends=ends) if frame.flags & parts.END_HEADERS else b""

        return changed

    return of_frames(made)


def without_timeouts(*values: str) -> Callable[[], Hear]:
    """No request has a deadline of these values; without a value, none has any."""

    def change(fields: Fields) -> Fields:
        return tuple((name, value) for name, value in fields if name != TIMEOUT or (values and value not in values))

    return of_requests(change)


def _text(octets: object) -> str:
    assert isinstance(octets, bytes), "raw fields were asked for"
    return octets.decode("latin-1")
