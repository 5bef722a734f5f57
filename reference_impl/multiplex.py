"""`Multiplex`: the streams of one connection of messages, each under the id that its client chose (docs/contract.md).

One message is read at a time: where a stream's inlet is full, and its client counts no credit, nothing more is read,
for no stream of the connection. The streams take turns to write, by priority, and each waits in its own bounded stream:
no queue here grows with what a client sends or does not read. Never here: how a message gets onto a wire.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from streamspec.reference_impl import envelopes, session
from streamspec.reference_impl.frame import Begun, Frame, Item, RecordFailed
from streamspec.reference_impl.member import Member
from streamspec.reference_impl.stream import scheduler
from streamspec.reference_impl.stream.aio import Stream
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import END
from streamspec.reference_impl.stream.table import DEFAULT_CAPACITY

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.envelopes import Envelope, Message, Said
    from streamspec.reference_impl.inlet import Inlet
    from streamspec.reference_impl.mount import Mount
    from streamspec.reference_impl.seams import Seams

    Find = Callable[[str, Headers], "Wanted | None"]  # what a procedure leads to, with what a start says of its client

MOST_CLOSED: Final = 1_024  # ids of streams that are over: what their clients still say of them is passed over
MOST_ERRORS: Final = 64  # messages that were no good; with one more the connection ends
MOST_ANSWERS: Final = 16  # to single messages, that wait to be written; with one more nothing is read
LAST_WORDS_S: Final = 1.0  # for a client to take the message why its connection ends
LOOK_S: Final = 0.25  # how often we look whether a client is still there whom we do not read
_FIRST: Final = envelopes.TOP_PRIORITY + 1  # answers to single messages go before all items


class Ending(Exception):
    """The connection is to end, for what its client did; why, is a last message to it."""

    def __init__(self, code: Code, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


class Carrier(Protocol):
    """One connection, as far as messages go."""

    async def read(self) -> Message | None:
        """The client's next message; None when it has left. Raises `Ending`."""

    async def write(self, message: Message) -> None:
        """Returns when there is room for another one. Raises `OSError` when the client has left."""

    def is_gone(self) -> bool:
        """Whether the client is known to have left, though nothing is read."""

    async def close(self, code: Code) -> None:
        """End the connection. OK: its client has left; UNAVAILABLE: the server stops; else what the client did."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a procedure leads to: a mount, the direction there, and what is known of the client."""

    mount: Mount
    direction: str
    client: Headers


class Multiplex:
    """`seams` are those of the connection itself; where its streams may be of several mounts, those of the first that
    is named."""

    _carrier: Carrier

    def __init__(self, find: Find, seams: Seams) -> None:
        self.seams = seams
        self.arrivals = 0  # how often something came, where its carrier tells
        self._find = find
        self._named = False
        self._members: dict[str, Member] = {}  # whose ids are in use
        self._playing: dict[asyncio.Task[None], Member] = {}  # those and what is still cleaned up
        self._closed: dict[str, None] = {}
        self._errors = 0
        self._stopping = False
        self._over = False
        self._answers: Stream[tuple[Message, ...]] = Stream(MOST_ANSWERS, priority=_FIRST)
        self._lanes = scheduler.AsyncScheduler([self._answers], choose=self._choose)

    async def converse(self, carrier: Carrier) -> None:
        """All of the connection, until the last of its streams is cleaned up."""
        self._carrier = carrier
        reading = asyncio.create_task(self._read())
        writing = asyncio.create_task(self._write())
        code = Code.OK
        try:
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done() and (ending := reading.result()) is not None:
                code = ending.code
                self._give_up()
                await self._last_words(ending, writing)
            elif not reading.done() and writing.result():
                code = Code.UNAVAILABLE
        finally:
            self._give_up()
            self._answers.cancel()
            reading.cancel()
            writing.cancel()
            await asyncio.wait({reading, writing, *self._playing})
            await carrier.close(code)

    def go_away(self) -> None:
        """The server stops, and its streams have been told: with the last of them the connection ends."""
        self._stopping = True
        self._end_if_over()

    async def half_close(self) -> None:
        """The client says no more, on any stream, and still takes what there is: as when the server stops, the
        connection ends with the last of them."""
        for member in tuple(self._members.values()):
            await member.begun.wait()
            if not member.inlet.is_ended:
                await self._failing(member, _half_close(member.mount.seams, member.inlet))
        self.go_away()

    # -- what the client says ------------------------------------------------------------------------------------------

    async def _read(self) -> Ending | None:
        try:
            while (message := await self._carrier.read()) is not None:
                await self._hear(message)
        except Ending as ending:
            return ending
        except OSError:
            return None
        return None

    async def _hear(self, message: Message) -> None:
        try:
            said = self.seams.said(message)
        except envelopes.Unreadable as reason:
            await self._complain(reason.id, Code.INVALID_ARGUMENT, str(reason))
            return
        member = self._members.get(said.id)
        if said.type == "stream:start":
            await self._start(said, member)
        elif member is not None:
            await member.begun.wait()
            await self._tell(member, said)
        elif said.id not in self._closed:
            await self._complain(said.id, Code.NOT_FOUND, "no stream has this id")

    async def _start(self, said: Said, running: Member | None) -> None:
        if running is not None and not running.gives_way():
            # No `stream:error`: the client could not tell that from the end of the stream that has this id.
            await self._complain(said.id, Code.ALREADY_EXISTS, "this id is in use")
            return
        try:
            member = self._wanted(said)
        except StreamError as refused:
            self._close(said.id)
            await self._answer(envelopes.refusal(said, refused.code, refused.message), self.seams)
            return
        self._closed.pop(said.id, None)
        self._members[said.id] = member
        self._lanes.add(member.lane)
        task = asyncio.create_task(self._play(member))
        self._playing[task] = member
        task.add_done_callback(self._played)

    def _wanted(self, said: Said) -> Member:
        """The stream that is asked for. Raises `StreamError` where there cannot be one."""
        start = envelopes.start_of(said)
        wanted = self._find(start.procedure, start.metadata)
        if wanted is None:
            raise StreamError(Code.NOT_FOUND, "there is no such procedure")
        if not self._named:
            self._named = True
            self.seams = wanted.mount.seams
            self._carrier = self.seams.carry(self._carrier)
        if self._stopping:
            raise StreamError(Code.UNAVAILABLE, "the server is shutting down")
        if len(self._playing) >= self.seams.most_streams:
            raise StreamError(Code.RESOURCE_EXHAUSTED, "this connection has as many streams as it may have")
        wish = wanted.mount.seams.wish(start.payload, self.arrivals)
        asked = wanted.mount.opened(wanted.direction, wish, wanted.client)
        if isinstance(asked, StreamError):
            wanted.mount.seams.on_refusal()
            raise asked
        return Member(said, start, asked, wanted.mount)

    async def _tell(self, member: Member, said: Said) -> None:
        """Something that is for a stream at work."""
        seams = member.mount.seams
        match said.type:
            case "stream:cancel":
                seams.on_cancel_word(member.stream)
            case "stream:data" | "stream:end" if member.inlet.is_ended:
                await self._complain(said.id, Code.INVALID_ARGUMENT, "this stream takes no items, or no more of them")
            case "stream:data" if "payload" not in said.members:
                await self._complain(said.id, Code.INVALID_ARGUMENT, "an item has a payload")
            case "stream:data":
                await self._failing(member, self._put(member, said.payload))
            case "stream:end":
                await self._failing(member, _half_close(seams, member.inlet))
            case _:
                await self._credit(member, said)

    async def _put(self, member: Member, item: str) -> None:
        """Hand an item over. Raises `StreamError` for one too many, `ConnectionError` when the client is gone."""
        member.handed += 1
        if member.credit.counts and member.handed > member.granted:
            raise StreamError(Code.RESOURCE_EXHAUSTED, "an item for which there was no credit")
        putting = asyncio.ensure_future(member.inlet.put(item))
        try:
            # Whom nobody reads, nobody hears leave.
            while not (await asyncio.wait({putting}, timeout=LOOK_S))[0]:
                if self._carrier.is_gone():
                    raise ConnectionResetError("the client has left")
            putting.result()
        finally:
            putting.cancel()

    async def _failing(self, member: Member, telling: Coroutine[None, None, None]) -> None:
        """What a client says against the rules of its stream ends that stream, and nothing else."""
        try:
            await telling
        except StreamError as failure:
            with contextlib.suppress(StreamError):
                member.stream.error(failure)

    async def _credit(self, member: Member, said: Said) -> None:
        try:
            if not member.credit.counts:
                raise StreamError(Code.INVALID_ARGUMENT, "this stream began without credit")  # noqa: TRY301
            member.credit.grant(envelopes.whole(said.payload, envelopes.MOST_CREDIT))
        except StreamError as wrong:
            await self._complain(said.id, wrong.code, wrong.message)

    async def _complain(self, stream: str, code: Code, why: str) -> None:
        """Answer a message that was no good. Raises `Ending` when there were too many."""
        self._errors += 1
        if not self.seams.survives(code):
            raise ConnectionResetError("as this variant does it")
        if self._errors > MOST_ERRORS:
            raise Ending(Code.INVALID_ARGUMENT, "too many messages that are no good")
        await self._answer(envelopes.complaint(stream, code, why), self.seams)

    # -- what we say ---------------------------------------------------------------------------------------------------

    async def _write(self) -> bool:
        """True when all has been written that there will be, False when the client has left."""
        try:
            while (turn := await self._lanes.receive()) is not END:
                _, pieces = turn
                if not isinstance(pieces, StreamError):
                    for piece in pieces:
                        await self._carrier.write(piece)
                    # The stream that had its turn is among those that wait before the next one is chosen.
                    await asyncio.sleep(0)
        except OSError:
            return False
        return True

    async def _play(self, member: Member) -> None:
        async with session.producing(member.asked, member.mount) as stream:
            member.stream = stream
            stream.on_end(member.over)
            member.begun.set()
            await self._show(member)

    async def _show(self, member: Member) -> None:
        """From the start of a stream to its terminal. Then its id is free."""
        seams = member.mount.seams
        granting: asyncio.Task[None] | None = None

        async def show(frame: Frame) -> None:
            nonlocal granting
            if isinstance(frame, Item | RecordFailed) and not await member.credit.take():
                return
            if pieces := seams.envelope(envelopes.of(frame, member.id, member.procedure)):
                await member.lane.send(pieces)
            if isinstance(frame, Begun) and member.credit.counts and not member.inlet.is_ended:
                granting = asyncio.create_task(self._grant(member))

        try:
            whole = await session.show_all(member.stream, member.asked, seams, show)
        except StreamError:  # it was cancelled while an item was on its way
            whole = False
        finally:
            member.inlet.on_take = None  # a witness keeps the inlet, and is not to keep all of this
            if granting is not None:
                granting.cancel()
        if not whole and not self._over:
            await self._answer(envelopes.failure(member.id, Code.CANCELLED, "the stream was cancelled"), seams)
        with contextlib.suppress(StreamError):
            member.lane.complete()
        if self._members.get(member.id) is member:
            del self._members[member.id]
            self._close(member.id)

    async def _grant(self, member: Member) -> None:
        """Let the client send as much as its inlet holds, and then as much as the handler has taken."""
        member.inlet.on_take = member.take
        items = DEFAULT_CAPACITY
        with contextlib.suppress(StreamError):
            while True:
                member.granted += items
                await member.lane.send(member.mount.seams.envelope(envelopes.granted(member.id, items)))
                await member.returned.wait()
                member.returned.clear()
                items, member.taken = member.taken, 0

    async def _answer(self, envelope: Envelope, seams: Seams) -> None:
        """Say what is no part of a stream that goes on; waits while the client does not read."""
        with contextlib.suppress(StreamError):
            await self._answers.send(seams.envelope(envelope))

    async def _last_words(self, ending: Ending, writing: asyncio.Task[bool]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self._answer(envelopes.complaint("", ending.code, ending.why), self.seams)
                self._answers.complete()
                await asyncio.wait({writing})

    # -- the streams that there are ------------------------------------------------------------------------------------

    def _choose(self, waiting: Sequence[scheduler.Waiting], starvation_bound: int | None) -> int:
        answers = (place for place, lane in enumerate(waiting) if lane.priority == _FIRST)
        place = next(answers, None)
        return self.seams.choose(waiting, starvation_bound) if place is None else place

    def _close(self, stream: str) -> None:
        self._closed[stream] = None
        if len(self._closed) > MOST_CLOSED:
            del self._closed[next(iter(self._closed))]

    def _played(self, task: asyncio.Task[None]) -> None:
        del self._playing[task]
        self._end_if_over()

    def _end_if_over(self) -> None:
        if self._stopping and not self._playing:
            with contextlib.suppress(StreamError):
                self._answers.complete()

    def _give_up(self) -> None:
        self._over = True
        for member in tuple(self._playing.values()):
            member.leave()


async def _half_close(seams: Seams, inlet: Inlet) -> None:
    seams.half_close(inlet)
