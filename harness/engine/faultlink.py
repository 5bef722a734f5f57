"""One connection through our fault proxy: two directions, each a chain of toxics at work between two sockets.

What is not taken is not read: each direction holds one piece, and those that its toxics may hold. Never here: a
listener, an API, a toxic's own behaviour (`harness/toxics`, handed over as values).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING, Final, Literal, Protocol

from streamspec.harness.core.toxic import PIECE_BYTES_MAX, End, Piece, Send, Through, Wait
from streamspec.harness.engine.clock import now_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from streamspec.harness.core.toxic import Flow, Toxic

Stream = Literal["upstream", "downstream"]
GOODBYE_S: Final = (
    0.1  # after an end that is no reset, for the other side to end too: else its octets make a reset of it
)


GIVES_WAY_MS: Final = 0.5  # a loop cannot wait for less


class Chained(Protocol):
    """What takes pieces: a stage, or the socket at the end. None is the end."""

    async def put(self, piece: Piece | None, /) -> None: ...


class Stage:
    """One toxic at work. Stays in its place when its toxic is taken away, and leaves it when nothing is on the way."""

    def __init__(self, link: Link, name: str, flow: Flow, queue_pieces: int) -> None:
        self.name = name
        self.after: Chained = link
        self._link = link
        self._flow = flow
        self._most = queue_pieces
        self._held: deque[Piece | None] = deque()
        self._putting = 0
        self._moved = asyncio.Event()  # something came, or the flow changed
        self._room = asyncio.Event()
        self._changed = asyncio.Event()
        self.gone = False  # its toxic was taken away
        self._cut = False

    async def put(self, piece: Piece | None) -> None:
        self._putting += 1
        try:
            while len(self._held) >= self._most:
                self._room.clear()
                await self._room.wait()
            self._held.append(piece)
            self._moved.set()
        finally:
            self._putting -= 1

    @property
    def flow(self) -> Flow:
        return self._flow

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way through here."""
        return self.gone and not (self._held or self._putting)

    def change(self, flow: Flow) -> None:
        """Work on like this; what waits meanwhile goes out at once."""
        self._flow = flow
        self._changed.set()
        self._moved.set()

    def remove(self, *, cut: bool) -> None:
        """Let everything through from now on, or end the connection."""
        self.gone, self._cut = True, cut
        self.change(Through())

    async def run(self) -> None:
        """Until the end has passed, or nothing more is to be done here."""
        while True:
            if self._cut:
                await self._end(End(cut=True))
                return
            if self.idle:
                self._link.splice(self)
                return
            self._changed.clear()
            if not self._held:
                if await self._silent(self._flow.idle_ms):
                    await self._end(End(cut=True))
                    return
                continue
            piece = self._held.popleft()
            self._room.set()
            if await self._do(piece):
                return

    async def _silent(self, idle_ms: float) -> bool:
        """Whether nothing came, and nothing changed, for so long."""
        self._moved.clear()
        try:
            async with asyncio.timeout(idle_ms / 1e3 or None):
                await self._moved.wait()
        except TimeoutError:
            return True
        return False

    async def _do(self, piece: Piece | None) -> bool:
        """Whether this was the end."""
        for action in self._flow.take(piece, now_ns):
            match action:
                case Send():
                    await self.after.put(action.piece)
                case End():
                    await self._end(action)
                    return True
                case Wait():
                    await self._wait(action)
                    if piece is None and self._changed.is_set():  # the end waits anew, under what has changed
                        self._held.appendleft(None)
                        return False
        return False

    async def _wait(self, wait: Wait) -> None:
        if wait.sure:
            await asyncio.sleep(wait.ms / 1e3)
        elif wait.ms < GIVES_WAY_MS:
            await asyncio.sleep(0)  # so that whoever reads sees what was sent apart
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if math.isinf(wait.ms) else wait.ms / 1e3):
                    await self._changed.wait()

    async def _end(self, end: End) -> None:
        if end.cut:
            self._link.cut_by(self.name, reset=end.reset)
        await self.after.put(None)


class Link:
    """One direction of a connection, from its source to its destination."""

    def __init__(self, source: socket.socket, dest: socket.socket, stream: Stream, told: Callable[[str], None]) -> None:
        self.source, self.dest, self.stream = source, dest, stream
        self.octets = 0  # that were written to the destination
        self.over = asyncio.Event()  # nothing more will be written
        self.reset = False  # so that the end is shown as one
        self.lingers = False
        self._stopped = False
        self._told = told
        self._stages: list[Stage] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[None] | None = None

    # -- the chain -----------------------------------------------------------------------------------------------------

    def add(self, name: str, toxic: Toxic, flow: Flow) -> None:
        """A toxic at the end of the chain."""
        if self._stopped:
            return
        stage = Stage(self, name, flow, toxic.queue_pieces)
        if self._stages:
            self._stages[-1].after = stage
        self._stages.append(stage)
        self._start(stage.run())

    def stage(self, name: str) -> Stage | None:
        """The stage at which this toxic works."""
        return next((stage for stage in self._stages if stage.name == name and not stage.gone), None)

    def splice(self, stage: Stage) -> None:
        """Leave out a stage through which everything passes."""
        at = self._stages.index(stage)
        if at:
            self._stages[at - 1].after = stage.after
        self._stages.remove(stage)

    def cut_by(self, name: str, *, reset: bool) -> None:
        self.reset = self.reset or reset or self.lingers
        self._told(name)

    async def put(self, piece: Piece | None) -> None:
        """The end of the chain: to the socket. A piece is over when the kernel has it."""
        if piece is None:
            self.over.set()
        elif not self.over.is_set():
            try:
                await asyncio.get_running_loop().sock_sendall(self.dest, piece.data)
            except OSError:  # whoever should take it is gone
                self.reset = True
                self.over.set()
            else:
                self.octets += len(piece.data)

    # -- its life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._reading = asyncio.create_task(self._read())

    async def end_reading(self) -> None:
        """The source is about to be closed by us: its end goes through the toxics like any other."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})
        self._start(self._first.put(None))

    async def stop(self) -> None:
        """At once, whatever is on its way."""
        self._stopped = True
        tasks = {*self._tasks, *([self._reading] if self._reading else [])}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    @property
    def _first(self) -> Chained:
        return self._stages[0] if self._stages else self

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        data = b"-"
        while data and not self.over.is_set():
            try:
                data = await loop.sock_recv(self.source, PIECE_BYTES_MAX)
            except OSError:  # passed on as what it is: whoever fails by a reset must not seem to end well
                self.reset, data = True, b""
            await self._first.put(Piece(data, now_ns()) if data else None)


class Connection:
    """A client, the server that it is led to, and both directions between them. Raises nothing of what they do."""

    def __init__(self, client: socket.socket, server: socket.socket, told: Callable[[Connection, str], None]) -> None:
        self.cut_by = ""

        def cut(name: str) -> None:
            self.cut_by = self.cut_by or name
            told(self, name)

        self.links: dict[Stream, Link] = {
            "upstream": Link(client, server, "upstream", cut),
            "downstream": Link(server, client, "downstream", cut),
        }

    async def run(self) -> None:
        """Until both directions are over; no half of it stays open (as in Toxiproxy)."""
        links = tuple(self.links.values())
        try:
            for link in links:
                link.start()
            waits = [asyncio.create_task(link.over.wait()) for link in links]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                first, other = sorted(links, key=lambda link: not link.over.is_set())
                other.reset = other.reset or first.reset
                await other.end_reading()
                close(first.dest, reset=first.reset)
                await other.over.wait()
                await first.stop()
                await goodbye(other.dest, reset=other.reset)
            finally:
                for wait in waits:
                    wait.cancel()
        finally:
            for link in links:
                await link.stop()
                close(link.dest, reset=link.reset)


def close(sock: socket.socket, *, reset: bool) -> None:
    """By FIN, ahead of which everything was handed to the kernel; or by RST."""
    with contextlib.suppress(OSError):
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            sock.shutdown(socket.SHUT_WR)
    sock.close()


async def goodbye(sock: socket.socket, *, reset: bool) -> None:
    """The same for a peer that may still be sending: closing a socket with unread octets sends an RST (RFC 2525 §2.17),
    so those of the next moment are read and dropped."""
    if not reset:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError, TimeoutError):
            sock.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(GOODBYE_S):
                while await loop.sock_recv(sock, PIECE_BYTES_MAX):
                    pass
    close(sock, reset=reset)
