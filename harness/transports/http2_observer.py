"""What one connection of HTTP/2 shows: octets in; entries for its streams, and answers that the peer is owed, out.

Sans-IO. It must never raise, wait or judge: what leaves RFC 9113 becomes a `Deviation`, and reading goes on where that
is possible. Where it is not (a block that cannot be decompressed, a frame that we never allowed), `broken` says so.

1. Windows are counted when a credit is queued, which is before the peer can know of it: it is never accused for a
   credit that was on its way.
2. Of a stream that we have left nothing is said any more. One that we have reset goes on being heard: what still comes
   then is evidence, and legal while it was on its way.
3. The window of the connection is refilled at once, so that a stream which nobody reads holds up none of the others.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

from streamspec.harness.core.event import (
    Closed,
    Deviation,
    Ended,
    Event,
    Farewell,
    Opened,
    Pong,
    Refused,
    Trailers,
)
from streamspec.harness.core.inert import octets, printable
from streamspec.harness.core.ports import Body
from streamspec.harness.transports import http2_frames as h2
from streamspec.harness.transports.http2_blocks import BlockReader, LostBlock, RawBlock
from streamspec.harness.transports.http2_course import Course
from streamspec.harness.transports.http2_fields import block_of, is_grpc, says_status, wrong_length

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamspec.harness.core.event import ClosedHow
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.transports._http2_tables import Tables

CONNECTION_WINDOW_BYTES: Final = 1_048_576
DEVIATIONS_OF_A_STREAM: Final = 64  # of one code; what stands behind is not said
_ON_A_STREAM: Final = frozenset(
    {h2.DATA, h2.HEADERS, h2.PRIORITY, h2.RST_STREAM, h2.PUSH_PROMISE, h2.CONTINUATION}  # §6.1 to §6.10
)
_ON_THE_CONNECTION: Final = frozenset({h2.SETTINGS, h2.PING, h2.GOAWAY})
_NEEDED: Final = frozenset({h2.DATA, h2.HEADERS, h2.PUSH_PROMISE, h2.SETTINGS})


class Observer:
    """Reads one connection. What it says of a stream is under its id, what it says of all of them under 0. `answers`
    are octets to be sent; `refused` says that this is no HTTP/2 at all."""

    def __init__(self, tables: Tables, limits: Limits) -> None:
        self.courses: dict[int, Course] = {}
        self.answers = bytearray()
        self.broken: tuple[int, str] | None = None
        self.refused: Refused | None = None
        self.window = h2.WINDOW_BYTES  # of the connection: what we may send
        self.frame_bytes = h2.FRAME_BYTES  # and in frames of how many octets at most
        self._initial_window = h2.WINDOW_BYTES  # of a stream
        self._tables = tables
        self._limits = limits
        self._reader = h2.FrameReader()
        self._began = False
        self._blocks = BlockReader(tables, limits)
        self._ours = CONNECTION_WINDOW_BYTES
        self._taken = 0  # octets of the connection's window that are to be given back
        self._last = 0  # the last stream that we have opened
        self._said: Counter[tuple[int, str]] = Counter()
        self._out: list[tuple[int, Event | Body]] = []
        self._steps: dict[int, Callable[[h2.Frame], None]] = {
            h2.DATA: self._data,
            h2.HEADERS: self._headers,
            h2.RST_STREAM: self._rst_stream,
            h2.SETTINGS: self._settings,
            h2.PUSH_PROMISE: self._headers,
            h2.PING: self._ping,
            h2.GOAWAY: self._goaway,
            h2.WINDOW_UPDATE: self._window_update,
            h2.CONTINUATION: self._headers,
        }

    @property
    def buffered_bytes(self) -> int:
        return self._reader.buffered_bytes + self._blocks.buffered_bytes

    # -- our own doing -------------------------------------------------------------------------------------------

    def expect(self, stream: int, method: str) -> None:
        """We have opened this stream."""
        self._last = stream
        self.courses[stream] = Course(method, self._limits.window_bytes, self._initial_window)

    def forget(self, stream: int) -> None:
        """We have left it."""
        self.courses.pop(stream, None)
        for key in [key for key in self._said if key[0] == stream]:
            del self._said[key]

    def credit(self, stream: int, size: int) -> bytes:
        """So many octets of its body were read: the frame that says so, where the stream goes on."""
        course = self.courses.get(stream)
        if not size or course is None or course.phase not in {"head", "body"}:
            return b""
        course.window += size
        return h2.window_update(stream, size)

    # -- what comes ----------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> list[tuple[int, Event | Body]]:
        for frame in self._reader.feed(data):
            if self.broken or self.refused:
                break
            self._frame(frame)
        if self._taken and not (self.broken or self.refused):
            self.answers += h2.window_update(0, self._taken)
            self._ours += self._taken
            self._taken = 0
        return self._heard()

    def end(self, how: ClosedHow, detail: str = "") -> list[tuple[int, Event | Body]]:
        """The connection is over; what that leaves unfinished."""
        if how == "eof" and not (self.broken or self.refused):
            if block := self._blocks.open:
                self._deviate(block.stream, "h2.cut", block.offset, "inside a header block")
            elif held := self._reader.beginning:
                where = f"{len(held)} octets of a frame: {octets(held, h2.HEADER_BYTES)}"
                self._deviate(0, "h2.cut", self._reader.at - len(held), where)
        for stream, course in self.courses.items():
            if course.phase == "gone":
                continue
            if course.phase == "head" and how != "ours":
                why: Literal["closed", "reset"] = "closed" if how == "eof" else "reset"
                came = f"after {self._reader.at} octets" if self._reader.at else "before the first octet"
                self._emit(stream, self.refused or Refused(why, detail or came))
            else:
                self._emit(stream, Closed(how, detail))
            course.phase = "gone"
        return self._heard()

    def _heard(self) -> list[tuple[int, Event | Body]]:
        out, self._out = self._out, []
        return out

    def _emit(self, stream: int, entry: Event | Body) -> None:
        self._out.append((stream, entry))

    def _deviate(self, stream: int, code: str, offset: int, detail: str) -> None:
        place = stream if stream in self.courses else 0
        self._said[place, code] += 1
        if self._said[place, code] <= DEVIATIONS_OF_A_STREAM:
            self._emit(place, Deviation(code, offset, detail))

    def _break(self, code: int, words: str) -> None:
        self.broken = (code, words)

    def _frame(self, frame: h2.Frame) -> None:
        if not self._began:
            self._began = True
            if frame.oversized:
                shown = octets(bytes((*frame.size.to_bytes(3), frame.kind, frame.flags, *frame.stream.to_bytes(4))))
                self.refused = Refused("not-http", f"no HTTP/2 frame begins with {shown}")
                return
            if frame.kind != h2.SETTINGS or frame.has(h2.ACK):
                self._deviate(0, "h2.preface", frame.offset, f"it begins with {frame.name}")
        if misfit := frame.misfit():
            self._deviate(frame.stream, "h2.frame-size", frame.offset, misfit)
            # Behind these nothing can be read as it was meant: a frame that was skipped, a block, a setting (§4.2).
            if frame.oversized or frame.kind in _NEEDED:
                self._break(h2.FRAME_SIZE_ERROR, misfit)
            return
        block = self._blocks.open
        if block and (frame.kind != h2.CONTINUATION or frame.stream != block.stream):
            words = f"{frame.name} on stream {frame.stream} inside a header block of stream {block.stream}"
            self._deviate(block.stream, "h2.headers", frame.offset, words)
            self._break(h2.PROTOCOL_ERROR, words)  # §6.10
            return
        if frame.kind in _ON_THE_CONNECTION if frame.stream else frame.kind in _ON_A_STREAM:
            self._misplaced(frame, f"{frame.name} on stream {frame.stream}")
            if frame.kind not in {h2.DATA, h2.HEADERS, h2.PUSH_PROMISE, h2.CONTINUATION}:
                return  # those four are read on, for what all streams share
        step = self._steps.get(frame.kind)  # PRIORITY says nothing any more, and what is unknown is ignored (§4.1)
        if step:
            step(frame)

    def _misplaced(self, frame: h2.Frame, words: str) -> None:
        self._deviate(frame.stream, "h2.stream", frame.offset, words)

    def _is_idle(self, stream: int) -> bool:
        """Whether nobody has ever opened it: ours are odd, and theirs would need a push, which we forbid."""
        return stream % 2 == 0 or stream > self._last

    def _course(self, stream: int, name: str, offset: int) -> Course | None:
        """The stream on which this may stand; else says what is wrong with that."""
        course = self.courses.get(stream)
        if course is None:
            if stream and self._is_idle(stream):
                self._deviate(0, "h2.stream", offset, f"{name} on stream {stream}, which nobody has opened")
        elif course.phase == "ended":
            self._deviate(stream, "h2.after-end", offset, name)
        elif course.phase == "gone":
            self._deviate(stream, "h2.stream", offset, f"{name} behind RST_STREAM")
        else:
            return course
        return None

    # -- bodies --------------------------------------------------------------------------------------------------

    def _data(self, frame: h2.Frame) -> None:
        self._ours -= frame.size
        if self._ours < 0 <= self._ours + frame.size and frame.size:
            self._deviate(0, "h2.window", frame.offset, f"{-self._ours} octets too many for the connection")
        self._taken += frame.size
        course = self._course(frame.stream, frame.name, frame.offset)
        if course is None:
            return
        course.window -= frame.size
        if course.window < 0 <= course.window + frame.size and frame.size:
            self._deviate(frame.stream, "h2.window", frame.offset, f"{-course.window} octets too many")
        content = frame.content() or b""
        if course.opened is None:
            self._misplaced(frame, "DATA ahead of the head")
            content = b""
        if unread := frame.size - len(content):  # padding counts (§6.9.1), and nobody will read it
            self.answers += self.credit(frame.stream, unread)
        if content:
            course.size += len(content)
            self._emit(frame.stream, Body(content))
        if frame.has(h2.END_STREAM):
            self._end_stream(frame.stream, course, frame.offset, trailers=False)

    def _end_stream(self, stream: int, course: Course, offset: int, *, trailers: bool) -> None:
        course.phase = "ended"
        head = course.opened
        if head is None:
            self._emit(stream, Refused("closed", "the stream ended without a head"))
            course.phase = "gone"
            return
        if head and (words := wrong_length(head, course.method, course.size)):
            self._deviate(stream, "h2.length", offset, words)
        if not trailers and is_grpc(head):
            self._emit(stream, Trailers(()))  # none came, where some must: their decoder has the word
        self._emit(stream, Ended("end-stream", course.size))

    # -- heads and trailers --------------------------------------------------------------------------------------

    def _headers(self, frame: h2.Frame) -> None:
        if frame.kind == h2.PUSH_PROMISE:
            self._misplaced(frame, "PUSH_PROMISE, and we forbid pushes")
        elif frame.kind == h2.CONTINUATION and not self._blocks.open:
            self._misplaced(frame, "CONTINUATION behind no HEADERS")
            self._break(h2.PROTOCOL_ERROR, "CONTINUATION behind no HEADERS")
            return
        match self._blocks.feed(frame):
            case LostBlock() as lost:
                self._lose(lost)
            case RawBlock() as block:
                course = None if block.promised else self._course(block.stream, "HEADERS", block.offset)
                if course is None:
                    return
                if course.opened is None:
                    self._head(block, course)
                else:
                    self._trailers(block, course)

    def _lose(self, lost: LostBlock) -> None:
        """What the block would have said to the table is lost, and the connection with it."""
        course = self.courses.get(lost.stream)
        if not lost.too_long:
            self._deviate(lost.stream, "h2.headers", lost.offset, lost.words)
        elif course and course.phase == "head":
            self._emit(lost.stream, Refused("too-long", lost.words))
            course.phase = "gone"
        self._break(h2.ENHANCE_YOUR_CALM if lost.too_long else h2.COMPRESSION_ERROR, lost.words)

    def _head(self, block: RawBlock, course: Course) -> None:
        read, stream = block_of(block.fields, trailers=False), block.stream
        for code, words in read.faults:
            self._deviate(stream, code, block.offset, words)
        if len(read.fields) > self._limits.head_fields:
            self._refuse(stream, course, Refused("too-long", f"more than {self._limits.head_fields} fields"))
        elif not read.status:
            self._refuse(stream, course, Refused("not-http", "a head without a status"))
        elif read.status < 200 and not block.ends:
            self._interim(block, course, read.status)
        else:
            if read.status < 200:
                self._deviate(stream, "h2.headers", block.offset, f"{read.status} ends the stream")
            course.opened = Opened(read.status, "", "HTTP/2", read.fields)
            course.phase = "body"
            self._emit(stream, course.opened)
            if block.ends:
                if trailers_only := is_grpc(course.opened):
                    self._emit(stream, Trailers(read.fields))
                self._end_stream(stream, course, block.offset, trailers=trailers_only)

    def _interim(self, block: RawBlock, course: Course, status: int) -> None:
        if status == 101:  # §8.6
            self._deviate(block.stream, "h2.headers", block.offset, "101 is no answer in HTTP/2")
        course.interim += 1
        if course.interim > self._limits.interim_heads:
            words = f"more than {self._limits.interim_heads} interim heads"
            self._refuse(block.stream, course, Refused("too-long", words))

    def _refuse(self, stream: int, course: Course, refused: Refused) -> None:
        self._emit(stream, refused)
        course.phase = "gone"
        self.answers += h2.rst_stream(stream, h2.PROTOCOL_ERROR)

    def _trailers(self, block: RawBlock, course: Course) -> None:
        read = block_of(block.fields, trailers=True)
        for code, words in read.faults:
            self._deviate(block.stream, code, block.offset, words)
        if block.ends or says_status(course.opened, read.fields):
            self._emit(block.stream, Trailers(read.fields))
        if block.ends:
            self._end_stream(block.stream, course, block.offset, trailers=True)
        else:  # §8.1
            self._deviate(block.stream, "h2.headers", block.offset, "a second head that does not end the stream")

    # -- the rest ------------------------------------------------------------------------------------------------

    def _rst_stream(self, frame: h2.Frame) -> None:
        course = self.courses.get(frame.stream)
        if course is None or course.phase == "gone":
            if self._is_idle(frame.stream):
                self._misplaced(frame, f"RST_STREAM on stream {frame.stream}, which nobody has opened")
            return
        code = int.from_bytes(frame.payload)
        words = f"RST_STREAM {h2.code_words(code)}"
        if course.phase == "head":
            self._emit(frame.stream, Refused("reset", words))
        elif course.phase == "body" or code:  # NO_ERROR behind a whole answer asks us to stop sending (§8.1)
            self._emit(frame.stream, Closed("reset", words, code))
        else:
            return
        course.phase = "gone"

    def _settings(self, frame: h2.Frame) -> None:
        if frame.has(h2.ACK):
            return
        for at in range(0, len(frame.payload), 6):
            key = int.from_bytes(frame.payload[at : at + 2])
            self._setting(frame, key, int.from_bytes(frame.payload[at + 2 : at + 6]))
        self.answers += h2.frame(h2.SETTINGS, h2.ACK, 0)

    def _setting(self, frame: h2.Frame, key: int, value: int) -> None:
        match key:
            case h2.HEADER_TABLE_SIZE:
                self._tables.peer_allows(value)
            case h2.ENABLE_PUSH if value:  # a server never sends more than 0
                self._deviate(0, "h2.settings", frame.offset, f"ENABLE_PUSH {value}")
            case h2.INITIAL_WINDOW_SIZE:
                if value > h2.WINDOW_MAX:
                    self._deviate(0, "h2.settings", frame.offset, f"INITIAL_WINDOW_SIZE {value}")
                    return
                for course in self.courses.values():  # it may fall below 0 (§6.9.2)
                    course.their_window += value - self._initial_window
                self._initial_window = value
            case h2.MAX_FRAME_SIZE:
                if not h2.FRAME_BYTES <= value <= h2.FRAME_BYTES_MAX:
                    self._deviate(0, "h2.settings", frame.offset, f"MAX_FRAME_SIZE {value}")
                    return
                self.frame_bytes = value

    def _ping(self, frame: h2.Frame) -> None:
        if frame.has(h2.ACK):
            self._emit(0, Pong(frame.payload.hex(), frame.offset))
        else:
            self.answers += h2.frame(h2.PING, h2.ACK, 0, frame.payload)

    def _goaway(self, frame: h2.Frame) -> None:
        last = int.from_bytes(frame.payload[:4]) & h2.WINDOW_MAX
        code = int.from_bytes(frame.payload[4:8])
        reason = printable(frame.payload[8:].decode(errors="replace"), self._limits.prefix_chars)
        self._emit(0, Farewell(code, reason, frame.offset))
        for stream, course in self.courses.items():
            if stream > last and course.phase == "head":  # it will never be worked on (§6.8)
                self._emit(stream, Refused("closed", f"GOAWAY {h2.code_words(code)}: the last stream is {last}"))
                course.phase = "gone"

    def _window_update(self, frame: h2.Frame) -> None:
        increment = int.from_bytes(frame.payload) & h2.WINDOW_MAX
        course = self.courses.get(frame.stream)
        if frame.stream and self._is_idle(frame.stream):
            self._misplaced(frame, f"WINDOW_UPDATE on stream {frame.stream}, which nobody has opened")
            return
        if frame.stream and course is None:
            return
        before = course.their_window if course else self.window
        if not increment or before + increment > h2.WINDOW_MAX:  # §6.9, §6.9.1
            self._deviate(frame.stream, "h2.increment", frame.offset, f"{increment} to a window of {before}")
            return
        if course:
            course.their_window += increment
        else:
            self.window += increment
