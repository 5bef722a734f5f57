"""An HTTP/2 client that owns its windows: nothing is given back to a server unless the test says so.

Never here: retries, waits without an end, or an opinion on what a server sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import TYPE_CHECKING, Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.settings import SettingCodes, Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

LONGEST_S: Final = 10.0
WIDE: Final = 2**24  # of the connection's window, so that only those of streams are ever shut
CANCEL: Final = 8  # RFC 9113 7


class Stream:
    """What came on one stream. `held` are octets of its window that were not given back."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.trailers: dict[str, str] = {}
        self.data = bytearray()
        self.held = 0
        self.ended = False
        self.reset: int | None = None

    @property
    def is_over(self) -> bool:
        return self.ended or self.reset is not None

    def messages(self) -> list[bytes]:
        """The gRPC messages that are here whole."""
        found, rest = [], bytes(self.data)
        while len(rest) >= 5 and len(rest) >= 5 + (length := struct.unpack_from(">I", rest, 1)[0]):
            found.append(rest[5 : 5 + length])
            rest = rest[5 + length :]
        return found


class Client:
    """One connection. `streams` are those that were asked for, by their ids."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, window: int) -> None:
        self._reader = reader
        self._writer = writer
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.local_settings = Settings(
            client=True, initial_values={SettingCodes.INITIAL_WINDOW_SIZE: window, SettingCodes.ENABLE_PUSH: 0}
        )
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(WIDE)
        self.streams: dict[int, Stream] = {}
        self.goaway: ConnectionTerminated | None = None
        self.is_closed = False
        self.flush()

    def flush(self) -> None:
        self._writer.write(self.h2.data_to_send())

    def write(self, octets: bytes) -> None:
        """Octets as they are, past all rules."""
        self._writer.write(octets)

    def ask(self, path: str, headers: Iterable[tuple[str, str]] = (), *, method: str = "GET", ends: bool = True) -> int:
        """A request; the id of its stream."""
        number = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "test"), *headers]
        self.h2.send_headers(number, head, end_stream=ends)
        self.streams[number] = Stream()
        self.flush()
        return number

    def call(self, path: str, *messages: bytes, headers: Iterable[tuple[str, str]] = (), ends: bool = True) -> int:
        """A gRPC call with these messages; the id of its stream."""
        head = [("te", "trailers"), ("content-type", "application/grpc"), *headers]
        number = self.ask(path, head, method="POST", ends=ends and not messages)
        for place, message in enumerate(messages, 1):
            self.say(number, message, ends=ends and place == len(messages))
        return number

    def say(self, number: int, message: bytes, *, flag: int = 0, ends: bool = False) -> None:
        self.h2.send_data(number, struct.pack(">BI", flag, len(message)) + message, end_stream=ends)
        self.flush()

    def reset(self, number: int) -> None:
        self.h2.reset_stream(number, CANCEL)
        self.flush()

    def give_back(self, number: int) -> None:
        """The window of the stream is what it was at first."""
        held, self.streams[number].held = self.streams[number].held, 0
        if held:
            self.h2.increment_flow_control_window(held, number)
            self.flush()

    async def read_until(self, enough: Callable[[], bool], *, giving: Iterable[int] = ()) -> None:
        """Read until this is so, or the connection is closed, and give back the windows of these streams meanwhile."""
        giving = tuple(giving)
        async with asyncio.timeout(LONGEST_S):
            while not enough() and not self.is_closed:
                self._heard(await self._reader.read(65_536))
                for number in giving:
                    if not self.streams[number].is_over:
                        self.give_back(number)
                self.flush()

    async def whole(self, number: int) -> Stream:
        """The stream when it is over, read as fast as it comes."""
        stream = self.streams[number]
        await self.read_until(lambda: stream.is_over, giving=(number,))
        return stream

    async def got(self, number: int, octets: int) -> Stream:
        """The stream when so much of its body has come, and none of it was given back."""
        stream = self.streams[number]
        await self.read_until(lambda: len(stream.data) >= octets or stream.is_over)
        return stream

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    def _heard(self, octets: bytes) -> None:
        if not octets:
            self.is_closed = True
            return
        for event in self.h2.receive_data(octets):
            self._note(event)

    def _note(self, event: Event) -> None:
        match event:
            case ResponseReceived() if event.stream_id is not None:
                self.streams[event.stream_id].headers = _fields(event.headers)
            case DataReceived() if event.stream_id is not None:
                stream = self.streams[event.stream_id]
                stream.data += event.data or b""
                stream.held += event.flow_controlled_length or 0
                if event.flow_controlled_length:
                    self.h2.increment_flow_control_window(event.flow_controlled_length)
            case TrailersReceived() if event.stream_id is not None:
                self.streams[event.stream_id].trailers = _fields(event.headers)
            case StreamEnded() if event.stream_id is not None:
                self.streams[event.stream_id].ended = True
            case StreamReset() if event.stream_id is not None:
                self.streams[event.stream_id].reset = int(event.error_code or 0)
            case ConnectionTerminated():
                self.goaway = event
            case _:
                pass


def _fields(headers: object) -> dict[str, str]:
    assert isinstance(headers, list)
    return {str(name): str(value) for name, value in headers}


@contextlib.asynccontextmanager
async def connected(port: int, *, window: int = 65_535) -> AsyncIterator[Client]:
    """A connection with prior knowledge (RFC 9113 3.3), whose streams have this window."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    client = Client(reader, writer, window)
    try:
        yield client
    finally:
        await client.close()
