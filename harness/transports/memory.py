"""A pair of connections without a network, for tests and virtual time. Never touches a clock or a socket.

What one end sees of the other is what TCP shows: `b""` after a close, when everything sent before was read;
`ConnectionResetError` after an abort, at once. Only a send to a closed peer fails sooner than TCP's would.
"""

from __future__ import annotations

import asyncio


def pair(capacity_bytes: int) -> tuple[MemoryConnection, MemoryConnection]:
    """Two connected ends, each direction holding at most `capacity_bytes`.

    With 0 the ends go in lock-step: a send is over when the peer has taken its last octet.
    """
    if capacity_bytes < 0:
        raise ValueError("a capacity cannot be negative")
    one, other = _Pipe(capacity_bytes), _Pipe(capacity_bytes)
    return MemoryConnection(one, other), MemoryConnection(other, one)


class _Pipe:
    """Octets in one direction."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.held = bytearray()
        self.fin = False  # the writer closed
        self.reset = False  # one end aborted
        self.deaf = False  # the reader closed
        self._waiting: list[asyncio.Future[None]] = []

    def room(self, wanted: int) -> int:
        if self.capacity_bytes:
            return self.capacity_bytes - len(self.held)
        return 0 if self.held else wanted

    async def changed(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        finally:
            if future in self._waiting:
                self._waiting.remove(future)

    def change(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class MemoryConnection:
    """One end of a `pair` (`core.ports.Connection`)."""

    def __init__(self, incoming: _Pipe, outgoing: _Pipe) -> None:
        self._in = incoming
        self._out = outgoing
        self._ours = False

    @property
    def buffered_bytes(self) -> int:
        return len(self._in.held)

    async def send(self, data: bytes) -> None:
        left = memoryview(data)
        pipe = self._out
        self._raise_if_gone(pipe)
        while left:
            if room := pipe.room(len(left)):
                pipe.held += left[:room]
                left = left[room:]
                pipe.change()
            else:
                await pipe.changed()
                self._raise_if_gone(pipe)
        while not pipe.capacity_bytes and pipe.held:
            await pipe.changed()
            self._raise_if_gone(pipe)

    async def receive(self, size: int) -> bytes:
        pipe = self._in
        while True:
            if self._ours:
                raise ConnectionAbortedError("closed by us")
            if pipe.reset:
                raise ConnectionResetError("connection reset by peer")
            if pipe.held:
                data = bytes(pipe.held[:size])
                del pipe.held[:size]
                pipe.change()
                return data
            if pipe.fin:
                return b""
            await pipe.changed()

    async def close(self) -> None:
        if self._leave():
            self._out.fin = True
            self._in.deaf = True
            self._wake()

    def abort(self) -> None:
        if self._leave():
            self._out.reset = self._in.reset = True
            self._out.held.clear()
            self._wake()

    def _leave(self) -> bool:
        first, self._ours = not self._ours, True
        if first:
            self._in.held.clear()
        return first

    def _wake(self) -> None:
        self._in.change()
        self._out.change()

    def _raise_if_gone(self, pipe: _Pipe) -> None:
        if self._ours:
            raise ConnectionAbortedError("closed by us")
        if pipe.reset or pipe.deaf:
            raise ConnectionResetError("connection reset by peer")
